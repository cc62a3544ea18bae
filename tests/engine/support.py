"""An engine on a database of its own, started and stopped around a test's story."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from counterfoil.engine import Engine, Function

T = TypeVar("T")


class Note(msgspec.Struct, frozen=True):
    """The data of the events in these tests."""

    key: str = "a"
    n: int = 0


def story(main: Callable[[], Awaitable[T]], seconds: float = 60) -> T:
    """Run a test's coroutine to its end."""

    async def bounded() -> T:
        async with asyncio.timeout(seconds):
            return await main()

    return asyncio.run(bounded())


async def until(true: Callable[[], bool | Awaitable[bool]]) -> None:
    """Wait until something holds."""
    while True:
        answer = true()
        if answer if isinstance(answer, bool) else await answer:
            return
        await asyncio.sleep(0.01)


@asynccontextmanager
async def running(
    functions: Iterable[Function[Any, Any]], database: Path | str, *, worker: bool = True, **settings: Any
) -> AsyncIterator[Engine[Any]]:
    """Start an engine with quick retries, and stop it at the end."""
    settings = {"app_version": "test", "backoff": 0.01, **settings}
    engine: Engine[Any] = Engine(functions, database, **settings)
    await engine.start(worker=worker)
    try:
        yield engine
    finally:
        await engine.stop()
