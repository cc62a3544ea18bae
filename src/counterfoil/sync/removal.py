"""Pausing, resuming and removing connections: what will happen is said beforehand, and done durably."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from counterfoil.engine import Concurrency, Context, Engine, Event, function
from counterfoil.errors import BadRequest, CounterfoilError, NotThere
from counterfoil.lib.ids import new_id
from counterfoil.model import TABLES
from counterfoil.plan import Removal
from counterfoil.store import Tx, connections, destinations, leaving, relinks, workspaces
from counterfoil.store.connections import Connection, Problem
from counterfoil.sync.doors import Doors
from counterfoil.sync.steps import Attention, ConnectionEvent, SyncSteps

STAYS: Final = "still_at_vendor"  # the problem of a connection that was removed here and not there


class RemovalEvent(msgspec.Struct, frozen=True):
    """A connection is to be removed."""

    connection_id: str


class Removed(msgspec.Struct, frozen=True):
    """A connection was removed; told once for every destination, which follows its removal policy."""

    connection_id: str
    destination_id: str


class Left(msgspec.Struct, frozen=True):
    """What a removal closed, and who is to follow."""

    rows: int
    destination_ids: list[str]


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What a removal does to one destination: to how many of its rows, and what."""

    destination_id: str
    label: str
    rows: int
    removal: Removal

    def in_words(self) -> str:
        """Say it to the user."""
        fate = {
            Removal.DELETE: "will be deleted, with whatever you have added there",
            Removal.MARK: "will be marked as removed",
            Removal.KEEP: "will stay as they are",
        }[self.removal]
        return f"{self.label}: {self.rows:,} {'row' if self.rows == 1 else 'rows'} {fate}."


@dataclass(frozen=True, slots=True)
class Consequences:
    """What the removal of a connection will do."""

    connection: Connection
    rows: Mapping[str, int]  # live rows by canonical table
    destinations: tuple[Aftermath, ...]
    ends_at_vendor: bool  # else only the user can, at the vendor

    def in_words(self) -> list[str]:
        """Say it to the user, one sentence a line."""
        counted = ", ".join(f"{TABLES[table].label.lower()} ({number:,})" for table, number in self.rows.items())
        name = self.connection.label
        first = f"{name} is read no more, and what is stored of it is closed: {counted or 'nothing yet'}."
        vendor = f"The permission to read {name} is ended at the provider, and cannot be taken up again."
        if not self.ends_at_vendor:
            vendor = f"The key is erased here. Delete it at {name} too: only you can."
        return [first, *(one.in_words() for one in self.destinations if one.rows), vendor]


class Upkeep:
    """Pauses, resumes and removes connections."""

    def __init__(self, doors: Doors, engine: Engine[Any]) -> None:
        self._doors = doors
        self._engine = engine

    async def consequences(self, connection: Connection) -> Consequences:
        """Give what the removal of a connection will do."""
        spec = self._doors.provider_spec(connection.provider)
        return await self._doors.db.read(_consequences, connection, spec.connect is not None)

    async def remove(self, connection: Connection) -> str:
        """Remove a connection; give the id of the event that does the rest. What was begun is not taken back."""
        asked = Event("app/connection.removal.requested", RemovalEvent(connection.id), id=new_id())
        await self._engine.send(asked)  # first: what is marked as removed without it would be removed by nobody
        await self._doors.db.run(connections.set_state, connection.id, "removed")
        return asked.id

    async def pause(self, connection: Connection) -> None:
        """Read a connection no more until it is resumed; its rows stay. A sync that is at work ends first."""
        await self._doors.db.run(_pause, connection.id)

    async def resume(self, connection: Connection) -> str:
        """Go on reading a connection; give the id of the event that asks for it. Raises `BadRequest`."""
        await self._doors.db.run(_resume, connection)
        asked = Event("app/connection.resumed", ConnectionEvent(connection.id), id=new_id())
        await self._engine.send(asked)
        return asked.id


