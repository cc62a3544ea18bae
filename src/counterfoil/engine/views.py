"""What people see of functions, events, runs and steps."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from dbos._sys_db import SystemDatabase

from counterfoil.engine.failures import Failure
from counterfoil.engine.functions import Function
from counterfoil.engine.tables import HELD, envelope_of, events_table
from counterfoil.errors import BadRequest, NotThere

STATUSES: Final = ("queued", "delayed", "paused", "running", "succeeded", "failed", "cancelled")
_WORDS: Final = {
    "ENQUEUED": "queued",
    "DELAYED": "delayed",
    "PENDING": "running",
    "SUCCESS": "succeeded",
    "ERROR": "failed",
    "MAX_RECOVERY_ATTEMPTS_EXCEEDED": "failed",
    "CANCELLED": "cancelled",
}


class FunctionView(msgspec.Struct, frozen=True):
    """A function as it is declared."""

    id: str
    on: tuple[str, ...]
    schedules: tuple[str, ...]
    limit: int | None
    key: str | None
    scope: str | None
    retries: int
    paused: bool


class EventView(msgspec.Struct, frozen=True):
    """An event and the runs that it started or joined. Times are in milliseconds since 1970."""

    id: str
    name: str
    data: Any
    ts: int
    received_at: int
    runs: tuple[str, ...]


class StepView(msgspec.Struct, frozen=True):
    """A step, or a failed attempt of one (`kind` is "retry")."""

    kind: str
    name: str
    output: Any
    failure: Failure | None
    child: str | None
    started_at: int
    ended_at: int


class RunView(msgspec.Struct, frozen=True):
    """A run. `attempts` counts how often a worker took it up; `steps` is filled by `Engine.run`."""

    id: str
    function: str
    status: str
    event: Mapping[str, Any]
    key: str
    parent: str | None
    replay_of: str | None
    output: Any
    failure: Failure | None
    attempts: int
    queued_at: int
    started_at: int | None
    ended_at: int | None
    steps: tuple[StepView, ...] = ()

    def began(self, step: str) -> int:
        """Give the last millisecond before a step began. Raises `BadRequest` where there is no such step."""
        started = [seen.started_at for seen in self.steps if seen.name == step or seen.name.startswith(f"run:{step}#")]
        if not started:
            raise BadRequest(f"The run has no step {step}.", remedy="Take a name from the run's list of steps.")
        return min(started) - 1


class Views:
    """Read-only questions; every method blocks."""

    def __init__(self, tables: SystemDatabase, functions: Mapping[str, Function[Any, Any]]) -> None:
        self._db = tables.engine
        self._t = tables.tables
        self._functions = functions

    def _read(self, query: sa.Select[Any]) -> Sequence[sa.Row[Any]]:
        with self._db.connect() as connection:
            return connection.execute(query).all()

    def functions(self, paused: frozenset[str]) -> list[FunctionView]:
        """List the functions in the order of their ids."""
        return [
            FunctionView(
                id=function.id,
                on=function.on,
                schedules=tuple(f"{cron.schedule} {cron.timezone}" for cron in function.crons),
                limit=None if function.concurrency is None else function.concurrency.limit,
                key=None if function.concurrency is None else function.concurrency.key,
                scope=function.scope,
                retries=function.retries,
                paused=function.id in paused,
            )
            for _, function in sorted(self._functions.items())
        ]

    def events(self, name: str | None, before: str | None, limit: int) -> list[EventView]:
        """List events, the newest first; `before` is the id of the last one seen."""
        events = events_table.c
        query = sa.select(events_table).order_by(events.received_at.desc(), events.id.desc()).limit(limit)
        if name is not None:
            query = query.where(events.name == name)
        if before is not None:
            last = sa.select(events.received_at).where(events.id == before).scalar_subquery()
            query = query.where(sa.or_(events.received_at < last, (events.received_at == last) & (events.id < before)))
        return [_event(row) for row in self._read(query)]

    def event(self, event_id: str) -> EventView:
        """Give one event. Raises `NotThere`."""
        rows = self._read(sa.select(events_table).where(events_table.c.id == event_id))
        if not rows:
            raise NotThere(f"There is no event {event_id}.", remedy="Take an id from the list of events.")
        return _event(rows[0])

    def _runs(self) -> sa.Select[Any]:
        status, inputs, output = self._t.workflow_status, self._t.workflow_input, self._t.workflow_output
        return (
            sa.select(
                status, inputs.c.inputs.label("given"), output.c.output.label("gave"), output.c.error.label("why")
            )
            .join(inputs, inputs.c.workflow_uuid == status.c.workflow_uuid)
            .outerjoin(output, output.c.workflow_uuid == status.c.workflow_uuid)
        )

    def runs(self, function: str | None, status: str | None, before: str | None, limit: int) -> list[RunView]:
        """List runs, the newest first; `before` is the id of the last one seen."""
        columns = self._t.workflow_status.c
        query = self._runs().order_by(columns.created_at.desc(), columns.workflow_uuid.desc()).limit(limit)
        if function is not None:
            query = query.where(columns.name == function)
        if status is not None:
            held = columns.delay_until_epoch_ms == HELD
            words = [word for word, ours in _WORDS.items() if ours == ("delayed" if status == "paused" else status)]
            query = query.where(columns.status.in_(words))
            if status in ("paused", "delayed"):
                query = query.where(held if status == "paused" else ~held)
        if before is not None:
            last = sa.select(columns.created_at).where(columns.workflow_uuid == before).scalar_subquery()
            same = (columns.created_at == last) & (columns.workflow_uuid < before)
            query = query.where(sa.or_(columns.created_at < last, same))
        return [_run(row) for row in self._read(query)]

    def run(self, run_id: str) -> RunView:
        """Give one run with its steps, in the order in which they began. Raises `BadRequest`."""
        rows = self._read(self._runs().where(self._t.workflow_status.c.workflow_uuid == run_id))
        if not rows:
            raise NotThere(f"There is no run {run_id}.", remedy="Take an id from the list of runs.")
        steps = self._t.operation_outputs
        query = sa.select(steps).where(steps.c.workflow_uuid == run_id).order_by(steps.c.started_at_epoch_ms)
        return msgspec.structs.replace(_run(rows[0]), steps=tuple(_step(row) for row in self._read(query)))

    def tally(self) -> dict[tuple[str, str], int]:
        """Count the runs that are kept, by function and status."""
        columns = self._t.workflow_status.c
        held = sa.case((columns.delay_until_epoch_ms == HELD, True), else_=False)
        query = sa.select(columns.name, columns.status, held, sa.func.count()).group_by(
            columns.name, columns.status, held
        )
        found: dict[tuple[str, str], int] = {}
        for row in self._read(query):
            name, word, waits, count = tuple(row)
            status = "paused" if waits and word == "DELAYED" else _WORDS[word]
            found[name, status] = found.get((name, status), 0) + count
        return found

    def failed(self, function: str, since: int, until: int) -> list[str]:
        """Give the runs of a function that failed between two moments, the oldest first."""
        columns = self._t.workflow_status.c
        query = (
            sa.select(columns.workflow_uuid)
            .where(columns.name == function, columns.status == "ERROR", columns.completed_at.between(since, until))
            .order_by(columns.created_at)
        )
        return [row[0] for row in self._read(query)]


def _event(row: Any) -> EventView:
    data, runs = msgspec.json.decode(row.data), msgspec.json.decode(row.runs, type=tuple[str, ...])
    return EventView(row.id, row.name, data, row.ts, row.received_at, runs)


def _run(row: Any) -> RunView:
    envelope = envelope_of(row.given)
    status = _WORDS[row.status]
    if row.status == "DELAYED" and row.delay_until_epoch_ms == HELD:
        status = "paused"
    return RunView(
        id=row.workflow_uuid,
        function=row.name,
        status=status,
        event=envelope.event,
        key=envelope.key,
        parent=row.parent_workflow_id,
        replay_of=row.forked_from,
        output=None if row.gave is None else msgspec.json.decode(row.gave),
        failure=None if row.why is None else msgspec.json.decode(row.why, type=Failure),
        attempts=row.recovery_attempts or 0,
        queued_at=row.created_at,
        started_at=row.started_at_epoch_ms,
        ended_at=row.completed_at,
    )


def _step(row: Any) -> StepView:
    kind, _, name = row.function_name.partition(":")
    output = None if row.output is None else msgspec.json.decode(row.output)
    failure = None if row.error is None else msgspec.json.decode(row.error, type=Failure)
    if kind == "retry" and isinstance(output, dict):
        failure = msgspec.convert(output["failure"], Failure)
    return StepView(
        kind, name, output, failure, row.child_workflow_id, row.started_at_epoch_ms, row.completed_at_epoch_ms
    )
