"""The mirror: what we believe each destination holds."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from counterfoil.plan import UNKNOWN, UNSURE, Entry, State
from counterfoil.store.schema import mirror
from counterfoil.store.schema.story import not_standing

_CHUNK: Final = 500
_decode: Final = msgspec.msgpack.Decoder(dict[str, bytes]).decode
_encode: Final = msgspec.msgpack.encode


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that the destination refuses, with its reason."""

    table: str
    key: str
    reason: str


def _place(destination_id: str, table: str) -> sa.ColumnElement[bool]:
    return (mirror.c.destination_id == destination_id) & (mirror.c.name == table)


def entries(tx: sa.Connection, destination_id: str, table: str, keys: Sequence[str]) -> dict[str, Entry]:
    """Give the entries of those keys."""
    found: dict[str, Entry] = {}
    for start in range(0, len(keys), _CHUNK):
        query = sa.select(mirror).where(_place(destination_id, table), mirror.c.key.in_(keys[start : start + _CHUNK]))
        found.update((row["key"], _entry(row)) for row in tx.execute(query).mappings())
    return found


def everywhere(tx: sa.Connection, destination_ids: Sequence[str], table: str, key: str) -> dict[str, Entry]:
    """Give the entries of one row by destination."""
    here = mirror.c.destination_id.in_(destination_ids) & (mirror.c.name == table) & (mirror.c.key == key)
    return {row["destination_id"]: _entry(row) for row in tx.execute(sa.select(mirror).where(here)).mappings()}


def standing(tx: sa.Connection, destination_id: str) -> int:
    """Count the rows that stand at a destination as far as we know."""
    query = sa.select(sa.func.count()).select_from(mirror)
    stands = (mirror.c.destination_id == destination_id) & (mirror.c.state == State.SYNCED.value)
    return tx.execute(query.where(stands)).scalar_one()


def open_keys(tx: sa.Connection, destination_id: str, table: str, *, after: str, limit: int) -> list[str]:
    """Give keys past `after` that must be planned although no row has changed: fate unknown, or waiting for a link."""
    query = sa.select(mirror.c.key).where(
        _place(destination_id, table), mirror.c.open.is_not(None), mirror.c.key > after
    )
    return list(tx.execute(query.order_by(mirror.c.key).limit(limit)).scalars())


def save(tx: sa.Connection, destination_id: str, table: str, saved: Iterable[Entry], gone: Iterable[str] = ()) -> None:
    """Put entries in place and drop the ones of `gone` keys, all in the caller's transaction."""
    dropped = list(gone)
    if dropped:
        tx.execute(
            sa.delete(mirror).where(_place(destination_id, table), mirror.c.key == sa.bindparam("gone_key")),
            [{"gone_key": key} for key in dropped],
        )
    values = [_values(destination_id, table, entry) for entry in saved]
    if values:
        tx.execute(_UPSERTS[tx.dialect.name], values)


def forget(tx: sa.Connection, destination_id: str, table: str, states: Sequence[State]) -> int:
    """Drop the entries in those states, so that the next plan starts anew with them; give how many."""
    doomed = sa.delete(mirror).where(_place(destination_id, table), mirror.c.state.in_([s.value for s in states]))
    return tx.execute(doomed).rowcount


def forget_table(tx: sa.Connection, destination_id: str, table: str) -> None:
    """Drop all entries of a table: its rows go to another of the user's tables from now on."""
    tx.execute(sa.delete(mirror).where(_place(destination_id, table)))


def synced_keys(tx: sa.Connection, destination_id: str, table: str) -> Iterator[str]:
    """Give the keys of the rows that we believe to stand there."""
    query = sa.select(mirror.c.key).where(_place(destination_id, table), mirror.c.state == State.SYNCED.value)
    yield from tx.execute(query).scalars().yield_per(_CHUNK)


def keys_in(
    tx: sa.Connection, destination_id: str, table: str, state: State, *, after: str = "", limit: int
) -> list[str]:
    """Give keys past `after` in a state."""
    query = sa.select(mirror.c.key).where(_place(destination_id, table), mirror.c.state == state.value)
    return list(tx.execute(query.where(mirror.c.key > after).order_by(mirror.c.key).limit(limit)).scalars())


