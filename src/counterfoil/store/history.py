"""The history of transactions: when each arrived, what has changed since, and who changed it."""

import datetime as dt
import enum
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from counterfoil.lib.ids import new_id
from counterfoil.model import TABLES, Kind, Record, columns
from counterfoil.store import schema
from counterfoil.store.schema import changes, landings

TABLE: Final = "transactions"
BANK: Final = "bank"  # a cause: the provider told
YOU: Final = "you"  # a cause: a person said so here
REMOVED: Final = "removed"  # the column that says whether the provider has taken a row back
_CHUNK: Final = 500  # keys in one IN list
_GENERATIONS: Final = 10  # rows that took each other's place
_rows: Final = schema.rows[TABLE]
_TOLD: Final = tuple(name for name in columns(TABLE) if name in TABLES[TABLE].__struct_fields__)  # by the provider
_TYPES: Final = {
    Kind.MONEY: Decimal,
    Kind.NUMBER: Decimal,
    Kind.PERCENT: Decimal,
    Kind.DATE: dt.date,
    Kind.TIMESTAMP: dt.datetime,
}
_encode: Final = msgspec.json.Encoder().encode
_Cells = Mapping[str, tuple[Any, Any]]


def by_rule(name: str) -> str:
    """Give the cause of what a rule of that name has changed."""
    return f"rule: {name}"


@dataclass(frozen=True, slots=True)
class Change:
    """What changed about one transaction that was there before: column -> (before, after)."""

    connection_id: str
    key: str
    was_version: int
    version: int
    cells: _Cells


def note(tx: sa.Connection, workspace_id: str, cause: str, noted: Iterable[Change]) -> None:
    """Keep changes of transactions, in the transaction that makes them; one without cells is no change."""
    now = dt.datetime.now(dt.UTC)
    values = [
        {
            "id": new_id(),
            "workspace_id": workspace_id,
            "connection_id": one.connection_id,
            "key": one.key,
            "was_version": one.was_version,
            "version": one.version,
            "cause": cause,
            "cells": _encode({name: (_plain(was), _plain(now)) for name, (was, now) in one.cells.items()}).decode(),
            "at": now,
        }
        for one in noted
        if one.cells
    ]
    if values:
        tx.execute(changes.insert(), values)


def _plain(cell: Any) -> Any:
    return format(cell, "f") if isinstance(cell, Decimal) else cell  # never 1E-7


def note_landing(
    tx: sa.Connection, workspace_id: str, connection_id: str, stream: str | None, versions: tuple[int, int]
) -> None:
    """Keep that the rows of these versions, the first and the last, were landed just now."""
    first, last = versions
    tx.execute(
        landings.insert().values(
            id=new_id(),
            workspace_id=workspace_id,
            connection_id=connection_id,
            stream=stream,
            first_version=first,
            last_version=last,
            at=dt.datetime.now(dt.UTC),
        )
    )


# Rows as they stand before a landing changes them, by connection and key.
Before = Mapping[tuple[str, str], sa.RowMapping]


def before(tx: sa.Connection, table: str, places: Sequence[tuple[str, str]]) -> Before:
    """Read rows, given as (connection, key), that are about to change; nothing for tables without a history."""
    if table != TABLE:
        return {}
    found: dict[tuple[str, str], sa.RowMapping] = {}
    holders = {holder for holder, _ in places}
    for holder in holders:
        keys = [key for of, key in places if of == holder]
        for start in range(0, len(keys), _CHUNK):
            mine = (_rows.c.connection_id == holder) & _rows.c.key.in_(keys[start : start + _CHUNK])
            found.update(((holder, row["key"]), row) for row in tx.execute(_rows.select().where(mine)).mappings())
    return found


def told_anew(was: Before, connection_id: str, told: Iterable[tuple[int, Record]]) -> Iterator[Change]:
    """Compare rows with what the provider tells now, as (new version, row)."""
    for version, record in told:
        row = was.get((connection_id, record.key))
        if row is not None:
            yield patched(row, version, {name: getattr(record, name) for name in _TOLD})


def patched(row: sa.RowMapping, version: int, values: Mapping[str, Any]) -> Change:
    """Compare a row with the new values of some columns; one that was taken back is there again with them."""
    shown = columns(TABLE)
    cells = {name: (row[name], value) for name, value in values.items() if name in shown and row[name] != value}
    if row[REMOVED]:
        cells[REMOVED] = (True, False)
    return Change(row["connection_id"], row["key"], row["version"], version, cells)


def closed(was: Before, gone: Iterable[tuple[str, str, int]]) -> Iterator[Change]:
    """Tell of rows, as (connection, key, new version), that the provider has taken back."""
    for holder, key, version in gone:
        row = was.get((holder, key))
        if row is not None:
            yield Change(holder, key, row["version"], version, {REMOVED: (False, True)})


