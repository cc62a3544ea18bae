"""What people do with a destination: look at it, map it, try a change, save it, pause, restore, retry, remove."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from pydantic import BaseModel

from counterfoil.engine import Engine, Event
from counterfoil.model import TABLES
from counterfoil.plan import Entry, Removal, State
from counterfoil.ports import Schema, TableMapping
from counterfoil.store import Tx, destinations, mirror, rows
from counterfoil.store.connections import Problem
from counterfoil.store.destinations import Destination, Selection, Target
from counterfoil.sync.automatch import Proposal, propose
from counterfoil.sync.batch import CHUNK, Place, best_of_each, select
from counterfoil.sync.conflicts import Conflict, MappingRefused, find_conflicts, table_of
from counterfoil.sync.doors import Doors
from counterfoil.sync.edits import Consequence, Draft, Edit, consequence, draft, selects_anew
from counterfoil.sync.intake import Intake
from counterfoil.sync.permissions import REMOVED, Fate, fate_of, to_end
from counterfoil.sync.preview import TablePreview, preview
from counterfoil.sync.schedule import next_time
from counterfoil.sync.steps import DestinationEvent

_NOWHERE: Final = Schema(())
CHANGED: Final = "app/mapping.changed"


@dataclass(frozen=True, slots=True)
class TableState:
    """One of our tables at a destination: where it goes, and how many of its rows stand there."""

    table: str
    enabled: bool
    mapping: TableMapping
    standing: int
    refused: int
    deleted_there: int  # rows that the user deleted: they can be brought back
    problem: Problem | None


@dataclass(frozen=True, slots=True)
class Overview:
    """A destination with all that was chosen for it. `accounts` are those that can be chosen: key -> name."""

    destination: Destination
    tables: tuple[TableState, ...]
    accounts: Mapping[str, str]
    event_id: str | None = None  # after a change: the event that has it carried out, where there is anything to do


@dataclass(frozen=True, slots=True)
class Trial:
    """What an edit would do: what stands in its way (then nothing else is told), else what each table would see."""

    conflicts: tuple[Conflict, ...]
    tables: tuple[TablePreview, ...]
    mappings: tuple[TableMapping, ...]


class Arrangements:
    """The acts on destinations; every one is about a workspace's own destination, else it raises `NotThere`."""

    def __init__(self, doors: Doors, engine: Engine[Any]) -> None:
        self._doors = doors
        self._engine = engine
        self._intake = Intake(doors, engine)

    async def add(
        self,
        workspace_id: str,
        kind: str,
        settings: BaseModel,
        *,
        selection: Selection | None = None,
        tables: Sequence[str] = tuple(TABLES),
        start: bool = True,
    ) -> Destination:
        """Prove a credential and store it with the default mapping; without `start` it stays paused until `resume`.

        Raises what the connector raises; `BadRequest` for tables and schedules that cannot be.
        """
        return await self._intake.add_destination(
            workspace_id, kind, settings, selection=selection, tables=tables, start=start
        )

    async def show(self, workspace_id: str, destination_id: str) -> Overview:
        """Give all that is stored about a destination; the vendor is not asked."""
        return await self._doors.db.read(_overview, workspace_id, destination_id)

    async def describe(self, workspace_id: str, destination_id: str) -> Schema:
        """Read the user's tables and fields as they are now."""
        destination = await self._doors.db.read(destinations.find, workspace_id, destination_id)
        return await (await self._doors.destination(destination)).describe()

    async def propose(self, workspace_id: str, destination_id: str, tables: Sequence[str] = tuple(TABLES)) -> Proposal:
        """Match our tables and columns with the user's as they are now; nothing is stored."""
        destination = await self._doors.db.read(destinations.find, workspace_id, destination_id)
        spec = self._doors.destination_spec(destination.kind)
        schema = await (await self._doors.destination(destination)).describe()
        removal = destination.selection.removal
        return propose(schema, tables, can_create=spec.can_create_tables, removal=removal)

    async def preview(self, workspace_id: str, destination_id: str, edit: Edit | None = None) -> Trial:
        """Say what the next sync would do, if the edit were saved. Nothing is stored, marked or written."""
        destination = await self._doors.db.read(destinations.find, workspace_id, destination_id)
        door = await self._doors.destination(destination)
        schema = await door.describe()
        targets, made, conflicts = await self._doors.db.read(self._draft, destination, edit or Edit(), schema)
        mappings = tuple(made.enabled())
        if conflicts:
            return Trial(tuple(conflicts), (), mappings)
        asked = _consequences(destination, targets, made)
        told = await preview(self._doors.db, door, destination, targets, made, asked)
        return Trial((), tuple(told), mappings)

    async def save(self, workspace_id: str, destination_id: str, edit: Edit) -> Overview:
        """Keep an edit and have its consequences carried out: what differs, and nothing else.


        The place is looked at first where tables or fields are concerned. Raises `MappingRefused`, which names all
        that stands in the way, and `BadRequest`; then nothing is kept.
        """
        destination = await self._doors.db.read(destinations.find, workspace_id, destination_id)
        looks = bool(edit.tables) or edit.selection.removal is Removal.MARK
        schema = await (await self._doors.destination(destination)).describe() if looks else _NOWHERE
        event_id = None
        changed = await self._doors.db.run(self._save, workspace_id, destination_id, edit, schema)
        if changed and destination.state != "paused":  # when it goes on, it is brought up to date anyway
            event_id = await self._intake.request_destination_sync(destination_id, CHANGED)
        return replace(await self.show(workspace_id, destination_id), event_id=event_id)

    def _draft(
        self, tx: Tx, destination: Destination, edit: Edit, schema: Schema
    ) -> tuple[Mapping[str, Target], Draft, list[Conflict]]:
        targets = destinations.targets(tx, destination.id)
        can_create = self._doors.destination_spec(destination.kind).can_create_tables
        accounts = rows.titles_of(tx, destination.workspace_id, "accounts")
        made = draft(edit, targets, destination.selection, schema=schema, can_create=can_create, accounts=accounts)
        _next_time(made.selection)  # raises where the schedule cannot be
        if schema is _NOWHERE:
            return targets, made, []
        found = [*made.refused, *_moved_keys(tx, destination.id, targets, made)]
        ids = {name: way.mapping.table_id for name, way in made.ways.items() if way.mapping.table_id}
        ids |= {one.table: there.id for one in made.enabled() if (there := table_of(one, schema)) is not None}
        conflicts = find_conflicts(made.enabled(), schema, can_create=can_create, ids=ids)
        return targets, made, found + [one for one in conflicts if one.table in made.touched or not edit.tables]

    def _save(self, tx: Tx, workspace_id: str, destination_id: str, edit: Edit, schema: Schema) -> bool:
        destination = destinations.find(tx, workspace_id, destination_id)
        targets, made, conflicts = self._draft(tx, destination, edit, schema)
        if conflicts:
            raise MappingRefused(conflicts)
        return _keep(tx, destination, targets, made)

    async def reconcile(self, workspace_id: str, destination_id: str) -> str:
        """Have the destination read in full and put right; give the event's id."""
        return await self._request(workspace_id, destination_id, "app/reconcile.requested")

    async def sync(self, workspace_id: str, destination_id: str) -> str:
        """Have the destination brought up to date, and its connections asked for news; give the event's id."""
        return await self._request(workspace_id, destination_id, "app/destination.sync.requested")

    async def restore(
        self,
        workspace_id: str,
        destination_id: str,
        *,
        tables: Sequence[str] | None = None,
        keys: Sequence[str] | None = None,
    ) -> int:
        """Bring back rows that the user deleted there, all or some of them; give how many.

        A row is looked for by its id before it is made: the user may have brought it back already.
        """
        await self._doors.db.read(destinations.find, workspace_id, destination_id)
        count = await self._doors.db.run(_restore, workspace_id, destination_id, tables, keys)
        return await self._wanted(destination_id, count, "app/rows.restored")

    async def retry(self, workspace_id: str, destination_id: str, *, tables: Sequence[str] | None = None) -> int:
        """Have the rows that the destination refused tried again; give how many."""
        await self._doors.db.read(destinations.find, workspace_id, destination_id)
        count = await self._doors.db.run(mirror.try_again, destination_id, tables)
        return await self._wanted(destination_id, count, "app/rows.retried")

    async def _wanted(self, destination_id: str, count: int, event: str) -> int:
        if count:
            await self._intake.request_destination_sync(destination_id, event)
        return count

    async def pause(self, workspace_id: str, destination_id: str) -> None:
        """Write nothing there until `resume`; a sync that is at work stops after its batch."""
        await self._doors.db.run(_set_state, workspace_id, destination_id, "paused")

    async def resume(self, workspace_id: str, destination_id: str) -> str:
        """Go on: everything that changed meanwhile is written. Gives the event's id."""
        await self._doors.db.run(_set_state, workspace_id, destination_id, "active")
        return await self._intake.request_destination_sync(destination_id, "app/destination.repaired")

    async def fate(self, workspace_id: str, destination_id: str) -> Fate:
        """Say what becomes at the vendor of what the user allowed there, when the destination is removed."""
        return await self._doors.db.read(_fate, self._doors, workspace_id, destination_id)

    async def remove(self, workspace_id: str, destination_id: str) -> None:
        """Forget the destination with its credential, mapping and mirror; what stands there stays, the user's own.

        What the user allowed on the vendor's page is ended there, where that can be; nothing waits for it.
        """
        for removed, event_id in await self._doors.db.run(_remove, self._doors, workspace_id, destination_id):
            await self._engine.send(Event(REMOVED, DestinationEvent(removed), id=event_id))

    async def _request(self, workspace_id: str, destination_id: str, event: str) -> str:
        await self._doors.db.read(destinations.find, workspace_id, destination_id)
        return await self._intake.request_destination_sync(destination_id, event)


