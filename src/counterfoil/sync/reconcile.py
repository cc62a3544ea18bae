"""Reconciling: a destination is read in full, compared with what we believe, and what drifted is put right."""

from dataclasses import replace
from typing import Final

import msgspec

from counterfoil.drift import Drift, find
from counterfoil.engine import Concurrency, Context, function
from counterfoil.model import Kind
from counterfoil.ports import Cell, RemoteRow
from counterfoil.store import Tx, destinations, mirror, rows
from counterfoil.sync.batch import Place, links, select
from counterfoil.sync.steps import DestinationSync, SyncSteps

SHOWN: Final = 20  # doubled keys that are named


class TableDrift(msgspec.Struct, frozen=True, kw_only=True):
    """What one table's reading has found."""

    table: str
    read: int
    altered: int
    deleted: int
    adopted: int
    moved: int
    doubled: list[str]


class Reconciled(msgspec.Struct, frozen=True):
    """What the reading of a destination has found."""

    tables: list[TableDrift]

    def in_words(self) -> str | None:
        """Say what was found, None where nothing differs."""
        parts = [
            f"{count} {what}"
            for what, count in (
                ("cells that somebody changed were put right", sum(t.altered for t in self.tables)),
                ("rows were deleted at the destination and stay so", sum(t.deleted for t in self.tables)),
                ("rows were found and taken over", sum(t.adopted for t in self.tables)),
                ("keys stand more than once", sum(len(t.doubled) for t in self.tables)),
            )
            if count
        ]
        return f"Read back: {'; '.join(parts)}." if parts else None


@function(
    "reconcile-destination",
    concurrency=Concurrency(limit=1, key="event.data.destination_id", scope="destination"),
)
async def reconcile_destination(ctx: Context[DestinationSync, SyncSteps]) -> Reconciled:
    """Read each table in full, alone with the destination; the sync that follows writes what drifted."""
    asked = ctx.event.data
    tables = await ctx.step.run("tables", ctx.utils.bound_tables, asked.destination_id)
    found = [
        await ctx.step.run(f"read-{table}", read_table, ctx.utils, asked.destination_id, table) for table in tables
    ]
    return Reconciled(found)


async def read_table(steps: SyncSteps, destination_id: str, table: str) -> TableDrift:
    """Read one table, compare, and mark in the mirror what must be planned again."""
    place, door = await steps.open_table(table, destination_id)
    standing = [row async for row in door.read(place.target.mapping)]
    drift = await steps.doors.db.run(_compare, place, standing)
    return TableDrift(
        table=table,
        read=len(standing),
        altered=drift.altered,
        deleted=drift.deleted,
        adopted=drift.adopted,
        moved=drift.moved,
        doubled=drift.doubled[:SHOWN],
    )


def _compare(tx: Tx, place: Place, standing: list[RemoteRow]) -> Drift:
    entries = mirror.every(tx, place.destination_id, place.table)
    keys = sorted({row.key for row in standing if row.key} | set(entries))
    known = [
        select(row, place.table, place.selection) for row in rows.by_keys(tx, place.workspace_id, place.table, keys)
    ]
    link = links(tx, place, known)
    linked = {f.column: f.to for f in place.target.mapping.fields if f.kind is Kind.LINK}
    ours = {}
    for row in reversed(known):  # of two rows of one key the first given counts
        cells: dict[str, Cell] = dict(row.cells)
        for column, table in linked.items():
            cell = cells.get(column)
            if table is not None and isinstance(cell, str):
                cells[column] = link(table, cell)[0]
        ours[row.key] = replace(row, cells=cells)
    drift = find(standing, entries, ours, place.target.mapping)
    mirror.save(tx, place.destination_id, place.table, drift.entries)
    destinations.set_adopted(tx, place.destination_id, place.table)
    return drift
