"""Requests: who asked for a connection to be synced, and which sync did the work."""

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from counterfoil.store.schema import requests


@dataclass(frozen=True, slots=True)
class Request:
    """One event that asked for a sync."""

    id: str
    event: str
    asked_at: dt.datetime


def ask(tx: sa.Connection, connection_id: str, event_id: str, event: str) -> None:
    """Note a request; the same event twice is one request."""
    insert = postgresql.insert(requests) if tx.dialect.name == "postgresql" else sqlite.insert(requests)
    values = {"id": f"{event_id}:{connection_id}", "connection_id": connection_id, "event": event}
    tx.execute(insert.values(**values, asked_at=dt.datetime.now(dt.UTC)).on_conflict_do_nothing())


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
