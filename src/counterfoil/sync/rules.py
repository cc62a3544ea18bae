"""Rules, what people say of single rows, and pairs: tried, kept, applied, and told to the destinations."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from counterfoil.engine import Concurrency, Context, Engine, Event, function
from counterfoil.lib.ids import new_id
from counterfoil.model import Writes
from counterfoil.rules import Rule, Rulebook, check
from counterfoil.store import Database, Tx, destinations, mirror, pairs, rows, rules, saying
from counterfoil.store.saying import Difference, Part, Place
from counterfoil.sync.doors import Doors
from counterfoil.sync.steps import DestinationEvent, SyncSteps

TABLE: Final = "transactions"
CHANGED: Final = "app/rows.changed"
APPLY: Final = "app/rules.apply.requested"
LOOK: Final = 5_000  # rows compared in one read
CHANGES: Final = 1_000  # rows changed in one transaction, which holds up other writers
SAMPLES: Final = 10
_KEYS: Final = 500


class ApplyRules(msgspec.Struct, frozen=True):
    """The rules of a workspace are to be applied to its existing rows.

    `overwrite`: what changes is written at the destinations even in fields that are the user's.
    """

    workspace_id: str
    overwrite: bool = False


class RowsChanged(msgspec.Struct, frozen=True):
    """Something else is said of rows of a workspace; `overwrite` are those to be written in the user's own fields."""

    workspace_id: str
    overwrite: list[Part] = []


class Reclaim(msgspec.Struct, frozen=True):
    """Asks for rows to be written once more in fields that are the user's."""

    destination_id: str
    parts: list[Part]


class AppliedPart(msgspec.Struct, frozen=True):
    """A part of the rows that the rules were applied to."""

    parts: list[Part]
    after: Place | None


class Applied(msgspec.Struct, frozen=True):
    """How many rows the rules have changed."""

    changed: int


@dataclass(frozen=True, slots=True)
class Trial:
    """What applying the rules to the existing rows would do."""

    looked: int  # rows
    matched: Mapping[str, int]  # by rule: rows that it is the first to hold for
    changes: int  # rows of which something else would be said
    samples: Sequence[Difference]


class Rulings:
    """Tries and applies rules, and takes what people say of rows and pairs."""

    def __init__(self, doors: Doors, engine: Engine[Any]) -> None:
        self._db = doors.db
        self._engine = engine

    async def trial(self, workspace_id: str, draft: Rule | None = None) -> Trial:
        """Tell what the rules would do to the existing rows, with a draft in its place or behind all others.

        With a draft, only what it changes is counted. Raises `BadRequest` for one that cannot be used.
        """
        if draft is not None:
            check(draft)
        return await self._db.read(_try, workspace_id, draft)

    async def apply(self, workspace_id: str, *, overwrite: bool) -> str:
        """Ask for the rules to be applied to the existing rows; give the event's id."""
        asked = Event(APPLY, ApplyRules(workspace_id, overwrite), id=new_id())
        await self._engine.send(asked)
        return asked.id

    async def edit(self, workspace_id: str, key: str, words: Mapping[str, Any], *, overwrite: bool) -> bool:
        """Keep what a person says of one transaction, by name; None gives a name back to the rules and the bank.

        Gives whether anything changed. Raises `NotThere` and `BadRequest`.
        """
        parts = await self._db.run(saying.edit, workspace_id, key, words)
        if parts:
            await self._tell(workspace_id, parts if overwrite else [])
        return bool(parts)

    async def decide(self, workspace_id: str, pair_ids: Collection[str], state: str) -> int:
        """Keep what a person says to pairs; give how many have changed. Raises `BadRequest`."""
        changed = await self._db.run(pairs.decide, workspace_id, pair_ids, state)
        if changed:
            await self._tell(workspace_id, [])
        return changed

    async def _tell(self, workspace_id: str, overwrite: list[Part]) -> None:
        await self._engine.send(Event(CHANGED, RowsChanged(workspace_id, overwrite), id=new_id()))


def _try(tx: Tx, workspace_id: str, draft: Rule | None) -> Trial:
    known = rules.of_workspace(tx, workspace_id)
    if draft is not None:
        known = [draft if rule.id == draft.id else rule for rule in known]
        known += [] if any(rule.id == draft.id for rule in known) else [draft]
    book = Rulebook(known)
    looked = changes = 0
    matched = dict.fromkeys((rule.id for rule in known), 0)
    samples: list[Difference] = []
    after: Place | None = None
    while True:
        found = saying.look(tx, workspace_id, book, after=after, limit=LOOK)
        looked += found.looked
        for rule_id, count in found.matched.items():
            matched[rule_id] += count
        concerned = [
            one for one in found.differences if draft is None or draft.id in (one.then.rule_id, one.now.rule_id)
        ]
        concerned = [one for one in concerned if one.cells()]
        changes += len(concerned)
        samples += concerned[: SAMPLES - len(samples)]
        after = found.after
        if after is None:
            return Trial(looked, matched, changes, samples)