def _overview(tx: Tx, workspace_id: str, destination_id: str) -> Overview:
    destination = destinations.find(tx, workspace_id, destination_id)
    counts = mirror.counts(tx, destination_id)
    targets = destinations.targets(tx, destination_id)
    tables = tuple(
        TableState(
            table,
            target.enabled,
            target.mapping,
            counts.get((table, State.SYNCED), 0),
            counts.get((table, State.REJECTED), 0),
            counts.get((table, State.TOMBSTONE), 0),
            target.problem,
        )
        for table in TABLES
        if (target := targets.get(table)) is not None
    )
    return Overview(destination, tables, rows.titles_of(tx, workspace_id, "accounts"))


def _consequences(destination: Destination, targets: Mapping[str, Target], made: Draft) -> dict[str, Consequence]:
    every = selects_anew(destination.selection, made.selection)
    found = {
        table: consequence(targets.get(table), way.mapping, enabled=way.enabled) for table, way in made.ways.items()
    }
    return {table: replace(what, compare=what.compare or every) for table, what in found.items()}


def _keep(tx: Tx, destination: Destination, targets: Mapping[str, Target], made: Draft) -> bool:
    """Keep a draft; give whether a sync must follow: after any change, since one that is at work stops for it."""
    selection, before = made.selection, destination.selection
    if selection != before:
        destinations.save_selection(tx, destination.id, selection)
    if (selection.schedule, selection.timezone) != (before.schedule, before.timezone):
        destinations.set_due(tx, destination.id, _next_time(selection))
    needed = False
    for table, what in _consequences(destination, targets, made).items():
        way, target = made.ways[table], targets.get(table)
        if not what and target is not None and (target.mapping, target.enabled) == (way.mapping, way.enabled):
            continue
        needed = needed or way.enabled
        if what.anew:
            mirror.forget_table(tx, destination.id, table)
        destinations.change_target(
            tx,
            destination.id,
            way.mapping,
            enabled=way.enabled,
            prepare=what.prepare,
            compare=what.compare,
            look_back=what.look_back,
        )
    return needed


