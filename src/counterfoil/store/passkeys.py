"""Passkeys: the public halves of keys that people's devices hold, and challenges that are answered once."""

import datetime as dt
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

import sqlalchemy as sa

from counterfoil.errors import BadRequest
from counterfoil.lib.ids import new_id
from counterfoil.lib.passkeys import KeyMade
from counterfoil.store.schema import challenges, passkeys, users
from counterfoil.store.upsert import insert

MOST: Final = 20  # passkeys of one user


@dataclass(frozen=True, slots=True)
class Passkey:
    """One passkey of a user."""

    id: str
    user_id: str
    label: str
    created_at: dt.datetime
    used_at: dt.datetime | None
    key: KeyMade


def issue(tx: sa.Connection, challenge: bytes, *, lives: dt.timedelta, user_id: str | None = None) -> None:
    """Remember a challenge: of a user who adds a passkey, or (None) of a sign-in."""
    now = dt.datetime.now(dt.UTC)
    tx.execute(sa.delete(challenges).where(challenges.c.expires_at < now))
    values = {"challenge_hash": _hash(challenge), "user_id": user_id, "expires_at": now + lives}
    tx.execute(challenges.insert().values(**values))


def take(tx: sa.Connection, challenge: bytes, *, user_id: str | None = None) -> bool:
    """Use a challenge up; False where it was not asked here, of somebody else, was answered before, or is too old."""
    whose = challenges.c.user_id.is_(None) if user_id is None else challenges.c.user_id == user_id
    mine = (challenges.c.challenge_hash == _hash(challenge)) & whose
    mine &= challenges.c.expires_at > dt.datetime.now(dt.UTC)
    return tx.execute(sa.delete(challenges).where(mine)).rowcount == 1


def add(tx: sa.Connection, user_id: str, label: str, key: KeyMade) -> None:
    """Keep a new passkey. Raises `BadRequest` where it is known already, or there are too many."""
    # One after the other for each user, so that the count holds.
    tx.execute(sa.select(users.c.id).where(users.c.id == user_id).with_for_update(key_share=True))
    if len(of_user(tx, user_id)) >= MOST:
        raise BadRequest(f"You have {MOST} passkeys, the most there can be.", remedy="Remove one that you do not use.")
    new = insert(tx, passkeys).values(
        id=new_id(),
        user_id=user_id,
        credential_id=key.credential_id,
        public_key=key.public_key,
        sign_count=key.sign_count,
        label=label,
        created_at=dt.datetime.now(dt.UTC),
    )
    kept = new.on_conflict_do_nothing(index_elements=["credential_id"])
    if tx.execute(kept.returning(passkeys.c.id)).first() is None:
        raise BadRequest("That passkey is known already.", remedy="Choose another device, or use the one you have.")


def of_user(tx: sa.Connection, user_id: str) -> list[Passkey]:
    """Give a user's passkeys, oldest first."""
    query = sa.select(passkeys).where(passkeys.c.user_id == user_id).order_by(passkeys.c.id)
    return [_passkey(row) for row in tx.execute(query).mappings()]


def by_credential(tx: sa.Connection, credential_id: bytes) -> Passkey | None:
    """Give the passkey of an authenticator's own name for it."""
    row = tx.execute(sa.select(passkeys).where(passkeys.c.credential_id == credential_id)).mappings().first()
    return None if row is None else _passkey(row)


def note_use(tx: sa.Connection, passkey: Passkey, sign_count: int) -> bool:
    """Keep the new count; False where the passkey was used in the meantime, or is gone."""
    unchanged = (passkeys.c.id == passkey.id) & (passkeys.c.sign_count == passkey.key.sign_count)
    values = {"sign_count": sign_count, "used_at": dt.datetime.now(dt.UTC)}
    return tx.execute(sa.update(passkeys).where(unchanged).values(**values)).rowcount == 1


def remove(tx: sa.Connection, user_id: str, passkey_id: str) -> str | None:
    """Forget one of a user's passkeys and give its label, None where there is none."""
    mine = (passkeys.c.user_id == user_id) & (passkeys.c.id == passkey_id)
    label: str | None = tx.execute(sa.delete(passkeys).where(mine).returning(passkeys.c.label)).scalar()
    return label


def _hash(challenge: bytes) -> bytes:
    return sha256(challenge).digest()


def _passkey(row: sa.RowMapping) -> Passkey:
    key = KeyMade(row["credential_id"], row["public_key"], row["sign_count"])
    return Passkey(row["id"], row["user_id"], row["label"], row["created_at"], row["used_at"], key)