@function("apply-rules", on=APPLY, concurrency=Concurrency(limit=1, key="event.data.workspace_id", scope="rules"))
async def apply_rules(ctx: Context[ApplyRules, SyncSteps]) -> Applied:
    """Have the rules say what they say of every existing row, and tell the destinations."""
    asked, doors = ctx.event.data, ctx.utils.doors
    parts: list[Part] = []
    after: Place | None = None
    while True:
        done: AppliedPart = await ctx.step.run("apply", apply_part, doors.db, asked.workspace_id, after)
        parts += done.parts
        after = done.after
        if after is None:
            break
    if parts:
        told = RowsChanged(asked.workspace_id, parts if asked.overwrite else [])
        await ctx.step.send_event("tell", Event(CHANGED, told))
    return Applied(sum(part.last - part.first + 1 for part in parts))


async def apply_part(db: Database, workspace_id: str, after: Place | None) -> AppliedPart:
    """Apply the rules to the next rows that differ; looking at rows holds nobody up, changing them does."""
    book = Rulebook(await db.read(rules.of_workspace, workspace_id))
    while True:
        found = await db.read(saying.look, workspace_id, book, after=after, limit=LOOK, keep=CHANGES)
        after = found.after
        if found.differences:
            places = [one.place for one in found.differences]
            return AppliedPart(await db.run(saying.apply, workspace_id, places), after)
        if after is None:
            return AppliedPart([], None)


@function("tell-destinations", on=CHANGED)
async def tell_destinations(ctx: Context[RowsChanged, SyncSteps]) -> int:
    """Have every destination brought up to date with what is said here by now; give how many."""
    told = ctx.event.data
    concerned = await ctx.step.run("destinations", concerned_destinations, ctx.utils.doors.db, told.workspace_id)
    for destination_id in concerned:
        if told.overwrite:
            await ctx.step.invoke(f"reclaim@{destination_id}", reclaim_fields, Reclaim(destination_id, told.overwrite))
        changed = Event("app/destination.rows.changed", DestinationEvent(destination_id))
        await ctx.step.send_event(f"tell@{destination_id}", changed)
    return len(concerned)


async def concerned_destinations(db: Database, workspace_id: str) -> list[str]:
    """Give the destinations that transactions are written to."""
    return await db.read(_concerned, workspace_id)


def _concerned(tx: Tx, workspace_id: str) -> list[str]:
    active = [one.id for one in destinations.of_workspace(tx, workspace_id) if one.state not in ("paused", "removed")]
    targets = {one: destinations.targets(tx, one).get(TABLE) for one in active}
    return [one for one, target in targets.items() if target is not None and target.enabled]


@function("reclaim-fields", concurrency=Concurrency(limit=1, key="event.data.destination_id", scope="destination"))
async def reclaim_fields(ctx: Context[Reclaim, SyncSteps]) -> int:
    """Mark fields to be written although they are the user's, alone with the destination; give in how many rows."""
    return await ctx.step.run("reclaim", reclaim, ctx.utils.doors.db, ctx.event.data)


async def reclaim(db: Database, asked: Reclaim) -> int:
    """Mark the fields in the mirror; a repeat marks what is marked."""
    claimed = 0
    for part in asked.parts:
        first: int | None = part.first
        while first is not None:
            more, first = await db.run(_reclaim, asked.destination_id, part, first)
            claimed += more
    return claimed


def _reclaim(tx: Tx, destination_id: str, part: Part, first: int) -> tuple[int, int | None]:
    """Mark some rows, those that have changed once more since excepted; give how many, and where to go on."""
    target = destinations.target(tx, destination_id, TABLE)
    workspace_id = destinations.get(tx, destination_id).workspace_id
    found = rows.keys_between(tx, workspace_id, TABLE, first, part.last, _KEYS)
    if target is None or not found:
        return 0, None
    theirs = [
        field.field_id
        for field in target.mapping.fields
        if field.column in part.columns and field.writes is Writes.ONCE and field.field_id
    ]
    claimed = mirror.reclaim(tx, destination_id, TABLE, list(found), theirs) if theirs else 0
    return claimed, max(found.values()) + 1 if len(found) == _KEYS else None
