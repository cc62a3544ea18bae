"""What `write` and `read` promise while nobody interferes."""

from dataclasses import replace

import pytest

from contracts.hooks import UNHURRIED, Hooks
from contracts.samples import NASTY_KEYS, account, create, delete, mapping, transaction, update
from contracts.stage import Place, Stage
from counterfoil.errors import ActionRequired
from counterfoil.lib.budget import LocalBudgets
from counterfoil.ports import Change, Gone, Rejected, TableMapping, Undecided, Written


def _creations(table: TableMapping, count: int) -> list[Change]:
    return [create(table, f"tx-{number:04d}", transaction(number)) for number in range(1, count + 1)]


class WriteCases(Hooks):
    """One row per key, whatever is repeated."""

    async def test_nothing_to_write_makes_no_call(self, place: Place) -> None:
        table = (await self.prepared(place, "institutions"))["institutions"]
        place.control.forget_calls()
        assert list(await place.destination.write(table, [])) == []
        assert place.control.calls() == []

    async def test_created_rows_hold_their_cells(self, place: Place) -> None:
        tables = await self.prepared(place, "accounts", "transactions")
        await place.mirror.write(
            place.destination, tables["accounts"], [create(tables["accounts"], "acc-1", account(1))]
        )
        link, table = place.mirror.link("accounts", "acc-1", "Account 1"), tables["transactions"]
        changes = [create(table, f"tx-{number}", transaction(number, link)) for number in range(1, 26)]
        outcomes = await place.mirror.write(place.destination, table, changes)
        for change in changes:
            row = place.control.row(table, change.key)
            assert outcomes[change.key] == Written(change.key, row["id"])
            self.assert_holds(table, row, change.cells)
        assert len(place.control.rows(table)) == 25

    async def test_an_update_changes_the_given_cells_only(self, place: Place) -> None:
        table = (await self.prepared(place, "transactions"))["transactions"]
        await place.mirror.write(place.destination, table, _creations(table, 12))
        changed = transaction(500) | {"merchant": None}
        some = {column: changed[column] for column in ("amount", "merchant", "date")}
        changes = [update(f"tx-{number:04d}", some) for number in range(1, 12)]
        outcomes = await place.mirror.write(place.destination, table, changes)
        assert {type(outcome) for outcome in outcomes.values()} == {Written}
        self.assert_holds(table, place.control.row(table, "tx-0003"), transaction(3) | some | {"account": None})
        self.assert_holds(table, place.control.row(table, "tx-0012"), transaction(12) | {"account": None})

    async def test_a_deletion_removes_the_row_and_no_other(self, place: Place) -> None:
        table = (await self.prepared(place, "transactions"))["transactions"]
        await place.mirror.write(place.destination, table, _creations(table, 15))
        gone = [f"tx-{number:04d}" for number in range(2, 14)]
        outcomes = await place.mirror.write(place.destination, table, [delete(key) for key in gone])
        assert {type(outcome) for outcome in outcomes.values()} == {Written}
        left = {row["cells"][table.key_field.label] for row in place.control.rows(table)}
        assert left == {"tx-0001", "tx-0014", "tx-0015"}

    async def test_one_write_may_create_update_and_delete(self, place: Place) -> None:
        table = (await self.prepared(place, "transactions"))["transactions"]
        await place.mirror.write(place.destination, table, _creations(table, 3))
        changes = [create(table, "tx-new", transaction(9)), update("tx-0001", {"merchant": "Other"}), delete("tx-0002")]
        await place.mirror.write(place.destination, table, changes)
        keys = sorted(row["cells"][table.key_field.label] for row in place.control.rows(table))
        assert keys == ["tx-0001", "tx-0003", "tx-new"]
        self.assert_holds(table, place.control.row(table, "tx-0001"), {"merchant": "Other"})

    async def test_a_write_repeated_leaves_one_row_per_key(self, place: Place) -> None:
        table = (await self.prepared(place, "transactions"))["transactions"]
        changes = _creations(table, 12)
        first = await place.mirror.write(place.destination, table, changes)
        before = place.control.tables()
        again = await place.mirror.write(
            place.destination, table, [replace(change, doubtful=True) for change in changes]
        )
        assert again == first
        assert place.control.tables() == before

    async def test_a_doubtful_creation_makes_the_row_where_it_is_absent(self, place: Place) -> None:
        table = (await self.prepared(place, "transactions"))["transactions"]
        change = replace(create(table, "tx-1", transaction(1), was="tx-0"), doubtful=True)
        outcomes = await place.mirror.write(place.destination, table, [change])
        row = place.control.row(table, "tx-1")
        assert outcomes == {"tx-1": Written("tx-1", row["id"])}
        self.assert_holds(table, row, change.cells)

    async def test_a_doubtful_creation_takes_the_row_that_is_there_under_the_older_key(self, place: Place) -> None:
        table = (await self.prepared(place, "transactions"))["transactions"]
        await place.mirror.write(place.destination, table, _creations(table, 2))
        before = place.control.row(table, "tx-0001")["id"]
        change = replace(create(table, "tx-new", transaction(7), was="tx-0001"), doubtful=True)
        outcomes = await place.mirror.write(place.destination, table, [change])
        assert outcomes == {"tx-new": Written("tx-new", self.id_under("tx-new", before))}
        self.assert_holds(table, place.control.row(table, "tx-new"), change.cells)
        assert len(place.control.rows(table)) == 2

    async def test_a_row_taken_over_stays_the_same_row(self, place: Place) -> None:
        table = (await self.prepared(place, "transactions"))["transactions"]
        await place.mirror.write(place.destination, table, _creations(table, 3))
        before = place.control.row(table, "tx-0002")["id"]
        for doubtful in (False, True):
            change = update("tx-posted", {"amount": transaction(42)["amount"]}, was="tx-0002", remote_id=before)
            outcomes = await place.mirror.write(place.destination, table, [replace(change, doubtful=doubtful)])
            assert outcomes == {"tx-posted": Written("tx-posted", self.id_under("tx-posted", before))}
        self.assert_holds(table, place.control.row(table, "tx-posted"), {"amount": transaction(42)["amount"]})
        assert len(place.control.rows(table)) == 3

    async def test_keys_of_any_spelling_stay_apart_and_are_found_again(self, place: Place) -> None:
        table = (await self.prepared(place, "transactions"))["transactions"]
        changes = [create(table, key, transaction(place_)) for place_, key in enumerate(NASTY_KEYS, 1)]
        first = await place.mirror.write(place.destination, table, changes)
        again = await place.mirror.write(
            place.destination, table, [replace(change, doubtful=True) for change in changes]
        )
        assert again == first
        assert sorted(row["cells"][table.key_field.label] for row in place.control.rows(table)) == sorted(NASTY_KEYS)
        posted = [replace(create(table, f"posted {key}", transaction(9), was=key), doubtful=True) for key in NASTY_KEYS]
        outcomes = await place.mirror.write(place.destination, table, posted)
        for key in NASTY_KEYS:
            before = first[key]
            assert isinstance(before, Written)
            taken = self.id_under(f"posted {key}", before.remote_id)
            assert outcomes[f"posted {key}"] == Written(f"posted {key}", taken)

    async def test_one_bad_row_is_rejected_and_the_rest_are_written(self, place: Place) -> None:
        table = (await self.prepared(place, "transactions"))["transactions"]
        changes = _creations(table, 12)
        cells = {**changes[4].cells, **self.refused_cells}
        changes[4] = replace(changes[4], cells=cells)
        outcomes = await place.mirror.write(place.destination, table, changes)
        bad = outcomes.pop(changes[4].key)
        assert isinstance(bad, Rejected) and bad.reason
        assert {type(outcome) for outcome in outcomes.values()} == {Written}
        assert len(place.control.rows(table)) == 11

    async def test_read_gives_back_what_was_written(self, place: Place) -> None:
        tables = await self.prepared(place, "accounts", "transactions")
        accounts, table = tables["accounts"], tables["transactions"]
        await place.mirror.write(place.destination, accounts, [create(accounts, "acc-1", account(1))])
        link = place.mirror.link("accounts", "acc-1", "Account 1")
        changes = {f"tx-{number}": create(table, f"tx-{number}", transaction(number, link)) for number in range(1, 131)}
        await place.mirror.write(place.destination, table, list(changes.values()))
        rows = await place.read(table)
        assert {(row.key, row.remote_id) for row in rows} == {
            (key, place.mirror.remote_ids["transactions", key]) for key in changes
        }
        assert len(rows) == 130
        for row in rows:
            assert row.key
            for field in table.fields:
                expected, seen = changes[row.key].cells[field.column], row.cells.get(field.column)
                assert self.alike(field, expected, seen), f"{field.column}: wrote {expected!r}, read {seen!r}"

    async def test_a_saturating_run_is_never_told_to_slow_down(self, stage: Stage) -> None:
        writes, rows = self.saturating
        async for place in self.opened(stage, timeout=UNHURRIED, budgets=LocalBudgets()):
            table = (await self.prepared(place, mapping("institutions")))["institutions"]
            for write in range(writes):
                changes = [create(table, f"in-{write}-{row}", {"name": f"Bank {row}"}) for row in range(rows)]
                await place.mirror.write(place.destination, table, changes)
            assert len(place.control.rows(table)) == writes * rows
            assert 429 not in {call["status"] for call in place.control.calls()}

    async def test_a_place_lost_during_a_write_leaves_the_rows_undecided(self, place: Place) -> None:
        table = (await self.prepared(place, "transactions"))["transactions"]
        place.control.act("revoke")
        try:
            outcomes = await place.destination.write(table, _creations(table, 3))
        except ActionRequired as error:
            outcomes = [Undecided(change.key, error) for change in _creations(table, 3)]
        assert all(isinstance(outcome, Undecided) and isinstance(outcome.error, ActionRequired) for outcome in outcomes)
        place.control.act("restore")
        assert place.control.rows(table) == []

    @pytest.mark.parametrize("doubtful", [False, True])
    async def test_a_row_that_is_gone_is_said_to_be_gone(self, place: Place, doubtful: bool) -> None:
        table = (await self.prepared(place, "transactions"))["transactions"]
        await place.mirror.write(place.destination, table, _creations(table, 12))
        for key in ("tx-0002", "tx-0005"):
            place.control.act("delete_row", table=table.table_id, row=place.mirror.remote_ids["transactions", key])
        changes = [
            replace(update(f"tx-{number:04d}", {"merchant": "New"}), doubtful=doubtful) for number in range(1, 13)
        ]
        outcomes = await place.mirror.write(place.destination, table, changes)
        gone = {key for key, outcome in outcomes.items() if isinstance(outcome, Gone)}
        assert gone == {"tx-0002", "tx-0005"}
        assert len(place.control.rows(table)) == 10
