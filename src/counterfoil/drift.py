"""How a destination differs from what we believe it holds, decided from a full reading. Pure."""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Context, Decimal
from typing import Final

from counterfoil.model import Writes
from counterfoil.plan import UNSURE, Entry, Row, State, adopt, fingerprint
from counterfoil.ports import Cell, FieldMapping, Link, RemoteRow, TableMapping

_DOUBLE: Final = Context(prec=15)  # digits that survive a destination's floating-point cells
_EMPTY: Final = (None, "", False)  # destinations do not tell an unticked box or an empty text from nothing
_COARSE: Final = dt.timedelta(minutes=1)  # some destinations keep minutes


@dataclass(slots=True)
class Drift:
    """What a reading has found."""

    read: int = 0  # rows, those included that are not ours
    altered: int = 0  # cells of ours that somebody changed: they are written again
    deleted: int = 0  # rows the user deleted: they stay deleted
    adopted: int = 0  # rows with an id of ours that we did not know of
    moved: int = 0  # rows that stand under another remote id than we believed
    doubled: list[str] = field(default_factory=list)  # keys that stand more than once; the first is kept up to date


class Comparison:
    """Compares a destination's rows with the mirror and with ours, as they are read: no more than a part at a time.

    The entries that come back are to be saved; those marked `again` are planned anew.
    """

    def __init__(self, table: TableMapping) -> None:
        self.drift = Drift()
        self._table = table
        self._seen: set[str] = set()
        self._strange: dict[str, tuple[RemoteRow, Entry, Row | None]] = {}  # under another remote id than we believed

    def look(
        self, remote: Iterable[RemoteRow], mirror: Mapping[str, Entry], rows: Mapping[str, Row]
    ) -> Iterator[Entry]:
        """Compare some of the rows; `mirror` and `rows` (by key, links resolved) hold what we know of their keys."""
        for there in remote:
            self.drift.read += 1
            if not there.key:
                continue
            entry, ours = mirror.get(there.key), rows.get(there.key)
            expected = entry is None or entry.remote_id in (None, there.remote_id)
            if there.key in self._seen:
                self.drift.doubled.append(there.key)
                if not expected or self._strange.pop(there.key, None) is None:
                    continue
            self._seen.add(there.key)
            if entry is None or expected:
                yield from self._look_at(there, entry, ours)
            else:
                self._strange[there.key] = (there, entry, ours)  # the one that we know may still come

    def finish(self, synced: Iterable[str]) -> Iterator[Entry]:
        """Compare what is left, when all has been read; `synced` are the keys that we believed to stand there."""
        for there, entry, ours in self._strange.values():
            yield from self._look_at(there, entry, ours)
        for key in synced:
            if key not in self._seen:
                self.drift.deleted += 1
                yield Entry(key, State.TOMBSTONE)

    def _look_at(self, there: RemoteRow, entry: Entry | None, ours: Row | None) -> Iterator[Entry]:
        assert there.key is not None
        if entry is None or entry.remote_id is None:
            if entry is None or (entry.state is State.TOMBSTONE and ours is not None):
                self.drift.adopted += ours is not None
                yield _adopted(there, ours, self._table)
            return
        if entry.state is not State.SYNCED or ours is None:
            return
        altered = {f.field_id for f in _comparable(self._table, there, ours) if not _same(*_both(f, there, ours))}
        moved = entry.remote_id != there.remote_id
        if altered or moved:
            self.drift.altered += len(altered)
            self.drift.moved += moved
            prints = {**entry.prints} | dict.fromkeys(altered, UNSURE)
            yield replace(entry, remote_id=there.remote_id, prints=prints, again=True)


def _adopted(there: RemoteRow, ours: Row | None, table: TableMapping) -> Entry:
    """Give the entry of a row that stood there before us; a field that holds our value already is not written again."""
    assert there.key is not None
    entry = adopt(there.key, there.remote_id, table)
    if ours is None:
        return entry
    standing = {
        f.field_id: fingerprint(ours.cells[f.column])
        for f in _comparable(table, there, ours)
        if _equal(*_both(f, there, ours))
    }
    return replace(entry, prints={**entry.prints} | standing, again=True)


def _comparable(table: TableMapping, there: RemoteRow, ours: Row) -> list[FieldMapping]:
    return [f for f in table.fields if f.writes is Writes.ALWAYS and f.column in ours.cells and f.column in there.cells]


def _both(mapped: FieldMapping, there: RemoteRow, ours: Row) -> tuple[Cell, Cell]:
    return ours.cells[mapped.column], there.cells[mapped.column]


def _equal(ours: Cell, theirs: Cell) -> bool:
    """Say whether a cell that we never wrote surely holds our value."""
    if isinstance(ours, Link) and isinstance(theirs, Link):
        return ours.remote_id is not None and ours.remote_id == theirs.remote_id
    return (type(ours) is type(theirs) or ours in (None, "")) and _same(ours, theirs)


def _same(ours: Cell, theirs: Cell) -> bool:
    """Say whether a cell read back is what we wrote, as far as a destination can keep it."""
    if ours in _EMPTY or theirs in _EMPTY:
        return ours in _EMPTY and theirs in _EMPTY
    if isinstance(ours, Link) and isinstance(theirs, Link):
        return _same_link(ours, theirs)
    if isinstance(ours, Decimal) and isinstance(theirs, Decimal):
        return _DOUBLE.plus(ours) == _DOUBLE.plus(theirs)
    if isinstance(ours, dt.datetime) and isinstance(theirs, dt.datetime):
        return abs(ours.astimezone(dt.UTC) - theirs.astimezone(dt.UTC)) < _COARSE
    return ours == theirs or type(ours) is not type(theirs)


def _same_link(ours: Link, theirs: Link) -> bool:
    if theirs.remote_id and ours.remote_id:
        return theirs.remote_id == ours.remote_id
    return not theirs.name or not ours.name or theirs.name == ours.name