def forget(tx: sa.Connection, connection_id: str) -> None:
    """Forget the history of a removed connection, except of rows that another connection has taken over."""
    passed_on = _rows.c.removed.is_(False) | _rows.c.replaced_by.is_not(None)
    kept = sa.exists().where(_rows.c.connection_id == connection_id, passed_on)
    same = (_rows.c.key == changes.c.key) & (_rows.c.connection_id == connection_id)
    stays = sa.exists().where(same, passed_on)
    tx.execute(sa.delete(changes).where(changes.c.connection_id == connection_id, ~stays))
    tx.execute(sa.delete(landings).where(landings.c.connection_id == connection_id, ~kept))


class Turn(enum.Enum):
    """What happened to a transaction at one moment."""

    ARRIVED = "arrived"
    POSTED = "posted"  # a pending one came to stand as posted, under another key
    LINKED_ANEW = "linked_anew"  # the bank was connected again, and the row came under another key
    CHANGED = "changed"
    REMOVED = "removed"
    RETURNED = "returned"  # told again after it had been taken back


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a transaction's history; `at` is None where nobody kept when it was."""

    turn: Turn
    at: dt.datetime | None
    cause: str
    cells: _Cells
    pending: bool  # the row as it stood after this


def of_row(tx: sa.Connection, workspace_id: str, connection_id: str, key: str) -> list[Entry]:
    """Give a transaction's history, oldest first, with that of the rows whose place it took."""
    told: list[Entry] = []
    last: sa.RowMapping | None = None
    for row in _line_of(tx, workspace_id, connection_id, key):
        told += _entries(tx, row, last, _noted_of(tx, row))
        last = row
    return told


@dataclass(frozen=True, slots=True)
class _Noted:
    at: dt.datetime
    cause: str
    was_version: int
    cells: _Cells


def _line_of(tx: sa.Connection, workspace_id: str, connection_id: str, key: str) -> list[sa.RowMapping]:
    """Give a row with those whose place it took, oldest first."""
    mine = (_rows.c.connection_id == connection_id) & (_rows.c.key == key)
    line: list[sa.RowMapping] = []
    while len(line) < _GENERATIONS:
        found = tx.execute(_rows.select().where(_rows.c.workspace_id == workspace_id, mine)).mappings().first()
        if found is None:
            break
        line.append(found)
        mine = (_rows.c.key == found["replaces"]) & (_rows.c.replaced_by == found["key"])
        if found["replaces"] is None:
            break
    return line[::-1]


def _noted_of(tx: sa.Connection, row: sa.RowMapping) -> list[_Noted]:
    """Give what changed about a row, oldest first."""
    c = changes.c
    mine = (c.connection_id == row["connection_id"]) & (c.key == row["key"])
    found = tx.execute(sa.select(c.at, c.cause, c.was_version, c.cells).where(mine).order_by(c.id))
    return [_Noted(at, cause, was, _decoded(cells)) for at, cause, was, cells in found]


def _decoded(cells: str) -> _Cells:
    shown = columns(TABLE)
    found: dict[str, tuple[Any, Any]] = {}
    for name, pair in msgspec.json.decode(cells, type=dict[str, tuple[Any, Any]]).items():
        kind = _TYPES.get(shown[name].kind) if name in shown else None
        was, now = (cell if cell is None or kind is None else msgspec.convert(cell, kind) for cell in pair)
        found[name] = (was, now)
    return found


def _unwound(row: sa.RowMapping, noted: Sequence[_Noted]) -> dict[str, Any]:
    """Give the cells of a row as the bank told them first."""
    cells = {name: row[name] for name in _TOLD}
    for one in reversed(noted):
        if one.cause == BANK:
            cells |= {name: was for name, (was, _) in one.cells.items() if name in cells}
    return cells


def _entries(
    tx: sa.Connection, row: sa.RowMapping, last: sa.RowMapping | None, noted: Sequence[_Noted]
) -> Iterator[Entry]:
    first = _unwound(row, noted)
    pending = first["pending"]
    yield Entry(
        _arrival(row, last),
        _landed_at(tx, row["workspace_id"], noted[0].was_version if noted else row["version"]),
        BANK,
        {name: (last[name], cell) for name, cell in first.items() if last[name] != cell} if last else {},
        pending,
    )
    for one in noted:
        pending = one.cells["pending"][1] if "pending" in one.cells else pending
        turn = Turn.CHANGED
        if REMOVED in one.cells:
            turn = Turn.REMOVED if one.cells[REMOVED][1] else Turn.RETURNED
        # What took its place tells that it went on.
        if turn is not Turn.REMOVED or row["replaced_by"] is None:
            yield Entry(turn, one.at, one.cause, {n: pair for n, pair in one.cells.items() if n != REMOVED}, pending)


def _arrival(row: sa.RowMapping, last: sa.RowMapping | None) -> Turn:
    if last is None:
        return Turn.ARRIVED
    return Turn.POSTED if last["connection_id"] == row["connection_id"] else Turn.LINKED_ANEW


def _landed_at(tx: sa.Connection, workspace_id: str, version: int) -> dt.datetime | None:
    """Give when the rows of a version were landed."""
    c = landings.c
    query = sa.select(c.first_version, c.at).where(c.workspace_id == workspace_id, c.last_version >= version)
    found = tx.execute(query.order_by(c.last_version).limit(1)).first()
    return found.at if found is not None and found.first_version <= version else None
