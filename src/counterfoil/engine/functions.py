"""What a durable function is: its triggers, its limits, and the types of what it takes and gives."""

import inspect
import typing
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from counterfoil.engine.context import Context
from counterfoil.engine.failures import Failure
from counterfoil.errors import BadSettings

D = TypeVar("D")
R = TypeVar("R")
U = TypeVar("U")

LEVELS: Final = 3  # how deep functions without a key may invoke one another


@dataclass(frozen=True, slots=True)
class Concurrency:
    """At most `limit` runs at a time for each value at the path `key`, first in, first out.

    A run counts from its start to its end, waiting included. Functions that name the same `scope` share the limit;
    without it the scope is the function itself.
    """

    limit: int = 1
    key: str | None = None
    scope: str | None = None


@dataclass(frozen=True, slots=True)
class Cron:
    """A schedule in cron's five fields, read in an IANA time zone. Ticks missed while no worker ran are not made up."""

    schedule: str
    timezone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Debounce:
    """Start once the events of one `key` have been quiet for `period` seconds, with the last event.

    A run waits no longer than `longest` seconds after the first event.
    """

    period: float
    key: str | None = None
    longest: float | None = None


@dataclass(frozen=True, slots=True)
class CancelOn:
    """Cancel a waiting or running run when the event `name` arrives and the paths of `match` agree."""

    name: str
    match: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Timeouts:
    """A run that waited longer than `start` seconds fails when its turn comes; one that runs longer than `finish`
    fails after its present step."""

    start: float | None = None
    finish: float | None = None


@dataclass(frozen=True, slots=True)
class Function(Generic[D, R]):
    """A durable function. Make one with `function`."""

    id: str
    body: Callable[[Context[D, Any]], Awaitable[R]]
    takes: type[D]
    gives: Any
    on: tuple[str, ...]
    crons: tuple[Cron, ...]
    concurrency: Concurrency | None
    retries: int
    priority: int
    debounce: Debounce | None
    idempotency: str | None
    cancel_on: tuple[CancelOn, ...]
    timeouts: Timeouts
    on_failure: Callable[[Context[D, Any], Failure], Awaitable[None]] | None

    @property
    def scope(self) -> str | None:
        """The scope whose lock a run holds; None for a function without a limit."""
        if self.concurrency is None:
            return None
        return self.concurrency.scope or self.id

    def queue(self, depth: int) -> str:
        """Name the queue for a run invoked at that depth: parents and children never share one."""
        return f"level.{depth}" if self.scope is None else f"scope.{self.scope}"


Trigger = str | Cron


def function(
    id: str,
    *,
    on: Trigger | Sequence[Trigger] = (),
    concurrency: Concurrency | None = None,
    retries: int = 4,
    priority: int = 0,
    debounce: Debounce | None = None,
    idempotency: str | None = None,
    cancel_on: Sequence[CancelOn] = (),
    timeouts: Timeouts = Timeouts(),
    on_failure: Callable[[Context[Any, Any], Failure], Awaitable[None]] | None = None,
) -> Callable[[Callable[[Context[D, U]], Awaitable[R]]], Function[D, R]]:
    """Make a durable function of `async def body(ctx: Context[Data, Utils]) -> Result`.

    The types of the event's data and of the result are read from the annotations. `on` names the events and schedules
    that start it. `retries` counts the repeats of each step, and of the body outside of steps. A lower `priority`
    starts earlier; it is for functions without a key, whose order is first in, first out. `idempotency` is a path: a
    second event with the same value there starts nothing. Raises `BadSettings` for a declaration that cannot hold.
    """
    triggers = [on] if isinstance(on, str | Cron) else list(on)

    def make(body: Callable[[Context[D, U]], Awaitable[R]]) -> Function[D, R]:
        if concurrency is not None and (priority or concurrency.limit < 1):
            raise BadSettings(
                f"The function {id} cannot have both a key and a priority, nor a limit below 1.",
                remedy="Keyed runs start first in, first out: leave the priority out.",
            )
        takes, gives = _types(id, body)
        return Function(
            id=id,
            body=body,
            takes=takes,
            gives=gives,
            on=tuple(trigger for trigger in triggers if isinstance(trigger, str)),
            crons=tuple(trigger for trigger in triggers if isinstance(trigger, Cron)),
            concurrency=concurrency,
            retries=retries,
            priority=priority,
            debounce=debounce,
            idempotency=idempotency,
            cancel_on=tuple(cancel_on),
            timeouts=timeouts,
            on_failure=on_failure,
        )

    return make


def _types(id: str, body: Callable[..., Any]) -> tuple[Any, Any]:
    """Read the data and result types from `async def body(ctx: Context[Data, ...]) -> Result`."""
    hints = typing.get_type_hints(body)
    first = next(iter(inspect.signature(body).parameters), "")
    arguments = typing.get_args(hints.get(first))
    if not arguments or "return" not in hints:
        raise BadSettings(
            f"The function {id} does not say what it takes and gives.",
            remedy="Annotate it: async def body(ctx: Context[Data, Utils]) -> Result.",
        )
    return arguments[0], hints["return"]
