"""What a look at the whole needs, in a handful of queries however many destinations there are."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa

from counterfoil.store.schema import destination_tables, destinations, mirror, rows, syncs


@dataclass(frozen=True, slots=True)
class Way:
    """How far one table that is switched on has come at one destination."""

    destination_id: str
    table: str
    watermark: int
    has_problem: bool


def ways(tx: sa.Connection, workspace_id: str) -> list[Way]:
    """Give every table that is switched on, of every destination."""
    c = destination_tables.c
    query = sa.select(c.destination_id, c.name, c.watermark, c.problem_code.is_not(None))
    query = query.join(destinations, destinations.c.id == c.destination_id)
    return [
        Way(*row) for row in tx.execute(query.where(destinations.c.workspace_id == workspace_id, c.enabled.is_(True)))
    ]


def newest(tx: sa.Connection, workspace_id: str, tables: Iterable[str]) -> dict[str, int]:
    """Give the highest version in each table, by a look into its index."""
    asked = set(tables)
    if not asked:
        return {}
    found = tx.execute(_newest(tuple(name for name in rows if name in asked)), {"workspace": workspace_id})
    return {table: version or 0 for table, version in found}


@cache
def _newest(tables: tuple[str, ...]) -> sa.CompoundSelect[Any]:
    mine: sa.BindParameter[str] = sa.bindparam("workspace")
    looks = [
        sa.select(sa.literal(table), sa.select(sa.func.max(c.version)).where(c.workspace_id == mine).scalar_subquery())
        for table in tables
        for c in (rows[table].c,)
    ]
    return sa.union_all(*looks)


def restless(tx: sa.Connection, workspace_id: str, only: str | None = None) -> list[str]:
    """Give the destinations, or that one, that may have something to do: the others have none, paused ones included.

    Something to do is a table that is still to be prepared, a row past a watermark, or one that was left open.
    """
    c = destination_tables.c
    on = (destinations.c.workspace_id == workspace_id) & destinations.c.state.not_in(["paused", "removed"])
    query = sa.select(c.destination_id, c.name, c.watermark, c.prepared).where(on, c.enabled.is_(True))
    if only is not None:
        query = query.where(destinations.c.id == only)
    there = tx.execute(query.join(destinations, destinations.c.id == c.destination_id)).all()
    latest = newest(tx, workspace_id, {one.name for one in there})
    busy = {one.destination_id for one in there if not one.prepared or latest[one.name] > one.watermark}
    rest = {one.destination_id for one in there} - busy
    left_open = sa.select(mirror.c.destination_id).where(mirror.c.destination_id.in_(rest), mirror.c.open.is_not(None))
    if rest:
        busy |= set(tx.execute(left_open.distinct()).scalars())
    return sorted(busy)


def newer(tx: sa.Connection, workspace_id: str, table: str, after: int) -> int:
    """Count the rows whose version is past `after`: what is still to be planned."""
    c = rows[table].c
    query = sa.select(sa.func.count()).where(c.workspace_id == workspace_id, c.version > after)
    return tx.execute(query).scalar_one()


def chosen(
    tx: sa.Connection,
    workspace_id: str,
    table: str,
    after: int,
    accounts: Sequence[str] | None,
    since: dt.date | None,
) -> int:
    """Count the rows whose version is past `after`, of these accounts and from that day on."""
    c = rows[table].c
    query = sa.select(sa.func.count()).where(c.workspace_id == workspace_id, c.version > after, c.removed.is_(False))
    account = c.key if table == "accounts" else c.get("account")
    if accounts is not None and account is not None:
        query = query.where(account.in_(accounts) | account.is_(None))
    if since is not None and "date" in c:
        query = query.where(c.date >= since)
    return tx.execute(query).scalar_one()


def last_sync(tx: sa.Connection, workspace_id: str) -> tuple[str, str] | None:
    """Give id and state of the newest sync."""
    query = sa.select(syncs.c.id, syncs.c.state).where(syncs.c.workspace_id == workspace_id)
    row = tx.execute(query.order_by(syncs.c.started_at.desc()).limit(1)).first()
    return None if row is None else (row[0], row[1])
