"""The steps that trigger functions share: opening and closing the log, choosing destinations, noting problems."""

import datetime as dt
from collections.abc import Sequence
from typing import Any, Final

import msgspec
import structlog

from counterfoil.engine import Event
from counterfoil.ports import TableMapping
from counterfoil.store import Tx, connections, destinations, requests, syncs
from counterfoil.store.connections import Problem
from counterfoil.sync.batch import pending_tables
from counterfoil.sync.doors import Doors
from counterfoil.sync.mapping import is_bound
from counterfoil.sync.tables import TableUtils
from counterfoil.sync.triggers import in_order, streams_for

log = structlog.get_logger()
PREPARING: Final = "prepare"  # the line of a sync's log that stands for no table


class Started(msgspec.Struct, kw_only=True):
    """A sync's log is open; without a `sync_id` another sync has done the work of this event."""

    workspace_id: str
    sync_id: str | None
    done_by: str | None = None
    streams: list[str] = []
    wait: float = 0.0  # too soon after the last one: requests gather for so many seconds


class StartedDestination(msgspec.Struct, frozen=True):
    """A destination's sync has its log open."""

    workspace_id: str
    sync_id: str


class DestinationSync(msgspec.Struct, frozen=True):
    """Asks for something to be done at one destination, under one sync's log."""

    destination_id: str
    sync_id: str


class Outlook(msgspec.Struct, frozen=True):
    """A destination that has something to do, and its tables in dependency order."""

    destination_id: str
    tables: list[str]
    unprepared: bool  # some table is still to be made, or to be found; then `tables` are not known yet


class Finished(msgspec.Struct, frozen=True):
    """A sync has ended."""

    sync_id: str
    state: str


class SyncSteps(TableUtils):
    """What a trigger function's context carries as `ctx.utils`."""

    def __init__(self, doors: Doors, *, pace: float = 1.0) -> None:
        super().__init__(doors)
        self.pace = pace  # least seconds between the starts of two syncs of one connection

    async def start_connection_sync(self, connection_id: str, event: Event[Any], run_id: str) -> Started:
        """Claim every waiting request of the connection and open the log of the sync that answers them."""
        return await self.doors.db.run(_start, self, connection_id, event.id, event.name, run_id)

    async def start_destination_sync(self, destination_id: str, event: Event[Any], run_id: str) -> StartedDestination:
        """Open the log of a destination's own sync."""
        return await self.doors.db.run(_start_destination, destination_id, event.name, run_id)

    async def connected_destinations(self, workspace_id: str, only: str | None) -> list[Outlook]:
        """Give the destinations that have something to do."""
        return await self.doors.db.read(_outlook, workspace_id, only)

    async def connection_problem(self, connection_id: str, problem: Problem | None) -> None:
        """Keep or clear what a person must mend about a connection."""
        new = await self.doors.db.run(connections.set_problem, connection_id, problem)
        if new:
            log.info("connection_problem", connection_id=connection_id, code=problem.code if problem else None)

    async def table_failed(self, destination_id: str, sync_id: str, table: str, problem: Problem) -> None:
        """Keep why a sync function failed."""
        await self.doors.db.run(syncs.set_problem, sync_id, destination_id, table, problem)

    async def destination_problem(self, destination_id: str, problem: Problem | None) -> None:
        """Keep or clear what a person must mend about a destination."""
        new = await self.doors.db.run(destinations.set_problem, destination_id, problem)
        if new:
            log.info("destination_problem", destination_id=destination_id, code=problem.code if problem else None)

    async def destination_failed(self, destination_id: str, sync_id: str, problem: Problem) -> None:
        """Keep why a destination could not be prepared."""
        await self.doors.db.run(syncs.set_problem, sync_id, destination_id, PREPARING, problem)
        await self.destination_problem(destination_id, problem)

    async def finish_sync(self, sync_id: str, state: str, note: str | None) -> None:
        """Close the log."""
        await self.doors.db.run(syncs.finish, sync_id, state, note)

    def ordered(self, mappings: Sequence[TableMapping]) -> list[TableMapping]:
        """Put mappings into dependency order."""
        by_table = {mapping.table: mapping for mapping in mappings}
        return [by_table[table] for table in in_order(by_table)]


def _start(tx: Tx, steps: SyncSteps, connection_id: str, event_id: str, event: str, run_id: str) -> Started:
    connection = connections.get(tx, connection_id)
    started = Started(workspace_id=connection.workspace_id, sync_id=None)
    if connection.state in ("paused", "removed"):
        return started
    requests.ask(tx, connection_id, event_id, event)
    done_by = requests.done_by(tx, connection_id, event_id)
    if done_by is not None and syncs.of_run(tx, run_id) != done_by:
        return msgspec.structs.replace(started, done_by=done_by)
    last = syncs.last_start(tx, connection_id)
    if done_by is None and last is not None and (wait := steps.pace - _seconds_since(last)) > 0:
        return msgspec.structs.replace(started, wait=wait)
    sync_id = syncs.start(
        tx, workspace_id=connection.workspace_id, connection_id=connection_id, cause=event, run_id=run_id
    )
    claimed = requests.claim(tx, connection_id, sync_id)
    spec = steps.doors.provider_spec(connection.provider)
    streams = streams_for((request.event for request in claimed), spec)
    missing = connections.not_offered(tx, connection_id, streams)
    return msgspec.structs.replace(started, sync_id=sync_id, streams=[s for s in streams if s not in missing])


def _seconds_since(moment: dt.datetime) -> float:
    return (dt.datetime.now(dt.UTC) - moment).total_seconds()


def _start_destination(tx: Tx, destination_id: str, event: str, run_id: str) -> StartedDestination:
    workspace_id = destinations.get(tx, destination_id).workspace_id
    sync_id = syncs.start(tx, workspace_id=workspace_id, connection_id=None, cause=event, run_id=run_id)
    return StartedDestination(workspace_id, sync_id)


def _outlook(tx: Tx, workspace_id: str, only: str | None) -> list[Outlook]:
    outlook = []
    for destination in destinations.of_workspace(tx, workspace_id):
        if destination.state in ("paused", "removed") or only not in (None, destination.id):
            continue
        targets = destinations.targets(tx, destination.id)
        unprepared = any(target.enabled and not is_bound(target.mapping) for target in targets.values())
        tables = pending_tables(tx, workspace_id, targets)
        if tables or unprepared:
            outlook.append(Outlook(destination.id, in_order(tables), unprepared))
    return outlook
