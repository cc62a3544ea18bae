"""The engine: starts and stops, takes events, and tells what became of them."""

import asyncio
import dataclasses
import logging
from collections.abc import Callable, Coroutine, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec
import sqlalchemy as sa

from counterfoil.engine import durable, schedule
from counterfoil.engine.cluster import Cluster
from counterfoil.engine.context import Context, Live, Middleware
from counterfoil.engine.durable import Recorded
from counterfoil.engine.events import Event, key_of, new_id, now_ms
from counterfoil.engine.failures import CANCELLED, End, NonRetriable, RunFailed
from counterfoil.engine.functions import LEVELS, Function
from counterfoil.engine.ledger import Accepted, Envelope, Ledger, NewRun, Stop
from counterfoil.engine.locks import Locks, LockSession, OneWorker, exit_now
from counterfoil.engine.runs import Runner
from counterfoil.engine.views import EventView, FunctionView, RunView, Views
from counterfoil.errors import BadRequest, BadSettings
from counterfoil.lib.sqlite import sqlite_engine

U = TypeVar("U")
D = TypeVar("D")
R = TypeVar("R")

LOOK = 1.0  # seconds between two looks at runs of which nobody here announces the end
DRAIN = 30.0  # seconds that stopping waits for the present steps

log = logging.getLogger(__name__)


