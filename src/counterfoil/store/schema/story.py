"""Connections and destinations, and the way of a row between them."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    literal_column,
    text,
)

from counterfoil.store.schema.base import connection, destination, metadata, notice, problem, workspace
from counterfoil.store.types import Moment

connections = Table(
    "connections",
    metadata,
    Column("id", String(36), primary_key=True),
    workspace(),
    Column("provider", String(40), nullable=False),
    Column("remote_id", String(255), nullable=False),
    Column("label", Text, nullable=False),
    Column("live", Boolean, nullable=False),
    Column("state", String(16), nullable=False),  # active | action_required | paused | removed
    *(Column(name, Text) for name in (*problem, *notice)),
    Column("credential", LargeBinary, nullable=False),  # empty once the connection is removed
    Column("created_at", Moment(32), nullable=False),
    Column("fetched_at", Moment(32)),
    UniqueConstraint("workspace_id", "provider", "remote_id"),
    Index(None, "provider", "remote_id"),
)

visits = Table(
    "visits",
    metadata,
    Column("id", String(64), primary_key=True),
    workspace(),
    Column("provider", String(40), nullable=False),
    Column("purpose", String(16), nullable=False),  # connect | repair | share
    Column("choice", String(40)),  # connect: what was asked for
    Column("connection_id", ForeignKey("connections.id", ondelete="CASCADE")),  # repair, share: whose
    Column("reference", LargeBinary),  # sealed; empty once nothing more is asked with it
    Column("state", String(16), nullable=False),  # open | done | left | expired
    Column("reason", Text),
    Column("created_at", Moment(32), nullable=False),
    Column("expires_at", Moment(32), nullable=False),
    Index(None, "workspace_id", "created_at"),
)

candidates = Table(
    "candidates",
    metadata,
    Column("visit_id", ForeignKey("visits.id", ondelete="CASCADE"), primary_key=True),
    Column("id", String(64), primary_key=True),  # the fingerprint of its ticket
    Column("label", Text, nullable=False),
    Column("marks", Text, nullable=False),  # JSON of linking.AccountMark
    Column("state", String(16), nullable=False),  # accepted | unwanted | connected | refused
    Column("credential", LargeBinary),  # sealed, from the acceptance until it is a connection's or was removed
    Column("connection_id", ForeignKey("connections.id", ondelete="SET NULL")),
    Column("message", Text),
)

relinks = Table(
    "relinks",
    metadata,
    Column("id", String(36), primary_key=True),
    workspace(),
    Column("old_id", ForeignKey("connections.id", ondelete="CASCADE"), nullable=False),
    Column("new_id", ForeignKey("connections.id", ondelete="CASCADE"), nullable=False),
    Column("pairs", Text, nullable=False),  # JSON of store.relinks.Pair
    Column("state", String(16), nullable=False),  # open | confirmed | declined
    Column("created_at", Moment(32), nullable=False),
    Column("decided_at", Moment(32)),
    UniqueConstraint("new_id", "old_id"),
)

destinations = Table(
    "destinations",
    metadata,
    Column("id", String(36), primary_key=True),
    workspace(),
    Column("kind", String(40), nullable=False),
    Column("remote_id", String(255), nullable=False),
    Column("label", Text, nullable=False),
    Column("state", String(16), nullable=False),
    *(Column(name, Text) for name in problem),
    Column("credential", LargeBinary, nullable=False),  # empty once the destination is removed
    Column("selection", Text, nullable=False),  # JSON of store.destinations.Selection
    Column("created_at", Moment(32), nullable=False),
    Column("due_at", Moment(32)),  # when the schedule comes next
    Column("reconciled_at", Moment(32)),  # when it was last asked to be read back in full
    UniqueConstraint("workspace_id", "kind", "remote_id"),
)

destination_tables = Table(
    "destination_tables",
    metadata,
    destination(key=True),
    Column("name", String(40), primary_key=True),
    Column("mapping", Text, nullable=False),  # JSON of ports.TableMapping
    Column("enabled", Boolean, nullable=False),
    Column("prepared", Boolean, nullable=False, server_default=text("false")),  # all of the mapping stands there
    Column("watermark", BigInteger, nullable=False, server_default=text("0")),
    Column("adopted", Boolean, nullable=False),  # what stood there before us has been looked at
    Column("edition", Integer, nullable=False, server_default=text("0")),  # raised when what is to be done changes
    *(Column(name, Text) for name in problem),
)

mirror = Table(
    "mirror",
    metadata,
    destination(key=True),
    Column("name", String(40), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("state", String(12), nullable=False),
    Column("remote_id", Text),
    Column("prints", LargeBinary, nullable=False),
    Column("was_key", Text),
    Column("again", Boolean, nullable=False),
    Column("open", Boolean),  # true where in flight or `again`, else null
    Column("reason", Text),
)
# A handful of rows at most: what must be planned although no row has changed.
_open = mirror.c.open.is_not(None)
_open_place = (mirror.c.destination_id, mirror.c.name, mirror.c.key)
Index("ix_mirror_open", *_open_place, sqlite_where=_open, postgresql_where=_open)
# All but nearly all: refused, deleted there, or on its way. What stands there is the rest of the primary key's count.
not_standing = mirror.c.state != literal_column("'synced'")
_other_place = (mirror.c.destination_id, mirror.c.name, mirror.c.state, mirror.c.key)
Index("ix_mirror_not_standing", *_other_place, sqlite_where=not_standing, postgresql_where=not_standing)

cursors = Table(
    "cursors",
    metadata,
    connection(key=True),
    Column("stream", String(40), primary_key=True),
    Column("cursor", LargeBinary),
    Column("fetched_at", Moment(32)),
    Column("offered", Boolean, nullable=False, server_default=text("true")),
)

pages = Table(
    "pages",
    metadata,
    Column("id", String(36), primary_key=True),
    connection(),
    Column("stream", String(40), nullable=False),
    Column("position", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("cursor", LargeBinary),
    Column("has_more", Boolean, nullable=False),
    Column("staged_at", Moment(32), nullable=False),
    Column("committed_at", Moment(32)),
    Index(None, "connection_id", "stream", "position"),
)

requests = Table(
    "requests",
    metadata,
    Column("id", String(255), primary_key=True),  # the event's id: asking twice is asking once
    connection(),
    Column("event", String(120), nullable=False),
    Column("asked_at", Moment(32), nullable=False),
    Column("sync_id", ForeignKey("syncs.id", ondelete="SET NULL")),  # the sync that did the work
    Index(None, "connection_id", "sync_id"),
)
_waits = requests.c.sync_id.is_(None)
Index("ix_requests_waiting", requests.c.asked_at, sqlite_where=_waits, postgresql_where=_waits)

syncs = Table(
    "syncs",
    metadata,
    Column("id", String(36), primary_key=True),
    workspace(),
    Column("connection_id", ForeignKey("connections.id", ondelete="SET NULL")),
    Column("cause", String(120), nullable=False),  # the name of the event that started it
    Column("run_id", String(255), nullable=False),
    Column("state", String(16), nullable=False),  # running | done | partial | failed
    Column("started_at", Moment(32), nullable=False),
    Column("finished_at", Moment(32)),
    Column("note", Text),
    UniqueConstraint("run_id"),
    Index(None, "workspace_id", "started_at"),
    Index(None, "connection_id", "started_at"),
)

sync_tables = Table(
    "sync_tables",
    metadata,
    Column("sync_id", ForeignKey("syncs.id", ondelete="CASCADE"), primary_key=True),
    destination(key=True),
    Column("name", String(40), primary_key=True),
    *(
        Column(count, Integer, nullable=False, server_default=text("0"))
        for count in ("created", "updated", "deleted", "rejected", "gone")
    ),
    Column("problem_code", Text),
    Column("problem", Text),
    Column("remedy", Text),
)

# Rate budgets that several processes share; seconds since 1970 by the database's clock.
budget_places = Table(
    "budget_places",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("name", Text, nullable=False),
    Column("free_at", Double, nullable=False),
    Index(None, "name", "free_at"),
)

budget_pauses = Table(
    "budget_pauses",
    metadata,
    Column("name", Text, primary_key=True),
    Column("until", Double, nullable=False),
)
