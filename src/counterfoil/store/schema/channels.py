"""What is told, to whom, and what became of it; and what is left to say of a workspace that was deleted."""

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text, UniqueConstraint

from counterfoil.store.schema.base import metadata, problem, workspace
from counterfoil.store.types import Moment

channels = Table(
    "channels",
    metadata,
    Column("id", String(36), primary_key=True),
    workspace(),
    Column("kind", String(16), nullable=False),  # email | webhook | apprise
    Column("label", Text, nullable=False),  # where it leads, without what is secret of it
    Column("target", LargeBinary, nullable=False),  # sealed: store.channels.Target
    Column("kinds", Text, nullable=False),  # JSON list of the kinds of notices that go here
    Column("hour", Integer),  # of the daily digest; null: each notice at once
    Column("timezone", String(64), nullable=False),
    Column("digest_at", Moment(32)),  # when the digest is due next
    Column("weekly_at", Moment(32), nullable=False),  # when the weekly summary is due next
    *(Column(name, Text) for name in problem),
    Column("created_at", Moment(32), nullable=False),
    Index(None, "workspace_id"),
)

notices = Table(
    "notices",
    metadata,
    Column("id", String(36), primary_key=True),
    workspace(),
    Column("kind", String(16), nullable=False),  # attention | mended | failed | weekly
    Column("incident", String(255), nullable=False),  # what it tells of; nothing is told twice
    Column("code", String(80)),
    Column("connection_id", ForeignKey("connections.id", ondelete="CASCADE")),
    Column("destination_id", ForeignKey("destinations.id", ondelete="CASCADE")),
    Column("title", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("remedy", Text, nullable=False),
    Column("path", Text, nullable=False),  # the page of ours that shows it
    Column("at", Moment(32), nullable=False),
    Column("open", Boolean),  # true while what it tells of lasts, else null
    UniqueConstraint("workspace_id", "incident"),
)
_open = notices.c.open.is_not(None)
Index("ix_notices_open", notices.c.workspace_id, sqlite_where=_open, postgresql_where=_open)

messages = Table(
    "messages",
    metadata,
    Column("id", String(36), primary_key=True),  # what the receiver knows it by, on every try
    Column("channel_id", ForeignKey("channels.id", ondelete="CASCADE"), nullable=False),
    Column("kind", String(16), nullable=False),  # notice | digest | test
    Column("state", String(8), nullable=False),  # waiting | sent | failed
    Column("tries", Integer, nullable=False),
    Column("reason", Text),  # why it has not arrived
    Column("created_at", Moment(32), nullable=False),
    Column("sent_at", Moment(32)),
    Index(None, "channel_id", "id"),
)

tellings = Table(
    "tellings",
    metadata,
    Column("channel_id", ForeignKey("channels.id", ondelete="CASCADE"), primary_key=True),
    Column("notice_id", ForeignKey("notices.id", ondelete="CASCADE"), primary_key=True),
    Column("message_id", ForeignKey("messages.id", ondelete="CASCADE"), index=True),  # null: waits for the digest
)

# It outlives the workspace: whoever asked can see that it is done, and what only they can still do.
deletions = Table(
    "deletions",
    metadata,
    Column("id", String(64), primary_key=True),  # hash of the word that whoever asked was given
    Column("workspace_id", String(36), nullable=False, unique=True),
    Column("asked_at", Moment(32), nullable=False),
    Column("finished_at", Moment(32)),
    Column("remains", Text, nullable=False),  # JSON list of sentences: what could not be ended at a vendor
)
