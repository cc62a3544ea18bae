"""The trigger functions: what happens between an event and the last row at the last destination."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from counterfoil.engine import Concurrency, Context, Event, Function, InvokeFailed, function
from counterfoil.errors import ActionRequired, CounterfoilError, RetryLater
from counterfoil.store.connections import Problem
from counterfoil.sync.fetch import commit_fetch, fetch_pages
from counterfoil.sync.prepare import prepare_destination
from counterfoil.sync.steps import DestinationSync, Finished, Outlook, Started, SyncSteps
from counterfoil.sync.tables import SYNC_FUNCTIONS, SyncTable
from counterfoil.sync.triggers import TRIGGERS

WAITS: Final = 30  # times that a provider which has nothing yet is asked again before a webhook is trusted to come


class ConnectionEvent(msgspec.Struct, frozen=True):
    """Something happened to one connection."""

    connection_id: str


class DestinationEvent(msgspec.Struct, frozen=True):
    """Something happened to one destination."""

    destination_id: str


class SyncResult(msgspec.Struct, kw_only=True):
    """How a sync ended. Without a `sync_id` there was nothing left to do: `done_by` names the sync that did it."""

    sync_id: str | None
    done_by: str | None = None
    state: str = "done"
    note: str | None = None


@function(
    "sync-connection",
    on=sorted(TRIGGERS),
    concurrency=Concurrency(limit=1, key="event.data.connection_id", scope="connection"),
)
async def sync_connection(ctx: Context[ConnectionEvent, SyncSteps]) -> SyncResult:
    """Fetch what the waiting events ask for, land it, and bring every destination up to date."""
    asked = ctx.event.data
    start = await _start(ctx)
    if start.sync_id is None:
        return SyncResult(sync_id=None, done_by=start.done_by)
    notes = []
    for stream in start.streams:
        try:
            await _fetch_stream(ctx, asked.connection_id, stream)
        except ActionRequired as error:
            await ctx.step.run("note-problem", ctx.utils.connection_problem, asked.connection_id, Problem.of(error))
            notes.append(str(error))
            break
        except CounterfoilError as error:
            notes.append(str(error))  # the other streams and the destinations go on with what there is
    else:
        await ctx.step.run("clear-problem", ctx.utils.connection_problem, asked.connection_id, None)
    return await _to_destinations(ctx, start.sync_id, start.workspace_id, notes)


async def _start(ctx: Context[ConnectionEvent, SyncSteps]) -> Started:
    """Open the log; soon after the last sync, wait a moment first, so that a burst of requests gathers for one."""
    while True:
        start: Started = await ctx.step.run(
            "start-sync", ctx.utils.start_connection_sync, ctx.event.data.connection_id, ctx.event, ctx.run_id
        )
        if not start.wait:
            return start
        await ctx.step.sleep("gather", start.wait)


async def _fetch_stream(ctx: Context[ConnectionEvent, SyncSteps], connection_id: str, stream: str) -> None:
    doors = ctx.utils.doors
    for attempt in range(WAITS):
        fetched = await ctx.step.run(f"fetch-{stream}", fetch_pages, doors, connection_id, stream)
        if fetched.done:
            if fetched.offered:
                await ctx.step.run(f"commit-{stream}", commit_fetch, doors, connection_id, stream)
            return
        if fetched.wait is not None:
            await ctx.step.sleep(f"wait-{stream}", min(fetched.wait, 0.25 * 2**attempt))
    raise RetryLater("The bank has nothing ready yet; the sync goes on when it says so.", after=0)


@function(
    "sync-destination",
    on=["app/destination.created", "app/destination.sync.requested", "app/destination.repaired", "app/mapping.changed"],
    concurrency=Concurrency(limit=1, key="event.data.destination_id", scope="destination-trigger"),
)
async def sync_destination(ctx: Context[DestinationEvent, SyncSteps]) -> SyncResult:
    """Bring one destination up to date with what is stored; one that is new is prepared first."""
    asked = ctx.event.data
    start = await ctx.step.run(
        "start-sync", ctx.utils.start_destination_sync, asked.destination_id, ctx.event, ctx.run_id
    )
    return await _to_destinations(ctx, start.sync_id, start.workspace_id, [], only=asked.destination_id)


async def _to_destinations(
    ctx: Context[ConnectionEvent, SyncSteps] | Context[DestinationEvent, SyncSteps],
    sync_id: str,
    workspace_id: str,
    notes: list[str],
    only: str | None = None,
) -> SyncResult:
    """Invoke the sync functions of every destination that has something to do, destinations side by side."""
    outlook = await ctx.step.run("connected-destinations", ctx.utils.connected_destinations, workspace_id, only)
    states = await asyncio.gather(*(_chain(ctx, sync_id, one) for one in outlook))
    return await _finish(ctx, sync_id, dict(zip((one.destination_id for one in outlook), states, strict=True)), notes)


async def _chain(
    ctx: Context[ConnectionEvent, SyncSteps] | Context[DestinationEvent, SyncSteps], sync_id: str, outlook: Outlook
) -> str:
    """Bring one destination's tables up to date, each after those it points to; a failure stops this chain only."""
    state, tables = "done", outlook.tables
    if outlook.unprepared:
        try:
            asked = DestinationSync(outlook.destination_id, sync_id)
            tables = (await ctx.step.invoke(f"prepare@{outlook.destination_id}", prepare_destination, asked)).pending
        except InvokeFailed as error:
            problem = _problem(error)
            step = f"note-prepare@{outlook.destination_id}"
            await ctx.step.run(step, ctx.utils.destination_failed, outlook.destination_id, sync_id, problem)
            return "failed"
    for table in tables:
        step = f"{table}@{outlook.destination_id}"
        try:
            result = await ctx.step.invoke(step, SYNC_FUNCTIONS[table], SyncTable(outlook.destination_id, sync_id))
        except InvokeFailed as error:
            problem = Problem(
                error.code or "sync_failed", error.message, error.remedy or "Try again; see the sync's log."
            )
            await ctx.step.run(f"note-{step}", ctx.utils.table_failed, outlook.destination_id, sync_id, table, problem)
            return "failed"
        if result.problem is not None:
            state = "failed"
        if result.stops_chain:
            return state
    await ctx.step.run(f"well-{outlook.destination_id}", ctx.utils.destination_problem, outlook.destination_id, None)
    return state


def _problem(error: InvokeFailed) -> Problem:
    return Problem(error.code or "sync_failed", error.message or error.kind, error.remedy or "See the sync's log.")


async def _finish(
    ctx: Context[ConnectionEvent, SyncSteps] | Context[DestinationEvent, SyncSteps],
    sync_id: str,
    states: Mapping[str, str],
    notes: list[str],
) -> SyncResult:
    failed = [state for state in states.values() if state == "failed"]
    state = "done" if not failed and not notes else "failed" if len(failed) == len(states) and notes else "partial"
    note = " ".join(notes) or None
    await ctx.step.run("finish-sync", ctx.utils.finish_sync, sync_id, state, note)
    await ctx.step.send_event("sync-finished", Event("app/sync.finished", Finished(sync_id=sync_id, state=state)))
    return SyncResult(sync_id=sync_id, state=state, note=note)


FUNCTIONS: Final[tuple[Function[Any, Any], ...]] = (
    sync_connection,
    sync_destination,
    prepare_destination,
    *SYNC_FUNCTIONS.values(),
)
