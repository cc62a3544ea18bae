"""What a function's body sees: its event, the shared steps, and the durable steps."""

import asyncio
import functools
import inspect
import random
import time
import typing
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final, Generic, ParamSpec, Protocol, cast, overload

import msgspec
from typing_extensions import TypeVar

from counterfoil.engine.events import Event, matches, now_ms
from counterfoil.engine.failures import End, Failure, InvokeFailed, NonRetriable, describe, is_final, restore
from counterfoil.engine.journal import Recorded
from counterfoil.errors import RetryLater

if TYPE_CHECKING:
    from counterfoil.engine.functions import Function

D = TypeVar("D")
U = TypeVar("U", default=Any)
P = ParamSpec("P")
T = TypeVar("T")
D2 = TypeVar("D2")
R2 = TypeVar("R2")

PATIENCE: Final = 24 * 3600.0  # seconds that a step may spend waiting for `RetryLater` in all
LONGEST_BACKOFF: Final = 300.0
OVERLAP_MS: Final = 60_000  # events become visible in the order of their commits, which may lag their arrival time


class Middleware:
    """Hooks around every run and every step of an engine; override what you need and await `call` once.

    A step that is replayed from the journal does not pass its hook again.
    """

    async def around_run(self, ctx: "Context[Any, Any]", call: Callable[[], Awaitable[Any]]) -> Any:
        """Wrap one attempt of a run's body."""
        return await call()

    async def around_step(self, ctx: "Context[Any, Any]", step: str, call: Callable[[], Awaitable[Any]]) -> Any:
        """Wrap one attempt of a `step.run`."""
        return await call()


class Kernel(Protocol):
    """What the steps of a run need from the engine."""

    backoff: float  # seconds before the first repeat
    middleware: tuple[Middleware, ...]

    def record(self, run: "Live", key: "StepKey", started: int, output: bytes | None, error: bytes | None) -> None: ...
    async def invoke(self, run: "Live", key: "StepKey", function: "Function[Any, Any]", data: Any) -> str: ...
    async def ended(self, run_id: str, deadline: float | None) -> End | None: ...
    async def cancel(self, run_id: str) -> None: ...
    async def send(self, event: Event[Any]) -> object: ...
    async def arrivals(self, name: str, since: int) -> list[dict[str, Any]]: ...
    def mark(self, name: str) -> int: ...
    async def arrival(self, name: str, mark: int, seconds: float) -> None: ...


def _future() -> "asyncio.Future[Any]":
    return asyncio.get_running_loop().create_future()


@dataclass(slots=True, eq=False)
class Live:
    """A run while it executes in this process."""

    id: str
    owner: str
    function: "Function[Any, Any]"
    event: Mapping[str, Any]
    queued_at: int
    depth: int
    held: tuple[str, ...]
    journal: dict[int, Recorded] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)
    working: set["asyncio.Task[Any]"] = field(default_factory=set)  # steps that must end before the lock is given back
    stop: "asyncio.Future[str]" = field(default_factory=_future)  # the reason to stop: "cancel" or "hand over"
    left: "asyncio.Future[None]" = field(default_factory=_future)  # done when nothing of this run is here any more
    taken: set[str] = field(default_factory=set)  # events that earlier waits of this run received

    def worked(self, step: "asyncio.Task[Any]") -> None:
        """Note that a step has ended; after a cancel nobody else looks at its error."""
        self.working.discard(step)
        if not step.cancelled():
            step.exception()

    def age(self) -> float:
        """Give the seconds since this execution began."""
        return time.monotonic() - self.began

    def halt(self, reason: str) -> None:
        """Stop the run after its present steps."""
        if not self.stop.done():
            self.stop.set_result(reason)


class Context(Generic[D, U]):
    """One run, as its function sees it."""

    def __init__(self, live: Live, event: Event[D], kernel: Kernel) -> None:
        self.event = event
        self.run_id = live.id
        self.function_id = live.function.id
        self.utils: U = cast(U, None)
        self.step = Steps(live, kernel, self)


@dataclass(frozen=True, slots=True)
class StepKey:
    kind: str
    name: str

    @property
    def text(self) -> str:
        return f"{self.kind}:{self.name}"

    @property
    def number(self) -> int:
        """31 bits of the name: DBOS keeps steps under an integer. Two equal numbers in one run fail loudly."""
        return int.from_bytes(blake2b(self.text.encode(), digest_size=4).digest(), "big") >> 1


