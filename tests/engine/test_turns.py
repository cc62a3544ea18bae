"""Runs that are enqueued at the same moment, or while a function is paused and resumed."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest

from counterfoil.engine import CancelOn, Concurrency, Context, Debounce, Engine, Event, Function, function
from engine.support import Note, running, story, until

BLOCKED = """
    SELECT count(*) FROM pg_locks
    WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = %s)
"""


@asynccontextmanager
async def enqueueing(database: str, enqueue: Callable[[], Awaitable[Any]]) -> AsyncIterator[asyncio.Future[Any]]:
    """Hold a run up that is half-way through being enqueued: it has looked at what is paused, and is not yet there."""
    async with await psycopg.AsyncConnection.connect(database) as other:
        await other.execute("LOCK TABLE dbos.workflow_input IN SHARE MODE")
        enqueued = asyncio.ensure_future(enqueue())
        await until(lambda: waiting_for(database, 1))
        yield enqueued
        await other.rollback()
        await enqueued


async def waiting_for(database: str, count: int) -> bool:
    async with await psycopg.AsyncConnection.connect(database) as look:
        row = await (await look.execute(BLOCKED, [look.info.dbname])).fetchone()
        return row is not None and row[0] >= count


def keyed(seen: list[int], key: str = "event.data.key") -> Function[Note, None]:
    @function("keyed", on="go", concurrency=Concurrency(key=key))
    async def body(ctx: Context[Note]) -> None:
        seen.append(ctx.event.data.n)

    return body


def test_a_run_that_is_being_enqueued_while_its_function_is_resumed_is_not_left_behind(postgres_database: str) -> None:
    seen: list[int] = []
    work = keyed(seen)

    async def main() -> None:
        async with running([work], postgres_database) as engine:
            await engine.pause(work)
            async with enqueueing(postgres_database, lambda: engine.begin(work, Note(n=1))):
                resuming = asyncio.ensure_future(engine.resume(work))
                await asyncio.wait({resuming}, timeout=0.3)
            await resuming
            await until(lambda: seen == [1])

    story(main, 20)


def test_a_run_that_is_being_enqueued_while_its_function_is_paused_waits(postgres_database: str) -> None:
    seen: list[int] = []
    work = keyed(seen)

    async def main() -> None:
        async with running([work], postgres_database) as engine:
            async with enqueueing(postgres_database, lambda: engine.begin(work, Note(n=1))):
                pausing = asyncio.ensure_future(engine.pause(work))
                await asyncio.wait({pausing}, timeout=0.3)
                paused_before = pausing.done()
            await pausing
            await asyncio.sleep(0.3)
            assert not (paused_before and seen)  # a run whose turn came before the pause may go on
            await engine.resume(work)
            await until(lambda: seen == [1])

    story(main, 20)


def test_runs_that_many_enqueue_at_once_begin_in_the_order_in_which_they_are_listed(database: str) -> None:
    seen: list[int] = []
    work = keyed(seen)

    async def main() -> None:
        async with running([work], database) as engine:
            await asyncio.gather(*(engine.send(Event("go", Note(n=n))) for n in range(200)))
            await engine.drained()
            listed = sorted(await engine.runs(limit=500), key=lambda run: run.queued_at)
            assert seen == [run.event["data"]["n"] for run in listed]

    story(main)


def calm(seen: list[int], **more: Any) -> Function[Note, None]:
    @function("calm", on="go", debounce=Debounce(0.2), **more)
    async def body(ctx: Context[Note]) -> None:
        seen.append(ctx.event.data.n)

    return body


def test_events_that_come_at_the_same_moment_start_one_run_when_it_is_quiet(database: str) -> None:
    seen: list[int] = []

    async def main() -> None:
        async with running([calm(seen)], database) as engine, running([calm(seen)], database, worker=False) as sender:
            senders = [engine, sender]
            accepted = await asyncio.gather(*(senders[n % 2].send(Event("go", Note(n=n))) for n in range(20)))
            assert len({run for each in accepted for run in each.runs}) == 1
            await engine.drained()
            assert len(seen) == 1

    story(main)


@pytest.mark.parametrize("before", [True, False])
def test_a_run_that_waits_for_quiet_does_not_begin_during_a_pause(database: str, before: bool) -> None:
    seen: list[int] = []
    work = calm(seen)

    async def quiet(engine: Engine[Any]) -> None:
        await asyncio.sleep(0.5)
        await engine.drained()
        assert seen == []

    async def main() -> None:
        async with running([work], database) as engine:
            if before:
                await engine.send(Event("go", Note(n=1)))
            await engine.pause(work)
            for n in (2, 3):
                await engine.send(Event("go", Note(n=n)))
                await quiet(engine)
            await engine.resume(work)
            await until(lambda: seen == [3])
            await engine.send(Event("go", Note(n=4)))
            await engine.drained()
            assert seen == [3, 4]

    story(main)


def test_a_resumed_run_at_work_does_not_stand_in_the_way_of_the_next_events(database: str) -> None:
    seen: list[int] = []
    free = asyncio.Event()

    @function("calm", on="go", debounce=Debounce(0.1))
    async def work(ctx: Context[Note]) -> None:
        seen.append(ctx.event.data.n)
        await free.wait()

    async def main() -> None:
        async with running([work], database) as engine:
            await engine.pause(work)
            await engine.send(Event("go", Note(n=1)))
            await engine.resume(work)
            await until(lambda: seen == [1])
            await engine.send(Event("go", Note(n=2)))
            free.set()
            await engine.drained()
            assert seen == [1, 2]

    story(main)


def test_an_event_that_starts_a_run_cancels_only_earlier_ones(database: str) -> None:
    seen: list[int] = []

    @function("latest", on="go", cancel_on=[CancelOn("go", {"event.data.key": "async.data.key"})])
    async def latest(ctx: Context[Note]) -> None:
        await ctx.step.sleep("a while", 0.3)
        seen.append(ctx.event.data.n)

    async def main() -> None:
        async with running([latest], database) as engine:
            for n in (1, 2, 3):
                await engine.send(Event("go", Note(n=n)))
            await engine.drained()
            assert seen == [3]

    story(main)
