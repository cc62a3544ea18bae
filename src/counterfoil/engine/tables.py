"""The engine's own tables beside DBOS's, and the values that the ledger takes and gives."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from counterfoil.engine.failures import End

own = sa.MetaData()
events_table = sa.Table(
    "engine_events",
    own,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("data", sa.Text, nullable=False),
    sa.Column("ts", sa.BigInteger, nullable=False),
    sa.Column("received_at", sa.BigInteger, nullable=False),
    sa.Column("runs", sa.Text, nullable=False),  # JSON list of the runs that the event started or joined
    sa.Index("engine_events_by_name", "name", "received_at"),
    sa.Index("engine_events_by_time", "received_at"),
)
once_table = sa.Table(
    "engine_once",
    own,
    sa.Column("function", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("at", sa.BigInteger, nullable=False),
)
paused_table = sa.Table("engine_paused", own, sa.Column("function", sa.Text, primary_key=True))
workers_table = sa.Table(
    "engine_workers",
    own,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("version", sa.Text, nullable=False),
)

HELD: Final = 253_402_300_799_000  # the end of the year 9999: a run of a paused function is delayed until then
CHANNEL: Final = "counterfoil_engine"
ACTIVE: Final = ("ENQUEUED", "PENDING", "DELAYED")


class Envelope(msgspec.Struct, frozen=True):
    """What a run is started with, besides its function's name."""

    event: Mapping[str, Any]
    key: str = "*"
    queued_at: int = 0
    depth: int = 0
    held: tuple[str, ...] = ()  # the scopes whose locks the runs above hold while they wait


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run to be enqueued. `once` and `quiet` are (value of the idempotency or debounce key)."""

    id: str
    function: str
    queue: str
    partition: str | None
    envelope: Envelope
    priority: int = 0
    parent: str | None = None
    forked_from: str | None = None
    once: str | None = None
    quiet: str | None = None
    quiet_ms: int = 0
    longest_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Stop:
    """Runs of `function` whose event agrees with `event` by `match` are cancelled."""

    function: str
    match: Mapping[str, str]
    event: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of an event: the runs that it started or joined, and those that it cancelled."""

    runs: tuple[str, ...]
    duplicate: bool = False
    cancelled: tuple[str, ...] = ()


@dataclass(slots=True)
class Standing:
    """Where runs stand: those that ended, and the owner's token of those that run."""

    ended: dict[str, End] = field(default_factory=dict)
    owners: dict[str, str | None] = field(default_factory=dict)


def envelope_of(inputs: str) -> Envelope:
    """Read what a run was started with from its stored inputs."""
    return msgspec.json.decode(inputs, type=_Inputs).args[0]


class _Inputs(msgspec.Struct, frozen=True):
    args: tuple[Envelope]
    kwargs: dict[str, Any] = {}


def inputs_of(envelope: Envelope) -> str:
    return msgspec.json.encode(_Inputs((envelope,))).decode()
