"""All SQL of the engine: the inbox of events, what they start, and what became of it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from dbos._sys_db import SystemDatabase
from sqlalchemy.dialects import postgresql, sqlite

from counterfoil.engine.durable import APP, SCHEMA
from counterfoil.engine.events import matches, now_ms
from counterfoil.engine.failures import end_of
from counterfoil.engine.journal import Journal, Recorded
from counterfoil.engine.tables import (
    ACTIVE,
    CHANNEL,
    HELD,
    Accepted,
    NewRun,
    Standing,
    Stop,
    envelope_of,
    events_table,
    inputs_of,
    once_table,
    own,
    paused_table,
)
from counterfoil.engine.turns import Turns
from counterfoil.lib.sqlite import FileWatch

UNCOUNTED: Final = 1_000  # changes of runs that Postgres may not know of when it plans


class Ledger:
    """The engine's database. Every method is one short transaction and blocks: call it from a thread."""

    def __init__(self, tables: SystemDatabase, version: str, executor: str) -> None:
        self._db = tables.engine
        self.journal = Journal(tables)
        self._tables = tables
        self._status = tables.tables.workflow_status
        self._input = tables.tables.workflow_input
        self._output = tables.tables.workflow_output
        self._steps = tables.tables.operation_outputs
        self._version = version
        self._executor = executor
        self._postgres = self._db.dialect.name == "postgresql"
        self._turns = Turns(self._postgres)
        self._watch = None if self._postgres else FileWatch(self._db)

    def close(self) -> None:
        """Let go of the connection that watches the file."""
        if self._watch is not None:
            self._watch.close()

    def create(self) -> None:
        """Make the engine's own tables where they are missing."""
        own.create_all(self._db)

    def _insert(self, table: sa.Table) -> Any:
        return postgresql.insert(table) if self._postgres else sqlite.insert(table)

    # --- what starts runs ------------------------------------------------------------------------------------

    def accept(self, event: Mapping[str, Any], runs: Sequence[NewRun], stops: Sequence[Stop] = ()) -> Accepted:
        """Keep an event and start what listens to it, all or nothing; an id that is known starts nothing.

        Whoever sent it may forget it then: on SQLite it is on the disk, unlike steps, which may be done again.
        """
        with self._db.execution_options(flushed=True).begin() as connection:
            added = connection.execute(
                self._insert(events_table)
                .values(
                    id=event["id"],
                    name=event["name"],
                    data=msgspec.json.encode(event["data"]).decode(),
                    ts=event["ts"],
                    received_at=now_ms(),
                    runs=_json([run.id for run in runs]),
                )
                .on_conflict_do_nothing()
                .returning(events_table.c.id)
            ).scalar()
            if added is None:
                known = connection.execute(
                    sa.select(events_table.c.runs).where(events_table.c.id == event["id"])
                ).scalar_one()
                return Accepted(tuple(msgspec.json.decode(known)), duplicate=True)
            times = self._turns.take(connection, _turns_of(runs), len(runs))
            cancelled = self._cancel_matching(connection, stops)
            started = [self._admit(connection, run) for run in runs]
            ids = tuple(id for id, _ in started if id is not None)
            if list(ids) != [run.id for run in runs]:
                connection.execute(
                    events_table.update().where(events_table.c.id == event["id"]).values(runs=_json(ids))
                )
            self._enqueue(connection, [run for _, run in started if run is not None], times)
            self._notify(connection, f"event {event['name']}")
        return Accepted(ids, cancelled=cancelled)

    def _admit(self, connection: sa.Connection, run: NewRun) -> tuple[str | None, NewRun | None]:
        """Decide on one run: start it, join one that waits for quiet, or (None, None) since its key was seen."""
        if run.once is not None:
            new = self._insert(once_table).values(function=run.function, key=run.once, at=now_ms())
            if connection.execute(new.on_conflict_do_nothing().returning(once_table.c.key)).scalar() is None:
                return None, None
        if run.quiet is not None:
            status = self._status
            until = now_ms() + run.quiet_ms
            limit, held = status.c.debounce_deadline_epoch_ms, status.c.delay_until_epoch_ms == HELD
            joined = connection.execute(
                sa.update(status)
                .where(status.c.queue_name == run.queue, status.c.deduplication_id == _quiet_id(run))
                .where(status.c.status == "DELAYED", status.c.is_debounced.is_(True))
                .values(delay_until_epoch_ms=sa.case((held, HELD), (limit < until, limit), else_=until))
                .returning(status.c.workflow_uuid)
            ).scalar()
            if joined is not None:
                connection.execute(
                    sa.update(self._input)
                    .where(self._input.c.workflow_uuid == joined)
                    .values(inputs=inputs_of(run.envelope))
                )
                return joined, None
        return run.id, run

    def _enqueue(self, connection: sa.Connection, runs: Sequence[NewRun], times: Sequence[int]) -> None:
        if not runs:
            return
        paused = set(connection.execute(sa.select(paused_table.c.function)).scalars())
        rows, inputs = [], []
        for run, created in zip(runs, times, strict=False):  # fewer runs than times where some join others
            held = HELD if run.function in paused else None
            quiet = created + run.quiet_ms if run.quiet is not None else None
            delay = held or quiet
            rows.append(
                {
                    "workflow_uuid": run.id,
                    "status": "ENQUEUED" if delay is None else "DELAYED",
                    "name": run.function,
                    "executor_id": self._executor,
                    "application_version": self._version,
                    "application_name": APP,
                    "queue_name": run.queue,
                    "queue_partition_key": run.partition,
                    "priority": run.priority,
                    "serialization": "json",
                    "recovery_attempts": 0,
                    "parent_workflow_id": run.parent,
                    "forked_from": run.forked_from,
                    "delay_until_epoch_ms": delay,
                    "deduplication_id": _quiet_id(run) if run.quiet is not None else None,
                    "is_debounced": run.quiet is not None,
                    "debounce_deadline_epoch_ms": created + run.longest_ms if run.longest_ms is not None else None,
                    "created_at": created,
                    "updated_at": created,
                }
            )
            inputs.append(
                {"workflow_uuid": run.id, "inputs": inputs_of(run.envelope), "retention_timestamp": created},
            )
        connection.execute(sa.insert(self._status), rows)
        connection.execute(sa.insert(self._input), inputs)
        self._notify(connection, *{f"queue {run.queue}" for run in runs})

    def _notify(self, connection: sa.Connection, *texts: str) -> None:
        if self._postgres and texts:
            told = (sa.func.pg_notify(CHANNEL, f"{self._executor} {text}") for text in texts)
            connection.execute(sa.select(*told))

    def start(self, run: NewRun, copy_before: tuple[str, int] | None = None) -> None:
        """Enqueue one run. With `copy_before` it begins with the steps of that run that were done by that moment."""
        with self._db.begin() as connection:
            self._enqueue(connection, [run], self._turns.take(connection, _turns_of([run]), 1))
            if copy_before is not None:
                source, moment = copy_before
                columns = [column for column in self._steps.c if column.name != "workflow_uuid"]
                done = sa.select(sa.literal(run.id), *columns).where(
                    self._steps.c.workflow_uuid == source, self._steps.c.completed_at_epoch_ms <= moment
                )
                names = ["workflow_uuid", *(column.name for column in columns)]
                connection.execute(sa.insert(self._steps).from_select(names, done))

    def invoke(self, parent: str, owner: str, number: int, name: str, child: NewRun) -> None:
        """Enqueue a child and record it as its parent's step, together. Raises `Disowned`."""
        now = now_ms()
        with self._db.begin() as connection:
            times = self._turns.take(connection, _turns_of([child]), 1)
            self.journal.put(connection, parent, owner, number, Recorded(name, None, None, child.id, now), now)
            self._enqueue(connection, [child], times)

    # --- what runs need --------------------------------------------------------------------------------------

    def _read(self, query: sa.Select[Any]) -> Sequence[sa.Row[Any]]:
        with self._db.connect() as connection:
            return connection.execute(query).all()

    def standing(self, ids: Sequence[str]) -> Standing:
        """Look where these runs stand."""
        status, output = self._status.c, self._output.c
        standing = Standing()
        for row in self._read(
            sa.select(status.workflow_uuid, status.status, status.owner_xid, output.output, output.error)
            .select_from(self._status.outerjoin(self._output, status.workflow_uuid == output.workflow_uuid))
            .where(status.workflow_uuid.in_(ids))
        ):
            if row.status == "PENDING":
                standing.owners[row.workflow_uuid] = row.owner_xid
            elif row.status not in ACTIVE:
                standing.ended[row.workflow_uuid] = end_of(row.status, row.output, row.error)
        return standing

    def arrivals(self, name: str, since: int) -> list[dict[str, Any]]:
        """Give the events of that name that arrived at or after `since`, the oldest first."""
        rows = self._read(
            sa.select(events_table)
            .where(events_table.c.name == name, events_table.c.received_at >= since)
            .order_by(events_table.c.received_at, events_table.c.id)
        )
        return [{"name": row.name, "data": msgspec.json.decode(row.data), "id": row.id, "ts": row.ts} for row in rows]

    # --- what people and events do to runs -------------------------------------------------------------------

    def cancel(self, ids: Sequence[str]) -> tuple[str, ...]:
        """Cancel runs and all that they have invoked; give the ids of those that had not ended."""
        with self._db.begin() as connection:
            return self._cancel(connection, ids)

    def _cancel(self, connection: sa.Connection, ids: Sequence[str]) -> tuple[str, ...]:
        status = self._status
        cancelled: list[str] = []
        level = list(ids)
        while level:
            cancelled += connection.execute(
                sa.update(status)
                .where(status.c.workflow_uuid.in_(level), status.c.status.in_(ACTIVE))
                .values(
                    status="CANCELLED",
                    owner_xid=None,
                    queue_name=None,
                    deduplication_id=None,
                    updated_at=now_ms(),
                    completed_at=now_ms(),
                )
                .returning(status.c.workflow_uuid)
            ).scalars()
            children = sa.select(status.c.workflow_uuid).where(
                status.c.parent_workflow_id.in_(level), status.c.status.in_(ACTIVE)
            )
            level = list(connection.execute(children).scalars())
        self._notify(connection, *(f"end {id}" for id in cancelled))
        return tuple(cancelled)

    def _cancel_matching(self, connection: sa.Connection, stops: Sequence[Stop]) -> tuple[str, ...]:
        status = self._status
        doomed: list[str] = []
        for stop in stops:
            rows = connection.execute(
                sa.select(status.c.workflow_uuid, self._input.c.inputs)
                .join(self._input, self._input.c.workflow_uuid == status.c.workflow_uuid)
                .where(status.c.name == stop.function, status.c.status.in_(ACTIVE))
            )
            doomed += [id for id, text in rows if matches(stop.match, envelope_of(text).event, stop.event)]
        return self._cancel(connection, doomed) if doomed else ()

    def hand_over(self, run_id: str, owner: str) -> None:
        """Put a run of ours back into its queue, where it keeps its place."""
        with self._db.begin() as connection:
            connection.execute(
                sa.update(self._status)
                .where(self._status.c.workflow_uuid == run_id, self._status.c.owner_xid == owner)
                .values(status="ENQUEUED", owner_xid=None, started_at_epoch_ms=None, updated_at=now_ms())
            )

    def pause(self, function: str) -> None:
        """Hold the function's waiting runs and those to come, also those that wait for quiet; running ones go on."""
        with self._db.begin() as connection:
            self._turns.alone(connection)
            connection.execute(self._insert(paused_table).values(function=function).on_conflict_do_nothing())
            waits = self._status.c.status.in_(("ENQUEUED", "DELAYED"))
            self._hold(connection, function, waits, status="DELAYED", delay_until_epoch_ms=HELD)

    def resume(self, function: str) -> None:
        """Let the held runs go on in the order in which they came."""
        status = self._status.c
        with self._db.begin() as connection:
            self._turns.alone(connection)
            connection.execute(sa.delete(paused_table).where(paused_table.c.function == function))
            held = sa.and_(status.status == "DELAYED", status.delay_until_epoch_ms == HELD)
            # None waits for quiet any more: the next event begins a new wait.
            free = {"status": "ENQUEUED", "delay_until_epoch_ms": None, "deduplication_id": None}
            self._hold(connection, function, held, **free)
            self._notify(connection, "queue *")

    def _hold(self, connection: sa.Connection, function: str, which: sa.ColumnElement[bool], **values: Any) -> None:
        chosen = sa.update(self._status).where(self._status.c.name == function, which)
        connection.execute(chosen.values(updated_at=now_ms(), **values))

    def paused(self) -> frozenset[str]:
        """Give the ids of the paused functions."""
        return frozenset(row[0] for row in self._read(sa.select(paused_table.c.function)))

    def changed(self) -> bool:
        """Say whether anyone has written to the SQLite file since the last call; on Postgres processes are told."""
        return self._watch is not None and self._watch.changed()

    def due(self) -> None:
        """Enqueue the runs whose delay has passed."""
        self._tables.transition_delayed_workflows()
        self.tell("queue *")

    def tell(self, text: str) -> None:
        """Notify every process; on SQLite there is one that works."""
        if self._postgres:
            with self._db.begin() as connection:
                self._notify(connection, text)

    def forget(self, before: int) -> int:
        """Delete runs that ended, events and idempotency keys that came before a moment; give the number of runs."""
        status = self._status
        old = sa.select(status.c.workflow_uuid).where(
            status.c.completed_at < before, status.c.status.not_in(ACTIVE), _no_active_parent(status)
        )
        with self._db.begin() as connection:
            connection.execute(sa.delete(events_table).where(events_table.c.received_at < before))
            connection.execute(sa.delete(once_table).where(once_table.c.at < before))
            for table in (self._steps, self._input, self._output):
                connection.execute(sa.delete(table).where(table.c.workflow_uuid.in_(old)))
            return connection.execute(sa.delete(status).where(status.c.workflow_uuid.in_(old))).rowcount

    def unfinished(self) -> int:
        """Count the runs that wait or run, without those held by a pause."""
        status = self._status.c
        # Words and not parameters: only for them SQLite takes its indexes over the few that go on.
        query = sa.select(sa.func.count()).select_from(self._status)
        going = query.where(status.status.in_([sa.literal_column("'ENQUEUED'"), sa.literal_column("'PENDING'")]))
        delayed = query.where(status.status == sa.literal_column("'DELAYED'"), status.delay_until_epoch_ms != HELD)
        with self._db.connect() as connection:
            # The delayed first: one whose time comes in between is counted twice, and not forgotten.
            return sum(connection.execute(one).scalar_one() for one in (delayed, going))

    def count_anew(self) -> None:
        """Let Postgres look at the runs again where many have changed since it last did.

        It plans by what it has counted, and counts by itself once a minute. A queue that grew from nothing to thousands
        of keys meanwhile is read from end to end for each of its keys: minutes for one look at 10,000 of them.
        """
        if not self._postgres:
            return
        table = f"{SCHEMA}.{self._status.name}"
        query = sa.text("SELECT n_mod_since_analyze FROM pg_stat_user_tables WHERE relid = CAST(:table AS regclass)")
        with self._db.begin() as connection:
            if (connection.execute(query, {"table": table}).scalar() or 0) > UNCOUNTED:
                connection.exec_driver_sql(f"ANALYZE (SKIP_LOCKED) {table}")


def _json(ids: Sequence[str]) -> str:
    return msgspec.json.encode(ids).decode()


def _turns_of(runs: Sequence[NewRun]) -> Iterator[str]:
    """Name what only one transaction at a time may add to: a key's place in its queue, and a wait for quiet."""
    for run in runs:
        if run.partition is not None:
            yield f"{run.queue}/{run.partition}"
        if run.quiet is not None:
            yield _quiet_id(run)


def _quiet_id(run: NewRun) -> str:
    return f"{run.function}/{run.quiet}"


def _no_active_parent(status: sa.Table) -> sa.ColumnElement[bool]:
    """A run that still goes on may ask for its children's results again."""
    parent = status.alias("parent")
    return ~sa.exists().where(parent.c.workflow_uuid == status.c.parent_workflow_id, parent.c.status.in_(ACTIVE))
