"""The few places where DBOS's insides are touched; `tests/engine/test_durable.py` fails when they move.

Four things are not in DBOS's public interface. A queue wakes when something was enqueued (otherwise it polls). A run's
end is announced in its process (otherwise the parent polls). Times are kept in milliseconds on SQLite too (otherwise in
seconds). Steps are recorded under a number made from their name and not from their position, so that parallel branches
replay correctly in any order.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from dbos import DBOS, DBOSConfig, Serializer
from dbos import _queue as dbos_queue
from dbos._context import assert_current_dbos_context
from dbos._error import DBOSWorkflowConflictIDError
from dbos._sys_db import SystemDatabase

from counterfoil.engine.failures import End, describe, end_of
from counterfoil.lib.sqlite import dbapi

APP: Final = "counterfoil"
RECOVERIES: Final = 1_000  # each restart and each hand-over consumes one
THREADS: Final = 64
POLL: Final = {"sqlite": 20.0, "postgresql": 5.0}  # seconds between two looks at a queue whose bell was not rung
BETWEEN_LOOKS: Final = 0.015  # seconds from one look at a queue to the next at least, however often its bell is rung
SCHEMA: Final = "dbos"


class Disowned(BaseException):
    """This execution no longer owns its run: it was cancelled, or recovered elsewhere. Not for user code to catch."""


class Json(Serializer):
    """Keeps inputs, results and failures as JSON."""

    def serialize(self, data: Any) -> str:
        return msgspec.json.encode(describe(data) if isinstance(data, BaseException) else data).decode()

    def deserialize(self, serialized_data: str) -> Any:
        return msgspec.json.decode(serialized_data)

    def name(self) -> str:
        return "json"


class _Quiet(logging.Filter):
    """Drops DBOS's reports of runs that failed or changed hands: the run tells it, without foreign messages."""

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.msg if isinstance(record.msg, str) else ""
        return not any(known in text for known in ("in asynchronous workflow", "Waiting for the", "task cancelled"))


class Wakeable(threading.Event):
    """Stands in for DBOS's stop event in one queue thread: waiting ends early when the queue is woken for something."""

    def __init__(self, stop: threading.Event, has_work: Callable[[], bool]) -> None:
        super().__init__()
        self._stopped = stop
        self._has_work = has_work
        self._bell = threading.Event()
        self._looked_at = 0.0

    def ring(self) -> None:
        self._bell.set()

    def is_set(self) -> bool:
        return self._stopped.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        # Before the wait too: the bell that tells of the stop may have been the one that was just cleared.
        while not self._stopped.is_set() and self._bell.wait(timeout) and not self._stopped.is_set():
            # On a busy queue much is enqueued in a moment, and one look claims it all.
            if (rest := self._looked_at + BETWEEN_LOOKS - time.monotonic()) > 0:
                self._stopped.wait(rest)
            self._looked_at = time.monotonic()
            self._bell.clear()
            if self._has_work():
                break
        return self._stopped.is_set()


class Bells:
    """One bell per queue of this process."""

    def __init__(self) -> None:
        self._queues: dict[str, Wakeable] = {}
        self._original = dbos_queue.queue_worker_thread

    def install(self) -> None:
        """Let the queue threads that DBOS is about to start wait on our bells."""

        def listen(stop_event: threading.Event, dbos: DBOS, queue: dbos_queue.Queue) -> None:
            bell = self._queues[queue.name] = Wakeable(stop_event, _looker(dbos._sys_db, queue.name))
            bell.ring()  # what is there already need not wait for the first poll
            queue.database_backed_queue = False  # its settings do not change, and would be read before each look
            self._original(bell, dbos, queue)

        dbos_queue.queue_worker_thread = listen

    def remove(self) -> None:
        """Ring all bells, so that the threads see DBOS's stop event, and leave DBOS as it was."""
        dbos_queue.queue_worker_thread = self._original
        self.ring_all()

    def ring_all(self) -> None:
        """Wake every queue."""
        for bell in list(self._queues.values()):
            bell.ring()

    def ring(self, queue: str) -> None:
        """Wake a queue: something was enqueued, or a place has become free."""
        if (bell := self._queues.get(queue)) is not None:
            bell.ring()


def _looker(tables: SystemDatabase, queue: str) -> Callable[[], bool]:
    """Give a question that costs a twentieth of DBOS's own look at a queue: whether anything waits there at all."""
    status = tables.tables.workflow_status.c
    waits = sa.and_(status.queue_name == queue, status.status == "ENQUEUED", tables._in_flight_status_prover())
    query = sa.select(status.workflow_uuid).where(waits).limit(1)

    def has_work() -> bool:
        try:
            with tables.engine.connect() as connection:
                return connection.execute(query).first() is not None
        except sa.exc.SQLAlchemyError:
            return True  # DBOS asks again, and knows what to do where the database does not answer

    return has_work


