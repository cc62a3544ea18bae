"""The canonical tables, made from the model."""

from typing import Any, Final

from sqlalchemy import BigInteger, Boolean, Column, Index, LargeBinary, String, Table, Text, text

from counterfoil.model import TABLES, columns
from counterfoil.store.schema.base import connection, metadata, workspace
from counterfoil.store.types import type_of


def _canonical(name: str) -> Table:
    # What is said here of a transaction stands beside what the provider told: landing never writes it.
    said: list[Column[Any]] = [
        Column("said_summary", Text),
        Column("said_category", Text),
        Column("hidden", Boolean, nullable=False, server_default=text("false")),
        Column("rule_id", String(36)),  # the rule that said it, as far as no person did
        Column("by_hand", Text),  # names of what a person said, separated by commas
    ]
    extra = {"accounts": [Column("persistent_id", Text)], "transactions": [*said, Column("said_needle", Text)]}
    if name in SEARCHED:  # what a search looks into, made by store.needle; `said_needle` is of what is said here
        extra.setdefault(name, []).append(Column("needle", Text, nullable=False, server_default=text("''")))
    # A category may be the workspace's own: then its id stands for the connection's.
    holder = Column("connection_id", String(36), primary_key=True) if name == "categories" else connection(key=True)
    return Table(
        name,
        metadata,
        Column("key", String(255), primary_key=True),  # first, so that the primary key finds a key without more ado
        holder,
        workspace(),
        Column("version", BigInteger, nullable=False),
        Column("removed", Boolean, nullable=False),
        Column("digest", LargeBinary(8), nullable=False),
        *(Column(column.name, type_of(column.kind)) for column in columns(name).values()),
        *extra.get(name, []),
        # The row whose place at the destinations this row takes, and the other way round.
        Column("replaces", Text),
        Column("replaced_by", Text),
        Index(None, "workspace_id", "version", "removed"),  # the last one for counting
        Index(None, "connection_id"),
    )


# The columns of tables that people look through which a search looks into.
SEARCHED: Final = {
    "accounts": ("name", "official_name", "mask"),
    "transactions": ("summary", "merchant", "original_text"),
    "securities": ("name", "ticker", "isin", "cusip"),
    "holdings": ("name",),
    "investment_transactions": ("name",),
}
rows: Final = {name: _canonical(name) for name in TABLES}


def order_of(table: str) -> Column[Any]:
    """Give the column by which people look through a table: the newest day first, else by name."""
    found = rows[table].c
    return found.date if "date" in found else found.name


def _browse(table: str) -> Index:
    """Make the index that answers searches and filters by itself, in order: the table is not looked at."""
    found = rows[table].c
    place = ("workspace_id", order_of(table).name, "key", "connection_id")
    asked = "removed replaced_by hidden pending account category said_category amount needle said_needle".split()
    return Index(f"ix_{table}_browse", *(found[name] for name in (*place, *asked) if name in found))


for _name in SEARCHED:
    _browse(_name)
