"""Time as a cause: destinations' own schedules, and polls of connections whose webhooks are silent."""

import datetime as dt
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from croniter import croniter

from counterfoil.engine import Context, Cron, Event, Tick, function
from counterfoil.errors import BadRequest
from counterfoil.store import Tx, connections, consents, deletions, destinations, notices, pages, requests, workspaces
from counterfoil.sync import permissions
from counterfoil.sync.steps import ConnectionEvent, DestinationEvent, SyncSteps

# What people choose by name; any other text is a cron expression of five fields.
NAMED: Final = {
    "every 15 minutes": "*/15 * * * *",
    "hourly": "7 * * * *",
    "every 6 hours": "7 */6 * * *",
    "daily": "12 6 * * *",
    "weekly": "12 6 * * 1",
}
SHORTEST: Final = dt.timedelta(minutes=15)
KEEP_MESSAGES: Final = dt.timedelta(days=90)  # the log of what was told
OVERDUE: Final = dt.timedelta(minutes=2)  # a request has waited so long that the run behind it may have been lost
RECONCILE: Final = dt.timedelta(days=7)  # between two full readings of a destination


class Due(msgspec.Struct, frozen=True):
    """What a tick has found to be due."""

    connections: list[tuple[str, str]]  # (id, id of the event: the same for the same moment on every worker)
    destinations: list[tuple[str, str]]
    reconciles: list[tuple[str, str]]
    permissions: list[tuple[str, str]] = []  # of removed destinations, to be ended at the vendor


def next_time(schedule: str, timezone: str, after: dt.datetime) -> dt.datetime:
    """Give the schedule's next moment (UTC) in the user's time zone. Raises `BadRequest` for one that cannot be."""
    try:
        zone = ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise BadRequest(f"There is no time zone {timezone!r}.", remedy="Name one like Europe/Berlin.") from error
    expression = NAMED.get(schedule, schedule)
    if len(expression.split()) != 5 or not croniter.is_valid(expression):
        raise BadRequest(
            f"{schedule!r} is no schedule.",
            remedy=f"Choose one of: {', '.join(NAMED)}; or write a cron expression of five fields.",
        )
    times = croniter(expression, after.astimezone(zone))
    following: dt.datetime = times.get_next(dt.datetime)
    if times.get_next(dt.datetime) - following < SHORTEST:
        raise BadRequest("That is more often than every 15 minutes.", remedy="Choose a longer interval.")
    return following.astimezone(dt.UTC)


@function("tick", on=Cron("* * * * *"))
async def tick(ctx: Context[Tick, SyncSteps]) -> Due:
    """Once a minute over all workers: ask for what is due."""
    due = await ctx.step.run("due", find_due, ctx.utils, ctx.event.data.at)
    for connection_id, event_id in due.connections:
        asked = Event("app/sync.scheduled", ConnectionEvent(connection_id), id=event_id)
        await ctx.step.send_event(f"connection-{connection_id}", asked)
    for destination_id, event_id in due.destinations:
        scheduled = Event("app/destination.sync.scheduled", DestinationEvent(destination_id), id=event_id)
        await ctx.step.send_event(f"destination-{destination_id}", scheduled)
    for destination_id, event_id in due.reconciles:
        wanted = Event("app/reconcile.requested", DestinationEvent(destination_id), id=event_id)
        await ctx.step.send_event(f"reconcile-{destination_id}", wanted)
    for destination_id, event_id in due.permissions:
        removed = Event(permissions.REMOVED, DestinationEvent(destination_id), id=event_id)
        await ctx.step.send_event(f"removed-{destination_id}", removed)
    return due


async def find_due(steps: SyncSteps, at: str) -> Due:
    """Find connections that were silent for too long, and destinations whose time has come; set their next time."""
    return await steps.doors.db.run(_due, steps, dt.datetime.fromisoformat(at))


def _due(tx: Tx, steps: SyncSteps, now: dt.datetime) -> Due:
    overdue = requests.overdue(tx, now - OVERDUE)
    late = [(connection_id, f"overdue:{first}") for connection_id, first in overdue]
    due = Due(late, [], [], permissions.to_end(tx))
    for workspace in workspaces.every(tx):
        for destination in destinations.of_workspace(tx, workspace.id):
            if destination.state not in ("paused", "removed"):
                _destination_due(tx, destination, now, due)
        for connection in connections.of_workspace(tx, workspace.id):
            silent = now - (connection.fetched_at or connection.created_at)
            longest = steps.doors.provider_spec(connection.provider).silence
            if connection.state not in ("paused", "removed") and silent > longest:
                slot = int(now.timestamp() // longest.total_seconds())
                due.connections.append((connection.id, f"poll:{connection.id}:{slot}"))
    return due


def _destination_due(tx: Tx, destination: destinations.Destination, now: dt.datetime, due: Due) -> None:
    schedule, timezone = destination.selection.schedule, destination.selection.timezone
    if schedule is not None and (destination.due_at is None or destination.due_at <= now):
        destinations.set_due(tx, destination.id, next_time(schedule, timezone, now))
        if destination.due_at is not None:
            due.destinations.append((destination.id, f"due:{destination.id}:{destination.due_at.isoformat()}"))
    last = destination.reconciled_at or destination.created_at
    if now - last >= RECONCILE:
        destinations.set_reconciled(tx, destination.id, now)
        due.reconciles.append((destination.id, f"reconcile:{destination.id}:{last.isoformat()}"))


@function("tidy", on=Cron("23 3 * * *"))
async def tidy(ctx: Context[Tick, SyncSteps]) -> int:
    """Once a night: delete the providers' answers, and the engine's finished runs, that are past their age."""
    return await ctx.step.run("tidy", delete_old, ctx.utils)


async def delete_old(steps: SyncSteps) -> int:
    """Delete what is past its age; give the number of pages."""
    kept = dt.timedelta(days=steps.keep_pages_days)
    await steps.forget_runs()
    await steps.doors.db.run(notices.prune, dt.datetime.now(dt.UTC) - KEEP_MESSAGES)
    await steps.doors.db.run(deletions.prune)
    await steps.doors.db.run(consents.prune)
    return await steps.doors.db.run(pages.prune, dt.datetime.now(dt.UTC) - kept)
