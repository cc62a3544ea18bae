"""Reconciling: a destination is read in full, compared with what we believe, and what drifted is put right."""

from typing import Final

import msgspec

from counterfoil.engine import Concurrency, Context, function
from counterfoil.sync.readback import read_back
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
    drift = await read_back(steps.doors.db, place, door)
    return TableDrift(
        table=table,
        read=drift.read,
        altered=drift.altered,
        deleted=drift.deleted,
        adopted=drift.adopted,
        moved=drift.moved,
        doubled=drift.doubled[:SHOWN],
    )
