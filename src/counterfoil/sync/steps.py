"""The steps that trigger functions share: opening and closing the log, choosing destinations, noting problems."""

import datetime as dt
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any, Final

import msgspec

from counterfoil.engine import Event
from counterfoil.errors import RetryLater
from counterfoil.ports import TableMapping
from counterfoil.store import Tx, connections, destinations, glance, pairs, requests, syncs
from counterfoil.store.connections import Problem
from counterfoil.store.notices import Waiting
from counterfoil.sync.batch import pending_tables
from counterfoil.sync.doors import Doors
from counterfoil.sync.tables import TableSteps
from counterfoil.sync.telling.facts import note_sync
from counterfoil.sync.telling.post import Post
from counterfoil.sync.telling.ways import Outward
from counterfoil.sync.triggers import in_order, streams_for

LOOK: Final = 2_000  # changed rows among which pairs are looked for in one transaction
PREPARING: Final = "prepare"  # the line of a sync's log that stands for no table


class ConnectionEvent(msgspec.Struct, frozen=True):
    """Something happened to one connection."""

    connection_id: str


class DestinationEvent(msgspec.Struct, frozen=True):
    """Something happened to one destination."""

    destination_id: str


class Attention(msgspec.Struct, frozen=True, kw_only=True):
    """A person must act; told once when the need arises, and not again while it lasts."""

    code: str
    connection_id: str | None = None
    destination_id: str | None = None


class Started(msgspec.Struct, kw_only=True):
    """A sync's log is open; without a `sync_id` another sync has done the work of this event."""

    workspace_id: str
    sync_id: str | None
    done_by: str | None = None
    streams: list[str] = []
    has_problem: bool = False  # to be cleared once the provider has answered
    wait: float = 0.0  # too soon after the last one: requests gather for so many seconds


class StartedDestination(msgspec.Struct, frozen=True):
    """A destination's sync has its log open."""

    workspace_id: str
    sync_id: str
    connection_ids: list[str]


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


async def _forget_nothing() -> None:
    return None


async def _erase_nothing(_names: Collection[str], _spared: str) -> int:
    return 0


