"""Events: named facts with ids, and the paths by which one event is compared with another."""

import time
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import msgspec

from counterfoil.errors import BadRequest

D = TypeVar("D")


def now_ms() -> int:
    """Give the time in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class Event(msgspec.Struct, Generic[D], frozen=True):
    """A named fact. `data` is a msgspec struct of ids and counts, never a token or a bank row.

    The same `id` twice starts nothing twice; left empty, sending gives it one. `ts` is in milliseconds since 1970.
    """

    name: str
    data: D
    id: str = ""
    ts: int = 0


class Nothing(msgspec.Struct, frozen=True):
    """The data of an event that says all by its name."""


class Tick(msgspec.Struct, frozen=True):
    """The data of a schedule's event: the moment it stands for, ISO 8601 in the schedule's time zone."""

    at: str


def value_at(path: str, event: Mapping[str, Any]) -> str | int | bool | None:
    """Follow a path such as `event.data.connection_id` (or `async.…`) into an event; None where it leads nowhere."""
    value: Any = event
    for part in path.split(".")[1:]:
        value = value.get(part) if isinstance(value, Mapping) else None
    return value if isinstance(value, str | int | bool) else None


def key_of(path: str | None, event: Mapping[str, Any]) -> str:
    """Give the text of the value at `path`, "*" where there is no path. Raises `BadRequest` where it is missing."""
    if path is None:
        return "*"
    value = value_at(path, event)
    if value is None or value == "":
        raise BadRequest(
            f"The event {event.get('name')} has no {path}.", remedy="Send the event with every id that it needs."
        )
    return str(value)


def matches(match: Mapping[str, str], ours: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Say whether every path of the one event leads to the same, present value as its partner in the other."""
    for mine, theirs in match.items():
        value = value_at(mine, ours)
        if value is None or value != value_at(theirs, other):
            return False
    return True
