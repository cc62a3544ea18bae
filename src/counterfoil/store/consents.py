"""Consents: a person at a vendor's consent page, known by a state that works once and not for long."""

import datetime as dt
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

import sqlalchemy as sa

from counterfoil.errors import NotThere
from counterfoil.lib.ids import new_id
from counterfoil.lib.secrets import Vault
from counterfoil.store.schema import consents

LIVES: Final = dt.timedelta(minutes=30)  # to the consent page and back, and from there to the choice of the place
_SHOWN: Final = dt.timedelta(days=1)  # past its end, so that a page that is still open can tell what became of it
_VISIBLE: Final = [
    consents.c[name]
    for name in (
        "id",
        "workspace_id",
        "kind",
        "session_id",
        "destination_id",
        "state",
        "reason",
        "created_at",
        "expires_at",
    )
]


@dataclass(frozen=True, slots=True)
class Consent:
    """One consent, without its secrets."""

    id: str
    workspace_id: str
    kind: str
    session_id: str | None
    destination_id: str | None
    state: str  # open | taken | granted | done | declined | failed
    reason: str | None
    created_at: dt.datetime
    expires_at: dt.datetime

    @property
    def stands(self) -> str:
        """How it stands now: as `state` says, or expired."""
        waits = self.state in ("open", "taken", "granted")
        return "expired" if waits and self.expires_at <= dt.datetime.now(dt.UTC) else self.state


def add(
    tx: sa.Connection,
    vault: Vault,
    *,
    workspace_id: str,
    kind: str,
    state_token: str,
    verifier: str,
    session_id: str | None = None,
    destination_id: str | None = None,
) -> Consent:
    """Begin a consent, its PKCE verifier encrypted."""
    prune(tx)
    now = dt.datetime.now(dt.UTC)
    consent_id = new_id()
    tx.execute(
        consents.insert().values(
            id=consent_id,
            workspace_id=workspace_id,
            kind=kind,
            session_id=session_id,
            destination_id=destination_id,
            state_hash=_hash(state_token),
            verifier=vault.seal(verifier.encode(), bound_to=_row(consent_id)),
            state="open",
            created_at=now,
            expires_at=now + LIVES,
        )
    )
    return find(tx, workspace_id, consent_id)


def find(tx: sa.Connection, workspace_id: str, consent_id: str) -> Consent:
    """Give one consent of a workspace. Raises `NotThere`, also for somebody else's."""
    mine = (consents.c.workspace_id == workspace_id) & (consents.c.id == consent_id)
    row = tx.execute(sa.select(*_VISIBLE).where(mine)).first()
    if row is None:
        raise NotThere(f"There is no consent {consent_id}.", remedy="Begin a new one.")
    return Consent(*row)


def by_state(tx: sa.Connection, state_token: str) -> Consent | None:
    """Give the consent that a state belongs to."""
    row = tx.execute(sa.select(*_VISIBLE).where(consents.c.state_hash == _hash(state_token))).first()
    return None if row is None else Consent(*row)


def take(tx: sa.Connection, vault: Vault, consent_id: str) -> str | None:
    """Use a consent's state up and give the verifier; None where it was used before, or came too late."""
    is_open = (consents.c.id == consent_id) & (consents.c.state == "open")
    is_open &= consents.c.expires_at > dt.datetime.now(dt.UTC)
    sealed = tx.execute(sa.select(consents.c.verifier).where(is_open)).scalar()
    # The condition stands in the update too: of two answers at once one gets through.
    taken = tx.execute(sa.update(consents).where(is_open).values(state="taken", verifier=None))
    if sealed is None or taken.rowcount != 1:
        return None
    return vault.open(sealed, bound_to=_row(consent_id)).decode()


def keep(tx: sa.Connection, vault: Vault, consent_id: str, credential: bytes) -> None:
    """Keep what consent gave, encrypted, until the place is chosen."""
    values = {
        "state": "granted",
        "credential": vault.seal(credential, bound_to=_row(consent_id)),
        "expires_at": dt.datetime.now(dt.UTC) + LIVES,
    }
    tx.execute(sa.update(consents).where(consents.c.id == consent_id).values(**values))


def credential(tx: sa.Connection, vault: Vault, consent_id: str) -> bytes | None:
    """Give what consent gave, where it waits for the place; None once it was used, or is too old."""
    waits = (consents.c.id == consent_id) & (consents.c.state == "granted")
    waits &= consents.c.expires_at > dt.datetime.now(dt.UTC)
    sealed = tx.execute(sa.select(consents.c.credential).where(waits)).scalar()
    return None if sealed is None else vault.open(sealed, bound_to=_row(consent_id))


def end(
    tx: sa.Connection, consent_id: str, state: str, *, reason: str | None = None, destination_id: str | None = None
) -> None:
    """Say what became of a consent, and erase its secrets."""
    values: dict[str, str | None] = {"state": state, "reason": reason, "verifier": None, "credential": None}
    if destination_id is not None:
        values["destination_id"] = destination_id
    tx.execute(sa.update(consents).where(consents.c.id == consent_id).values(**values))


def prune(tx: sa.Connection) -> None:
    """Erase the secrets of what has expired, and a day later the rest."""
    now = dt.datetime.now(dt.UTC)
    stale = (consents.c.expires_at < now) & (consents.c.verifier.is_not(None) | consents.c.credential.is_not(None))
    tx.execute(sa.update(consents).where(stale).values(verifier=None, credential=None))
    tx.execute(sa.delete(consents).where(consents.c.expires_at < now - _SHOWN))


def _hash(state_token: str) -> bytes:
    # 256 random bits need no salt and no slow hash.
    return sha256(state_token.encode()).digest()


def _row(consent_id: str) -> str:
    return f"consents:{consent_id}"
