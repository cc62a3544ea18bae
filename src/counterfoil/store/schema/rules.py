"""Rules about transactions, and pairs of transactions that are one movement between own accounts."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint

from counterfoil.store.schema.base import metadata, workspace
from counterfoil.store.types import Moment

rules = Table(
    "rules",
    metadata,
    Column("id", String(36), primary_key=True),
    workspace(),
    Column("position", Integer, nullable=False),  # the first that matches wins
    Column("name", Text, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("when", Text, nullable=False),  # JSON of rules.When
    Column("then", Text, nullable=False),  # JSON of rules.Then
    Column("changed_at", Moment(32), nullable=False),
    Index(None, "workspace_id", "position"),
)

pairs = Table(
    "pairs",
    metadata,
    Column("id", String(36), primary_key=True),
    workspace(),
    Column("kind", String(12), nullable=False),  # transfer | payout
    Column("out_connection_id", ForeignKey("connections.id", ondelete="CASCADE"), nullable=False),
    Column("out_key", String(255), nullable=False),
    Column("in_connection_id", ForeignKey("connections.id", ondelete="CASCADE"), nullable=False),
    Column("in_key", String(255), nullable=False),
    Column("sure", Boolean, nullable=False),  # more than amount and day speak for it
    Column("state", String(12), nullable=False),  # open | confirmed | declined
    Column("found_at", Moment(32), nullable=False),
    Column("decided_at", Moment(32)),
    UniqueConstraint("workspace_id", "out_key", "in_key"),  # what was declined is not proposed again
    Index(None, "workspace_id", "in_key"),
    Index(None, "workspace_id", "state", "id"),
)

pairings = Table(
    "pairings",
    metadata,
    Column("workspace_id", ForeignKey("workspaces.id", ondelete="CASCADE"), primary_key=True),
    Column("version", BigInteger, nullable=False),  # rows up to this one have been looked at
)
