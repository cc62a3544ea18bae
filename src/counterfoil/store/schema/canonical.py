"""The canonical tables, made from the model."""

from sqlalchemy import BigInteger, Boolean, Column, Index, LargeBinary, String, Table, Text

from counterfoil.model import TABLES, columns
from counterfoil.store.schema.base import connection, metadata, workspace
from counterfoil.store.types import type_of


def _canonical(name: str) -> Table:
    extra = {"accounts": [Column("persistent_id", Text)]}
    return Table(
        name,
        metadata,
        Column("key", String(255), primary_key=True),  # first, so that the primary key finds a key without more ado
        connection(key=True),
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
