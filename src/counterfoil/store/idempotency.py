"""Idempotency keys: what a request with a key was answered, so that its repeat does nothing twice."""

import datetime as dt
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from counterfoil.lib.secrets import Vault
from counterfoil.store.schema import idempotency_keys

KEPT: Final = dt.timedelta(hours=24)
_ABANDONED: Final = dt.timedelta(minutes=10)  # no request takes so long: the process that began it is gone


@dataclass(frozen=True, slots=True)
class Known:
    """A request of this key came before. Without a `status` it is still at work."""

    same: bool  # it asked the same thing
    status: int | None
    answer: bytes


def begin(tx: sa.Connection, vault: Vault, workspace_id: str, key: str, asked: bytes) -> Known | None:
    """Take a key for a request, None where it was free; `asked` is the digest of what the request asks."""
    now = dt.datetime.now(dt.UTC)
    old = (idempotency_keys.c.at < now - KEPT) | (
        idempotency_keys.c.status.is_(None) & (idempotency_keys.c.at < now - _ABANDONED)
    )
    tx.execute(sa.delete(idempotency_keys).where(old))
    row = tx.execute(sa.select(idempotency_keys).where(_mine(workspace_id, key))).mappings().first()
    if row is not None:
        answer = b"" if row["answer"] is None else vault.open(row["answer"], bound_to=_bound(workspace_id, key))
        return Known(row["asked"] == asked, row["status"], answer)
    try:
        with tx.begin_nested():
            tx.execute(idempotency_keys.insert().values(workspace_id=workspace_id, key=key, asked=asked, at=now))
    except sa.exc.IntegrityError:  # another process took it in this moment
        return Known(same=True, status=None, answer=b"")
    return None


def finish(tx: sa.Connection, vault: Vault, workspace_id: str, key: str, status: int, answer: bytes) -> None:
    """Keep the answer, sealed: it may hold a new token."""
    sealed = vault.seal(answer, bound_to=_bound(workspace_id, key))
    tx.execute(sa.update(idempotency_keys).where(_mine(workspace_id, key)).values(status=status, answer=sealed))


def free(tx: sa.Connection, workspace_id: str, key: str) -> None:
    """Give the key back: the request has failed and may be tried again."""
    tx.execute(sa.delete(idempotency_keys).where(_mine(workspace_id, key), idempotency_keys.c.status.is_(None)))


def _mine(workspace_id: str, key: str) -> sa.ColumnElement[bool]:
    return (idempotency_keys.c.workspace_id == workspace_id) & (idempotency_keys.c.key == key)


def _bound(workspace_id: str, key: str) -> str:
    return f"idempotency_keys:{workspace_id}:{key}"
