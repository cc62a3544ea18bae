"""Where runs meet the engine: events become runs, steps are kept, and whoever waits is told."""

import asyncio
import dataclasses
from collections.abc import Collection, Coroutine, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from counterfoil.engine.context import Live, Middleware, StepKey
from counterfoil.engine.durable import Bells
from counterfoil.engine.events import Event, key_of, now_ms
from counterfoil.engine.failures import CANCELLED, End, NonRetriable
from counterfoil.engine.functions import LEVELS, Function
from counterfoil.engine.journal import Recorded
from counterfoil.engine.ledger import Ledger
from counterfoil.engine.tables import Accepted, Envelope, NewRun, Stop
from counterfoil.errors import BadRequest
from counterfoil.lib.ids import new_id

LOOK: Final = 1.0  # seconds between two looks at runs of which nobody here announces the end


class Core:
    """The engine's inside on one event loop. Implements `context.Kernel`."""

    def __init__(
        self,
        functions: Mapping[str, Function[Any, Any]],
        ledger: Ledger,
        middleware: tuple[Middleware, ...],
        backoff: float,
    ) -> None:
        self.functions = functions
        self.ledger = ledger
        self.middleware = middleware
        self.backoff = backoff
        self.bells = Bells()
        self.live: dict[str, Live] = {}
        self.something_ended = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[str, asyncio.Future[End]] = {}
        self._marks: dict[str, int] = {}
        self._listeners: dict[str, set[asyncio.Future[None]]] = {}
        self._errands: set[asyncio.Task[None]] = set()

    # --- events become runs ----------------------------------------------------------------------------------

    async def send(self, event: Event[Any], without: Collection[str] = ()) -> Accepted:
        """Keep an event and start every function that listens to it, but for those named."""
        listening = [one for one in self.functions.values() if event.name in one.on and one.id not in without]
        return await self.accept(event, listening)

    async def accept(self, event: Event[Any], functions: Sequence[Function[Any, Any]]) -> Accepted:
        known = msgspec.structs.replace(event, id=event.id or new_id(), ts=event.ts or now_ms())
        raw = msgspec.to_builtins(known)
        runs = [self._from_event(function, raw) for function in functions]
        stops = [
            Stop(function.id, stop.match, raw)
            for function in self.functions.values()
            for stop in function.cancel_on
            if stop.name == event.name
        ]
        accepted = await asyncio.to_thread(self.ledger.accept, raw, runs, stops)
        if not accepted.duplicate:
            self.rouse(run.queue for run in runs)
            self._arrived(event.name)
            self.stopped(accepted.cancelled)
            for quiet_ms in {run.quiet_ms for run in runs if run.quiet is not None}:
                self._loop.call_later(quiet_ms / 1000 + 0.01, self._wake_delayed)
        return accepted

    def _from_event(self, function: Function[Any, Any], raw: dict[str, Any]) -> NewRun:
        quiet = function.debounce
        return dataclasses.replace(
            self.new_run(function, raw),
            once=None if function.idempotency is None else key_of(function.idempotency, raw),
            quiet=None if quiet is None else key_of(quiet.key, raw),
            quiet_ms=0 if quiet is None else round(quiet.period * 1000),
            longest_ms=None if quiet is None or quiet.longest is None else round(quiet.longest * 1000),
        )

    def new_run(self, function: Function[Any, Any], raw: dict[str, Any], parent: Live | None = None) -> NewRun:
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

    # --- what runs need (`context.Kernel`) -------------------------------------------------------------------

    def record(self, run: Live, key: StepKey, started: int, output: bytes | None, error: bytes | None) -> None:
        """Keep what a step came to; blocks."""
        step = Recorded(key.text, _text(output), _text(error), None, started)
        self.ledger.journal.record(run.id, run.owner, key.number, step)
        run.journal[key.number] = step

    async def invoke(self, run: Live, key: StepKey, function: Function[Any, Any], data: Any) -> str:
        """Start a child of a run."""
        if function.scope is not None and function.scope in run.held:
            raise NonRetriable(
                f"{function.id} would wait for a lock of the scope {function.scope} that this run holds."
            )
        if function.id not in self.functions or (function.scope is None and run.depth + 1 >= LEVELS):
            raise NonRetriable(f"{function.id} is unknown to this engine, or invoked too deep (over {LEVELS} levels).")
        child = self.new_run(
            function, msgspec.to_builtins(Event("engine/function.invoked", data, new_id(), now_ms())), run
        )
        self._waiting[child.id] = self._loop.create_future()
        await asyncio.to_thread(self.ledger.invoke, run.id, run.owner, key.number, key.text, child)
        run.journal[key.number] = Recorded(key.text, None, None, child.id, now_ms())
        self.rouse([child.queue])
        return child.id

    async def ended(self, run_id: str, deadline: float | None) -> End | None:
        """Wait for a run's end; None at the deadline (seconds since 1970)."""
        future = self._waiting.get(run_id)
        if future is None:
            future = self._waiting[run_id] = self._loop.create_future()
            await self._look_at([run_id])
        await asyncio.wait({future}, timeout=None if deadline is None else max(0, deadline - now_ms() / 1000))
        return future.result() if future.done() else None

    async def cancel(self, run_id: str) -> None:
        """Cancel a run and all that it invoked."""
        self.stopped(await asyncio.to_thread(self.ledger.cancel, [run_id]))

    async def arrivals(self, name: str, since: int) -> list[dict[str, Any]]:
        """Give the events of that name since a moment."""
        return await asyncio.to_thread(self.ledger.arrivals, name, since)

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

    def rouse(self, queues: Iterable[str]) -> None:
        for queue in set(queues):
            self.bells.ring(queue)

    def _arrived(self, name: str) -> None:
        self._marks[name] = self.mark(name) + 1
        for bell in self._listeners.get(name, ()):
            if not bell.done():
                bell.set_result(None)

    def stopped(self, run_ids: Iterable[str]) -> None:
        for run_id in run_ids:
            self._resolve(run_id, End(None, CANCELLED))
            if (live := self.live.get(run_id)) is not None:
                live.halt("cancel")
                self.bells.ring(live.function.queue(live.depth))

    def _resolve(self, run_id: str, end: End) -> None:
        future = self._waiting.pop(run_id, None)
        if future is not None and not future.done():
            future.set_result(end)

    def announce(self, run_id: str, end: End | None) -> None:
        """Hear from a DBOS thread that a run of this process has ended (None: it may have, look)."""
        if end is not None:
            self.ledger.tell(f"end {run_id}")

        def tell() -> None:
            self.something_ended.set()
            if end is not None:
                self._resolve(run_id, end)

        self._loop.call_soon_threadsafe(tell)

    def heard(self, text: str) -> None:
        """Hear from another process."""
        kind, _, name = text.partition(" ")
        if text == "queue *":
            self.bells.ring_all()
        elif kind == "queue":
            self.bells.ring(name)
        elif kind == "event":
            self._arrived(name)
        elif name in self._waiting or name in self.live:
            self._run_errand(self._look_at([name]))

    async def look(self) -> None:
        """Look once a second where runs stand that wait or run here: another process may have ended them."""
        while True:
            await asyncio.sleep(LOOK)
            if await asyncio.to_thread(self.ledger.changed):
                self.bells.ring_all()
            live = [run for run in self.live.values() if run.age() > LOOK]
            ids = [*self._waiting, *(run.id for run in live)]
            if ids:
                await self._look_at(ids)

    async def _look_at(self, ids: list[str]) -> None:
        live = {id: self.live[id] for id in ids if id in self.live}
        standing = await asyncio.to_thread(self.ledger.standing, ids)
        for id, end in standing.ended.items():
            self._resolve(id, end)
        for id, run in live.items():
            if standing.owners.get(id) != run.owner:
                run.halt("cancel")

    def _run_errand(self, errand: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(errand)
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)

    def _wake_delayed(self) -> None:
        self._run_errand(self._due())

    async def _due(self) -> None:
        await asyncio.to_thread(self.ledger.due)
        self.bells.ring_all()


def _text(json: bytes | None) -> str | None:
    return None if json is None else json.decode()
