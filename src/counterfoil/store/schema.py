"""Every table of the store. The canonical tables are made from `model`; all others are written out here."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from counterfoil.model import TABLES, columns
from counterfoil.store.types import Moment, type_of

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _workspace() -> Column[str]:
    return Column("workspace_id", ForeignKey("workspaces.id", ondelete="CASCADE"), nullable=False)


def _connection(*, key: bool = False) -> Column[str]:
    return Column("connection_id", ForeignKey("connections.id", ondelete="CASCADE"), primary_key=key, nullable=False)


def _destination(*, key: bool = False) -> Column[str]:
    return Column("destination_id", ForeignKey("destinations.id", ondelete="CASCADE"), primary_key=key, nullable=False)


workspaces = Table(
    "workspaces",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("name", Text, nullable=False),
    # The last version given to a canonical row. Raised under this row's lock, so that versions become visible in
    # their order and a reader's watermark never passes one that is still to come.
    Column("row_version", BigInteger, nullable=False, server_default=text("0")),
    Column("created_at", Moment(32), nullable=False),
)

users = Table(
    "users",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("email", String(254), nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("password_hash", Text),
    Column("timezone", String(64), nullable=False, server_default=text("'UTC'")),
    Column("totp_secret", LargeBinary),  # sealed; null while signing in takes the password alone
    Column("totp_step", BigInteger),  # the last 30 seconds whose code was taken: none is taken twice
    Column("created_at", Moment(32), nullable=False),
)

members = Table(
    "members",
    metadata,
    Column("workspace_id", ForeignKey("workspaces.id", ondelete="CASCADE"), primary_key=True),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("role", String(16), nullable=False),  # owner | member
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("token_hash", LargeBinary(32), nullable=False, unique=True),  # the token itself is the browser's alone
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    _workspace(),
    Column("created_at", Moment(32), nullable=False),
    Column("seen_at", Moment(32), nullable=False),
    Column("expires_at", Moment(32), nullable=False),
    Column("address", String(64), nullable=False),
    Column("agent", Text, nullable=False),
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("subject", String(80), nullable=False),  # an account's fingerprint or a network address
    Column("at", Moment(32), nullable=False),
    Index(None, "subject", "at"),
)

invitations = Table(
    "invitations",
    metadata,
    Column("id", String(36), primary_key=True),
    _workspace(),
    Column("token_hash", LargeBinary(32), nullable=False, unique=True),
    Column("email", String(254), nullable=False),
    Column("role", String(16), nullable=False),
    Column("invited_by", ForeignKey("users.id", ondelete="SET NULL")),
    Column("created_at", Moment(32), nullable=False),
    Column("expires_at", Moment(32), nullable=False),
    Column("accepted_at", Moment(32)),
)

audit = Table(
    "audit",
    metadata,
    Column("id", String(36), primary_key=True),  # sorts by time
    _workspace(),
    Column("user_id", ForeignKey("users.id", ondelete="SET NULL")),
    Column("act", String(80), nullable=False),  # "connection.removed"
    Column("subject", Text),  # what it was done to, in words
    Column("address", String(64)),
    Column("at", Moment(32), nullable=False),
    Index(None, "workspace_id", "id"),
)

api_tokens = Table(
    "api_tokens",
    metadata,
    Column("id", String(36), primary_key=True),
    _workspace(),
    Column("token_hash", LargeBinary(32), nullable=False, unique=True),  # the token itself was shown once
    Column("name", Text, nullable=False),
    Column("scope", String(8), nullable=False),  # read | sync | write | admin
    Column("created_at", Moment(32), nullable=False),
    Column("expires_at", Moment(32)),
    Column("used_at", Moment(32)),
    Index(None, "workspace_id"),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("workspace_id", ForeignKey("workspaces.id", ondelete="CASCADE"), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("asked", LargeBinary(32), nullable=False),  # digest of what was asked: the same key asks one thing only
    Column("status", Integer),  # null while the first request is at work
    Column("answer", LargeBinary),  # sealed: the answer to a new token holds the token
    Column("at", Moment(32), nullable=False, index=True),
)

_problem = ("problem_code", "problem", "remedy")
_notice = ("notice_code", "notice", "notice_remedy")  # worth knowing, and nothing stops for it

connections = Table(
    "connections",
    metadata,
    Column("id", String(36), primary_key=True),
    _workspace(),
    Column("provider", String(40), nullable=False),
    Column("remote_id", String(255), nullable=False),
    Column("label", Text, nullable=False),
    Column("live", Boolean, nullable=False),
    Column("state", String(16), nullable=False),  # active | action_required | paused | removed
    *(Column(name, Text) for name in (*_problem, *_notice)),
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
    _workspace(),
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
    _workspace(),
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
    _workspace(),
    Column("kind", String(40), nullable=False),
    Column("remote_id", String(255), nullable=False),
    Column("label", Text, nullable=False),
    Column("state", String(16), nullable=False),
    *(Column(name, Text) for name in _problem),
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
    _destination(key=True),
    Column("name", String(40), primary_key=True),
    Column("mapping", Text, nullable=False),  # JSON of ports.TableMapping
    Column("enabled", Boolean, nullable=False),
    Column("prepared", Boolean, nullable=False, server_default=text("false")),  # all of the mapping stands there
    Column("watermark", BigInteger, nullable=False, server_default=text("0")),
    Column("adopted", Boolean, nullable=False),  # what stood there before us has been looked at
    Column("edition", Integer, nullable=False, server_default=text("0")),  # raised when what is to be done changes
    *(Column(name, Text) for name in _problem),
)

mirror = Table(
    "mirror",
    metadata,
    _destination(key=True),
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

cursors = Table(
    "cursors",
    metadata,
    _connection(key=True),
    Column("stream", String(40), primary_key=True),
    Column("cursor", LargeBinary),
    Column("fetched_at", Moment(32)),
    Column("offered", Boolean, nullable=False, server_default=text("true")),
)

pages = Table(
    "pages",
    metadata,
    Column("id", String(36), primary_key=True),
    _connection(),
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
    _connection(),
    Column("event", String(120), nullable=False),
    Column("asked_at", Moment(32), nullable=False),
    Column("sync_id", ForeignKey("syncs.id", ondelete="SET NULL")),  # the sync that did the work
    Index(None, "connection_id", "sync_id"),
)

syncs = Table(
    "syncs",
    metadata,
    Column("id", String(36), primary_key=True),
    _workspace(),
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
    _destination(key=True),
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


def _canonical(name: str) -> Table:
    extra = {"accounts": [Column("persistent_id", Text)]}
    return Table(
        name,
        metadata,
        Column("key", String(255), primary_key=True),  # first, so that the primary key finds a key without more ado
        _connection(key=True),
        _workspace(),
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
