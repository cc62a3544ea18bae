"""Counts for a look at the whole: cheap enough to be asked for whenever a page is shown."""

import sqlalchemy as sa

from counterfoil.plan import State
from counterfoil.store.schema import mirror, rows


def newer(tx: sa.Connection, workspace_id: str, table: str, after: int) -> int:
    """Count the rows whose version is past `after`: what is still to be planned."""
    c = rows[table].c
    query = sa.select(sa.func.count()).where(c.workspace_id == workspace_id, c.version > after)
    return tx.execute(query).scalar_one()


def refused(tx: sa.Connection, destination_id: str) -> int:
    """Count the rows that a destination refuses now."""
    mine = (mirror.c.destination_id == destination_id) & (mirror.c.state == State.REJECTED.value)
    return tx.execute(sa.select(sa.func.count()).select_from(mirror).where(mine)).scalar_one()
