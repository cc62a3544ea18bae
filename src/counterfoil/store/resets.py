"""Password resets: a link in a letter by which the owner of an address chooses a new password, once."""

import datetime as dt
from hashlib import sha256
from typing import Final

import sqlalchemy as sa

from counterfoil.store import audit, sessions, users
from counterfoil.store.schema import resets

LIVES: Final = dt.timedelta(minutes=30)


def make(tx: sa.Connection, email: str, *, token: str) -> str | None:
    """Let a token choose the password of an address; give the user's id, None where the address signs nobody in.

    Earlier tokens of the same user hold no more.
    """
    now = dt.datetime.now(dt.UTC)
    tx.execute(sa.delete(resets).where(resets.c.expires_at < now))
    lock = users.lock_of(tx, email)
    if lock is None or lock.password_hash is None:
        return None
    tx.execute(sa.delete(resets).where(resets.c.user_id == lock.user_id))
    tx.execute(resets.insert().values(token_hash=_hash(token), user_id=lock.user_id, expires_at=now + LIVES))
    return lock.user_id


def find(tx: sa.Connection, token: str) -> str | None:
    """Give whose password a token may choose, None where it holds no more."""
    return tx.execute(sa.select(resets.c.user_id).where(_live(token))).scalar()


def use(tx: sa.Connection, token: str, password_hash: str, *, address: str) -> bool:
    """Keep the new password and sign the user out everywhere; False where the token was used in the meantime."""
    user_id = find(tx, token)
    if user_id is None or tx.execute(sa.delete(resets).where(_live(token))).rowcount != 1:
        return False
    renew(tx, user_id, password_hash, address=address)
    return True


def renew(tx: sa.Connection, user_id: str, password_hash: str, *, address: str | None) -> None:
    """Set a password that was forgotten: every session ends, and every letter's link with it."""
    tx.execute(sa.delete(resets).where(resets.c.user_id == user_id))
    users.set_password(tx, user_id, password_hash)
    sessions.close_others(tx, user_id, None)
    workspace_id = users.home_of(tx, user_id)
    if workspace_id is not None:
        audit.note(tx, workspace_id, "password.reset", user_id=user_id, address=address)


def _live(token: str) -> sa.ColumnElement[bool]:
    return (resets.c.token_hash == _hash(token)) & (resets.c.expires_at > dt.datetime.now(dt.UTC))


def _hash(token: str) -> bytes:
    # 256 random bits need no salt and no slow hash.
    return sha256(token.encode()).digest()
