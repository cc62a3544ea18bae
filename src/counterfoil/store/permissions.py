"""What people allowed us at the vendors of destinations: who lives by it, and what of removed ones is still to end."""

import datetime as dt
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256

import sqlalchemy as sa

from counterfoil.errors import BadSettings
from counterfoil.lib.secrets import Vault
from counterfoil.store.schema import consents, destinations, workspaces


def settings_in_use(tx: sa.Connection, vault: Vault, kind: str) -> Iterator[bytes]:
    """Give the settings of every destination of a kind, whosever it is, as JSON.

    What no known key opens is left out: nothing is written with it.
    """
    lives = (destinations.c.kind == kind) & (destinations.c.state != "removed")
    return _opened(tx, vault, destinations, lives)


def grants_in_use(tx: sa.Connection, vault: Vault, kind: str) -> Iterator[bytes]:
    """Give what the consents of a kind have brought that wait for their place, whosever they are, as JSON."""
    waits = (consents.c.kind == kind) & (consents.c.state == "granted") & consents.c.credential.is_not(None)
    return _opened(tx, vault, consents, waits & (consents.c.expires_at > dt.datetime.now(dt.UTC)))


def _opened(tx: sa.Connection, vault: Vault, table: sa.Table, where: sa.ColumnElement[bool]) -> Iterator[bytes]:
    query = sa.select(table.c.id, table.c.credential).join(workspaces).where(where, workspaces.c.leaving_at.is_(None))
    for row_id, sealed in tx.execute(query):
        with suppress(BadSettings):
            yield vault.open(sealed, bound_to=f"{table.name}:{row_id}")


def unended(tx: sa.Connection, destination_id: str | None = None) -> dict[str, str]:
    """Give the removed destinations, or the one, whose credential is still here: id, and a mark of the credential.

    Another credential has another mark, and nothing can be read from it. A workspace that is deleted ends its own.
    """
    waits = (destinations.c.state == "removed") & (sa.func.length(destinations.c.credential) > 0)
    query = sa.select(destinations.c.id, destinations.c.credential).join(workspaces)
    query = query.where(waits, workspaces.c.leaving_at.is_(None)).order_by(destinations.c.id)
    if destination_id is not None:
        query = query.where(destinations.c.id == destination_id)
    return {found: sha256(sealed).hexdigest()[:16] for found, sealed in tx.execute(query)}
