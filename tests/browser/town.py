"""The product beside all its vendors, served over real HTTP to one browser."""

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx2

from counterfoil.bootstrap import Product
from counterfoil.demo.run import Stage, stage
from counterfoil.store import resets

T = TypeVar("T")
PACE = 12.0  # times the vendors' limits: quick, and slow enough for a person to see the progress bar


class Town:
    """A stage whose event loop runs in a thread: the browser is driven from the thread of the tests."""

    def __init__(self, made: Stage, loop: asyncio.AbstractEventLoop) -> None:
        self.url = made.url
        self.product: Product = made.product
        self.credentials: Mapping[str, dict[str, Any]] = made.sandbox.credentials
        self._loop = loop

    def read(self, ask: Callable[..., T], *given: Any) -> T:
        """Look into the store."""
        return self._wait(self.product.db.read(ask, *given))

    def reset_address(self, email: str) -> str:
        """Give the address that a letter about a forgotten password leads to."""
        self.run(lambda tx: resets.make(tx, email, token="forgotten"))
        return "/reset/forgotten"

    def run(self, act: Callable[..., T], *given: Any) -> T:
        """Change the store behind the pages' back."""
        return self._wait(self.product.db.run(act, *given))

    def _wait(self, doing: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(doing, self._loop).result(60)

    def at(self, vendor: str, action: str, **asked: Any) -> Any:
        """Have something happen at a vendor."""
        reply = httpx2.post(f"{self.credentials[vendor]['url']}/_sandbox/{action}", json=asked, timeout=60)
        return reply.raise_for_status().json()


@contextmanager
def town(folder: Path) -> Iterator[Town]:
    """Start it all, and end it all."""
    up: Future[Town] = Future()
    environ = {name: value for name, value in os.environ.items() if not name.startswith("COUNTERFOIL_")}

    async def live() -> None:
        loop = asyncio.get_running_loop()
        over = asyncio.Event()
        async with stage(folder, seed=1, rate_scale=PACE, environ=environ) as made:
            ended.append(lambda: loop.call_soon_threadsafe(over.set))
            up.set_result(Town(made, loop))
            await over.wait()

    def run() -> None:
        try:
            asyncio.run(live())
        except BaseException as error:
            if up.done():
                raise
            up.set_exception(error)

    ended: list[Callable[[], object]] = []
    thread = threading.Thread(target=run, name="town")
    thread.start()
    try:
        yield up.result(60)
    finally:
        for end in ended:
            end()
        thread.join(60)
