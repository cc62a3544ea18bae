"""Leaving: what a connection's removal closes, counted beforehand and done at once."""

from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from counterfoil.model import TABLES
from counterfoil.store import connections, history, schema
from counterfoil.store.landing import Lander
from counterfoil.store.schema import destinations, mirror

_accounts = schema.rows["accounts"]


def counts(tx: sa.Connection, connection_id: str) -> dict[str, int]:
    """Give how many live rows of each table leave with a connection; tables without any are left out."""
    found, holders = {}, _holders(tx, connection_id)
    for table in TABLES:
        query = sa.select(sa.func.count()).where(_leaves(table, connection_id, holders))
        if number := tx.execute(query).scalar_one():
            found[table] = number
    return found


def standing(tx: sa.Connection, connection_id: str, workspace_id: str, tables: Iterable[str]) -> dict[str, int]:
    """Count the connection's rows of these tables that stand at each destination of its workspace, by its id."""
    places = sa.select(destinations.c.id).where(destinations.c.workspace_id == workspace_id)
    total, holders = dict.fromkeys(tx.execute(places).scalars(), 0), _holders(tx, connection_id)
    for table in tables:
        rows = schema.rows[table]
        # Once, whatever the number of destinations; each of these keys is then looked up at each of them, in their
        # order: what follows is near in the index.
        keys = sa.select(rows.c.key).where(_leaves(table, connection_id, holders)).order_by(rows.c.key)
        leaving = keys.cte("leaving").prefix_with("MATERIALIZED")
        here = (mirror.c.destination_id == destinations.c.id) & (mirror.c.name == table)
        stands = sa.exists().where(here, mirror.c.key == leaving.c.key, mirror.c.remote_id.is_not(None))
        count = sa.select(sa.func.count()).select_from(leaving).where(stands.correlate(leaving, destinations))
        query = sa.select(destinations.c.id, count.correlate(destinations).scalar_subquery())
        for destination_id, number in tx.execute(query.where(destinations.c.workspace_id == workspace_id)):
            total[destination_id] += number
    return total


def close_rows(tx: sa.Connection, connection_id: str) -> int:
    """Close every row of a connection, so that destinations follow their removal policy; give how many.

    Their history goes with the connection.
    """
    workspace_id = connections.get(tx, connection_id).workspace_id
    lander = Lander(tx, connection_id, workspace_id, remembers=False)
    holders = _holders(tx, connection_id)
    for table in reversed(list(TABLES)):  # the accounts last: what belongs to a connection is told by them
        rows = schema.rows[table]
        mine = sa.select(rows.c.connection_id, rows.c.key).where(_leaves(table, connection_id, holders))
        lander.close(table, [(holder, key) for holder, key in tx.execute(mine)])
    history.forget(tx, connection_id)
    return lander.finish().removed


def _holders(tx: sa.Connection, connection_id: str) -> Sequence[str]:
    """Give the connections that may hold rows of this one: itself, and links whose accounts were taken over."""
    passed_by = sa.select(_accounts.c.connection_id).where(_accounts.c.replaced_by.is_not(None)).distinct()
    return [connection_id, *tx.execute(passed_by).scalars()]


def _leaves(table: str, connection_id: str, holders: Sequence[str]) -> sa.ColumnElement[bool]:
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
    held = rows.c.connection_id.in_(holders)  # told by name, so that the look stays within an index
    return live & held & (rows.c.account.in_(its_accounts) | (own & rows.c.account.not_in(heirs)))
