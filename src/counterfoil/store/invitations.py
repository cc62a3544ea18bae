"""Invitations: a link by which one more person joins a workspace. Only the link holds the token."""

import datetime as dt
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

import sqlalchemy as sa

from counterfoil.lib.ids import new_id
from counterfoil.store import workspaces
from counterfoil.store.schema import invitations, members

LIVES: Final = dt.timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Invitation:
    """An invitation that nobody has taken yet."""

    id: str
    workspace_id: str
    email: str
    role: str
    expires_at: dt.datetime


def make(tx: sa.Connection, workspace_id: str, *, token: str, email: str, role: str, invited_by: str) -> Invitation:
    """Invite an address; an earlier invitation of the same address no longer holds."""
    workspaces.hold(tx, workspace_id)  # another owner may invite the same address in this moment
    same = (invitations.c.workspace_id == workspace_id) & (invitations.c.email == email.lower())
    tx.execute(sa.delete(invitations).where(same))
    now = dt.datetime.now(dt.UTC)
    made = Invitation(new_id(), workspace_id, email.lower(), role, now + LIVES)
    tx.execute(
        invitations.insert().values(
            id=made.id,
            workspace_id=workspace_id,
            token_hash=_hash(token),
            email=made.email,
            role=role,
            invited_by=invited_by,
            created_at=now,
            expires_at=made.expires_at,
        )
    )
    return made


def find(tx: sa.Connection, token: str) -> Invitation | None:
    """Give the open invitation of a token."""
    row = tx.execute(sa.select(invitations).where(_open(), invitations.c.token_hash == _hash(token))).mappings().first()
    return None if row is None else _invitation(row)


def accept(tx: sa.Connection, invitation: Invitation, user_id: str) -> bool:
    """Make the user a member; False where somebody else took the invitation in the meantime."""
    taken = sa.update(invitations).where(_open(), invitations.c.id == invitation.id)
    if tx.execute(taken.values(accepted_at=dt.datetime.now(dt.UTC))).rowcount != 1:
        return False
    there = (members.c.workspace_id == invitation.workspace_id) & (members.c.user_id == user_id)
    if tx.execute(sa.select(members.c.role).where(there)).first() is None:
        values = {"workspace_id": invitation.workspace_id, "user_id": user_id, "role": invitation.role}
        tx.execute(members.insert().values(**values))
    return True


def of_workspace(tx: sa.Connection, workspace_id: str) -> list[Invitation]:
    """Give a workspace's open invitations, oldest first."""
    query = sa.select(invitations).where(_open(), invitations.c.workspace_id == workspace_id)
    return [_invitation(row) for row in tx.execute(query.order_by(invitations.c.id)).mappings()]


def revoke(tx: sa.Connection, workspace_id: str, invitation_id: str) -> bool:
    """Take an invitation back; give whether there was one."""
    doomed = (invitations.c.workspace_id == workspace_id) & (invitations.c.id == invitation_id)
    return tx.execute(sa.delete(invitations).where(doomed)).rowcount == 1


def _open() -> sa.ColumnElement[bool]:
    return invitations.c.accepted_at.is_(None) & (invitations.c.expires_at > dt.datetime.now(dt.UTC))


def _hash(token: str) -> bytes:
    return sha256(token.encode()).digest()


def _invitation(row: sa.RowMapping) -> Invitation:
    return Invitation(row["id"], row["workspace_id"], row["email"], row["role"], row["expires_at"])
