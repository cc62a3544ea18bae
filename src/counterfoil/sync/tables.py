"""The sync functions, one per canonical table, made by one factory: load, write batch by batch, record."""

import time
from typing import Final

import msgspec

from counterfoil.engine import Concurrency, Context, Function, function
from counterfoil.errors import ActionRequired, BadRequest
from counterfoil.model import TABLES
from counterfoil.ports import Destination
from counterfoil.store import Tx, destinations, syncs
from counterfoil.store.connections import Problem
from counterfoil.sync.batch import Place, next_batch, record
from counterfoil.sync.doors import Doors
from counterfoil.sync.mapping import TABLE_CODES, check
from counterfoil.sync.readback import read_back

STEP_SECONDS: Final = 20.0  # a step ends after the batch in which it has worked for so long


class SyncTable(msgspec.Struct, frozen=True):
    """Asks for one table of one destination to be brought up to date."""

    destination_id: str
    sync_id: str


class TableResult(msgspec.Struct, kw_only=True):
    """What a sync function did. `stops_chain` says that the destination's other tables would fare no better."""

    counts: syncs.Counts
    problem: str | None = None  # its code
    is_new: bool = False  # the problem was not there at the last sync
    stops_chain: bool = False


class Progress(msgspec.Struct, frozen=True):
    """How far a sync function's writing has come, under one edition of what is to be done.

    `open_after` is None once the rows left open are done.
    """

    edition: int
    watermark: int
    open_after: str | None
    done: bool
    counts: syncs.Counts


class TableSteps:
    """The shared steps of the sync functions."""

    def __init__(self, doors: Doors) -> None:
        self.doors = doors

    async def load(self, table: str, asked: SyncTable) -> Progress:
        """Check the user's table against the mapping, and read it where it is not known; give where to begin.

        Raises `ActionRequired` before anything is written.
        """
        place, door = await self.open_table(table, asked.destination_id)
        kind = (await self.doors.db.read(destinations.get, asked.destination_id)).kind
        if not self.doors.destination_spec(kind).looks_first:
            check(place.target.mapping, await door.describe())
        if not place.target.adopted:
            await read_back(self.doors.db, place, door)
        return Progress(place.target.edition, place.target.watermark, "", False, syncs.Counts())

    async def write(self, table: str, asked: SyncTable, so_far: Progress) -> Progress:
        """Write batches until all is done or the step has taken its time. Safe to repeat: the mirror knows."""
        db = self.doors.db
        place, door = await self.open_table(table, asked.destination_id)
        if place.target.edition != so_far.edition:
            # Rows before our watermark may have to be compared again, by the sync that the change has asked for.
            return msgspec.structs.replace(so_far, done=True)
        if not place.target.adopted:  # a backup was restored since this run began
            await read_back(db, place, door)
        size = self.doors.destination_spec((await db.read(destinations.get, asked.destination_id)).kind).batch
        watermark, open_after, counts = so_far.watermark, so_far.open_after, so_far.counts
        began = time.monotonic()
        while True:
            batch = await db.run(next_batch, place, size, watermark=watermark, open_after=open_after)
            changes = [planned.change for planned in batch.planned]
            outcomes = await door.write(place.target.mapping, changes) if changes else []
            done, stopped = await db.run(record, place, asked.sync_id, batch, outcomes)
            counts.add(done)
            if stopped is not None:
                raise stopped
            watermark, open_after = batch.watermark, batch.open_after
            if batch.last or time.monotonic() - began > STEP_SECONDS:
                return Progress(so_far.edition, watermark, open_after, batch.last, counts)

    async def note_problem(self, table: str, asked: SyncTable, problem: Problem) -> bool:
        """Keep what a person must mend with the table or the destination it belongs to; give whether it is new."""
        return await self.doors.db.run(_note, asked, table, problem)

    async def open_table(self, table: str, destination_id: str) -> tuple[Place, Destination]:
        """Give one table's place and the opened door to it. Raises `BadRequest` where it is not mapped."""
        db = self.doors.db
        destination = await db.read(destinations.get, destination_id)
        target = (await db.read(destinations.targets, destination_id)).get(table)
        if target is None:
            raise BadRequest(f"The destination has no mapping for {table}.", remedy="Prepare the destination first.")
        place = Place(destination.workspace_id, destination_id, destination.selection, target)
        return place, await self.doors.destination(destination)


def _note(tx: Tx, asked: SyncTable, table: str, problem: Problem) -> bool:
    syncs.set_problem(tx, asked.sync_id, asked.destination_id, table, problem)
    if problem.code in TABLE_CODES:
        return destinations.set_table_problem(tx, asked.destination_id, table, problem)
    return destinations.set_problem(tx, asked.destination_id, problem)


def make(table: str) -> Function[SyncTable, TableResult]:
    """Make the sync function of one canonical table."""

    @function(
        f"sync-{table.replace('_', '-')}",
        on=f"app/destination.sync.{table}",
        concurrency=Concurrency(limit=1, key="event.data.destination_id", scope="destination"),
    )
    async def sync_table(ctx: Context[SyncTable, TableSteps]) -> TableResult:
        asked = ctx.event.data
        counts = syncs.Counts()
        try:
            progress = await ctx.step.run("load", ctx.utils.load, table, asked)
            while not progress.done:
                progress = await ctx.step.run("write", ctx.utils.write, table, asked, progress)
            counts = progress.counts
        except ActionRequired as error:
            problem = Problem.of(error)
            is_new = await ctx.step.run("note-problem", ctx.utils.note_problem, table, asked, problem)
            stops = problem.code not in TABLE_CODES
            return TableResult(counts=counts, problem=problem.code, is_new=is_new, stops_chain=stops)
        return TableResult(counts=counts)

    return sync_table


SYNC_FUNCTIONS: Final = {table: make(table) for table in TABLES}
