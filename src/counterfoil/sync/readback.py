"""Reading a destination's table back: its rows are compared with the mirror and with ours, a part at a time."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Final

from counterfoil.drift import Comparison, Drift
from counterfoil.model import Kind
from counterfoil.plan import Entry, Row
from counterfoil.ports import Cell, Destination, RemoteRow
from counterfoil.store import Database, Tx, destinations, mirror, rows
from counterfoil.sync.batch import EntriesOf, Place, best_of_each, links, select, stored

PART: Final = 1_000  # rows compared together: what is held in memory


async def read_back(db: Database, place: Place, door: Destination) -> Drift:
    """Read one table in full, and mark in the mirror what must be planned again. Safe to repeat."""
    comparison = Comparison(place.target.mapping)
    async for part in parts(door, place):
        await db.run(_compare, place, comparison, part)
    await db.run(_finish, place, comparison)
    return comparison.drift


async def parts(door: Destination, place: Place) -> AsyncIterator[list[RemoteRow]]:
    """Read a table, part by part."""
    part: list[RemoteRow] = []
    async for row in door.read(place.target.mapping):
        part.append(row)
        if len(part) == PART:
            yield part
            part = []
    if part:
        yield part


def _compare(tx: Tx, place: Place, comparison: Comparison, part: Sequence[RemoteRow]) -> None:
    mirror.save(tx, place.destination_id, place.table, compare(tx, place, comparison, part, stored(tx, place)))


def compare(
    tx: Tx, place: Place, comparison: Comparison, part: Sequence[RemoteRow], entries_of: EntriesOf
) -> list[Entry]:
    """Compare some of a table's rows; give what the mirror should say of them where that is something else."""
    keys = sorted({row.key for row in part if row.key})
    entries = entries_of(place.table, keys)
    return list(comparison.look(part, entries, _ours(tx, place, keys, entries_of)))


def _ours(tx: Tx, place: Place, keys: Sequence[str], entries_of: EntriesOf) -> dict[str, Row]:
    """Give our rows of those keys with their links resolved."""
    found = best_of_each(tx, place, rows.by_keys(tx, place.workspace_id, place.table, keys))
    known = [select(row, place.table, place.selection) for _, row in found]
    link = links(tx, place, known, entries_of)
    linked = {f.column: f.to for f in place.target.mapping.fields if f.kind is Kind.LINK}
    ours: dict[str, Row] = {}
    for row in known:
        cells: dict[str, Cell] = dict(row.cells)
        for column, table in linked.items():
            cell = cells.get(column)
            if table is not None and isinstance(cell, str):
                cells[column] = link(table, cell)[0]
        ours[row.key] = replace(row, cells=cells)
    return ours


def _finish(tx: Tx, place: Place, comparison: Comparison) -> None:
    saved = comparison.finish(mirror.synced_keys(tx, place.destination_id, place.table))
    mirror.save(tx, place.destination_id, place.table, list(saved))
    destinations.set_adopted(tx, place.destination_id, place.table)