def _next_time(selection: Selection) -> dt.datetime | None:
    if selection.schedule is None:
        return None
    return next_time(selection.schedule, selection.timezone, dt.datetime.now(dt.UTC))


def _moved_keys(tx: Tx, destination_id: str, targets: Mapping[str, Target], made: Draft) -> list[Conflict]:
    """Our rows are known by the field that holds their ids: it cannot change while rows stand there."""
    moved = [
        (table, way.mapping.label)
        for table, way in made.ways.items()
        if (target := targets.get(table)) is not None
        and target.mapping.table_id == way.mapping.table_id
        and target.mapping.key_field.field_id != way.mapping.key_field.field_id
    ]
    counts = mirror.counts(tx, destination_id) if moved else {}
    return [
        Conflict(
            "key_moved",
            table,
            "key",
            f"The ids of {label} cannot go to another field while rows stand there.",
            "Map the table to another table of yours, or leave the field of the ids as it is.",
        )
        for table, label in moved
        if counts.get((table, State.SYNCED), 0)
    ]


def _restore(
    tx: Tx, workspace_id: str, destination_id: str, tables: Sequence[str] | None, keys: Sequence[str] | None
) -> int:
    destination = destinations.get(tx, destination_id)
    targets = destinations.targets(tx, destination_id)
    restored: dict[str, int] = {}
    for table, target in targets.items():
        if tables is None or table in tables:
            place = Place(workspace_id, destination_id, destination.selection, target)
            restored[table] = _restore_table(tx, place, keys)
    for target in targets.values():
        if any(restored.get(mapped.to or "") for mapped in target.mapping.fields):
            # Rows that pointed to a deleted row by its name point to the new row again.
            destinations.change_target(tx, destination_id, target.mapping, enabled=target.enabled, compare=True)
    return sum(restored.values())


def _restore_table(tx: Tx, place: Place, keys: Sequence[str] | None) -> int:
    count = 0
    after: str | None = ""
    while after is not None:
        buried = mirror.keys_in(tx, place.destination_id, place.table, State.TOMBSTONE, after=after, limit=CHUNK)
        after = buried[-1] if len(buried) == CHUNK else None
        asked = [key for key in buried if keys is None or key in keys]
        found = best_of_each(tx, place, rows.by_keys(tx, place.workspace_id, place.table, asked))
        wanted = [row.key for _, row in found if select(row, place.table, place.selection).wanted]
        mirror.save(tx, place.destination_id, place.table, [Entry(key, State.IN_FLIGHT) for key in wanted])
        count += len(wanted)
    return count


def _set_state(tx: Tx, workspace_id: str, destination_id: str, state: str) -> None:
    destinations.find(tx, workspace_id, destination_id)
    destinations.set_state(tx, destination_id, state)


def _fate(tx: Tx, doors: Doors, workspace_id: str, destination_id: str) -> Fate:
    return fate_of(tx, doors, destinations.find(tx, workspace_id, destination_id))


def _remove(tx: Tx, doors: Doors, workspace_id: str, destination_id: str) -> list[tuple[str, str]]:
    fate = _fate(tx, doors, workspace_id, destination_id)
    destinations.remove(tx, destination_id, keeps_credential=fate is Fate.ENDS)
    return to_end(tx, destination_id)