class Steps:
    """Durable steps. A step is known by its id: the second use of an id in one run counts as `id:2`.

    A step that has ended is never run again for the same run; one that was interrupted by a crash is run once more.
    """

    def __init__(self, live: Live, kernel: Kernel, ctx: Context[Any, Any]) -> None:
        self._live = live
        self._kernel = kernel
        self._ctx = ctx
        self._uses: dict[str, int] = {}

    @overload
    async def run(self, id: str, fn: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T: ...
    @overload
    async def run(self, id: str, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T: ...
    async def run(self, id: str, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Run `fn` (in a thread unless it is async), keep its result as JSON, and give that on a replay.

        `RetryLater` waits durably and tries again; any other error of ours fails the step at once; foreign errors are
        retried with exponential backoff and jitter, and in the end raise `StepFailed`.
        """
        key = self._key("run", id)
        if (done := self._recorded(key)) is not None:
            return _replay(done, _gives(fn))

        async def attempt() -> Any:
            work = asyncio.ensure_future(self._work(key, fn, args, kwargs))
            self._live.working.add(work)
            work.add_done_callback(self._live.worked)
            return await asyncio.shield(work)

        return await self.attempts(key, attempt)

    async def _work(self, key: StepKey, fn: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        started = now_ms()
        if not self._kernel.middleware and not _is_async(fn):

            def work() -> Any:
                result = fn(*args, **kwargs)
                if not inspect.isawaitable(result):
                    self._kernel.record(self._live, key, started, _encode(result), None)
                return result

            result = await asyncio.to_thread(work)
            if not inspect.isawaitable(result):
                return result
            result = await result
        else:
            result = await self._hooked(key, fn, args, kwargs)
        await self.keep(key, started, _encode(result))
        return result

    async def _hooked(self, key: StepKey, fn: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        async def call() -> Any:
            result = fn(*args, **kwargs) if _is_async(fn) else await asyncio.to_thread(fn, *args, **kwargs)
            return await result if inspect.isawaitable(result) else result

        for hook in reversed(self._kernel.middleware):
            call = functools.partial(hook.around_step, self._ctx, key.name, call)
        return await call()

    async def attempts(self, key: StepKey, call: Callable[[], Awaitable[T]]) -> T:
        """Call until it succeeds or fails for good; failed attempts, and how long to wait, are kept in the journal."""
        failures, waited, attempt = 0, 0.0, 1
        while True:
            retry = StepKey("retry", f"{key.text}#{attempt}")
            started = now_ms()
            if (seen := self._live.journal.get(retry.number)) is not None and seen.output is not None:
                again = msgspec.json.decode(seen.output, type=_Again)
                error: Exception | None = None
            else:
                result, error = await _result_or_error(call)
                if error is None:
                    return cast(T, result)
                again = self._judge(error, failures, waited)
                if again.final:
                    await self._fail(key, started, error, again.failure)
                await self.keep(retry, started, msgspec.json.encode(again))
            failures += 1 if again.counts else 0
            waited += 0 if again.counts else max(0, again.wake - started) / 1000
            attempt += 1
            await asyncio.sleep(max(0, again.wake - now_ms()) / 1000)

    def _judge(self, error: Exception, failures: int, waited: float) -> "_Again":
        """Decide when to try again, if at all."""
        failure = describe(error)
        if isinstance(error, RetryLater):
            wait = max(error.after, 0.05)
            return _Again(failure, now_ms() + round(wait * 1000), counts=False, final=waited + wait > PATIENCE)
        backoff = min(self._kernel.backoff * 2**failures, LONGEST_BACKOFF) * random.uniform(0.5, 1)  # noqa: S311
        final = is_final(error) or failures >= self._live.function.retries
        return _Again(failure, now_ms() + round(backoff * 1000), final=final)

    async def _fail(self, key: StepKey, started: int, error: Exception, failure: Failure) -> None:
        """Keep the failure, and raise what a replay will raise."""
        if key.kind == "run":
            await self.keep(key, started, None, msgspec.json.encode(failure))
        raise restore(failure) from error

    async def invoke(self, id: str, function: "Function[D2, R2]", data: D2, *, timeout: float | None = None) -> R2:
        """Start another function as a run of its own and wait for its result.

        Raises `InvokeFailed` when that run fails, is cancelled, or has not ended `timeout` seconds after it was
        invoked (it is cancelled then).
        """
        key = self._key("invoke", id)
        done = self._recorded(key)
        if done is None:
            started = now_ms()
            child = await self._kernel.invoke(self._live, key, function, data)
        else:
            started, child = done.started, done.child or ""
        late = StepKey("timeout", key.name)
        if (seen := self._live.journal.get(late.number)) is not None:
            _replay(seen, None)
        deadline = None if timeout is None else started / 1000 + timeout
        end = await self._kernel.ended(child, deadline)
        if end is None:
            error = InvokeFailed(child, Failure("TimedOut", f"{function.id} has not ended within {timeout} seconds."))
            await self._kernel.cancel(child)
            await self.keep(late, started, None, msgspec.json.encode(describe(error)))
            raise error
        if end.failure is not None:
            raise InvokeFailed(child, end.failure)
        return cast(R2, msgspec.json.decode(end.output or "null", type=function.gives))

    async def wait_for_event(
        self, id: str, name: str, *, timeout: float, match: Mapping[str, str] | None = None
    ) -> Event[dict[str, Any]] | None:
        """Wait for an event; give None after `timeout` seconds.

        It is the first event of that name that arrived after this run was queued, agrees by `match` (a path of this
        run's event -> a path `async.…` of the other), and was not given to an earlier wait of this run.
        """
        key = self._key("wait", id)
        if (done := self._recorded(key)) is not None:
            event = _replay(done, Event[dict[str, Any]] | None)
        else:
            deadline = await self.moment(StepKey("until", key.name), timeout)
            event = await self._arrival(name, match or {}, deadline)
            await self.keep(key, now_ms(), msgspec.json.encode(event))
        if event is not None:
            self._live.taken.add(event.id)
        return cast("Event[dict[str, Any]] | None", event)

    async def _arrival(self, name: str, match: Mapping[str, str], deadline: int) -> Event[dict[str, Any]] | None:
        since, seen = self._live.queued_at, set(self._live.taken)
        while True:
            looked, mark = now_ms(), self._kernel.mark(name)
            for event in await self._kernel.arrivals(name, since):
                if event["id"] not in seen and matches(match, self._live.event, event):
                    return msgspec.convert(event, Event[dict[str, Any]])
                seen.add(event["id"])
            if looked >= deadline:
                return None
            since = max(since, looked - OVERLAP_MS)
            await self._kernel.arrival(name, mark, (deadline - looked) / 1000)

    async def send_event(self, id: str, *events: Event[Any]) -> None:
        """Send events; a repeat after a crash sends none twice."""
        key = self._key("send", id)
        if self._recorded(key) is not None:
            return
        started = now_ms()
        for position, event in enumerate(events):
            known = event if event.id else msgspec.structs.replace(event, id=f"{self._live.id}/{key.name}/{position}")
            await self._kernel.send(known)
        await self.keep(key, started, b"null")

    async def sleep(self, id: str, seconds: float) -> None:
        """Sleep until so many seconds after this step was first reached, restarts included."""
        wake = await self.moment(self._key("sleep", id), seconds)
        await asyncio.sleep(max(0, wake - now_ms()) / 1000)

    async def moment(self, key: StepKey, seconds: float) -> int:
        """Give the time, in milliseconds since 1970, that many seconds after this was first asked in this run."""
        if (done := self._recorded(key)) is not None:
            return cast(int, _replay(done, int))
        started = now_ms()
        wake = started + round(seconds * 1000)
        await self.keep(key, started, str(wake).encode())
        return wake

    async def keep(self, key: StepKey, started: int, output: bytes | None, error: bytes | None = None) -> None:
        """Record what a step came to: JSON of its result, or of its failure."""
        await asyncio.to_thread(self._kernel.record, self._live, key, started, output, error)

    def _key(self, kind: str, id: str) -> StepKey:
        self._uses[id] = uses = self._uses.get(id, 0) + 1
        return StepKey(kind, id if uses == 1 else f"{id}:{uses}")

    def _recorded(self, key: StepKey) -> Recorded | None:
        done = self._live.journal.get(key.number)
        if done is not None and done.name != key.text:
            raise NonRetriable(f"The steps {done.name} and {key.text} collide: rename one of them.")
        return done


class _Again(msgspec.Struct, frozen=True):
    """A failed attempt: what failed, when to try again (ms since 1970), and whether it counts against the retries."""

    failure: Failure
    wake: int
    counts: bool = True
    final: bool = False


async def _result_or_error(call: Callable[[], Awaitable[Any]]) -> tuple[Any, Exception | None]:
    try:
        return await call(), None
    except Exception as error:  # noqa: BLE001 - whatever user code raises is judged, kept and raised again
        return None, error


def _replay(done: Recorded, gives: Any) -> Any:
    if done.error is not None:
        raise restore(msgspec.json.decode(done.error, type=Failure))
    if gives is None:
        return None
    return msgspec.json.decode(done.output or "null", type=gives)


def _encode(result: Any) -> bytes:
    try:
        return msgspec.json.encode(result)
    except TypeError as error:
        raise NonRetriable(f"A step's result must be JSON: {type(result).__name__} is not.") from error


def _is_async(fn: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(inspect.unwrap(fn.func if isinstance(fn, functools.partial) else fn))


def _gives(fn: Callable[..., Any]) -> Any:
    """Read the type of a step's result from its annotation; without one the result is plain JSON."""
    target = inspect.unwrap(fn.func if isinstance(fn, functools.partial) else fn)
    if not inspect.isroutine(target):
        target = type(target).__call__
    hint = typing.get_type_hints(target).get("return", Any)
    return type(None) if hint is None else hint
