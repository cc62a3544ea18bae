"""The trigger functions: what happens between an event and the last row at the last destination."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from counterfoil.engine import Concurrency, Context, Event, Function, InvokeFailed, function
from counterfoil.errors import ActionRequired, CounterfoilError, RetryLater
from counterfoil.store.connections import Problem
from counterfoil.sync.deletion import delete_workspace
from counterfoil.sync.fetch import commit_fetch, fetch_pages
from counterfoil.sync.permissions import end_permission
from counterfoil.sync.prepare import prepare_destination
from counterfoil.sync.reconcile import reconcile_destination
from counterfoil.sync.relinks import follow_relink
from counterfoil.sync.removal import remove_connection
from counterfoil.sync.rules import apply_rules, reclaim_fields, tell_destinations
from counterfoil.sync.schedule import tick, tidy
from counterfoil.sync.steps import (
    Attention,
    ConnectionEvent,
    DestinationEvent,
    DestinationSync,
    Finished,
    Outlook,
    Started,
    SyncSteps,
)
from counterfoil.sync.tables import SYNC_FUNCTIONS, SyncTable
from counterfoil.sync.telling.functions import TELLING_FUNCTIONS, send_all
from counterfoil.sync.triggers import DESTINATION_TRIGGERS, REFRESH, TRIGGERS
from counterfoil.sync.visits import finish_visit, poll_visit

WAITS: Final = 30  # times that a provider which has nothing yet is asked again before a webhook is trusted to come


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
    remark = await _ask_bank(ctx) if ctx.event.name == REFRESH else None
    start = await _start(ctx)
    if start.sync_id is None:
        return SyncResult(sync_id=None, done_by=start.done_by)
    notes = await _fetch_streams(ctx, start)
    return await _to_destinations(ctx, start.sync_id, start.workspace_id, notes, remark=remark)


async def _ask_bank(ctx: Context[ConnectionEvent, SyncSteps]) -> str | None:
    """Have the bank read now where the provider offers that, and wait for its answer; else say it was not asked."""
    answer = await ctx.step.run("ask-bank", ctx.utils.ask_bank, ctx.event.data.connection_id)
    if answer is None:
        return "The bank was not asked for news: this shows what the provider has."
    match = {"event.data.connection_id": "async.data.connection_id"}
    told = await ctx.step.wait_for_event("bank-answers", answer, timeout=ctx.utils.patience, match=match)
    return None if told is not None else "The bank was asked for news and had none within two minutes."


async def _fetch_streams(ctx: Context[ConnectionEvent, SyncSteps], start: Started) -> list[str]:
    """Fetch and land each stream; give what went wrong. One failing stream does not hold back the others."""
    connection_id = ctx.event.data.connection_id
    notes: list[str] = []
    for stream in start.streams:
        try:
            await _fetch_stream(ctx, connection_id, stream)
        except ActionRequired as error:
            problem = Problem.of(error)
            if await ctx.step.run("note-problem", ctx.utils.connection_problem, connection_id, problem):
                needed = Attention(code=problem.code, connection_id=connection_id)
                await ctx.step.send_event("attention", Event("app/attention.required", needed))
            return [*notes, problem.message]
        except CounterfoilError as error:
            notes.append(str(error))
    if not notes and start.has_problem:
        await ctx.step.run("clear-problem", ctx.utils.connection_problem, connection_id, None)
    return notes


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
            if fetched.offered and not fetched.landed:
                await ctx.step.run(f"commit-{stream}", commit_fetch, doors, connection_id, stream)
            return
        if fetched.wait is not None:
            await ctx.step.sleep(f"wait-{stream}", min(fetched.wait, 0.25 * 2**attempt))
    raise RetryLater("The bank has nothing ready yet; the sync goes on when it says so.", after=0)


@function(
    "sync-destination",
    on=sorted(DESTINATION_TRIGGERS),
    concurrency=Concurrency(limit=1, key="event.data.destination_id", scope="destination-trigger"),
)
async def sync_destination(ctx: Context[DestinationEvent, SyncSteps]) -> SyncResult:
    """Bring one destination up to date with what is stored; one that is new is prepared first."""
    asked = ctx.event.data
    start = await ctx.step.run(
        "start-sync", ctx.utils.start_destination_sync, asked.destination_id, ctx.event, ctx.run_id
    )
    trigger = DESTINATION_TRIGGERS[ctx.event.name]
    if trigger.fetches:
        for connection_id in start.connection_ids:
            refresh = Event("app/sync.scheduled", ConnectionEvent(connection_id))
            await ctx.step.send_event(f"refresh-{connection_id}", refresh)
    notes: list[str] = []
    remark = None
    if trigger.reads_back:
        try:
            step = DestinationSync(asked.destination_id, start.sync_id)
            found = await ctx.step.invoke("reconcile", reconcile_destination, step)
            remark = found.in_words()
        except InvokeFailed as error:
            notes.append(_problem(error).message)
    return await _to_destinations(
        ctx, start.sync_id, start.workspace_id, notes, only=asked.destination_id, remark=remark
    )


async def _to_destinations(
    ctx: Context[Any, SyncSteps],
    sync_id: str,
    workspace_id: str,
    notes: list[str],
    *,
    only: str | None = None,
    remark: str | None = None,
) -> SyncResult:
    """Invoke the sync functions of every destination that has something to do, destinations side by side."""
    outlook = await ctx.step.run("connected-destinations", ctx.utils.connected_destinations, workspace_id, only)
    states = await asyncio.gather(*(_chain(ctx, sync_id, one) for one in outlook))
    return await _finish(ctx, sync_id, states, notes, remark)


async def _chain(ctx: Context[Any, SyncSteps], sync_id: str, outlook: Outlook) -> str:
    """Bring one destination's tables up to date, each after those it points to; a failure stops this chain only."""
    state, tables = "done", outlook.tables
    if outlook.unprepared:
        try:
            asked = DestinationSync(outlook.destination_id, sync_id)
            ready = await ctx.step.invoke(f"prepare@{outlook.destination_id}", prepare_destination, asked)
            tables = ready.pending
        except InvokeFailed as error:
            problem = _problem(error)
            step = f"note-prepare@{outlook.destination_id}"
            if await ctx.step.run(step, ctx.utils.destination_failed, outlook.destination_id, sync_id, problem):
                await _tell(ctx, outlook.destination_id, problem.code)
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
            if result.is_new:
                await _tell(ctx, outlook.destination_id, result.problem)
        if result.stops_chain:
            return state
    step = f"clear-problem@{outlook.destination_id}"
    await ctx.step.run(step, ctx.utils.destination_problem, outlook.destination_id, None)
    return state