def open_tables(engine: sa.Engine, executor: str, queues: Mapping[str, int | None], workers: int) -> SystemDatabase:
    """Give DBOS's tables, made or migrated, with these queues registered (name -> limit per key)."""
    _quieten()
    tables = SystemDatabase.create(
        system_database_url=engine.url.render_as_string(hide_password=False),
        engine_kwargs={},
        engine=engine,
        schema=SCHEMA,
        serializer=Json(),
        executor_id=executor,
        use_listen_notify=False,
        app_name=APP,
    )
    tables.run_migrations()
    for name, limit in queues.items():
        tables.upsert_queue(
            name=name,
            concurrency=None,
            worker_concurrency=workers,
            partition_concurrency=limit,
            rate_limit_max=None,
            rate_limit_period_sec=None,
            polling_interval_sec=POLL[engine.dialect.name],
            update_existing=True,
        )
    return tables


def configure(engine: sa.Engine, version: str, executor: str, *, migrate: bool = False) -> DBOS:
    """Make the process's DBOS, not yet launched."""
    config: DBOSConfig = {
        "name": APP,
        "system_database_url": engine.url.render_as_string(hide_password=False),
        "system_database_engine": engine,
        "application_version": version,
        "executor_id": executor,
        "serializer": Json(),
        "max_executor_threads": THREADS,
        "log_level": "WARNING",
        "use_listen_notify": False,
        "notification_listener_polling_interval_sec": 0.2,  # we send no DBOS messages; stopping waits for one round
        "dbos_system_schema": SCHEMA,
        "run_migrations": migrate,
    }
    _quieten()
    return DBOS(config=config)


def _quieten() -> None:
    """Let DBOS speak through the process's own logging, and only of what needs attention."""
    logger = logging.getLogger("dbos")
    logger.setLevel(logging.WARNING)
    if not logger.handlers:  # or DBOS adds one that writes to the console
        logger.addHandler(logging.NullHandler())
    if not any(isinstance(present, _Quiet) for present in logger.filters):
        logger.addFilter(_Quiet())


def launch(dbos: DBOS, ended: Callable[[str, End | None], None]) -> None:
    """Start DBOS on the running event loop, and announce the end of every run of this process from its thread."""
    DBOS.launch()
    # DBOS takes a loop of its own where ours rests for a moment, and what a run opens there ends with that loop.
    ours = asyncio.get_running_loop()
    dbos._background_event_loop.target_loop = lambda: ours  # type: ignore[method-assign]
    tables = dbos._sys_db
    record = tables.update_workflow_outcome

    def announce(workflow_id: str, status: Any, *, output: Any = None, error: Any = None, **more: Any) -> bool:
        written = record(workflow_id, status, output=output, error=error, **more)
        ended(workflow_id, end_of(status, output, error) if written else None)
        return written

    tables.update_workflow_outcome = announce  # type: ignore[method-assign]
    if tables.engine.dialect.name == "sqlite" and dbapi().sqlite_version_info >= (3, 42):
        milliseconds = sa.cast(sa.func.unixepoch("subsec") * 1000, sa.BigInteger)
        tables._now_ms_sql = lambda: milliseconds  # type: ignore[method-assign]


def stop_queues(dbos: DBOS, bells: Bells) -> None:
    """Take no more runs from the queues."""
    for stop in dbos.background_thread_stop_events:
        stop.set()
    bells.remove()


def abandon(dbos: DBOS) -> None:
    """Give up waiting for runs that others own now."""
    for task in list(dbos._workflow_tasks):
        task.cancel()


def destroy() -> None:
    """Stop DBOS and forget every registered function; blocks until its threads have ended."""
    DBOS.destroy(destroy_registry=True)


def register(name: str, body: Callable[[Mapping[str, Any]], Any]) -> None:
    """Make a coroutine function known to DBOS under a name."""
    DBOS.workflow(name=name, max_recovery_attempts=RECOVERIES)(body)


def current() -> tuple[str, str]:
    """Give the id of the run that executes here and the token by which it owns it."""
    context = assert_current_dbos_context()
    if context.owner_xid is None:
        raise Disowned
    return context.workflow_id, context.owner_xid


def disown(run_id: str) -> BaseException:
    """Give the error that makes DBOS leave the run's outcome to whoever owns it now."""
    return DBOSWorkflowConflictIDError(run_id)
