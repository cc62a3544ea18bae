"""What to do to a destination table, decided from our rows, the mirror and the mapping. Pure."""

import datetime as dt
import enum
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import lru_cache
from hashlib import blake2b
from typing import Final

from counterfoil.model import Kind, Writes
from counterfoil.money import plain
from counterfoil.ports import (
    Act,
    Cell,
    Change,
    FieldMapping,
    Gone,
    Link,
    Outcome,
    Rejected,
    TableMapping,
    Undecided,
    Written,
)

REMOVED: Final = "removed"  # the flag column of tables whose removed rows are marked
THEIRS: Final = b"*"  # in place of a fingerprint: the user's value, compared only once the field is ours
UNSURE: Final = b"?"  # in place of a fingerprint: a write of unknown fate, or a value known to differ


class State(enum.Enum):
    """What the mirror believes of a row."""

    SYNCED = "synced"
    IN_FLIGHT = "in_flight"  # a creation or update left and its fate is unknown
    LEAVING = "leaving"  # a deletion left and its fate is unknown
    TOMBSTONE = "tombstone"  # the user deleted the row: it stays deleted until they ask for it back
    REJECTED = "rejected"  # the destination refused it; tried again when the row changes
    KEPT = "kept"  # removed at the provider, left standing by the user's choice


UNKNOWN: Final = frozenset({State.IN_FLIGHT, State.LEAVING})


class Removal(enum.Enum):
    """What a provider's removal does to the row at the destination."""

    DELETE = "delete"
    MARK = "mark"
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class Row:
    """A canonical row as the plan sees it. Cells of LINK columns hold the key of the row pointed to."""

    key: str
    version: int
    cells: Mapping[str, Cell]
    wanted: bool = True  # False: removed at the provider, or outside the user's selection
    replaces: str | None = None
    replaced_by: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """What the mirror holds of one row: where it stands, and by the user's field id the fingerprint last written there.

    By field and not by column: a column that is mapped to another field has never been written there.
    """

    key: str
    state: State
    remote_id: str | None = None
    prints: Mapping[str, bytes] = field(default_factory=dict)
    was_key: str | None = None  # the id field may still hold this
    again: bool = False  # plan this row next time although nothing changed (a link could not be resolved yet)
    reason: str | None = None  # why it was rejected


@dataclass(frozen=True, slots=True)
class Planned:
    """A change, with the mirror entry to commit before it leaves and the one to commit when it holds.

    `old_key` names the entry that `before` takes the place of, where that is another key.
    """

    change: Change
    before: Entry
    after: Entry | None  # None: the row is gone
    old_key: str | None = None


# (canonical table, key) -> the link as the destination may write it, and whether it will stay so; False where the row
# pointed to is still expected at the destination.
LinkTo = Callable[[str, str], tuple[Link, bool]]


def plan(
    rows: Iterable[Row], mirror: Mapping[str, Entry], table: TableMapping, *, removal: Removal, link: LinkTo
) -> Iterator[Planned | Entry]:
    """Decide what to do about each row, in the order given.

    Yields a `Planned` for each change, and a bare `Entry` where only the mirror must be corrected. The mirror must hold
    the entries of the rows' keys and of the keys they replace. Rows that already stand as they should yield nothing.
    """
    for row in rows:
        if row.replaced_by is not None:
            continue  # its place, whatever is known of it, is the successor's to plan
        entry, old_key = _entry_of(row, mirror)
        marked = removal is Removal.MARK and entry is not None and entry.remote_id is not None
        if row.wanted or marked or _unknown_creation(entry):
            leave_later = not row.wanted and removal is not Removal.MARK
            yield from _keep_up(row, entry, old_key, table, link, leave_later)
        elif entry is not None:
            yield from _take_away(entry, removal, old_key)


def _entry_of(row: Row, mirror: Mapping[str, Entry]) -> tuple[Entry | None, str | None]:
    """Find the row's entry; a posted transaction finds the one of the pending row it replaces."""
    entry = mirror.get(row.key)
    if entry is not None or row.replaces is None:
        return entry, None
    old = mirror.get(row.replaces)
    if old is None:
        return None, None
    return replace(old, key=row.key, was_key=old.was_key or old.key), old.key


def _unknown_creation(entry: Entry | None) -> bool:
    # It may or may not stand there. Writing it settles that, and the next plan takes it away.
    return entry is not None and entry.state is State.IN_FLIGHT and entry.remote_id is None


