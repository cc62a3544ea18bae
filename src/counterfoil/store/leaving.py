"""Leaving: what a connection's removal closes, counted beforehand and done at once."""

import sqlalchemy as sa

from counterfoil.model import TABLES
from counterfoil.store import connections, history, schema
from counterfoil.store.landing import Lander
from counterfoil.store.schema import mirror

_accounts = schema.rows["accounts"]


def counts(tx: sa.Connection, connection_id: str) -> dict[str, int]:
    """Give how many live rows of each table leave with a connection; tables without any are left out."""
    found = {}
    for table in TABLES:
        query = sa.select(sa.func.count()).where(_leaves(table, connection_id))
        if number := tx.execute(query).scalar_one():
            found[table] = number
    return found


def standing(tx: sa.Connection, connection_id: str, destination_id: str) -> int:
    """Count the connection's rows that stand at a destination."""
    total = 0
    for table in TABLES:
        rows = schema.rows[table]
        here = (mirror.c.destination_id == destination_id) & (mirror.c.name == table) & (mirror.c.key == rows.c.key)
        query = sa.select(sa.func.count()).select_from(rows.join(mirror, here))
        stands = mirror.c.remote_id.is_not(None)
        total += tx.execute(query.where(_leaves(table, connection_id), stands)).scalar_one()
    return total


def close_rows(tx: sa.Connection, connection_id: str) -> int:
    """Close every row of a connection, so that destinations follow their removal policy; give how many.

    Their history goes with the connection.
    """
    workspace_id = connections.get(tx, connection_id).workspace_id
    lander = Lander(tx, connection_id, workspace_id, remembers=False)
    for table in reversed(list(TABLES)):  # the accounts last: what belongs to a connection is told by them
        rows = schema.rows[table]
        keys = tx.execute(sa.select(rows.c.connection_id, rows.c.key).where(_leaves(table, connection_id))).all()
        lander.close(table, [(holder, key) for holder, key in keys])
    history.forget(tx, connection_id)
    return lander.finish().removed


def _leaves(table: str, connection_id: str) -> sa.ColumnElement[bool]:
    """Say which live rows are a connection's: its own, and those of an earlier link that its accounts took over."""
    rows = schema.rows[table]
    own, live = rows.c.connection_id == connection_id, rows.c.removed.is_(False)
    if table == "accounts" or "account" not in rows.c:
        return own & live
    its_accounts = sa.select(_accounts.c.key).where(_accounts.c.connection_id == connection_id)
    passed_on = sa.select(_accounts.c.replaced_by).where(
        _accounts.c.connection_id == connection_id, _accounts.c.replaced_by.is_not(None)
    )
    heirs = sa.select(_accounts.c.key).where(_accounts.c.key.in_(passed_on))
    return live & (rows.c.account.in_(its_accounts) | (own & rows.c.account.not_in(heirs)))
