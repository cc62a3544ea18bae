"""Re-links: a bank is linked anew after its old connection broke or was removed, and the user says what is the same."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from counterfoil.engine import Context, Engine, Event, function
from counterfoil.errors import BadRequest
from counterfoil.linking import AccountMark, match_accounts
from counterfoil.plan import Removal
from counterfoil.ports import Notice
from counterfoil.store import Tx, connections, destinations, relinks, succession
from counterfoil.store.relinks import Relink
from counterfoil.sync.doors import Doors
from counterfoil.sync.removal import RemovalEvent
from counterfoil.sync.steps import ConnectionEvent, SyncSteps

LONGEST_PAUSE: Final = 900.0  # seconds between two looks
PATIENCE: Final = 7 * 86_400.0  # seconds in which the accounts must have come from the bank
ASKS: Final = Notice(
    "relink_waits",
    "Some of its accounts look like accounts that you had connected before.",
    "Say whether they are the same: counterfoil relink",
)


class RelinkEvent(msgspec.Struct, frozen=True):
    """Something happened to one re-link."""

    relink_id: str
    workspace_id: str


def propose(tx: Tx, connection: connections.Connection, marks: Sequence[AccountMark]) -> bool:
    """Ask the user about accounts that an earlier connection had; give whether something is asked.

    The new connection waits for the answer: rows that are written before it would stand beside the old ones.
    """
    left = list(marks)
    asks = False
    for old in reversed(connections.of_workspace(tx, connection.workspace_id, removed=True)):
        if old.id == connection.id or old.provider != connection.provider:
            continue
        gone = old.state == "removed"
        if not (old.state == "action_required" or (gone and _left_standing(tx, connection.workspace_id))):
            continue
        pairs = match_accounts(relinks.marks(tx, old.id, closed=gone), left)
        if pairs:
            names = {mark.key: " ··".join(filter(None, (mark.name, mark.mask))) for mark in left}
            named = [relinks.Pair(pair.old, pair.new, pair.sure, names[pair.new]) for pair in pairs]
            left = [mark for mark in left if mark.key not in {pair.new for pair in pairs}]
            relinks.propose(tx, workspace_id=old.workspace_id, old_id=old.id, connection_id=connection.id, pairs=named)
            asks = True
    if asks:
        connections.set_state(tx, connection.id, "paused")
        connections.set_notice(tx, connection.id, ASKS)
    return asks


def _left_standing(tx: Tx, workspace_id: str) -> bool:
    """Say whether rows of a connection that was removed may still stand somewhere, for others to take their place."""
    return any(
        destination.selection.removal is not Removal.DELETE
        for destination in destinations.of_workspace(tx, workspace_id)
    )


class Relinks:
    """Takes the user's answers."""

    def __init__(self, doors: Doors, engine: Engine[Any]) -> None:
        self._doors = doors
        self._engine = engine

    async def answer(self, workspace_id: str, relink_id: str, *, same: bool) -> Relink:
        """Keep the user's answer. Raises `BadRequest` where another was given before.

        `same`: the rows at the destinations pass on to the new connection, and the old one is removed. Otherwise the
        new connection brings rows of its own. Its first sync begins once every question about it is answered.
        """
        relink = await self._doors.db.read(relinks.find, workspace_id, relink_id)
        begins = await self._doors.db.run(_answer, relink, same)
        if same:
            event = Event("app/relink.confirmed", RelinkEvent(relink.id, workspace_id), id=f"relink:{relink.id}")
            await self._engine.send(event)
        if begins:
            created = Event("app/connection.created", ConnectionEvent(relink.new_id), id=f"begins:{relink.new_id}")
            await self._engine.send(created)
        return await self._doors.db.read(relinks.find, workspace_id, relink_id)


def _answer(tx: Tx, relink: Relink, same: bool) -> bool:
    state = "confirmed" if same else "declined"
    if not relinks.decide(tx, relink.id, state) and relinks.find(tx, relink.workspace_id, relink.id).state != state:
        raise BadRequest("This question was answered before.", remedy="See: counterfoil connections")
    if connections.get(tx, relink.new_id).state == "removed":
        raise BadRequest("The new connection was removed.", remedy="Connect it again: counterfoil connect")
    if same and connections.get(tx, relink.old_id).state != "removed":
        connections.set_state(tx, relink.old_id, "paused")  # nothing more lands in the rows that are handed over
    if relinks.waiting(tx, relink.workspace_id, relink.new_id):
        return False
    connections.set_notice(tx, relink.new_id, None)
    connections.set_state(tx, relink.new_id, "active")
    return True


@function("follow-relink", on="app/relink.confirmed")
async def follow_relink(ctx: Context[RelinkEvent, SyncSteps]) -> bool:
    """Remove the old connection once its accounts have been taken over; give whether they were."""
    asked, doors = ctx.event.data, ctx.utils.doors
    pause, waited = 0.25, 0.0
    while not await ctx.step.run("taken-over", taken_over, doors, asked):
        if waited > PATIENCE:
            return False
        await ctx.step.sleep("pause", pause)
        waited, pause = waited + pause, min(pause * 1.5, LONGEST_PAUSE)
    old_id = await ctx.step.run("old", old_of, doors, asked)
    if old_id is not None:
        await ctx.step.send_event("remove-old", Event("app/connection.removal.requested", RemovalEvent(old_id)))
    return True


async def taken_over(doors: Doors, asked: RelinkEvent) -> bool:
    """Say whether every account has been taken over."""
    relink = await doors.db.read(relinks.find, asked.workspace_id, asked.relink_id)
    return await doors.db.read(succession.is_settled, relink)


async def old_of(doors: Doors, asked: RelinkEvent) -> str | None:
    """Put the old connection out of use; give its id where that had not been done."""
    return await doors.db.run(_retire, asked)


def _retire(tx: Tx, asked: RelinkEvent) -> str | None:
    relink = relinks.find(tx, asked.workspace_id, asked.relink_id)
    if connections.get(tx, relink.old_id).state == "removed":
        return None
    connections.set_state(tx, relink.old_id, "removed")
    return relink.old_id
