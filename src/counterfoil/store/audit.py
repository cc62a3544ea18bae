"""The audit log: who did what, when and from where."""

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa

from counterfoil.lib.ids import new_id
from counterfoil.store.schema import audit, users


@dataclass(frozen=True, slots=True)
class Entry:
    """One act; `subject` says in words what it was done to."""

    id: str
    act: str
    subject: str | None
    by: str | None  # e-mail; None where the user was deleted, or nobody was signed in
    address: str | None
    at: dt.datetime


def note(
    tx: sa.Connection,
    workspace_id: str,
    act: str,
    *,
    user_id: str | None,
    subject: str | None = None,
    address: str | None = None,
) -> None:
    """Note an act, in the transaction that does it where there is one."""
    values = {"id": new_id(), "workspace_id": workspace_id, "user_id": user_id, "act": act}
    tx.execute(audit.insert().values(**values, subject=subject, address=address, at=dt.datetime.now(dt.UTC)))


def of_workspace(
    tx: sa.Connection,
    workspace_id: str,
    *,
    before: str | None = None,
    limit: int = 100,
    act: str | None = None,
    by: str | None = None,
) -> list[Entry]:
    """Give a workspace's entries, newest first: of one act, or by one person (e-mail), where that is asked for.

    `before` is the id of the last one seen.
    """
    columns = (audit.c.id, audit.c.act, audit.c.subject, users.c.email, audit.c.address, audit.c.at)
    query = sa.select(*columns).outerjoin(users, users.c.id == audit.c.user_id)
    query = query.where(audit.c.workspace_id == workspace_id)
    if before is not None:
        query = query.where(audit.c.id < before)
    if act is not None:
        query = query.where(audit.c.act == act)
    if by is not None:
        query = query.where(users.c.email == by.lower())
    return [Entry(*row) for row in tx.execute(query.order_by(audit.c.id.desc()).limit(limit))]


def acts(tx: sa.Connection, workspace_id: str) -> list[str]:
    """Give every act that the log knows, by name."""
    query = sa.select(audit.c.act).where(audit.c.workspace_id == workspace_id).distinct()
    return list(tx.execute(query.order_by(audit.c.act)).scalars())


def people(tx: sa.Connection, workspace_id: str) -> list[str]:
    """Give the e-mail addresses of those whose acts the log holds."""
    query = sa.select(users.c.email).join(audit, audit.c.user_id == users.c.id).distinct()
    return list(tx.execute(query.where(audit.c.workspace_id == workspace_id).order_by(users.c.email)).scalars())