def try_again(tx: sa.Connection, destination_id: str, tables: Collection[str] | None = None) -> int:
    """Have the rows that the destination refused planned again; give how many."""
    refused = (mirror.c.destination_id == destination_id) & (mirror.c.state == State.REJECTED.value)
    if tables is not None:
        refused &= mirror.c.name.in_(tables)
    return tx.execute(sa.update(mirror).where(refused).values(again=True, open=True)).rowcount


def reclaim(tx: sa.Connection, destination_id: str, table: str, keys: Sequence[str], field_ids: Collection[str]) -> int:
    """Have fields of rows that stand there written once more, although they are the user's; give how many rows."""
    claimed = [
        replace(
            entry, prints={**entry.prints, **dict.fromkeys(entry.prints.keys() & set(field_ids), UNSURE)}, again=True
        )
        for entry in entries(tx, destination_id, table, keys).values()
        if entry.remote_id is not None and entry.state in (State.SYNCED, State.IN_FLIGHT)
    ]
    save(tx, destination_id, table, claimed)
    return len(claimed)


def counts(tx: sa.Connection, destination_id: str) -> dict[tuple[str, State], int]:
    """Count a destination's entries by table and state."""
    its = mirror.c.destination_id == destination_id
    # Two counts that indexes answer alone: all of them, and the few that do not stand there.
    all_ = sa.select(mirror.c.name, sa.func.count()).where(its).group_by(mirror.c.name)
    query = sa.select(mirror.c.name, mirror.c.state, sa.func.count()).where(its, not_standing)
    others = {(name, State(state)): n for name, state, n in tx.execute(query.group_by(mirror.c.name, mirror.c.state))}
    found = {(name, State.SYNCED): n for name, n in tx.execute(all_)}
    for (name, _), number in others.items():
        found[name, State.SYNCED] -= number
    return {place: number for place, number in found.items() if number} | others


def refused(tx: sa.Connection, destination_id: str, limit: int = 1000) -> list[Refused]:
    """Give the rows that a destination refuses now."""
    return refused_page(tx, destination_id, after=None, limit=limit)


def refused_page(tx: sa.Connection, destination_id: str, *, after: tuple[str, str] | None, limit: int) -> list[Refused]:
    """Give the rows that a destination refuses now, from the one that follows the table and key of the last one."""
    query = sa.select(mirror.c.name, mirror.c.key, mirror.c.reason).where(
        mirror.c.destination_id == destination_id, mirror.c.state == State.REJECTED.value, not_standing
    )
    if after is not None:
        table, key = after
        query = query.where((mirror.c.name > table) | ((mirror.c.name == table) & (mirror.c.key > key)))
    found = tx.execute(query.order_by(mirror.c.name, mirror.c.key).limit(limit))
    return [Refused(name, key, reason or "") for name, key, reason in found]


def _upsert(insert: Any) -> Any:
    names = ("state", "remote_id", "prints", "was_key", "again", "open", "reason")
    return insert.on_conflict_do_update(
        index_elements=["destination_id", "name", "key"], set_={name: insert.excluded[name] for name in names}
    )


_UPSERTS: Final = {"sqlite": _upsert(sqlite.insert(mirror)), "postgresql": _upsert(postgresql.insert(mirror))}


def _values(destination_id: str, table: str, entry: Entry) -> dict[str, Any]:
    return {
        "destination_id": destination_id,
        "name": table,
        "key": entry.key,
        "state": entry.state.value,
        "remote_id": entry.remote_id,
        "prints": _encode(dict(entry.prints)),
        "was_key": entry.was_key,
        "again": entry.again,
        "open": True if entry.again or entry.state in UNKNOWN else None,
        "reason": entry.reason,
    }


def _entry(row: sa.RowMapping) -> Entry:
    return Entry(
        key=row["key"],
        state=State(row["state"]),
        remote_id=row["remote_id"],
        prints=_decode(row["prints"]),
        was_key=row["was_key"],
        again=row["again"],
        reason=row["reason"],
    )
