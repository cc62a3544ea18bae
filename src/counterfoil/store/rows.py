"""Canonical rows: reading them, whole tables and what has changed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import sqlalchemy as sa

from counterfoil.model import TABLES, columns
from counterfoil.plan import Row
from counterfoil.store import said, schema

_CHUNK: Final = 500  # keys in one IN list
_transactions = schema.rows["transactions"]


def changed(tx: sa.Connection, workspace_id: str, table: str, *, after: int, limit: int) -> list[Row]:
    """Give the rows whose version is past `after`, in the order of their versions, at most `limit`."""
    rows = schema.rows[table]
    query = rows.select().where(rows.c.workspace_id == workspace_id, rows.c.version > after)
    return _plan_rows(table, tx.execute(query.order_by(rows.c.version).limit(limit)).mappings())


def by_keys(tx: sa.Connection, workspace_id: str, table: str, keys: Sequence[str]) -> list[Row]:
    """Give the rows of those keys, a live one before a removed one of the same key."""
    rows = schema.rows[table]
    found: list[Row] = []
    for start in range(0, len(keys), _CHUNK):
        query = rows.select().where(rows.c.workspace_id == workspace_id, rows.c.key.in_(keys[start : start + _CHUNK]))
        found += _plan_rows(table, tx.execute(query.order_by(rows.c.removed, rows.c.version.desc())).mappings())
    return found


def keys_between(tx: sa.Connection, workspace_id: str, table: str, first: int, last: int, limit: int) -> dict[str, int]:
    """Give key and version of the rows whose versions are from `first` to `last`, in the order of their versions."""
    rows = schema.rows[table]
    query = sa.select(rows.c.key, rows.c.version).where(
        rows.c.workspace_id == workspace_id, rows.c.version.between(first, last)
    )
    return {row.key: row.version for row in tx.execute(query.order_by(rows.c.version).limit(limit))}


@dataclass(frozen=True, slots=True)
class Stored:
    """One canonical row as it is stored."""

    connection_id: str
    version: int  # raised whenever the row changes
    removed: bool
    record: Mapping[str, Any]  # the key and every column that people see


def page(
    tx: sa.Connection,
    workspace_id: str,
    table: str,
    *,
    after: tuple[str, str] | None,
    limit: int,
    connection_id: str | None = None,
    removed: bool = False,
    hidden: bool = False,
) -> list[Stored]:
    """Give a table's rows by key, from the one that follows the key and connection of the last one seen.

    With `removed`, those that the provider has taken back are among them; with `hidden`, those that are hidden here.
    """
    rows = schema.rows[table]
    query = rows.select().where(rows.c.workspace_id == workspace_id)
    if connection_id is not None:
        query = query.where(rows.c.connection_id == connection_id)
    if not removed:
        query = query.where(rows.c.removed.is_(False))
    if not hidden:
        query = query.where(said.is_shown(table))
    if after is not None:
        key, connection = after
        query = query.where((rows.c.key >= key) & ((rows.c.key > key) | (rows.c.connection_id > connection)))
    names = ("key", *columns(table))
    return [
        Stored(row["connection_id"], row["version"], row["removed"], said.cells(table, row, names))
        for row in tx.execute(query.order_by(rows.c.key, rows.c.connection_id).limit(limit)).mappings()
    ]


def newest_version(tx: sa.Connection, workspace_id: str, table: str) -> int:
    """Give the highest version among a table's rows, 0 where there are none; one look into the index."""
    rows = schema.rows[table]
    newest = tx.execute(sa.select(sa.func.max(rows.c.version)).where(rows.c.workspace_id == workspace_id)).scalar()
    return newest or 0


def shared_keys(tx: sa.Connection, table: str, keys: Sequence[str]) -> set[str]:
    """Give which of the keys more than one connection has brought, be it in another workspace."""
    rows = schema.rows[table]
    shared: set[str] = set()
    for start in range(0, len(keys), _CHUNK):
        query = sa.select(rows.c.key).where(rows.c.key.in_(keys[start : start + _CHUNK]))  # answered by the index alone
        query = query.group_by(rows.c.key).having(sa.func.count() > 1)
        shared.update(tx.execute(query).scalars())
    return shared


def titles(tx: sa.Connection, workspace_id: str, table: str, keys: Sequence[str]) -> dict[str, str]:
    """Give the names of rows by key, for links that are shown by name."""
    rows = schema.rows[table]
    title = next(column.name for column in columns(table).values() if column.title)
    named: dict[str, str] = {}
    for start in range(0, len(keys), _CHUNK):
        query = sa.select(rows.c.key, said.column(table, title)).where(
            rows.c.workspace_id == workspace_id, rows.c.key.in_(keys[start : start + _CHUNK])
        )
        named.update((key, name) for key, name in tx.execute(query))
    return named


def titles_of(tx: sa.Connection, workspace_id: str, table: str) -> dict[str, str]:
    """Give the names of a small table's live rows by key, in the order of the names."""
    rows = schema.rows[table]
    title = next(said.column(table, column.name) for column in columns(table).values() if column.title)
    live = (rows.c.workspace_id == workspace_id) & rows.c.removed.is_(False)
    found = tx.execute(sa.select(rows.c.key, title).where(live).order_by(title))
    return {row.key: row[1] for row in found}


def counts(tx: sa.Connection, workspace_id: str) -> dict[str, int]:
    """Give how many live rows each canonical table holds; a security that two connections bring is one."""
    found = {}
    for table in TABLES:
        c = schema.rows[table].c
        # What belongs to an account comes by one connection only, and an index alone counts it.
        number = sa.func.count() if "account" in c else sa.func.count(c.key.distinct())
        query = sa.select(number).where(c.workspace_id == workspace_id, c.removed.is_(False))
        found[table] = tx.execute(query).scalar_one()
    return found


def amounts(tx: sa.Connection, workspace_id: str) -> list[tuple[str, Decimal]]:
    """Give currency and amount of every live transaction."""
    live = (_transactions.c.workspace_id == workspace_id) & _transactions.c.removed.is_(False)
    return [
        (code, amount)
        for code, amount in tx.execute(sa.select(_transactions.c.currency, _transactions.c.amount).where(live))
    ]


def _plan_rows(table: str, found: Iterable[sa.RowMapping]) -> list[Row]:
    names = list(columns(table))
    return [
        Row(
            key=row["key"],
            version=row["version"],
            cells=said.cells(table, row, names),
            wanted=not row["removed"] and row.get("replaced_by") is None and not row.get("hidden"),
            replaces=row.get("replaces"),
            replaced_by=row.get("replaced_by"),
        )
        for row in found
    ]