def _pause(tx: Tx, connection_id: str) -> None:
    if connections.get(tx, connection_id).state == "removed":
        raise BadRequest("This connection was removed.", remedy="See: counterfoil connections")
    connections.set_state(tx, connection_id, "paused")


def _resume(tx: Tx, connection: Connection) -> None:
    now = connections.get(tx, connection.id)
    if now.state == "removed":
        raise BadRequest("This connection was removed.", remedy="Connect it again: counterfoil connect")
    if relinks.waiting(tx, connection.workspace_id, connection.id):
        raise BadRequest(
            "This connection waits for an answer: are its accounts the ones you had before?",
            remedy="Answer first: counterfoil relink",
        )
    if now.state == "paused":
        connections.set_state(tx, connection.id, "active")


def _consequences(tx: Tx, connection: Connection, ends_at_vendor: bool) -> Consequences:
    leave = leaving.counts(tx, connection.id)
    stands = leaving.standing(tx, connection.id, connection.workspace_id, leave)
    after = (
        Aftermath(destination.id, destination.label, stands[destination.id], destination.selection.removal)
        for destination in destinations.of_workspace(tx, connection.workspace_id)
    )
    return Consequences(connection, leave, tuple(after), ends_at_vendor)


@function(
    "remove-connection",
    on="app/connection.removal.requested",
    concurrency=Concurrency(limit=1, key="event.data.connection_id", scope="connection"),
)
async def remove_connection(ctx: Context[RemovalEvent, SyncSteps]) -> Left:
    """Close the rows, have the destinations follow, end the permission at the vendor, erase the credential."""
    doors, connection_id = ctx.utils.doors, ctx.event.data.connection_id
    left = await ctx.step.run("close-rows", close_rows, doors, connection_id)
    for destination_id in left.destination_ids:
        told = Event("app/connection.removed", Removed(connection_id, destination_id))
        await ctx.step.send_event(f"removed-{destination_id}", told)
    try:
        await ctx.step.run("end-at-vendor", end_at_vendor, doors, connection_id)
    except CounterfoilError as error:
        # The credential stays: without it nobody could end the permission any more, except at the vendor.
        await ctx.step.run("note", note_stays, doors, connection_id, str(error))
        needed = Event("app/attention.required", Attention(code=STAYS, connection_id=connection_id))
        await ctx.step.send_event("attention", needed)
        return left
    await ctx.step.run("erase", erase, doors, connection_id)
    return left


async def close_rows(doors: Doors, connection_id: str) -> Left:
    """Close the connection's rows, and forget how far it was read."""
    return await doors.db.run(_close_rows, connection_id)


def _close_rows(tx: Tx, connection_id: str) -> Left:
    connection = connections.get(tx, connection_id)
    workspaces.hold(tx, connection.workspace_id)  # before the connection's row, as a deletion does
    connections.set_state(tx, connection_id, "removed")
    relinks.withdraw(tx, connection_id)
    closed = leaving.close_rows(tx, connection_id)
    connections.forget_progress(tx, connection_id)
    following = [one.id for one in destinations.of_workspace(tx, connection.workspace_id)]
    return Left(closed, following)


async def end_at_vendor(doors: Doors, connection_id: str) -> None:
    """End the permission at the vendor, where it offers that. Safe to repeat."""
    connection = await doors.db.read(connections.get, connection_id)
    flow = doors.provider_spec(connection.provider).connect
    if flow is None:
        return
    try:
        settings = await doors.settings_of(connection)
    except NotThere:
        return  # erased before: ended before
    await flow.remove(doors.http, doors.apps[connection.provider], settings)


async def note_stays(doors: Doors, connection_id: str, reason: str) -> None:
    """Keep that the vendor could not be told."""
    problem = Problem(
        STAYS,
        f"Removed here, but the permission could not be ended at the provider. {reason}",
        "Disconnect it once more later, or end it at the provider or the bank yourself.",
    )
    await doors.db.run(connections.note_problem, connection_id, problem)


async def erase(doors: Doors, connection_id: str) -> None:
    """Forget the credential for good."""
    await doors.db.run(connections.erase_credential, connection_id)
