"""Rate budgets: at most so many requests in a window of time, never one more, in the order they were asked for."""

import asyncio
import math
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Protocol

# The vendor counts a request when it arrives, we when it leaves: this one may arrive early and its predecessor late,
# by at most the time the latter was on its way. So a place is free again one window after the reply, but no later
# than this share of the window after the send: a longer wait was the vendor at work, not the network.
SKEW = 0.2


@dataclass(frozen=True, slots=True)
class Budget:
    """At most `limit` requests in any `window` seconds, counted for `name` (a credential and a class of calls).

    `name` must not hold a secret: use a fingerprint of the credential. `strict` is for vendors with whom one request
    too many is dear: a place is counted from the reply, however late that comes, even where the machine stood still
    between our decision and the sending.
    """

    name: str
    limit: int
    window: float
    strict: bool = False


class Budgets(Protocol):
    """Where requests wait for their turn. One process keeps it in memory, several share it through the store."""

    def place(self, budget: Budget, *, outer: bool = False) -> AbstractAsyncContextManager[None]:
        """Wait for a place and hold it while the request is on its way.

        An `outer` place is taken before other budgets have let the request pass: when it is sent is not known yet, so
        that its window begins with the reply.
        """
        ...

    def pause(self, budget: Budget, seconds: float) -> None:
        """Let nothing pass for so long: the vendor has said that it is too much."""
        ...


class LocalBudgets:
    """The budgets of one process: sliding windows, first come first served. Belongs to one event loop.

    `scale` multiplies every limit, for vendors that are not the real ones.
    """

    def __init__(self, scale: float = 1.0) -> None:
        self._scale = scale
        self._windows: dict[str, _Window] = {}

    def _window(self, budget: Budget) -> "_Window":
        window = self._windows.get(budget.name)
        if window is None:
            scaled = replace(budget, limit=max(1, int(budget.limit * self._scale)))
            window = self._windows[budget.name] = _Window(scaled)
        return window

    def place(self, budget: Budget, *, outer: bool = False) -> AbstractAsyncContextManager[None]:
        return self._window(budget).place(outer=outer)

    def pause(self, budget: Budget, seconds: float) -> None:
        self._window(budget).pause(seconds)


@dataclass(slots=True, eq=False)
class _Place:
    free_at: float


class _Window:
    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._places: list[_Place] = []
        self._paused_until = 0.0
        self._turn = asyncio.Lock()  # its waiters are woken first in, first out
        self._changed = asyncio.Event()

    def pause(self, seconds: float) -> None:
        self._paused_until = max(self._paused_until, time.monotonic() + seconds)

    @asynccontextmanager
    async def place(self, *, outer: bool) -> AsyncIterator[None]:
        window = self._budget.window
        async with self._turn:
            await self._until_free()
            unsure = outer or self._budget.strict
            place = _Place(math.inf if unsure else time.monotonic() + window * (1 + SKEW))
            self._places.append(place)
        try:
            yield
        finally:
            place.free_at = min(place.free_at, time.monotonic() + window)
            self._changed.set()

    async def _until_free(self) -> None:
        while True:
            now = time.monotonic()
            wait = self._paused_until - now
            if wait <= 0:
                if len(self._places) >= self._budget.limit:
                    self._places = [place for place in self._places if place.free_at > now]
                if len(self._places) < self._budget.limit:
                    return
                wait = min(place.free_at for place in self._places) - now
            self._changed.clear()
            try:
                async with asyncio.timeout(None if wait == math.inf else max(wait, 0.0)):
                    await self._changed.wait()
            except TimeoutError:
                continue