async def _tell(ctx: Context[Any, SyncSteps], destination_id: str, code: str) -> None:
    needed = Attention(code=code, destination_id=destination_id)
    await ctx.step.send_event(f"attention@{destination_id}", Event("app/attention.required", needed))


def _problem(error: InvokeFailed) -> Problem:
    return Problem(error.code or "sync_failed", error.message or error.kind, error.remedy or "See the sync's log.")


async def _finish(
    ctx: Context[Any, SyncSteps],
    sync_id: str,
    states: Sequence[str],
    notes: list[str],
    remark: str | None,
) -> SyncResult:
    failed = states.count("failed")
    state = "done" if not failed and not notes else "failed" if failed == len(states) and notes else "partial"
    note = " ".join([*notes, *([remark] if remark else [])]) or None
    waiting = await ctx.step.run("finish-sync", ctx.utils.finish_sync, sync_id, state, note)
    await send_all(ctx, waiting)
    await ctx.step.send_event("sync-finished", Event("app/sync.finished", Finished(sync_id=sync_id, state=state)))
    return SyncResult(sync_id=sync_id, state=state, note=note)


FUNCTIONS: Final[tuple[Function[Any, Any], ...]] = (
    sync_connection,
    sync_destination,
    prepare_destination,
    reconcile_destination,
    tick,
    tidy,
    poll_visit,
    finish_visit,
    follow_relink,
    remove_connection,
    end_permission,
    apply_rules,
    tell_destinations,
    reclaim_fields,
    *TELLING_FUNCTIONS,
    delete_workspace,
    *SYNC_FUNCTIONS.values(),
)
