"""How a destination differs from what we believe it holds, decided from a full reading. Pure."""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Context, Decimal
from typing import Final

from counterfoil.model import Writes
from counterfoil.plan import Entry, Row, State, adopt
from counterfoil.ports import Cell, Link, RemoteRow, TableMapping

_DOUBLE: Final = Context(prec=15)  # digits that survive a destination's floating-point cells
_COARSE: Final = dt.timedelta(minutes=1)  # some destinations keep minutes


@dataclass(slots=True)
class Drift:
    """What a reading has found; `entries` are to be saved, and those marked `again` planned anew."""

    entries: list[Entry] = field(default_factory=list)
    altered: int = 0  # cells of ours that somebody changed: they are written again
    deleted: int = 0  # rows the user deleted: they stay deleted
    adopted: int = 0  # rows with an id of ours that we did not know of
    moved: int = 0  # rows that stand under another remote id than we believed
    doubled: list[str] = field(default_factory=list)  # keys that stand more than once; the first is kept up to date


def find(
    remote: Iterable[RemoteRow], mirror: Mapping[str, Entry], rows: Mapping[str, Row], table: TableMapping
) -> Drift:
    """Compare a destination's rows with the mirror and with ours (by key), whose links stand resolved."""
    drift = Drift()
    standing: dict[str, RemoteRow] = {}
    for row in remote:
        if not row.key:
            continue
        if row.key in standing:
            drift.doubled.append(row.key)
            known = mirror.get(row.key)
            if known is None or known.remote_id != row.remote_id:
                continue
        standing[row.key] = row
    for key, there in standing.items():
        _look_at(there, mirror.get(key), rows.get(key), table, drift)
    for key, entry in mirror.items():
        if entry.state is State.SYNCED and key not in standing:
            drift.deleted += 1
            drift.entries.append(Entry(key, State.TOMBSTONE))
    return drift


def _look_at(there: RemoteRow, entry: Entry | None, ours: Row | None, table: TableMapping, drift: Drift) -> None:
    assert there.key is not None
    if entry is None or entry.remote_id is None:
        if ours is not None and (entry is None or entry.state is State.TOMBSTONE):
            drift.adopted += 1
            drift.entries.append(replace(adopt(there.key, there.remote_id, table), again=True))
        return
    if entry.state is not State.SYNCED or ours is None:
        return
    altered = {
        mapped.column
        for mapped in table.fields
        if mapped.writes is Writes.ALWAYS
        and mapped.column in ours.cells
        and mapped.column in there.cells
        and not _same(ours.cells[mapped.column], there.cells[mapped.column])
    }
    moved = entry.remote_id != there.remote_id
    if altered or moved:
        drift.altered += len(altered)
        drift.moved += moved
        prints = {name: value for name, value in entry.prints.items() if name not in altered}
        drift.entries.append(replace(entry, remote_id=there.remote_id, prints=prints, again=True))


def _same(ours: Cell, theirs: Cell) -> bool:
    """Say whether a cell read back is what we wrote, as far as a destination can keep it."""
    if ours in (None, "", False):
        return theirs in (None, "", False)
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
