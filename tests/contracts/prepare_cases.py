"""What `check`, `describe` and `prepare` promise, and what a place that cannot be reached says."""

from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from contracts.hooks import Hooks
from contracts.samples import everything, mapping, mappings
from contracts.stage import Place
from counterfoil.errors import ActionRequired
from counterfoil.model import TABLES
from counterfoil.ports import TableMapping


class PrepareCases(Hooks):
    """Making room for our tables without touching what is there."""

    async def test_check_names_the_place(self, place: Place) -> None:
        identity = await place.destination.check()
        assert identity.remote_id and identity.label
        assert identity == await place.destination.check()

    async def test_prepare_gives_every_table_and_field_an_id(self, place: Place) -> None:
        tables = await self.prepared(place, *TABLES)
        assert list(tables) == list(TABLES)
        for table in tables.values():
            remote = place.control.table(table.table_id)
            names = {field["id"]: field["name"] for field in remote["fields"]}
            assert remote["name"] == table.label
            for field in (table.key_field, *table.fields):
                assert names[field.field_id] == field.label

    async def test_describe_shows_what_prepare_made(self, place: Place) -> None:
        tables = await self.prepared(place, *TABLES, everything())
        remote = {table.id: table for table in (await place.destination.describe()).tables}
        for table in tables.values():
            fields = {field.id: field for field in remote[table.table_id].fields}
            for field in (table.key_field, *table.fields):
                assert field.kind in fields[field.field_id].takes, f"{table.label}.{field.label}"

    async def test_links_point_to_the_table_prepared_beside_them(self, place: Place) -> None:
        tables = await self.prepared(place, "accounts", "transactions")
        assert tables["transactions"].field("account").to_table_id == tables["accounts"].table_id

    async def test_links_point_to_a_table_prepared_before(self, place: Place) -> None:
        accounts = (await self.prepared(place, "accounts"))["accounts"]
        wanted = mapping("transactions")
        fields = tuple(
            replace(field, to_table_id=accounts.table_id) if field.to == "accounts" else field
            for field in wanted.fields
        )
        tables = await self.prepared(place, replace(wanted, fields=fields))
        assert tables["transactions"].field("account").to_table_id == accounts.table_id
        assert all(field.field_id for field in tables["transactions"].fields)

    async def test_prepare_twice_changes_nothing(self, place: Place) -> None:
        first = await self.prepared(place, *TABLES)
        before = place.control.tables()
        again = await place.destination.prepare(list(first.values()))
        assert list(again) == list(first.values())
        assert place.control.tables() == before

    async def test_prepare_without_the_ids_of_the_first_time_adopts_by_name(self, place: Place) -> None:
        first = await self.prepared(place, "accounts", "transactions")
        before = place.control.tables()
        again = await place.destination.prepare(mappings("accounts", "transactions"))
        assert list(again) == list(first.values())
        assert place.control.tables() == before

    async def test_prepare_adds_only_the_fields_that_are_missing(self, place: Place) -> None:
        full = mapping("institutions")
        first = await self.prepared(place, replace(full, fields=full.fields[:1]))
        (again,) = await place.destination.prepare([replace(first["institutions"], fields=full.fields)])
        remote = place.control.table(again.table_id)
        assert again.table_id == first["institutions"].table_id
        assert [field["name"] for field in remote["fields"]].count(full.fields[0].label) == 1
        assert {full.key_field.label, *(field.label for field in full.fields)} <= {
            field["name"] for field in remote["fields"]
        }

    async def test_prepare_leaves_the_users_columns_and_rows(self, place: Place) -> None:
        table = await self._with_something_of_the_users(place)
        before = place.control.table(table.table_id)
        await place.destination.prepare([table])
        assert place.control.table(table.table_id) == before

    async def test_prepare_leaves_the_users_own_tables(self, place: Place) -> None:
        place.control.act("add_table", name="Holidays", fields=[{"name": "Where"}], rows=[{"Where": "Rome"}])
        await self.prepared(place, "accounts")
        (holidays,) = [table for table in place.control.tables() if table["name"] == "Holidays"]
        assert [field["name"] for field in holidays["fields"]] == ["Where"]
        assert [row["cells"]["Where"] for row in holidays["rows"]] == ["Rome"]

    async def _with_something_of_the_users(self, place: Place) -> TableMapping:
        table = (await self.prepared(place, "institutions"))["institutions"]
        place.control.act("add_field", table=table.table_id, name="Notes")
        place.control.act("add_row", table=table.table_id, cells={table.fields[0].label: "Mine", "Notes": "keep"})
        return table

    # --- places that cannot be reached ---

    async def test_an_unknown_place_asks_the_user_to_act(self, place: Place) -> None:
        nowhere = place.open(place.settings.model_copy(update={self.place_field: self.unknown_place}))
        await self._assert_asks(nowhere.check, nowhere.describe)

    async def test_an_unshared_place_asks_the_user_to_act_and_works_again_once_shared(self, place: Place) -> None:
        await self._lose_and_regain(place, "unshare", "share")

    async def test_a_revoked_token_asks_the_user_to_act_and_works_again_once_restored(self, place: Place) -> None:
        await self._lose_and_regain(place, "revoke", "restore")

    async def _lose_and_regain(self, place: Place, lose: str, regain: str) -> None:
        table = (await self.prepared(place, "institutions"))["institutions"]
        place.control.act(lose)

        async def read() -> None:
            await place.read(table)

        with capture_logs() as logs:
            errors = await self._assert_asks(place.destination.check, place.destination.describe, read)
        for secret in self.secrets(place.credentials):
            assert secret not in "".join([str(logs), *map(repr, errors), *(error.remedy for error in errors)])
        place.control.act(regain)
        await place.destination.describe()
        assert await place.read(table) == []

    async def _assert_asks(self, *calls: object) -> list[ActionRequired]:
        errors = []
        for call in calls:
            assert callable(call)
            with pytest.raises(ActionRequired) as caught:
                await call()
            assert caught.value.code and str(caught.value) and caught.value.remedy
            errors.append(caught.value)
        return errors
