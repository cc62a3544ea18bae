"""Sessions: who is signed in, where and until when. Only the browser knows the token."""

import datetime as dt
from dataclasses import dataclass
from hashlib import sha256

import sqlalchemy as sa

from counterfoil.lib.ids import new_id
from counterfoil.store import users as stored_users
from counterfoil.store import workspaces as stored_workspaces
from counterfoil.store.schema import members, sessions, workspaces
from counterfoil.store.users import User
from counterfoil.store.workspaces import Workspace


@dataclass(frozen=True, slots=True)
class Session:
    """One browser that is signed in."""

    id: str
    user_id: str
    created_at: dt.datetime
    seen_at: dt.datetime
    expires_at: dt.datetime
    address: str
    agent: str


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A live session with its user, workspace and the user's role there."""

    session: Session
    user: User
    workspace: Workspace
    role: str


_SESSION = [c for c in sessions.c if c.name != "workspace_id"]


def open_session(
    tx: sa.Connection, *, token: str, user_id: str, lives: dt.timedelta, address: str, agent: str
) -> str | None:
    """Begin a session in the user's first workspace and give its id, None where the user belongs to none."""
    session_id, now = new_id(), dt.datetime.now(dt.UTC)
    # Before the lock, in the order in which a workspace is deleted: nobody waits in a circle.
    tx.execute(sa.delete(sessions).where(sessions.c.expires_at < now))
    home = sa.select(members.c.workspace_id).where(members.c.user_id == user_id).order_by(members.c.workspace_id)
    # Whoever removes the member, or the workspace, in this moment comes before or after.
    workspace_id = tx.execute(home.limit(1).with_for_update(read=True, key_share=True)).scalar()
    if workspace_id is None:
        return None
    tx.execute(
        sessions.insert().values(
            id=session_id,
            token_hash=_hash(token),
            user_id=user_id,
            workspace_id=workspace_id,
            created_at=now,
            seen_at=now,
            expires_at=now + lives,
            address=address[:64],
            agent=agent[:300],
        )
    )
    return session_id


def find(tx: sa.Connection, token: str, *, idle: dt.timedelta) -> SignedIn | None:
    """Give the live session of a token. One whose user has left the workspace is not live any more."""
    now = dt.datetime.now(dt.UTC)
    query = (
        sa.select(*_SESSION, *stored_workspaces.VISIBLE, members.c.role)
        .select_from(sessions)
        .join(workspaces, workspaces.c.id == sessions.c.workspace_id)
        .join(
            members,
            (members.c.workspace_id == sessions.c.workspace_id) & (members.c.user_id == sessions.c.user_id),
        )
        .where(sessions.c.token_hash == _hash(token), sessions.c.expires_at > now, sessions.c.seen_at > now - idle)
    )
    row = tx.execute(query).mappings().first()
    if row is None:
        return None
    user = stored_users.get(tx, row["user_id"])
    return SignedIn(_session(row), user, stored_workspaces.read(row), row["role"])


def touch(tx: sa.Connection, session_id: str) -> None:
    """Note that the session was used just now."""
    tx.execute(sa.update(sessions).where(sessions.c.id == session_id).values(seen_at=dt.datetime.now(dt.UTC)))


def of_user(tx: sa.Connection, user_id: str) -> list[Session]:
    """Give a user's sessions that have not expired, last used first."""
    live = (sessions.c.user_id == user_id) & (sessions.c.expires_at > dt.datetime.now(dt.UTC))
    query = sa.select(sessions).where(live).order_by(sessions.c.seen_at.desc())
    return [_session(row) for row in tx.execute(query).mappings()]


def close(tx: sa.Connection, user_id: str, session_id: str) -> bool:
    """End one of a user's sessions; give whether there was one."""
    doomed = (sessions.c.user_id == user_id) & (sessions.c.id == session_id)
    return tx.execute(sa.delete(sessions).where(doomed)).rowcount == 1


def close_others(tx: sa.Connection, user_id: str, keep: str | None) -> int:
    """End all of a user's sessions but one; give how many."""
    doomed = sessions.c.user_id == user_id
    if keep is not None:
        doomed &= sessions.c.id != keep
    return tx.execute(sa.delete(sessions).where(doomed)).rowcount


def close_in(tx: sa.Connection, workspace_id: str, user_id: str) -> None:
    """End a user's sessions in one workspace."""
    doomed = (sessions.c.workspace_id == workspace_id) & (sessions.c.user_id == user_id)
    tx.execute(sa.delete(sessions).where(doomed))


def _hash(token: str) -> bytes:
    # 256 random bits need no salt and no slow hash.
    return sha256(token.encode()).digest()


def _session(row: sa.RowMapping) -> Session:
    names = ("id", "user_id", "created_at", "seen_at", "expires_at", "address", "agent")
    return Session(**{name: row[name] for name in names})
