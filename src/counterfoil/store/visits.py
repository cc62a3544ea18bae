"""Visits: where a person was sent to authorise us, and what came of it."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import sqlalchemy as sa

from counterfoil.errors import BadRequest, NotThere
from counterfoil.lib.secrets import Vault
from counterfoil.linking import AccountMark
from counterfoil.store.schema import candidates, visits
from counterfoil.store.upsert import insert

ENDED: Final = frozenset({"done", "expired"})  # one that was left may still be taken up again

_VISIBLE: Final = [c for c in visits.c if c.name != "reference"]


@dataclass(frozen=True, slots=True)
class Visit:
    """One visit, without its reference."""

    id: str
    workspace_id: str
    provider: str
    purpose: str  # connect | repair | share
    choice: str | None
    connection_id: str | None  # repair, share: whose
    state: str  # open | done | left | expired
    reason: str | None
    created_at: dt.datetime
    expires_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Candidate:
    """What a visit brought: accepted (its connection is being made), unwanted (to be removed at the vendor again),
    connected or refused."""

    id: str
    label: str
    marks: tuple[AccountMark, ...]
    state: str
    connection_id: str | None
    message: str | None


def add(tx: sa.Connection, vault: Vault, visit: Visit, reference: bytes) -> None:
    """Keep a visit that has begun, its reference encrypted."""
    tx.execute(
        visits.insert().values(
            id=visit.id,
            workspace_id=visit.workspace_id,
            provider=visit.provider,
            purpose=visit.purpose,
            choice=visit.choice,
            connection_id=visit.connection_id,
            reference=vault.seal(reference, bound_to=_visit_row(visit.id)),
            state=visit.state,
            created_at=visit.created_at,
            expires_at=visit.expires_at,
        )
    )


def get(tx: sa.Connection, visit_id: str) -> Visit:
    """Give one visit. Raises `BadRequest` where there is none."""
    row = tx.execute(sa.select(*_VISIBLE).where(visits.c.id == visit_id)).first()
    if row is None:
        raise BadRequest(f"There is no visit {visit_id}.", remedy="Begin a new one.")
    return Visit(*row)


def find(tx: sa.Connection, workspace_id: str, visit_id: str) -> Visit:
    """Give one visit of a workspace. Raises `NotThere`, also for somebody else's."""
    mine = (visits.c.workspace_id == workspace_id) & (visits.c.id == visit_id)
    row = tx.execute(sa.select(*_VISIBLE).where(mine)).first()
    if row is None:
        raise NotThere(f"There is no visit {visit_id}.", remedy="Begin a new one.")
    return Visit(*row)


def exists(tx: sa.Connection, provider: str, visit_id: str) -> bool:
    """Say whether this deployment began such a visit at the provider."""
    query = sa.select(visits.c.id).where(visits.c.id == visit_id, visits.c.provider == provider)
    return tx.execute(query).first() is not None


def reference(tx: sa.Connection, vault: Vault, visit_id: str) -> bytes | None:
    """Give what the vendor is asked with; None once nothing more is asked."""
    sealed = tx.execute(sa.select(visits.c.reference).where(visits.c.id == visit_id)).scalar()
    return vault.open(sealed, bound_to=_visit_row(visit_id)) if sealed else None


def set_state(tx: sa.Connection, visit_id: str, state: str, reason: str | None = None) -> bool:
    """Say how the visit stands; give whether that is new. What is done stays done."""
    stands = tx.execute(sa.select(visits.c.state).where(visits.c.id == visit_id)).scalar()
    if stands == state or stands in ENDED:
        return False
    tx.execute(sa.update(visits).where(visits.c.id == visit_id).values(state=state, reason=reason))
    return True


def forget_reference(tx: sa.Connection, visit_id: str) -> None:
    """Erase what the vendor is asked with."""
    tx.execute(sa.update(visits).where(visits.c.id == visit_id).values(reference=None))


def of_visit(tx: sa.Connection, visit_id: str) -> Sequence[Candidate]:
    """Give what a visit brought."""
    query = sa.select(candidates).where(candidates.c.visit_id == visit_id).order_by(candidates.c.id)
    return [_candidate(row) for row in tx.execute(query).mappings()]


def marks_of(tx: sa.Connection, connection_id: str) -> tuple[AccountMark, ...]:
    """Give the accounts that a connection was made with: all that is known before its first sync."""
    query = sa.select(candidates).where(candidates.c.connection_id == connection_id, candidates.c.state == "connected")
    return tuple(mark for row in tx.execute(query).mappings() for mark in _candidate(row).marks)


def keep(tx: sa.Connection, vault: Vault, visit_id: str, candidate: Candidate, credential: bytes | None) -> None:
    """Keep a candidate, its settings encrypted; a repeat changes nothing."""
    new = insert(tx, candidates)
    sealed = credential and vault.seal(credential, bound_to=_candidate_row(visit_id, candidate.id))
    tx.execute(
        new.values(
            visit_id=visit_id,
            id=candidate.id,
            label=candidate.label,
            marks=msgspec.json.encode(candidate.marks).decode(),
            state=candidate.state,
            credential=sealed,
            message=candidate.message,
        ).on_conflict_do_nothing()
    )


def credential(tx: sa.Connection, vault: Vault, visit_id: str, candidate_id: str) -> bytes | None:
    """Give a candidate's settings; None once they are a connection's, or were removed at the vendor."""
    sealed = tx.execute(sa.select(candidates.c.credential).where(_one(visit_id, candidate_id))).scalar()
    return vault.open(sealed, bound_to=_candidate_row(visit_id, candidate_id)) if sealed else None


def settle(
    tx: sa.Connection,
    visit_id: str,
    candidate_id: str,
    state: str,
    *,
    connection_id: str | None = None,
    message: str | None = None,
) -> None:
    """Say what became of a candidate, and erase its settings; a message is kept where there is no newer one."""
    values = {"state": state, "connection_id": connection_id, "credential": None}
    if message is not None:
        values["message"] = message
    tx.execute(sa.update(candidates).where(_one(visit_id, candidate_id)).values(**values))


def reject(tx: sa.Connection, visit_id: str, candidate_id: str, message: str) -> None:
    """Say why a candidate cannot be used; its settings stay until it is removed at the vendor."""
    values = {"state": "unwanted", "message": message}
    tx.execute(sa.update(candidates).where(_one(visit_id, candidate_id)).values(**values))


def _one(visit_id: str, candidate_id: str) -> sa.ColumnElement[bool]:
    return (candidates.c.visit_id == visit_id) & (candidates.c.id == candidate_id)


def _visit_row(visit_id: str) -> str:
    return f"visits:{visit_id}"


def _candidate_row(visit_id: str, candidate_id: str) -> str:
    return f"candidates:{visit_id}:{candidate_id}"


def _candidate(row: sa.RowMapping) -> Candidate:
    return Candidate(
        id=row["id"],
        label=row["label"],
        marks=msgspec.json.decode(row["marks"], type=tuple[AccountMark, ...]),
        state=row["state"],
        connection_id=row["connection_id"],
        message=row["message"],
    )