class SyncSteps(TableSteps):
    """What a trigger function's context carries as `ctx.utils`."""

    def __init__(
        self,
        doors: Doors,
        *,
        pace: float = 1.0,
        patience: float = 120.0,
        visit_pause: float = 2.0,
        keep_pages_days: int = 30,
        forget_runs: Callable[[], Awaitable[object]] = _forget_nothing,
        erase_runs: Callable[[Collection[str], str], Awaitable[int]] = _erase_nothing,
        post: Post | None = None,
    ) -> None:
        super().__init__(doors)
        self.post = post or Post(doors.db, doors.vault, Outward(doors.http))
        self.pace = pace  # least seconds between the starts of two syncs of one connection
        self.patience = patience  # seconds that a bank asked for news has for its answer
        self.visit_pause = visit_pause  # seconds until a visit to a vendor's page is first looked at
        self.keep_pages_days = keep_pages_days
        self.forget_runs = forget_runs
        self.erase_runs = erase_runs  # (ids that events name, the run that asks) -> how many runs

    async def start_connection_sync(self, connection_id: str, event: Event[Any], run_id: str) -> Started:
        """Claim every waiting request of the connection and open the log of the sync that answers them."""
        return await self.doors.db.run(_start, self, connection_id, event.id, event.name, run_id)

    async def start_destination_sync(self, destination_id: str, event: Event[Any], run_id: str) -> StartedDestination:
        """Open the log of a destination's own sync."""
        return await self.doors.db.run(_start_destination, destination_id, event.name, run_id)

    async def connected_destinations(self, workspace_id: str, only: str | None) -> list[Outlook]:
        """Give the destinations that have something to do."""
        return await self.doors.db.read(_outlook, workspace_id, only)

    async def connection_problem(self, connection_id: str, problem: Problem | None) -> bool:
        """Keep or clear what a person must mend about a connection; give whether that is new."""
        return await self.doors.db.run(connections.set_problem, connection_id, problem)

    async def ask_bank(self, connection_id: str) -> str | None:
        """Ask the provider to read the bank now; give the event that will tell of the answer, None where it cannot."""
        connection = await self.doors.db.read(connections.get, connection_id)
        spec = self.doors.provider_spec(connection.provider)
        if spec.connect is None or spec.refreshed_by is None or connection.problem is not None:
            return None
        settings = await self.doors.settings_of(connection)
        try:
            asked = await spec.connect.refresh(self.doors.http, self.doors.apps[spec.slug], settings)
        except RetryLater:
            return None  # asked too often: what the provider has is new enough
        return spec.refreshed_by if asked else None

    async def bound_tables(self, destination_id: str) -> list[str]:
        """Give the tables of a destination that stand ready, in dependency order."""
        targets = await self.doors.db.read(destinations.targets, destination_id)
        return in_order(name for name, target in targets.items() if target.enabled and target.prepared)

    async def table_failed(self, destination_id: str, sync_id: str, table: str, problem: Problem) -> None:
        """Keep why a sync function failed."""
        await self.doors.db.run(syncs.set_problem, sync_id, destination_id, table, problem)

    async def destination_problem(self, destination_id: str, problem: Problem | None) -> bool:
        """Keep or clear what a person must mend about a destination; give whether that is new."""
        return await self.doors.db.run(destinations.set_problem, destination_id, problem)

    async def destination_failed(self, destination_id: str, sync_id: str, problem: Problem) -> bool:
        """Keep why a destination could not be prepared; give whether that is new."""
        await self.doors.db.run(syncs.set_problem, sync_id, destination_id, PREPARING, problem)
        return await self.destination_problem(destination_id, problem)

    async def finish_sync(self, sync_id: str, state: str, note: str | None) -> list[Waiting]:
        """Close the log, and look for pairs among what has changed; give the messages that tell how it ended."""
        db = self.doors.db
        told = await db.run(_finish, sync_id, state, note)
        if told is not None:
            return told
        sync = await db.read(syncs.get, sync_id)
        while sync is not None and await db.run(pairs.look, sync.workspace_id, limit=LOOK):
            pass
        return await db.run(note_sync, sync_id)

    def ordered(self, mappings: Sequence[TableMapping]) -> list[TableMapping]:
        """Put mappings into dependency order."""
        by_table = {mapping.table: mapping for mapping in mappings}
        return [by_table[table] for table in in_order(by_table)]


def _start(tx: Tx, steps: SyncSteps, connection_id: str, event_id: str, event: str, run_id: str) -> Started:
    connections.lock(tx, connection_id)
    connection = connections.get(tx, connection_id)
    started = Started(workspace_id=connection.workspace_id, sync_id=None, has_problem=connection.problem is not None)
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
    active = [c.id for c in connections.of_workspace(tx, workspace_id) if c.state not in ("paused", "removed")]
    return StartedDestination(workspace_id, sync_id, active)


def _finish(tx: Tx, sync_id: str, state: str, note: str | None) -> list[Waiting] | None:
    """Close the log and do the rest too, in one transaction; None where more rows have changed than fit into one."""
    syncs.finish(tx, sync_id, state, note)
    sync = syncs.get(tx, sync_id)
    if sync is not None and pairs.look(tx, sync.workspace_id, limit=LOOK):
        return None
    return note_sync(tx, sync_id)


def _outlook(tx: Tx, workspace_id: str, only: str | None) -> list[Outlook]:
    outlook = []
    for destination_id in glance.restless(tx, workspace_id, only):
        targets = destinations.targets(tx, destination_id)
        unprepared = any(target.enabled and not target.prepared for target in targets.values())
        tables = pending_tables(tx, workspace_id, targets)
        if tables or unprepared:
            outlook.append(Outlook(destination_id, in_order(tables), unprepared))
    return outlook
