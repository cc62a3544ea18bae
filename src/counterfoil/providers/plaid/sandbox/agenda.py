"""What is to happen later, by the emulator's clock, whoever moves it."""

import asyncio
import heapq
import itertools
from collections.abc import Callable, Coroutine
from typing import Any, Final

from counterfoil.sandbox.kit import Clock

Deed = Callable[[], Coroutine[Any, Any, None] | None]
_LOOK: Final = 0.1  # seconds: the clock may be moved at any time, so look this often


class Agenda:
    """Deeds with a time each. They are done in the server's event loop, from `start` on."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._deeds: list[tuple[float, int, Deed]] = []
        self._order = itertools.count()
        self._wake = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._running: set[asyncio.Task[None]] = set()

    def after(self, seconds: float, deed: Deed) -> None:
        """Do something in so many seconds; at once (but not within this call) for 0."""
        heapq.heappush(self._deeds, (self._clock.now() + seconds, next(self._order), deed))
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._wake.set)

    def start(self) -> None:
        """Begin, in the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._spawn(self._run())

    async def _run(self) -> None:
        while True:
            while self._deeds and self._deeds[0][0] <= self._clock.now():
                _, _, deed = heapq.heappop(self._deeds)
                work = deed()
                if work is not None:
                    self._spawn(work)
            self._wake.clear()
            wait = min(_LOOK, max(0.0, self._deeds[0][0] - self._clock.now())) if self._deeds else None
            try:
                async with asyncio.timeout(wait):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
