"""When rows arrived, and what has changed about transactions since."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, String, Table, Text

from counterfoil.store.schema.base import connection, metadata, workspace
from counterfoil.store.types import Moment

# One for each commit that changed rows; a row arrived with the one whose range holds its first version.
landings = Table(
    "landings",
    metadata,
    Column("id", String(36), primary_key=True),
    workspace(),
    connection(),
    Column("stream", String(40)),  # null where a person or a webhook closed rows
    Column("first_version", BigInteger, nullable=False),
    Column("last_version", BigInteger, nullable=False),
    Column("at", Moment(32), nullable=False),
    Index(None, "workspace_id", "last_version"),
    Index(None, "connection_id"),
)

# One for each change of a transaction that was there before; new rows have none.
changes = Table(
    "changes",
    metadata,
    Column("id", String(36), primary_key=True),  # sorts by time
    workspace(),
    Column("connection_id", ForeignKey("connections.id", ondelete="CASCADE"), nullable=False),
    Column("key", String(255), nullable=False),
    Column("was_version", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("cause", Text, nullable=False),  # "bank", "you", "rule: Coffee"
    Column("cells", Text, nullable=False),  # JSON of column -> [before, after]
    Column("at", Moment(32), nullable=False),
    Index(None, "connection_id", "key"),
    Index(None, "workspace_id"),
)
