"""The history of transactions: when each arrived, what has changed since, and who changed it."""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from counterfoil.lib.ids import new_id
from counterfoil.model import TABLES, Record, columns
from counterfoil.store import schema
from counterfoil.store.schema import changes, landings

TABLE: Final = "transactions"
BANK: Final = "bank"  # a cause: the provider told
YOU: Final = "you"  # a cause: a person said so here
REMOVED: Final = "removed"  # the column that says whether the provider has taken a row back
_CHUNK: Final = 500  # keys in one IN list
_rows: Final = schema.rows[TABLE]
_encode: Final = msgspec.json.Encoder(decimal_format="string").encode
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
            "cells": _encode(one.cells).decode(),
            "at": now,
        }
        for one in noted
        if one.cells
    ]
    if values:
        tx.execute(changes.insert(), values)


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
    shown = [name for name in columns(TABLE) if name in TABLES[TABLE].__struct_fields__]
    for version, record in told:
        row = was.get((connection_id, record.key))
        if row is not None:
            yield patched(row, version, {name: getattr(record, name) for name in shown})


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
