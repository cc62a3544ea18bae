"""Workspaces and the users who belong to them."""

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa

from counterfoil.lib.ids import new_id
from counterfoil.store.schema import connections, destinations, members, relinks, syncs, users, visits, workspaces


@dataclass(frozen=True, slots=True)
class Workspace:
    """What everything else belongs to."""

    id: str
    name: str


def create(tx: sa.Connection, name: str) -> Workspace:
    """Make a workspace."""
    workspace = Workspace(new_id(), name)
    tx.execute(workspaces.insert().values(id=workspace.id, name=name, created_at=dt.datetime.now(dt.UTC)))
    return workspace


def add_user(tx: sa.Connection, workspace_id: str, *, email: str, name: str, role: str = "owner") -> str:
    """Make a user, or find the one of that e-mail address, as a member of the workspace; give the user's id."""
    user_id = tx.execute(sa.select(users.c.id).where(users.c.email == email.lower())).scalar()
    if user_id is None:
        user_id = new_id()
        now = dt.datetime.now(dt.UTC)
        tx.execute(users.insert().values(id=user_id, email=email.lower(), name=name, created_at=now))
    is_member = (members.c.workspace_id == workspace_id) & (members.c.user_id == user_id)
    if tx.execute(sa.select(members.c.role).where(is_member)).scalar() is None:
        tx.execute(members.insert().values(workspace_id=workspace_id, user_id=user_id, role=role))
    return str(user_id)


def every(tx: sa.Connection) -> list[Workspace]:
    """Give all workspaces, oldest first."""
    return [
        Workspace(*row) for row in tx.execute(sa.select(workspaces.c.id, workspaces.c.name).order_by(workspaces.c.id))
    ]


def owned(tx: sa.Connection, workspace_id: str, ids: Collection[str]) -> set[str]:
    """Give which of the ids name the workspace, or something that belongs to it."""
    found = {workspace_id} & set(ids)
    for table in (connections, destinations, syncs, visits, relinks):
        query = sa.select(table.c.id).where(table.c.workspace_id == workspace_id, table.c.id.in_(ids))
        found.update(tx.execute(query).scalars())
    return found


def first(tx: sa.Connection) -> Workspace:
    """Give the oldest workspace, made where there is none: the one that the command line speaks of."""
    known = every(tx)
    return known[0] if known else create(tx, "Home")
