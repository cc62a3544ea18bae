"""What a look at the whole needs, in a handful of queries however many destinations there are."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from counterfoil.store.schema import destination_tables, destinations, rows, syncs


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
    found = {}
    for table in tables:
        c = rows[table].c
        found[table] = tx.execute(sa.select(sa.func.max(c.version)).where(c.workspace_id == workspace_id)).scalar() or 0
    return found


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
