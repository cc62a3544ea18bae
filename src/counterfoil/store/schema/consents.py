"""Consents: where a person was sent to let us into a destination, and what is kept until they have chosen the place."""

from sqlalchemy import Column, ForeignKey, LargeBinary, String, Table, Text

from counterfoil.store.schema.base import metadata, workspace
from counterfoil.store.types import Moment

consents = Table(
    "consents",
    metadata,
    Column("id", String(36), primary_key=True),
    workspace(),
    Column("kind", String(40), nullable=False),
    Column("session_id", ForeignKey("sessions.id", ondelete="CASCADE")),  # null where no browser began it
    Column("destination_id", ForeignKey("destinations.id", ondelete="CASCADE")),  # authorised anew, or made of it
    Column("state_hash", LargeBinary(32), nullable=False, unique=True),  # the state itself is the browser's alone
    Column("verifier", LargeBinary),  # sealed; null once the code was exchanged
    Column("credential", LargeBinary),  # sealed; from the exchange until it is a destination's
    Column("state", String(16), nullable=False),  # open | taken | granted | done | declined | failed
    Column("reason", Text),
    Column("created_at", Moment(32), nullable=False),
    Column("expires_at", Moment(32), nullable=False, index=True),
)
