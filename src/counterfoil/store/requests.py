"""Requests: who asked for a connection to be synced, and which sync did the work."""

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa

from counterfoil.store.schema import connections, requests
from counterfoil.store.upsert import insert


@dataclass(frozen=True, slots=True)
class Request:
    """One event that asked for a sync."""

    id: str
    event: str
    asked_at: dt.datetime


def ask(tx: sa.Connection, connection_id: str, event_id: str, event: str) -> None:
    """Note a request; the same event twice is one request."""
    values = {"id": f"{event_id}:{connection_id}", "connection_id": connection_id, "event": event}
    new = insert(tx, requests).values(**values, asked_at=dt.datetime.now(dt.UTC))
    tx.execute(new.on_conflict_do_nothing())


def is_awaited(tx: sa.Connection, connection_id: str, event_id: str, since: dt.datetime) -> bool:
    """Say whether a request by another event, after a moment, waits for the sync that will claim this one's too."""
    waits = (requests.c.connection_id == connection_id) & requests.c.sync_id.is_(None)
    other = requests.c.id != f"{event_id}:{connection_id}"
    query = sa.select(requests.c.id).where(waits, other, requests.c.asked_at > since)
    return tx.execute(query.limit(1)).first() is not None


def overdue(tx: sa.Connection, before: dt.datetime) -> list[tuple[str, str]]:
    """Give the connections that are read and have waited since before a moment, each with one of its requests."""
    on = connections.c.state.not_in(["paused", "removed"])
    query = sa.select(requests.c.connection_id, sa.func.min(requests.c.id)).join(connections).where(on)
    query = query.where(requests.c.sync_id.is_(None), requests.c.asked_at < before)
    return [(connection_id, first) for connection_id, first in tx.execute(query.group_by(requests.c.connection_id))]


def claim(tx: sa.Connection, connection_id: str, sync_id: str) -> list[Request]:
    """Take every waiting request of a connection for one sync; repeated, give those taken before and since."""
    mine = requests.c.connection_id == connection_id
    tx.execute(sa.update(requests).where(mine, requests.c.sync_id.is_(None)).values(sync_id=sync_id))
    query = sa.select(requests.c.id, requests.c.event, requests.c.asked_at).where(mine, requests.c.sync_id == sync_id)
    return [Request(*row) for row in tx.execute(query.order_by(requests.c.asked_at))]


def done_by(tx: sa.Connection, connection_id: str, event_id: str) -> str | None:
    """Give the sync that claimed an event's request."""
    query = sa.select(requests.c.sync_id).where(requests.c.id == f"{event_id}:{connection_id}")
    return tx.execute(query).scalar()
