"""What a user may do to the tables meanwhile, and what must then hold."""

from dataclasses import replace

from contracts.hooks import Hooks
from contracts.samples import create, delete, transaction, update
from contracts.stage import Place
from counterfoil.errors import ActionRequired
from counterfoil.model import Kind
from counterfoil.ports import TableMapping, Undecided, Written


class UserCases(Hooks):
    """The table is the user's; only our columns and rows are ours."""

    async def _filled(self, place: Place, rows: int = 3) -> TableMapping:
        table = (await self.prepared(place, "transactions"))["transactions"]
        changes = [create(table, f"tx-{number}", transaction(number)) for number in range(1, rows + 1)]
        await place.mirror.write(place.destination, table, changes)
        return table

    async def test_a_renamed_column_and_table_keep_working(self, place: Place) -> None:
        table = await self._filled(place)
        for old, new in (("Amount", "How much"), (table.key_field.label, "Our id"), ("Summary", "What")):
            place.control.act("rename_field", table=table.table_id, field=old, name=new)
        place.control.act("rename_table", table=table.table_id, name="Money out")
        new_row = create(table, "tx-9", transaction(9))
        await place.mirror.write(
            place.destination, table, [update("tx-1", {"amount": transaction(77)["amount"]}), new_row]
        )
        rows = {row["cells"]["Our id"]: row["cells"] for row in place.control.rows(table)}
        assert sorted(rows) == ["tx-1", "tx-2", "tx-3", "tx-9"]
        assert rows["tx-1"]["How much"] == transaction(77)["amount"]
        assert rows["tx-9"]["What"] == "Purchase 9"
        assert len(rows["tx-9"]) <= len(place.control.table(table.table_id)["fields"])
        read = {row.key: row for row in await place.read(table)}
        assert read["tx-1"].cells["amount"] == transaction(77)["amount"]
        (again,) = await place.destination.prepare([table])
        assert again == table

    async def test_a_moved_column_keeps_working(self, place: Place) -> None:
        table = await self._filled(place)
        place.control.act("move_field", table=table.table_id, field="Amount", to=1)
        place.control.act("move_field", table=table.table_id, field=table.key_field.label, to=4)
        changes = [update("tx-2", {"amount": transaction(55)["amount"]}), create(table, "tx-8", transaction(8))]
        await place.mirror.write(place.destination, table, changes)
        self.assert_holds(table, place.control.row(table, "tx-2"), {"amount": transaction(55)["amount"]})
        self.assert_holds(table, place.control.row(table, "tx-8"), changes[1].cells)
        self.assert_holds(table, place.control.row(table, "tx-3"), transaction(3))

    async def test_sorted_rows_keep_their_own_cells(self, place: Place) -> None:
        table = await self._filled(place, 8)
        place.control.act("sort_rows", table=table.table_id, field="Amount")
        changes = [update(f"tx-{number}", {"merchant": f"Sorted {number}"}) for number in range(1, 9)]
        await place.mirror.write(place.destination, table, changes)
        for number in range(1, 9):
            expected = transaction(number) | {"merchant": f"Sorted {number}"}
            self.assert_holds(table, place.control.row(table, f"tx-{number}"), expected)

    async def test_a_deleted_column_shows_in_describe(self, place: Place) -> None:
        table = await self._filled(place)
        place.control.act("delete_field", table=table.table_id, field="Amount")
        schema = await place.destination.describe()
        (remote,) = [one for one in schema.tables if one.id == table.table_id]
        assert table.field("amount").field_id not in {field.id for field in remote.fields}

    async def test_a_write_to_a_deleted_column_asks_the_user_to_act(self, place: Place) -> None:
        table = await self._filled(place)
        place.control.act("delete_field", table=table.table_id, field="Amount")
        before = place.control.rows(table)
        changes = [update("tx-1", {"amount": transaction(5)["amount"], "merchant": "New"})]
        changes = [replace(change, remote_id=place.mirror.remote_ids["transactions", "tx-1"]) for change in changes]
        try:
            outcomes = await place.destination.write(table, changes)
        except ActionRequired as error:
            outcomes = [Undecided("tx-1", error)]
        (outcome,) = outcomes
        assert isinstance(outcome, Undecided) and isinstance(outcome.error, ActionRequired)
        assert outcome.error.remedy
        assert place.control.rows(table) == before

    async def test_a_retyped_column_shows_in_describe(self, place: Place) -> None:
        table = await self._filled(place)
        place.control.act("retype_field", table=table.table_id, field="Amount", type=self.strange_type)
        schema = await place.destination.describe()
        (remote,) = [one for one in schema.tables if one.id == table.table_id]
        (field,) = [field for field in remote.fields if field.id == table.field("amount").field_id]
        assert Kind.MONEY not in field.takes

    async def test_a_row_deleted_twice_stays_deleted(self, place: Place) -> None:
        table = await self._filled(place, 4)
        first, second = (place.mirror.remote_ids["transactions", key] for key in ("tx-1", "tx-2"))
        place.control.act("delete_row", table=table.table_id, row=first)
        outcomes = await place.mirror.write(place.destination, table, [delete("tx-1"), delete("tx-2")])
        assert {type(outcome) for outcome in outcomes.values()} == {Written}
        again = await place.mirror.write(
            place.destination, table, [replace(delete("tx-2", second), doubtful=True), delete("tx-1", first)]
        )
        assert {type(outcome) for outcome in again.values()} == {Written}
        assert len(place.control.rows(table)) == 2

    async def test_rows_and_cells_of_the_user_survive_every_kind_of_write(self, place: Place) -> None:
        table = await self._filled(place)
        place.control.act("add_field", table=table.table_id, name="Notes")
        place.control.act("add_row", table=table.table_id, cells={"Summary": "Mine", "Notes": "a"})
        for key in ("tx-1", "tx-2"):
            row = place.mirror.remote_ids["transactions", key]
            place.control.act("edit_row", table=table.table_id, row=row, cells={"Notes": f"about {key}"})
        taken = place.mirror.remote_ids["transactions", "tx-2"]
        changes = [
            update("tx-1", {"amount": transaction(8)["amount"]}),
            update("tx-posted", {"pending": False}, was="tx-2"),
            create(table, "tx-4", transaction(4)),
            delete("tx-3"),
        ]
        await place.mirror.write(place.destination, table, changes)
        rows = place.control.rows(table)
        assert place.control.row(table, "tx-posted")["id"] == self.id_under("tx-posted", taken)
        assert place.control.row(table, "tx-posted")["cells"]["Notes"] == "about tx-2"
        assert place.control.row(table, "tx-1")["cells"]["Notes"] == "about tx-1"
        (mine,) = [row for row in rows if row["cells"].get("Summary") == "Mine"]
        assert mine["cells"]["Notes"] == "a"
        assert len(rows) == 4
        read = await place.read(table)
        assert len([row for row in read if not row.key]) == 1

    async def test_a_row_that_was_there_with_our_key_is_adopted(self, place: Place) -> None:
        table = (await self.prepared(place, "transactions"))["transactions"]
        place.control.act("add_row", table=table.table_id, cells={table.key_field.label: "tx-1", "Summary": "Old"})
        (before,) = place.control.rows(table)
        change = replace(create(table, "tx-1", transaction(1)), doubtful=True)
        outcomes = await place.mirror.write(place.destination, table, [change])
        assert outcomes == {"tx-1": Written("tx-1", before["id"])}
        self.assert_holds(table, place.control.row(table, "tx-1"), change.cells)

    async def test_a_row_copied_by_the_user_does_not_break_the_batch(self, place: Place) -> None:
        table = await self._filled(place, 11)
        place.control.act("add_row", table=table.table_id, cells={table.key_field.label: "tx-2", "Summary": "Copy"})
        original = place.mirror.remote_ids["transactions", "tx-2"]
        changes = [update(f"tx-{number}", {"merchant": "New"}) for number in range(1, 12)]
        outcomes = await place.mirror.write(place.destination, table, changes)
        assert {type(outcome) for outcome in outcomes.values()} == {Written}
        assert outcomes["tx-2"] == Written("tx-2", original)
        doubtful = [replace(create(table, f"tx-{number}", transaction(number)), doubtful=True) for number in (1, 2, 30)]
        outcomes = await place.mirror.write(place.destination, table, doubtful)
        assert {type(outcome) for outcome in outcomes.values()} == {Written}
        summaries = [row["cells"].get(table.key_field.label) for row in place.control.rows(table)]
        assert (summaries.count("tx-1"), summaries.count("tx-2"), summaries.count("tx-30")) == (1, 2, 1)
