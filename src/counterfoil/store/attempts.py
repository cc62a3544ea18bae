"""Attempts to sign in, counted so that guessing is slow."""

import datetime as dt
from hashlib import blake2b

import sqlalchemy as sa

from counterfoil.lib.ids import new_id
from counterfoil.store.schema import attempts


def note(tx: sa.Connection, subject: str, *, limit: int, within: dt.timedelta) -> float:
    """Count an attempt about a subject; give 0, or the seconds to wait where there were `limit` of them already.

    An attempt that is refused is not counted, so that waiting always helps. Counted before the password is looked at:
    many attempts at once cannot slip through together.
    """
    now = dt.datetime.now(dt.UTC)
    # Those that another forgets in this moment are left to it: nobody waits for attempts about somebody else.
    old = sa.select(attempts.c.id).where(attempts.c.at < now - within).with_for_update(skip_locked=True)
    tx.execute(sa.delete(attempts).where(attempts.c.id.in_(old)))
    _take_turn(tx, subject)
    query = sa.select(attempts.c.at).where(attempts.c.subject == subject).order_by(attempts.c.at.desc())
    known: list[dt.datetime] = list(tx.execute(query.limit(limit)).scalars())
    if len(known) >= limit:
        return max(1.0, (known[-1] + within - now).total_seconds())
    tx.execute(attempts.insert().values(id=new_id(), subject=subject, at=now))
    return 0.0


def _take_turn(tx: sa.Connection, subject: str) -> None:
    """Let nobody else count attempts about the subject until the transaction ends; SQLite's writers wait anyway."""
    if tx.dialect.name == "postgresql":
        digest = blake2b(subject.encode(), digest_size=8, person=b"attempts").digest()
        tx.execute(sa.select(sa.func.pg_advisory_xact_lock(int.from_bytes(digest, "big", signed=True))))


def forget(tx: sa.Connection, subject: str) -> None:
    """Drop a subject's attempts: it has signed in."""
    tx.execute(sa.delete(attempts).where(attempts.c.subject == subject))
