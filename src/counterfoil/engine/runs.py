"""One run from its lock to its result: what DBOS calls when a run's turn has come."""

import asyncio
import contextlib
import functools
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any

import msgspec

from counterfoil.engine import durable
from counterfoil.engine.context import Context, Live, StepKey
from counterfoil.engine.core import Core
from counterfoil.engine.durable import Disowned
from counterfoil.engine.events import Event, now_ms
from counterfoil.engine.failures import TimedOut, describe
from counterfoil.engine.functions import Function, Timeouts
from counterfoil.engine.locks import Locks
from counterfoil.engine.tables import Envelope
from counterfoil.errors import CounterfoilError

Utils = Callable[[Context[Any, Any]], Any]


class Runner:
    """Executes runs of this process, each under its key's lock."""

    def __init__(self, core: Core, locks: Locks, utils: Utils | None) -> None:
        self._core = core
        self._locks = locks
        self._utils = utils
        self.draining = False

    def register(self, function: Function[Any, Any]) -> None:
        """Let DBOS find the function by its id."""

        async def body(raw: Mapping[str, Any]) -> Any:
            return await self._execute(function, msgspec.convert(raw, Envelope))

        durable.register(function.id, body)

    async def idle(self) -> None:
        """Wait until nothing runs here."""
        while self._core.live:
            await asyncio.wait([live.left for live in self._core.live.values()], return_when=asyncio.FIRST_COMPLETED)

    async def _execute(self, function: Function[Any, Any], envelope: Envelope) -> Any:
        run_id, owner = durable.current()
        if (task := asyncio.current_task()) is not None:  # DBOS's own, which ends when the run's place is free again
            task.add_done_callback(lambda _: self._core.bells.ring(function.queue(envelope.depth)))
        scope = function.scope
        held = envelope.held if scope is None else (*envelope.held, scope)
        live = Live(run_id, owner, function, envelope.event, envelope.queued_at, envelope.depth, held)
        self._core.live[run_id] = live
        if self.draining:
            live.halt("hand over")
        try:
            return await self._until_stopped(live, self._locked(live, envelope.key))
        except Disowned:
            raise durable.disown(run_id) from None
        finally:
            if self._core.live.get(run_id) is live:
                del self._core.live[run_id]
            live.left.set_result(None)

    async def _locked(self, live: Live, key: str) -> msgspec.Raw:
        lock: AbstractAsyncContextManager[None] = nullcontext()
        if live.function.concurrency is not None:
            lock = self._locks.hold(f"{live.function.scope}/{key}", live.function.concurrency.limit)
        async with lock:
            try:
                return await self._timed(live)
            finally:
                # The lock is given back only when nothing of this run is at work any more.
                while live.working:
                    await asyncio.wait(live.working)

    async def _until_stopped(self, live: Live, work: Coroutine[Any, Any, msgspec.Raw]) -> msgspec.Raw:
        """Do the work, or stop it between two steps when someone halts the run."""
        task = asyncio.ensure_future(work)
        both: set[asyncio.Future[Any]] = {task, live.stop}
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
        if live.stop.done() and live.stop.result() == "hand over" and (task.cancelled() or _disowned(task)):
            await asyncio.to_thread(self._core.ledger.hand_over, live.id, live.owner)
            raise Disowned
        if task.cancelled():
            raise Disowned
        return task.result()

    async def _timed(self, live: Live) -> msgspec.Raw:
        """Run the body within the time that the function allows; let `on_failure` know when it has failed for good."""
        function = live.function
        live.journal = await asyncio.to_thread(self._core.ledger.journal.of, live.id)
        event = msgspec.convert(dict(live.event), Event[function.takes])  # type: ignore[name-defined]
        ctx: Context[Any, Any] = Context(live, event, self._core)
        if self._utils is not None:
            ctx.utils = self._utils(ctx)
        began = 0 if function.timeouts == Timeouts() else await ctx.step.moment(StepKey("began", ""), 0)
        try:
            if function.timeouts.start is not None and began - live.queued_at > function.timeouts.start * 1000:
                raise TimedOut(f"{function.id} did not start within {function.timeouts.start} seconds.")
            return await self._within(function, began, self._body(live, ctx))
        except CounterfoilError as error:
            if function.on_failure is not None:
                failure = describe(error)
                last: Context[Any, Any] = Context(live, event, self._core)
                last.utils = ctx.utils
                with contextlib.suppress(CounterfoilError):  # it stands in the journal; the run's own error goes on
                    await last.step.run("on-failure", function.on_failure, last, failure)
            raise

    async def _within(
        self, function: Function[Any, Any], began: int, body: Coroutine[Any, Any, msgspec.Raw]
    ) -> msgspec.Raw:
        finish = function.timeouts.finish
        if finish is None:
            return await body
        task = asyncio.ensure_future(body)
        try:
            done, _ = await asyncio.wait({task}, timeout=max(0, began / 1000 + finish - now_ms() / 1000))
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.wait({task})
            raise
        if not done:
            task.cancel()
            await asyncio.wait({task})
            raise TimedOut(f"{function.id} did not finish within {finish} seconds.")
        return task.result()

    async def _body(self, live: Live, ctx: Context[Any, Any]) -> msgspec.Raw:
        async def attempt() -> Any:
            fresh: Context[Any, Any] = Context(live, ctx.event, self._core)
            fresh.utils = ctx.utils
            call: Callable[[], Awaitable[Any]] = functools.partial(live.function.body, fresh)
            for hook in reversed(self._core.middleware):
                call = functools.partial(hook.around_run, fresh, call)
            return await call()

        result = await ctx.step.attempts(StepKey("body", ""), attempt)
        return msgspec.Raw(msgspec.json.encode(result))


def _disowned(task: "asyncio.Future[Any]") -> bool:
    return isinstance(task.exception(), Disowned)
