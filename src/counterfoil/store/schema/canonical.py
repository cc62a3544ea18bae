"""The canonical tables, made from the model."""

from typing import Any

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
    # What a search looks into, made by store.needle: from what the provider told, and from what is said here.
    needles = [Column("needle", Text, nullable=False, server_default=text("''")), Column("said_needle", Text)]
    extra = {"accounts": [Column("persistent_id", Text)], "transactions": [*said, *needles]}
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
        Index(None, "workspace_id", "version"),
    )


rows = {name: _canonical(name) for name in TABLES}

# Answers every search and filter by itself, newest first: 100,000 transactions are looked through without their table.
_place = ("workspace_id", "date", "key", "connection_id")
_asked = "removed replaced_by hidden pending account category said_category amount needle said_needle".split()
Index("ix_transactions_browse", *(rows["transactions"].c[name] for name in (*_place, *_asked)))