class Engine(Generic[U]):
    """Durable functions on a database: a SQLite file (one worker process) or PostgreSQL (any number).

    One process has one engine at a time, and it belongs to the event loop on which it was started.
    """

    def __init__(
        self,
        functions: Iterable[Function[Any, Any]],
        database: Path | str,
        *,
        app_version: str,
        utils: Callable[[Context[Any, Any]], U] | None = None,
        middleware: Sequence[Middleware] = (),
        backoff: float = 1.0,
        workers: int = 50,
        lost: Callable[[], None] = exit_now,
    ) -> None:
        self._functions: dict[str, Function[Any, Any]] = {}
        for function in functions:
            if function.id in self._functions:
                raise BadSettings(f"Two functions are named {function.id}.", remedy="Rename one of them.")
            self._functions[function.id] = function
        self._database = database
        self._version = app_version
        self._utils = utils
        self._lost = lost
        self._workers = workers  # runs of one queue in this process
        self.middleware = tuple(middleware)
        self.backoff = backoff
        self._bells = durable.Bells()
        self._waiting: dict[str, asyncio.Future[End]] = {}
        self._marks: dict[str, int] = {}
        self._listeners: dict[str, set[asyncio.Future[None]]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._something_ended = asyncio.Event()
        self._runner: Runner | None = None
        self._cluster: Cluster | None = None
        self._alone: OneWorker | None = None

    # --- life ------------------------------------------------------------------------------------------------

    async def start(self, *, worker: bool = True) -> None:
        """Open the database, take over what a dead worker left, and begin to work; or only send (`worker=False`).

        Raises `BadSettings` where the database cannot be used, or another process works on the SQLite file.
        """
        self._loop = asyncio.get_running_loop()
        self._executor = f"worker-{new_id()}"
        try:
            await asyncio.to_thread(self._open, worker)
        except BaseException:
            await self._close()
            raise
        if worker:
            await self._begin()
        if self._cluster is not None:
            for duty in self._cluster.duties():
                self._spawn(duty)
            await self._cluster.listening.wait()
        self._spawn(self._look())

    def _open(self, worker: bool) -> None:
        url = _url(self._database)
        sqlite = url.get_backend_name() == "sqlite"
        path = Path(url.database or "")
        if sqlite and worker:
            alone = OneWorker(path)
            alone.take()
            self._alone = alone
        self._db = (
            sqlite_engine(path, transactions="statement", pool=5) if sqlite else sa.create_engine(url, pool_size=10)
        )
        tables = durable.open_tables(self._db, self._executor, self._queues(), self._workers)
        self._ledger = Ledger(tables, self._version, self._executor)
        self._ledger.create()
        self._views = Views(tables, self._functions)
        if not sqlite:
            session = LockSession(url, self._lost) if worker else None
            self._cluster = Cluster(url, self._executor, self._ledger, self._heard, session)
        if worker:
            if self._cluster is not None:
                self._cluster.join()
            else:
                self._ledger.adopt(None)

    def _queues(self) -> dict[str, int | None]:
        """Name every queue with its limit per key. Raises `BadSettings` where functions of a scope disagree."""
        queues: dict[str, int | None] = {f"level.{depth}": None for depth in range(LEVELS)}
        for function in self._functions.values():
            if function.concurrency is None:
                continue
            name = function.queue(0)
            if queues.setdefault(name, function.concurrency.limit) != function.concurrency.limit:
                raise BadSettings(
                    f"The functions of the scope {function.scope} have different limits.",
                    remedy="Give functions that share a scope the same limit.",
                )
        return queues

    async def _begin(self) -> None:
        locks = Locks(self._cluster.session if self._cluster is not None else None)
        runner = self._runner = Runner(self, self._ledger, locks, self._utils, self._bells)
        self._dbos = durable.configure(self._db, self._version, self._executor)
        for function in self._functions.values():
            runner.register(function)
        self._bells.install()
        durable.launch(self._dbos, self._ended)
        for function in self._functions.values():
            for cron in function.crons:
                self._spawn(schedule.tick(function, cron, self._send_tick))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(work))

    async def stop(self) -> None:
        """Let every run finish its present step, hand the rest to the next worker, and close the database."""
        if self._runner is not None:
            self._runner.draining = True
            durable.stop_queues(self._dbos, self._bells)
            for live in list(self._runner.live.values()):
                live.halt("hand over")
            await _within(self._runner.idle(), DRAIN)
            # DBOS made its own threads the loop's default; they end with it.
            self._loop.set_default_executor(ThreadPoolExecutor())
            durable.abandon(self._dbos)
            await asyncio.to_thread(durable.destroy)
            self._runner = None
        await self._close()

    async def _close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        if self._cluster is not None:
            await asyncio.to_thread(self._cluster.leave)
            self._cluster = None
        if hasattr(self, "_db"):
            self._ledger.close()
            self._db.dispose()
        if self._alone is not None:
            self._alone.give()
            self._alone = None

    async def drained(self, timeout: float = 60.0) -> None:
        """Wait until no run waits or runs, but for those of paused functions. Raises `TimeoutError`."""
        async with asyncio.timeout(timeout):
            while await asyncio.to_thread(self._ledger.unfinished):
                self._something_ended.clear()
                await _within(self._something_ended.wait(), 0.2)

    # --- events and runs -------------------------------------------------------------------------------------

    async def send(self, event: Event[Any]) -> Accepted:
        """Keep an event and start every function that listens to it; answers before they run.

        The same id twice starts nothing twice. Raises `BadRequest` where the data lack what a function needs.
        """
        listening = [function for function in self._functions.values() if event.name in function.on]
        return await self._accept(event, listening)

    async def _accept(self, event: Event[Any], functions: Sequence[Function[Any, Any]]) -> Accepted:
        known = msgspec.structs.replace(event, id=event.id or new_id(), ts=event.ts or now_ms())
        raw = msgspec.to_builtins(known)
        runs = [self._from_event(function, raw) for function in functions]
        stops = [
            Stop(function.id, stop.match, raw)
            for function in self._functions.values()
            for stop in function.cancel_on
            if stop.name == event.name
        ]
        accepted = await asyncio.to_thread(self._ledger.accept, raw, runs, stops)
        if not accepted.duplicate:
            self._rouse(run.queue for run in runs)
            self._arrived(event.name)
            self._stopped(accepted.cancelled)
            for quiet_ms in {run.quiet_ms for run in runs if run.quiet is not None}:
                self._loop.call_later(quiet_ms / 1000 + 0.01, self._wake_delayed)
        return accepted

    def _from_event(self, function: Function[Any, Any], raw: dict[str, Any]) -> NewRun:
        quiet = function.debounce
        return dataclasses.replace(
            self._new_run(function, raw),
            once=None if function.idempotency is None else key_of(function.idempotency, raw),
            quiet=None if quiet is None else key_of(quiet.key, raw),
            quiet_ms=0 if quiet is None else round(quiet.period * 1000),
            longest_ms=None if quiet is None or quiet.longest is None else round(quiet.longest * 1000),
        )

    def _new_run(self, function: Function[Any, Any], raw: dict[str, Any], parent: Live | None = None) -> NewRun:
        try:
            msgspec.convert(raw["data"], function.takes)
        except msgspec.ValidationError as error:
            raise BadRequest(
                f"The event {raw['name']} does not fit {function.id}: {error}.",
                remedy="Send it with the data that the function declares.",
            ) from error
        depth = 0 if parent is None else parent.depth + 1
        key = "*" if function.concurrency is None else key_of(function.concurrency.key, raw)
        return NewRun(
            id=new_id(),
            function=function.id,
            queue=function.queue(depth),
            partition=None if function.concurrency is None else key,
            envelope=Envelope(raw, key, now_ms(), depth, () if parent is None else parent.held),
            priority=function.priority,
            parent=None if parent is None else parent.id,
        )

    async def begin(self, function: Function[D, Any], data: D) -> str:
        """Start one function without an event; give the run's id."""
        raw = msgspec.to_builtins(Event("engine/function.started", data, new_id(), now_ms()))
        run = self._new_run(function, raw)
        await asyncio.to_thread(self._ledger.start, run)
        self._rouse([run.queue])
        return run.id

    async def replay(self, run_id: str, *, from_step: str | None = None) -> str:
        """Run it again with the same event, as a new run; give its id.

        With `from_step` the results of the steps that ended before that step began are taken over. Raises
        `BadRequest` where there is no such run or step.
        """
        old = await self.run(run_id)
        function = self._functions.get(old.function)
        if function is None:
            raise BadRequest(f"There is no function {old.function}.", remedy="It was removed or renamed.")
        run = dataclasses.replace(self._new_run(function, dict(old.event)), forked_from=run_id)
        moment = None if from_step is None else old.began(from_step)
        await asyncio.to_thread(self._ledger.start, run, None if moment is None else (run_id, moment))
        self._rouse([run.queue])
        return run.id

    async def replay_failed(self, function: Function[Any, Any], since: int, until: int) -> list[str]:
        """Replay every run of the function that failed between two moments (ms since 1970), in their order."""
        failed = await asyncio.to_thread(self._views.failed, function.id, since, until)
        return [await self.replay(run_id) for run_id in failed]

    async def cancel(self, run_id: str) -> None:
        """Cancel a run and all that it invoked; a step at work ends first. A run that has ended stays as it is."""
        self._stopped(await asyncio.to_thread(self._ledger.cancel, [run_id]))

    async def pause(self, function: Function[Any, Any]) -> None:
        """Let no run of the function begin; those that run go on."""
        await asyncio.to_thread(self._ledger.pause, function.id)

    async def resume(self, function: Function[Any, Any]) -> None:
        """Let the function's runs begin again, in the order in which they came."""
        await asyncio.to_thread(self._ledger.resume, function.id)
        self._rouse(function.queue(depth) for depth in range(LEVELS))

    async def result(self, run_id: str, *, timeout: float | None = None) -> Any:
        """Wait for a run's result. Raises `RunFailed`, or `TimeoutError` after so many seconds."""
        end = await self.ended(run_id, None if timeout is None else now_ms() / 1000 + timeout)
        if end is None:
            raise TimeoutError
        if end.failure is not None:
            raise RunFailed(run_id, end.failure)
        function = self._functions.get((await self.run(run_id)).function)
        return msgspec.json.decode(end.output or "null", type=Any if function is None else function.gives)

    # --- listing ---------------------------------------------------------------------------------------------

    async def functions(self) -> list[FunctionView]:
        """List the functions with their triggers and limits."""
        return await asyncio.to_thread(self._views.functions, self._ledger.paused())

    async def events(self, *, name: str | None = None, before: str | None = None, limit: int = 50) -> list[EventView]:
        """List events, the newest first, with the runs that they started."""
        return await asyncio.to_thread(self._views.events, name, before, limit)

    async def runs(
        self, *, function: str | None = None, status: str | None = None, before: str | None = None, limit: int = 50
    ) -> list[RunView]:
        """List runs, the newest first, without their steps. `status` is one of `views.STATUSES`."""
        return await asyncio.to_thread(self._views.runs, function, status, before, limit)

    async def run(self, run_id: str) -> RunView:
        """Give one run with its steps. Raises `BadRequest` where there is none."""
        return await asyncio.to_thread(self._views.run, run_id)

    async def forget(self, older_than: float) -> int:
        """Delete runs that ended, and events that came, more than so many seconds ago; give the number of runs."""
        return await asyncio.to_thread(self._ledger.forget, now_ms() - round(older_than * 1000))

    # --- what runs need (`context.Kernel`) -------------------------------------------------------------------

    def record_now(
        self, run: Live, number: int, name: str, started: int, output: bytes | None, error: bytes | None = None
    ) -> None:
        """Keep a step's result; blocks."""
        step = Recorded(name, _text(output), _text(error), None, started)
        durable.record_step(self._dbos, run.id, run.owner, number, step)
        run.journal[number] = step

    async def journal_step(
        self, run: Live, number: int, name: str, started: int, output: bytes | None, error: bytes | None = None
    ) -> None:
        """Keep a step's result."""
        await asyncio.to_thread(self.record_now, run, number, name, started, output, error)

    async def invoke(self, run: Live, number: int, name: str, function: Function[Any, Any], data: Any) -> str:
        """Start a child of a run."""
        if function.scope is not None and function.scope in run.held:
            raise NonRetriable(
                f"{function.id} would wait for a lock of the scope {function.scope} that this run holds."
            )
        if function.id not in self._functions or (function.scope is None and run.depth + 1 >= LEVELS):
            raise NonRetriable(f"{function.id} is unknown to this engine, or invoked too deep (over {LEVELS} levels).")
        child = self._new_run(
            function, msgspec.to_builtins(Event("engine/function.invoked", data, new_id(), now_ms())), run
        )
        self._waiting[child.id] = self._loop.create_future()
        await asyncio.to_thread(self._ledger.invoke, run.id, run.owner, number, name, child)
        run.journal[number] = Recorded(name, None, None, child.id, now_ms())
        self._rouse([child.queue])
        return child.id

    async def ended(self, run_id: str, deadline: float | None) -> End | None:
        """Wait for a run's end; None at the deadline (seconds since 1970)."""
        future = self._waiting.get(run_id)
        if future is None:
            future = self._waiting[run_id] = self._loop.create_future()
            await self._look_at([run_id])
        await asyncio.wait({future}, timeout=None if deadline is None else max(0, deadline - now_ms() / 1000))
        return future.result() if future.done() else None

    async def send_from(self, event: Event[Any]) -> None:
        """Send an event of a run."""
        await self.send(event)

    async def arrivals(self, name: str, since: int) -> list[dict[str, Any]]:
        """Give the events of that name since a moment."""
        return await asyncio.to_thread(self._ledger.arrivals, name, since)

    def mark(self, name: str) -> int:
        """Count the events of that name that this process has heard of."""
        return self._marks.get(name, 0)

    async def arrival(self, name: str, mark: int, seconds: float) -> None:
        """Wait until more events of that name have come than `mark`, but no longer than it pays to look again."""
        if self.mark(name) != mark:
            return
        bell: asyncio.Future[None] = self._loop.create_future()
        waiting = self._listeners.setdefault(name, set())
        waiting.add(bell)
        try:
            await asyncio.wait({bell}, timeout=max(0, min(seconds, LOOK)))
        finally:
            waiting.discard(bell)

    # --- news ------------------------------------------------------------------------------------------------

    def _rouse(self, queues: Iterable[str]) -> None:
        for queue in set(queues):
            self._bells.ring(queue)

    def _arrived(self, name: str) -> None:
        self._marks[name] = self.mark(name) + 1
        for bell in self._listeners.get(name, ()):
            if not bell.done():
                bell.set_result(None)

    def _stopped(self, run_ids: Iterable[str]) -> None:
        for run_id in run_ids:
            self._resolve(run_id, End(None, CANCELLED))
            if self._runner is not None and (live := self._runner.live.get(run_id)) is not None:
                live.halt("cancel")
                self._bells.ring(live.function.queue(live.depth))

    def _resolve(self, run_id: str, end: End) -> None:
        future = self._waiting.pop(run_id, None)
        if future is not None and not future.done():
            future.set_result(end)

    def _ended(self, run_id: str, end: End | None) -> None:
        """Hear from a DBOS thread that a run of this process has ended (None: it may have, look)."""
        if self._cluster is not None and end is not None:
            self._cluster.tell(f"end {run_id}")

        def tell() -> None:
            self._something_ended.set()
            if end is not None:
                self._resolve(run_id, end)

        self._loop.call_soon_threadsafe(tell)

    def _heard(self, text: str) -> None:
        """Hear from another process."""
        kind, _, name = text.partition(" ")
        if text == "queue *":
            self._bells.ring_all()
        elif kind == "queue":
            self._bells.ring(name)
        elif kind == "event":
            self._arrived(name)
        elif name in self._waiting or (self._runner is not None and name in self._runner.live):
            self._spawn(self._look_at([name]))

    async def _look(self) -> None:
        """Look once a second where runs stand that wait or run here: another process may have ended them."""
        while True:
            await asyncio.sleep(LOOK)
            if await asyncio.to_thread(self._ledger.changed):
                self._bells.ring_all()
            live = [] if self._runner is None else [run for run in self._runner.live.values() if run.age() > LOOK]
            ids = [*self._waiting, *(run.id for run in live)]
            if ids:
                await self._look_at(ids)
            self._tasks = [task for task in self._tasks if not task.done()]

    async def _look_at(self, ids: list[str]) -> None:
        live = {} if self._runner is None else {id: self._runner.live[id] for id in ids if id in self._runner.live}
        standing = await asyncio.to_thread(self._ledger.standing, ids)
        for id, end in standing.ended.items():
            self._resolve(id, end)
        for id, run in live.items():
            if standing.owners.get(id) != run.owner:
                run.halt("cancel")

    def _wake_delayed(self) -> None:
        self._spawn(self._due())

    async def _due(self) -> None:
        await asyncio.to_thread(self._ledger.due)
        self._bells.ring_all()

    async def _send_tick(self, function: Function[Any, Any], event: Event[Any]) -> None:
        await self._accept(event, [function])


def _text(json: bytes | None) -> str | None:
    return None if json is None else json.decode()


def _url(database: Path | str) -> sa.URL:
    text = str(database)
    if "://" not in text:
        return sa.URL.create("sqlite", database=text)
    try:
        url = sa.make_url(text)
    except sa.exc.ArgumentError as error:
        raise BadSettings(
            "The database URL cannot be read.", remedy="Write postgresql://user:password@host/name."
        ) from error
    if url.get_backend_name() == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    return url


async def _within(wait: Coroutine[Any, Any, Any], seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await wait
    except TimeoutError:
        return
