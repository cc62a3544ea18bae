"""INSERT … ON CONFLICT, which SQLAlchemy has for each database apart."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite


def insert(tx: sa.Connection, table: sa.Table) -> postgresql.Insert:
    """Give the database's own insert; both know `on_conflict_do_nothing`, `on_conflict_do_update` and `excluded`."""
    if tx.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)  # type: ignore[return-value]  # the same methods, without a common type
