"""Workspaces, their people, and how they and their programs come in."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text, text

from counterfoil.store.schema.base import metadata, workspace
from counterfoil.store.types import Moment

workspaces = Table(
    "workspaces",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("name", Text, nullable=False),
    # The last version given to a canonical row. Raised under this row's lock, so that versions become visible in
    # their order and a reader's watermark never passes one that is still to come.
    Column("row_version", BigInteger, nullable=False, server_default=text("0")),
    Column("currency", String(10)),  # shown first; null: the one that most accounts are in
    Column("amounts", String(8), nullable=False, server_default=text("'symbol'")),  # symbol | code
    Column("digits", String(8), nullable=False, server_default=text("'point'")),  # store.workspaces.DIGITS
    Column("leaving_at", Moment(32)),  # since when all of it is being deleted
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
    workspace(),
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

passkeys = Table(
    "passkeys",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("credential_id", LargeBinary(1023), nullable=False, unique=True),  # the authenticator's own name for it
    Column("public_key", LargeBinary, nullable=False),  # COSE
    Column("sign_count", BigInteger, nullable=False),  # 0 for authenticators that do not count
    Column("label", Text, nullable=False),
    Column("created_at", Moment(32), nullable=False),
    Column("used_at", Moment(32)),
)

challenges = Table(
    "challenges",
    metadata,
    Column("challenge_hash", LargeBinary(32), primary_key=True),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE")),  # who adds a passkey; null for a sign-in
    Column("expires_at", Moment(32), nullable=False, index=True),
)

resets = Table(
    "resets",
    metadata,
    Column("token_hash", LargeBinary(32), primary_key=True),  # the token itself is in the letter alone
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("expires_at", Moment(32), nullable=False, index=True),
)

invitations = Table(
    "invitations",
    metadata,
    Column("id", String(36), primary_key=True),
    workspace(),
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
    workspace(),
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
    workspace(),
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
