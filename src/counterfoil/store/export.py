"""All canonical rows of a workspace, a part at a time, as they stand at one moment."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, cast

import sqlalchemy as sa

from counterfoil.model import columns
from counterfoil.store import said, schema
from counterfoil.store.database import Database

_PART: Final = 1_000  # rows in memory


@contextmanager
def moment(db: Database) -> Iterator[sa.Connection]:
    """Run a block that reads several times and sees the same rows each time."""
    if db.engine.dialect.name == "postgresql":
        with db.engine.connect().execution_options(isolation_level="REPEATABLE READ") as tx:
            yield tx
    else:
        with db.reading() as tx:
            yield tx


def rows(tx: sa.Connection, workspace_id: str, table: str) -> Iterator[Mapping[str, Any]]:
    """Give a table's rows in the order of their keys: key, columns, connection.

    Rows that the provider has taken back, or that another row stands for, are left out; those that are hidden are not.
    """
    stored = schema.rows[table]
    query = (
        sa.select(*(said.column(table, name) for name in names(table)))
        .where(stored.c.workspace_id == workspace_id, stored.c.removed.is_(False), stored.c.replaced_by.is_(None))
        .order_by(stored.c.key, stored.c.connection_id)
    )
    found = tx.execute(query.execution_options(yield_per=_PART)).mappings()
    yield from cast("Iterator[Mapping[str, Any]]", found)


def names(table: str) -> tuple[str, ...]:
    """Name the columns of an exported row."""
    return ("key", *columns(table), "connection_id")
