"""Cells: every kind, and every value that has ever hurt a spreadsheet."""

from dataclasses import replace

from contracts.hooks import Hooks
from contracts.samples import account, create, everything, nasty_rows, transaction, update
from contracts.stage import Place
from counterfoil.ports import Link, TableMapping, Written


class ValueCases(Hooks):
    """What is written is what is held, digit for digit and letter for letter."""

    async def _linked(self, place: Place) -> tuple[TableMapping, Link]:
        tables = await self.prepared(place, "accounts", everything())
        accounts = tables["accounts"]
        await place.mirror.write(place.destination, accounts, [create(accounts, "acc-1", account(1))])
        return tables["everything"], place.mirror.link("accounts", "acc-1", "Account 1")

    async def test_nasty_cells_are_held_as_they_were_written(self, place: Place) -> None:
        table, link = await self._linked(place)
        rows = nasty_rows(link)
        changes = [create(table, key, cells) for key, cells in rows.items()]
        outcomes = await place.mirror.write(place.destination, table, changes)
        assert {key: outcome for key, outcome in outcomes.items() if not isinstance(outcome, Written)} == {}
        for change in changes:
            self.assert_holds(table, place.control.row(table, change.key), change.cells)

    async def test_nasty_cells_are_read_back(self, place: Place) -> None:
        table, link = await self._linked(place)
        rows = nasty_rows(link)
        await place.mirror.write(place.destination, table, [create(table, key, cells) for key, cells in rows.items()])
        for row in await place.read(table):
            assert row.key
            for column, cell in rows[row.key].items():
                seen = row.cells.get(column)
                assert self.alike(table.field(column), cell, seen), f"{column}: wrote {cell!r}, read {seen!r}"

    async def test_a_cell_of_any_kind_can_be_emptied_and_filled_again(self, place: Place) -> None:
        table, link = await self._linked(place)
        cells = nasty_rows(link)["row-1"]
        await place.mirror.write(place.destination, table, [create(table, "row", cells)])
        for now in (dict.fromkeys(cells), cells):
            await place.mirror.write(place.destination, table, [update("row", now)])
            self.assert_holds(table, place.control.row(table, "row"), now)

    async def test_a_link_to_a_row_that_was_never_written_stays_empty(self, place: Place) -> None:
        tables = await self.prepared(place, "accounts", "transactions")
        table = tables["transactions"]
        change = create(table, "tx-1", transaction(1, Link("acc-unknown", None, None)))
        outcomes = await place.mirror.write(place.destination, table, [change])
        assert isinstance(outcomes["tx-1"], Written)
        self.assert_holds(table, place.control.row(table, "tx-1"), {"account": None})
        assert place.control.rows(tables["accounts"]) == []

    async def test_a_link_to_a_table_that_is_off_shows_the_name(self, place: Place) -> None:
        table = (await self.prepared(place, "transactions"))["transactions"]
        assert table.field("account").to_table_id is None
        change = create(table, "tx-1", transaction(1, Link("acc-1", None, "Daily account")))
        await place.mirror.write(place.destination, table, [change])
        assert place.control.row(table, "tx-1")["cells"]["Account"] == "Daily account"

    async def test_new_select_words_are_taken_as_they_come(self, place: Place) -> None:
        table, _ = await self._linked(place)
        words = [f"word {number}" for number in range(12)]
        changes = [create(table, f"row-{number}", {"select": word}) for number, word in enumerate(words)]
        outcomes = await place.mirror.write(place.destination, table, changes)
        assert {type(outcome) for outcome in outcomes.values()} == {Written}
        again = [replace(update("row-0", {"select": "another word"}), doubtful=True)]
        await place.mirror.write(place.destination, table, again)
        self.assert_holds(table, place.control.row(table, "row-0"), {"select": "another word"})
        self.assert_holds(table, place.control.row(table, "row-11"), {"select": "word 11"})
