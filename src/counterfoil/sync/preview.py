"""The dry run: what the next sync would do to a destination, planned on stored rows, without a mark or a write."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from counterfoil.drift import Comparison
from counterfoil.model import TABLES, Kind, columns
from counterfoil.plan import Entry, Planned, Row, settle
from counterfoil.ports import Act, Cell, Destination, Link, RemoteRow, TableMapping, Written
from counterfoil.store import Database, Tx, mirror, rows
from counterfoil.store.destinations import Destination as Stored
from counterfoil.store.destinations import Selection, Target
from counterfoil.sync.batch import CHUNK, EntriesOf, Place, best_of_each, decide
from counterfoil.sync.edits import Consequence, Draft
from counterfoil.sync.readback import compare, parts

SAMPLES: Final = 5  # rows shown of each act
_POINTED_AT: Final = frozenset(c.to for table in TABLES for c in columns(table).values() if c.to is not None)
_NEW: Final = "+"  # before the column's name, in place of the id of a field that is still to be made


@dataclass(frozen=True, slots=True)
class Sample:
    """One row as an example: what would be done to it, and the cells that would be written, by label."""

    act: Act
    key: str
    name: str
    cells: Mapping[str, Cell]


@dataclass(slots=True)
class TablePreview:
    """What would happen to one table. `unchanged` counts the rows that were compared and stand as they should."""

    table: str
    label: str
    created: int = 0
    updated: int = 0
    deleted: int = 0
    unchanged: int = 0
    samples: list[Sample] = field(default_factory=list)

    def add(self, row: Row, change: Planned, mapping: TableMapping) -> None:
        """Count one change, and keep it as a sample where there are few of its kind."""
        act = change.change.act
        name = {Act.CREATE: "created", Act.UPDATE: "updated", Act.DELETE: "deleted"}[act]
        count = getattr(self, name) + 1
        setattr(self, name, count)
        if count <= SAMPLES:
            title = next((row.cells.get(c.name) for c in columns(self.table).values() if c.title), None)
            labels = {mapped.column: mapped.label for mapped in mapping.fields}
            cells = {labels[column]: _shown(cell) for column, cell in change.change.cells.items()}
            self.samples.append(Sample(act, row.key, str(title or row.key), cells))


def _shown(cell: Cell) -> Cell:
    return (cell.name or cell.key) if isinstance(cell, Link) else cell


async def preview(
    db: Database,
    door: Destination,
    stored: Stored,
    targets: Mapping[str, Target],
    draft: Draft,
    asked: Mapping[str, Consequence],
) -> list[TablePreview]:
    """Say what the next sync would do if the draft were saved now; `asked` says what of each table it would redo.

    A table of the user's that must be read back first is read, once, as the sync would; nothing else is called.
    """
    settled: dict[str, dict[str, Entry | None]] = {}
    fresh = frozenset(table for table, what in asked.items() if what.anew)
    told: list[TablePreview] = []
    for mapping in draft.enabled():
        what = asked.get(mapping.table, Consequence())
        trial = _Trial(_place(stored, draft.selection, mapping, targets.get(mapping.table), what), fresh, settled)
        await trial.run(db, door, mapping)
        told.append(trial.told)
    return told


def _place(
    stored: Stored, selection: Selection, mapping: TableMapping, target: Target | None, what: Consequence
) -> Place:
    fields = tuple(replace(f, field_id=f.field_id or _NEW + f.column) for f in mapping.fields)
    known = target or Target(stored.id, mapping.table, mapping, True, False, 0, False, 0, None)
    hypothetical = replace(
        known,
        mapping=replace(mapping, fields=fields),
        watermark=0 if what.compare else known.watermark,
        adopted=known.adopted and not what.look_back,
    )
    return Place(stored.workspace_id, stored.id, selection, hypothetical)


class _Trial:
    """Plans one table as it would be, and remembers what is then true of tables that others point to."""

    def __init__(self, place: Place, fresh: frozenset[str], settled: dict[str, dict[str, Entry | None]]) -> None:
        self.told = TablePreview(place.table, place.target.mapping.label)
        self._place = place
        self._fresh = fresh  # tables whose rows would go elsewhere: nothing is known of that place
        self._settled = settled  # canonical table -> key -> as it would stand
        self._settled[place.table] = {}
        self._done: set[str] = set()  # keys that were planned before their turn

    async def run(self, db: Database, door: Destination, mapping: TableMapping) -> None:
        """Plan in the order of a sync: what stands there unknown, what was left open, what has changed."""
        if mapping.table_id and mapping.key_field.field_id and not self._place.target.adopted:
            await self._read(db, door, mapping)
        after: str | None = None if self._place.table in self._fresh else ""
        while after is not None:
            after = await db.read(self._open, after)
        watermark: int | None = self._place.target.watermark
        while watermark is not None:
            watermark = await db.read(self._changed, watermark)

    async def _read(self, db: Database, door: Destination, mapping: TableMapping) -> None:
        new = [f for f in mapping.fields if not f.field_id]
        empty: dict[str, Cell] = {f.column: False if f.kind is Kind.FLAG else None for f in new}
        readable = replace(mapping, fields=tuple(f for f in mapping.fields if f.field_id))
        comparison = Comparison(self._place.target.mapping)
        async for part in parts(door, replace(self._place, target=replace(self._place.target, mapping=readable))):
            whole = [RemoteRow(row.key, row.remote_id, {**row.cells, **empty}) for row in part]
            await db.read(self._part, comparison, whole)
        await db.read(self._rest, comparison)

    def _part(self, tx: Tx, comparison: Comparison, part: Sequence[RemoteRow]) -> None:
        read = compare(tx, self._place, comparison, part, self._entries_of(tx, {}))
        keys = {row.key for row in part if row.key}
        self._keys(tx, sorted(keys - self._done), {entry.key: entry for entry in read})

    def _rest(self, tx: Tx, comparison: Comparison) -> None:
        place, fresh = self._place, self._place.table in self._fresh
        synced = [] if fresh else mirror.synced_keys(tx, place.destination_id, place.table)
        rest = {entry.key: entry for entry in comparison.finish(synced)}
        self._keys(tx, sorted(rest), rest)

    def _open(self, tx: Tx, after: str) -> str | None:
        keys = mirror.open_keys(tx, self._place.destination_id, self._place.table, after=after, limit=CHUNK)
        self._keys(tx, [key for key in keys if key not in self._done], {})
        return keys[-1] if len(keys) == CHUNK else None

    def _keys(self, tx: Tx, keys: Sequence[str], read: Mapping[str, Entry]) -> None:
        for start in range(0, len(keys), CHUNK):
            found = rows.by_keys(tx, self._place.workspace_id, self._place.table, keys[start : start + CHUNK])
            self._rows(tx, best_of_each(tx, self._place, found), read)
        self._done.update(keys)

    def _changed(self, tx: Tx, after: int) -> int | None:
        found = rows.changed(tx, self._place.workspace_id, self._place.table, after=after, limit=CHUNK)
        left = best_of_each(tx, self._place, [row for row in found if row.key not in self._done])
        self._rows(tx, left, {})
        # What another connection brings too comes again; it was counted with the row that counts.
        self._done.update(row.key for version, row in left if row.version != version)
        return found[-1].version if len(found) == CHUNK else None

    def _rows(self, tx: Tx, found: Sequence[tuple[int, Row]], read: Mapping[str, Entry]) -> None:
        by_version, changed = dict(found), 0
        for version, decided in decide(tx, self._place, found, self._entries_of(tx, read)):
            if isinstance(decided, Planned):
                changed += 1
                self.told.add(by_version[version], decided, self._place.target.mapping)
            if self._place.table in _POINTED_AT:
                key, entry = _settled(decided)
                self._settled[self._place.table][key] = entry
        self.told.unchanged += max(0, sum(1 for _, row in found if row.wanted) - changed)

    def _entries_of(self, tx: Tx, read: Mapping[str, Entry]) -> EntriesOf:
        """Give what would stand there: the mirror, under what the trial has decided, under what was just read."""

        def look(table: str, keys: Sequence[str]) -> Mapping[str, Entry]:
            fresh = table in self._fresh
            found = {} if fresh else mirror.entries(tx, self._place.destination_id, table, keys)
            known = self._settled.get(table, {})
            for key in keys:
                entry = read[key] if table == self._place.table and key in read else known.get(key, found.get(key))
                if entry is not None:
                    found[key] = entry
                else:
                    found.pop(key, None)
            return found

        return look


def _settled(decided: Planned | Entry) -> tuple[str, Entry | None]:
    """Give the entry that a decision would leave behind, if all went well."""
    if isinstance(decided, Entry):
        return decided.key, decided
    change = decided.change
    return change.key, settle(decided, Written(change.key, change.remote_id or _NEW + change.key))