def _keep_up(
    row: Row, entry: Entry | None, old_key: str | None, table: TableMapping, link: LinkTo, leave_later: bool
) -> Iterator[Planned | Entry]:
    if entry is not None and entry.state is State.TOMBSTONE:
        if old_key is not None:
            yield replace(entry, was_key=None)
        return
    cells, unresolved = _cells(row, table.fields, link)
    prints = {f.field_id: fingerprint(cells[f.column]) for f in table.fields}
    again = unresolved or leave_later
    if entry is None or entry.remote_id is None or entry.state is State.LEAVING:
        doubtful = entry is not None and entry.state in UNKNOWN
        was_key = entry.was_key if entry else None
        change = Change(Act.CREATE, row.key, None, cells, was_key, doubtful)
        before = Entry(row.key, State.IN_FLIGHT, was_key=was_key)
        yield Planned(change, before, Entry(row.key, State.SYNCED, None, prints, again=again), old_key)
        return
    changed = [f for f in table.fields if _differs(f, entry.prints.get(f.field_id), prints[f.field_id])]
    if changed or entry.was_key is not None:
        change = Change(
            Act.UPDATE, row.key, entry.remote_id, {f.column: cells[f.column] for f in changed}, entry.was_key
        )
        unsure = {**entry.prints} | {f.field_id: UNSURE for f in changed}
        before = Entry(row.key, State.IN_FLIGHT, entry.remote_id, unsure, entry.was_key)
        written = {**entry.prints} | {f.field_id: prints[f.field_id] for f in changed}
        yield Planned(change, before, Entry(row.key, State.SYNCED, entry.remote_id, written, again=again), old_key)
    elif entry.state is not State.SYNCED or entry.again != again:
        yield Entry(row.key, State.SYNCED, entry.remote_id, entry.prints, again=again)


def _take_away(entry: Entry, removal: Removal, old_key: str | None) -> Iterator[Planned | Entry]:
    if entry.state is State.TOMBSTONE:
        return
    if entry.state is State.KEPT and not entry.again and (removal is Removal.KEEP or entry.remote_id is None):
        return
    if entry.remote_id is None or removal is Removal.KEEP:
        yield replace(entry, state=State.KEPT, again=False)
        return
    change = Change(Act.DELETE, entry.key, entry.remote_id, {}, entry.was_key)
    yield Planned(change, replace(entry, state=State.LEAVING), None, old_key)


def _differs(mapped: FieldMapping, written: bytes | None, wanted: bytes) -> bool:
    if written is None:
        # Mapped later. Where there is nothing to say nothing is written: a sparse column costs its filled cells only.
        return wanted != (_NOT_REMOVED if mapped.column == REMOVED else _EMPTY)
    return written == UNSURE or (mapped.writes is Writes.ALWAYS and written != wanted)


def _cells(row: Row, fields: Iterable[FieldMapping], link: LinkTo) -> tuple[dict[str, Cell], bool]:
    """Give the cells to write and whether some link has no row at the destination yet."""
    cells: dict[str, Cell] = {}
    unresolved = False
    for mapped in fields:
        if mapped.column == REMOVED:
            cells[REMOVED] = not row.wanted
            continue
        cell = row.cells.get(mapped.column)
        if mapped.kind is Kind.LINK and isinstance(cell, str) and mapped.to is not None:
            cell, stays = link(mapped.to, cell)
            unresolved = unresolved or (mapped.to_table_id is not None and not stays)
        cells[mapped.column] = cell
    return cells, unresolved


def settle(planned: Planned, outcome: Outcome) -> Entry | None:
    """Give the mirror entry that an outcome leaves behind, None where the row is gone for good."""
    match outcome:
        case Written(_, remote_id):
            return None if planned.after is None else replace(planned.after, remote_id=remote_id)
        case Gone():
            return Entry(planned.before.key, State.TOMBSTONE)
        case Rejected(_, reason):
            before = planned.before
            return replace(before, state=State.REJECTED, reason=reason, again=False)
        case Undecided():
            return planned.before


def adopt(key: str, remote_id: str, table: TableMapping) -> Entry:
    """Give the entry of a row that stood there before us: ours to keep up to date, `once` fields theirs."""
    prints = {f.field_id: THEIRS if f.writes is Writes.ONCE else UNSURE for f in table.fields}
    return Entry(key, State.SYNCED, remote_id, prints)


def fingerprint(cell: Cell) -> bytes:
    """Give eight bytes that differ where the cell differs; equal amounts are equal however they are written."""
    if cell is None or cell == "":
        return b""
    match cell:
        case str():
            return _digest("s" + cell)
        case bool():
            return _digest("t" if cell else "f")
        case Decimal():
            return _digest("n" + plain(cell))
        case dt.datetime():
            return _digest("m" + cell.astimezone(dt.UTC).isoformat())
        case dt.date():
            return _digest("d" + cell.isoformat())
        case Link():
            return _digest(f"l{cell.key}\0{cell.remote_id}" if cell.remote_id else f"l{cell.key}\0\0{cell.name}")


@lru_cache(maxsize=8192)  # the same few currencies, days, names and links stand in most rows
def _digest(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()


_EMPTY: Final = fingerprint(None)
_NOT_REMOVED: Final = fingerprint(False)
