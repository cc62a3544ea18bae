"""The engine: starts and stops, takes events, and tells what became of them."""

import asyncio
import dataclasses
import logging
from collections.abc import Callable, Collection, Coroutine, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec
import sqlalchemy as sa

from counterfoil.engine import durable, schedule
from counterfoil.engine.cluster import Cluster
from counterfoil.engine.context import Context, Middleware
from counterfoil.engine.core import Core
from counterfoil.engine.erasing import Eraser
from counterfoil.engine.events import Event, now_ms
from counterfoil.engine.failures import RunFailed
from counterfoil.engine.functions import LEVELS, Function
from counterfoil.engine.ledger import Ledger
from counterfoil.engine.locks import Locks, LockSession, OneWorker, exit_now
from counterfoil.engine.roster import Roster
from counterfoil.engine.runs import Runner
from counterfoil.engine.tables import Accepted
from counterfoil.engine.views import EventView, FunctionView, RunView, Views
from counterfoil.errors import BadRequest, BadSettings, NotThere
from counterfoil.lib.ids import new_id
from counterfoil.lib.sqlite import sqlite_engine

U = TypeVar("U")
D = TypeVar("D")
R = TypeVar("R")

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
        self._middleware = tuple(middleware)
        self._backoff = backoff
        self._tasks: list[asyncio.Task[None]] = []
        self._runner: Runner | None = None
        self._cluster: Cluster | None = None
        self._alone: OneWorker | None = None

    # --- life ------------------------------------------------------------------------------------------------

    async def start(self, *, worker: bool = True) -> None:
        """Open the database, take over what a dead worker left, and begin to work; or only send (`worker=False`).

        Raises `BadSettings` where the database cannot be used, or another process works on the SQLite file.
        """
        self._executor = f"worker-{new_id()}"
        try:
            await asyncio.to_thread(self._open, worker)
        except BaseException:
            await self._close()
            raise
        core = self._core = Core(self._functions, self._ledger, self._middleware, self._backoff)
        if worker:
            await self._begin()
        if self._cluster is not None:
            for duty in self._cluster.duties(core.heard):
                self._spawn(duty)
            await self._cluster.listening.wait()
        self._spawn(core.look())

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
        roster = Roster(tables, self._version, self._executor, tuple(self._functions))
        self._views = Views(tables, self._functions)
        self._eraser = Eraser(tables)
        if not sqlite:
            session = LockSession(url, self._executor, self._lost) if worker else None
            self._cluster = Cluster(url, self._executor, self._ledger, roster, session)
        if worker:
            if self._cluster is not None:
                self._cluster.join()
            else:
                roster.join()
                roster.adopt()

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
        core = self._core
        dbos = self._dbos = durable.configure(self._db, self._version, self._executor)
        locks = Locks(self._cluster.session if self._cluster is not None else None)
        runner = self._runner = Runner(core, locks, self._utils)
        for function in self._functions.values():
            runner.register(function)
        core.bells.install()
        durable.launch(dbos, core.announce)
        for function in self._functions.values():
            for cron in function.crons:
                self._spawn(schedule.tick(function, cron, core.accept))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(work))

    async def stop(self) -> None:
        """Let every run finish its present step, hand the rest to the next worker, and close the database."""
        if self._runner is not None:
            self._runner.draining = True
            durable.stop_queues(self._dbos, self._core.bells)
            for live in list(self._core.live.values()):
                live.halt("hand over")
            await _within(self._runner.idle(), DRAIN)
            # DBOS made its own threads the loop's default; they end with it.
            asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor())
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
                self._core.something_ended.clear()
                await _within(self._core.something_ended.wait(), 0.2)

    # --- events and runs -------------------------------------------------------------------------------------

    async def send(self, event: Event[Any], *, without: Collection[str] = ()) -> Accepted:
        """Keep an event and start every function that listens to it; answers before they run.

        `without` are ids of functions that need not run for it, since a run of theirs that waits does this work too.
        The same id twice starts nothing twice. Raises `BadRequest` where the data lack what a function needs.
        """
        return await self._core.send(event, without)

    async def begin(self, function: Function[D, Any], data: D) -> str:
        """Start one function without an event; give the run's id."""
        raw = msgspec.to_builtins(Event("engine/function.started", data, new_id(), now_ms()))
        run = self._core.new_run(function, raw)
        await asyncio.to_thread(self._ledger.start, run)
        self._core.rouse([run.queue])
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
        run = dataclasses.replace(self._core.new_run(function, dict(old.event)), forked_from=run_id)
        moment = None if from_step is None else old.began(from_step)
        await asyncio.to_thread(self._ledger.start, run, None if moment is None else (run_id, moment))
        self._core.rouse([run.queue])
        return run.id

    async def replay_failed(self, function: Function[Any, Any], since: int, until: int) -> list[str]:
        """Replay every run of the function that failed between two moments (ms since 1970), in their order."""
        failed = await asyncio.to_thread(self._views.failed, function.id, since, until)
        return [await self.replay(run_id) for run_id in failed]

    async def cancel(self, run_id: str) -> None:
        """Cancel a run and all that it invoked; a step at work ends first. A run that has ended stays as it is."""
        await self._core.cancel(run_id)

    async def pause(self, function: Function[Any, Any]) -> None:
        """Let no run of the function begin; those that run go on."""
        await asyncio.to_thread(self._ledger.pause, function.id)

    async def resume(self, function: Function[Any, Any]) -> None:
        """Let the function's runs begin again, in the order in which they came."""
        await asyncio.to_thread(self._ledger.resume, function.id)
        self._core.rouse(function.queue(depth) for depth in range(LEVELS))

    async def result(self, run_id: str, *, timeout: float | None = None) -> Any:
        """Wait for a run's result. Raises `RunFailed`, or `TimeoutError` after so many seconds."""
        end = await self._core.ended(run_id, None if timeout is None else now_ms() / 1000 + timeout)
        if end is None:
            raise TimeoutError
        if end.failure is not None:
            raise RunFailed(run_id, end.failure)
        function = self._functions.get((await self.run(run_id)).function)
        return msgspec.json.decode(end.output or "null", type=Any if function is None else function.gives)

    # --- listing ---------------------------------------------------------------------------------------------

    def declared(self, function_id: str) -> Function[Any, Any]:
        """Give a function by its id. Raises `NotThere`."""
        function = self._functions.get(function_id)
        if function is None:
            raise NotThere(f"There is no function {function_id}.", remedy="List them: counterfoil functions")
        return function

    async def functions(self) -> list[FunctionView]:
        """List the functions with their triggers and limits."""
        return await asyncio.to_thread(self._views.functions, self._ledger.paused())

    async def events(self, *, name: str | None = None, before: str | None = None, limit: int = 50) -> list[EventView]:
        """List events, the newest first, with the runs that they started."""
        return await asyncio.to_thread(self._views.events, name, before, limit)

    async def event(self, event_id: str) -> EventView:
        """Give one event with the runs that it started. Raises `NotThere`."""
        return await asyncio.to_thread(self._views.event, event_id)

    async def runs(
        self, *, function: str | None = None, status: str | None = None, before: str | None = None, limit: int = 50
    ) -> list[RunView]:
        """List runs, the newest first, without their steps. `status` is one of `views.STATUSES`."""
        return await asyncio.to_thread(self._views.runs, function, status, before, limit)

    async def run(self, run_id: str) -> RunView:
        """Give one run with its steps. Raises `BadRequest` where there is none."""
        return await asyncio.to_thread(self._views.run, run_id)

    async def tally(self) -> dict[tuple[str, str], int]:
        """Count the runs that are kept, by function and status."""
        return await asyncio.to_thread(self._views.tally)

    async def forget(self, older_than: float) -> int:
        """Delete runs that ended, and events that came, more than so many seconds ago; give the number of runs."""
        return await asyncio.to_thread(self._ledger.forget, now_ms() - round(older_than * 1000))

    async def erase(self, names: Collection[str], *, spared: str) -> int:
        """Cancel every run whose event names one of these, and delete these runs and their events.

        The `spared` run does the asking and stays. Give how many runs were deleted.
        """
        for run_id in await asyncio.to_thread(self._eraser.active, names, spared):
            await self.cancel(run_id)
        return await asyncio.to_thread(self._eraser.erase, names, spared)


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
