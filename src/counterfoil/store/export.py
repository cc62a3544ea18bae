"""All canonical rows of a workspace, their history and what was said of them, a part at a time, at one moment."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

import msgspec
import sqlalchemy as sa

from counterfoil.model import columns
from counterfoil.rules import read_tags
from counterfoil.store import said, schema
from counterfoil.store.schema import changes

_PART: Final = 1_000  # rows in memory


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


def edits(tx: sa.Connection, workspace_id: str) -> Iterator[Mapping[str, Any]]:
    """Give what people have said of single transactions: of each row its key, its connection, and what was said."""
    c = schema.rows["transactions"].c
    said_by_hand = (c.workspace_id == workspace_id) & c.by_hand.is_not(None)
    query = sa.select(c.key, c.connection_id, c.by_hand, c.said_summary, c.said_category, c.tags, c.hidden)
    query = query.where(said_by_hand, c.removed.is_(False), c.replaced_by.is_(None)).order_by(c.key, c.connection_id)
    for row in tx.execute(query.execution_options(yield_per=_PART)):
        told = {
            "summary": row.said_summary,
            "category": row.said_category,
            "tags": read_tags(row.tags or ""),
            "hidden": row.hidden,
        }
        by_hand = row.by_hand.split(",")
        words = {name: word for name, word in told.items() if name in by_hand}
        yield {"key": row.key, "connection_id": row.connection_id, **words}


HISTORY_NAMES: Final = ("key", "connection_id", "at", "cause", "column", "before", "after")


def history(tx: sa.Connection, workspace_id: str) -> Iterator[Mapping[str, Any]]:
    """Give what changed about transactions, oldest first, one line for each column."""
    c = changes.c
    query = sa.select(c.key, c.connection_id, c.at, c.cause, c.cells).where(c.workspace_id == workspace_id)
    for row in tx.execute(query.order_by(c.id).execution_options(yield_per=_PART)):
        for column, pair in msgspec.json.decode(row.cells, type=dict[str, tuple[Any, Any]]).items():
            cells = (row.key, row.connection_id, row.at, row.cause, column, *pair)
            yield dict(zip(HISTORY_NAMES, cells, strict=True))
