"""Users: who may sign in, and to which workspace they belong."""

import datetime as dt
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from counterfoil.errors import BadRequest
from counterfoil.lib.ids import new_id
from counterfoil.lib.secrets import Vault
from counterfoil.store import workspaces
from counterfoil.store.schema import members, users
from counterfoil.store.upsert import insert

OWNER: Final = "owner"
MEMBER: Final = "member"


@dataclass(frozen=True, slots=True)
class User:
    """One user, without what they sign in with."""

    id: str
    email: str
    name: str
    timezone: str
    has_totp: bool
    created_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Member:
    """A user as one of a workspace."""

    user: User
    role: str


@dataclass(frozen=True, slots=True)
class Lock:
    """What must be opened to sign in as a user."""

    user_id: str
    password_hash: str | None
    has_totp: bool


def exist(tx: sa.Connection) -> bool:
    """Say whether anybody can sign in; until then the first visitor may become the owner."""
    return tx.execute(sa.select(users.c.id).where(users.c.password_hash.is_not(None)).limit(1)).first() is not None


def claim(tx: sa.Connection, *, email: str, name: str, password_hash: str) -> str:
    """Make the first user, owner of the first workspace, and give the id. Raises `BadRequest` where there is one."""
    if tx.dialect.name == "postgresql":
        # Two visitors at once: the second waits here, and then finds the first. SQLite's writers wait anyway.
        tx.execute(sa.text("LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE"))
    if exist(tx):
        raise BadRequest("This installation has an owner already.", remedy="Sign in, or ask the owner to invite you.")
    user_id = workspaces.add_user(tx, workspaces.first(tx).id, email=email, name=name, role=OWNER)
    set_password(tx, user_id, password_hash)
    return user_id


def get(tx: sa.Connection, user_id: str) -> User:
    """Give one user (NoResultFound where there is none)."""
    return _user(tx.execute(sa.select(users).where(users.c.id == user_id)).mappings().one())


def lock_of(tx: sa.Connection, email: str) -> Lock | None:
    """Give what must be opened to sign in with an address."""
    query = sa.select(users.c.id, users.c.password_hash, users.c.totp_secret.is_not(None))
    row = tx.execute(query.where(users.c.email == email.lower())).first()
    return None if row is None else Lock(*row)


def lock_of_id(tx: sa.Connection, user_id: str) -> Lock:
    """Give what must be opened to act as a user who is signed in already."""
    query = sa.select(users.c.id, users.c.password_hash, users.c.totp_secret.is_not(None))
    return Lock(*tx.execute(query.where(users.c.id == user_id)).one())


def set_password(tx: sa.Connection, user_id: str, password_hash: str) -> None:
    """Keep a new password's hash."""
    _update(tx, user_id, password_hash=password_hash)


def set_profile(tx: sa.Connection, user_id: str, *, name: str, timezone: str) -> None:
    """Keep the name and the time zone."""
    _update(tx, user_id, name=name, timezone=timezone)


def set_totp(tx: sa.Connection, vault: Vault, user_id: str, secret: bytes | None, step: int | None = None) -> None:
    """Ask for a code at every sign-in from now on, or (None) no longer. `step` is that of a code already taken."""
    sealed = None if secret is None else vault.seal(secret, bound_to=f"users:{user_id}")
    _update(tx, user_id, totp_secret=sealed, totp_step=step)


def totp_secret(tx: sa.Connection, vault: Vault, user_id: str) -> bytes | None:
    """Give the secret that the user's codes are made from."""
    sealed = tx.execute(sa.select(users.c.totp_secret).where(users.c.id == user_id)).scalar()
    return None if sealed is None else vault.open(sealed, bound_to=f"users:{user_id}")


def take_totp_step(tx: sa.Connection, user_id: str, step: int) -> bool:
    """Note that the code of a step was used; False where it, or a later one, was used before."""
    unused = users.c.totp_step.is_(None) | (users.c.totp_step < step)
    taken = sa.update(users).where(users.c.id == user_id, unused).values(totp_step=step)
    return tx.execute(taken).rowcount == 1


def home_of(tx: sa.Connection, user_id: str) -> str | None:
    """Give the user's first workspace, None where they belong to none."""
    query = sa.select(members.c.workspace_id).where(members.c.user_id == user_id)
    return tx.execute(query.order_by(members.c.workspace_id).limit(1)).scalar()


def of_workspace(tx: sa.Connection, workspace_id: str) -> list[Member]:
    """Give a workspace's members, longest there first."""
    query = sa.select(users, members.c.role).join(members).where(members.c.workspace_id == workspace_id)
    return [Member(_user(row), row["role"]) for row in tx.execute(query.order_by(users.c.id)).mappings()]


def remove_member(tx: sa.Connection, workspace_id: str, user_id: str) -> bool:
    """Take a user out of a workspace; the last owner stays. Give whether anything changed."""
    workspaces.hold(tx, workspace_id)  # two owners may remove each other
    owners = [member.user.id for member in of_workspace(tx, workspace_id) if member.role == OWNER]
    if owners == [user_id]:
        raise BadRequest("The last owner cannot leave.", remedy="Make somebody else an owner first.")
    doomed = (members.c.workspace_id == workspace_id) & (members.c.user_id == user_id)
    return tx.execute(sa.delete(members).where(doomed)).rowcount == 1


def _update(tx: sa.Connection, user_id: str, **values: Any) -> None:
    tx.execute(sa.update(users).where(users.c.id == user_id).values(**values))


def make(tx: sa.Connection, *, email: str, name: str, password_hash: str) -> str:
    """Make a user who belongs nowhere yet, or give the one of that address who has no password a first one.

    Raises `BadRequest` where the address has a password: the same form may be sent twice at once.
    """
    mine = (users.c.email == email.lower()) & users.c.password_hash.is_(None)
    known = sa.update(users).where(mine).values(name=name, password_hash=password_hash).returning(users.c.id)
    user_id: str | None = tx.execute(known).scalar()
    if user_id is not None:
        return user_id
    user_id, now = new_id(), dt.datetime.now(dt.UTC)
    values = {"id": user_id, "email": email.lower(), "name": name, "password_hash": password_hash, "created_at": now}
    made = insert(tx, users).values(**values).on_conflict_do_nothing(index_elements=["email"]).returning(users.c.id)
    if tx.execute(made).first() is None:
        raise BadRequest("This address has an account by now.", remedy="Use the password that was chosen for it.")
    return user_id


def _user(row: sa.RowMapping) -> User:
    return User(
        id=row["id"],
        email=row["email"],
        name=row["name"],
        timezone=row["timezone"],
        has_totp=row["totp_secret"] is not None,
        created_at=row["created_at"],
    )
