"""Runs wait for events, for time and for each other, and are woken in time."""

import asyncio

import pytest

from counterfoil.engine import Context, Engine, Event, InvokeFailed, Nothing, RunFailed, Timeouts, function
from engine.support import Note, running, story, until


@function("waits", on="go")
async def waits(ctx: Context[Note]) -> int | None:
    event = await ctx.step.wait_for_event(
        "answer", "answered", timeout=ctx.event.data.n, match={"event.data.key": "async.data.key"}
    )
    return None if event is None else int(event.data["n"])


def test_the_first_event_that_agrees_wakes_the_run(database: str) -> None:
    async def main() -> None:
        async with running([waits], database) as engine:
            run = (await engine.send(Event("go", Note("k", 30)))).runs[0]
            await running_now(engine, run)
            await engine.send(Event("answered", Note("other", 1)))
            await engine.send(Event("answered", Note("k", 2)))
            await engine.send(Event("answered", Note("k", 3)))
            assert await engine.result(run, timeout=5) == 2

    story(main)


def test_an_event_that_came_before_the_wait_began_is_not_missed(database: str) -> None:
    gate = asyncio.Event()

    @function("late", on="go")
    async def late(ctx: Context[Note]) -> str | None:
        await ctx.step.run("first", gate.wait)
        event = await ctx.step.wait_for_event("answer", "answered", timeout=5)
        return event.id if event is not None else None

    async def main() -> None:
        async with running([late], database) as engine:
            await engine.send(Event("answered", Nothing(), id="too early"))
            await asyncio.sleep(0.01)
            run = (await engine.send(Event("go", Note()))).runs[0]
            await running_now(engine, run)
            await engine.send(Event("answered", Nothing(), id="in between"))
            gate.set()
            assert await engine.result(run) == "in between"

    story(main)


def test_two_waits_of_one_run_get_two_events(database: str) -> None:
    @function("twice", on="go")
    async def twice(ctx: Context[Note]) -> list[str]:
        events = [await ctx.step.wait_for_event("one", "answered", timeout=5) for _ in range(2)]
        return [event.id for event in events if event is not None]

    async def main() -> None:
        async with running([twice], database) as engine:
            run = (await engine.send(Event("go", Note()))).runs[0]
            await engine.send(Event("answered", Nothing(), id="a"))
            await engine.send(Event("answered", Nothing(), id="b"))
            assert await engine.result(run) == ["a", "b"]

    story(main)


def test_a_wait_ends_with_nothing_at_its_timeout(database: str) -> None:
    async def main() -> None:
        async with running([waits], database) as engine:
            assert await engine.result((await engine.send(Event("go", Note("k", 0)))).runs[0]) is None

    story(main)


def test_an_event_from_a_process_that_only_sends_wakes_the_run(database: str) -> None:
    async def main() -> None:
        sender: Engine[None] = Engine([waits], database, app_version="test")
        async with running([waits], database) as engine:
            await sender.start(worker=False)
            run = (await sender.send(Event("go", Note("k", 20)))).runs[0]
            await running_now(engine, run)
            await sender.send(Event("answered", Note("k", 4)))
            assert await sender.result(run, timeout=10) == 4
            await sender.stop()

    story(main)


def test_an_event_sent_by_a_run_starts_others_once(database: str) -> None:
    seen: list[str] = []

    @function("first", on="go")
    async def first(ctx: Context[Note]) -> None:
        await ctx.step.send_event("tell", Event("told", Note(n=1)), Event("told", Note(n=2)))
        await ctx.step.sleep("rest", 0.02)

    @function("second", on="told")
    async def second(ctx: Context[Note]) -> None:
        seen.append(f"{ctx.event.id.split('/', 1)[1]} {ctx.event.data.n}")

    async def main() -> None:
        async with running([first, second], database) as engine:
            await engine.send(Event("go", Note()))
            await engine.drained()

    story(main)
    assert sorted(seen) == ["tell/0 1", "tell/1 2"]


@function("endless")
async def endless(ctx: Context[Note]) -> None:
    await ctx.step.sleep("long", 3600)


@function("impatient", on="go")
async def impatient(ctx: Context[Note]) -> str:
    try:
        await ctx.step.invoke("wait", endless, Note(), timeout=0.1 if ctx.event.data.n else None)
    except InvokeFailed as failed:
        return failed.kind
    return "ended"


def test_a_child_that_takes_too_long_is_cancelled_and_raises_in_its_parent(database: str) -> None:
    async def main() -> None:
        async with running([endless, impatient], database) as engine:
            assert await engine.result((await engine.send(Event("go", Note(n=1)))).runs[0]) == "TimedOut"
            await engine.drained(5)
            assert [run.status for run in await engine.runs(function="endless")] == ["cancelled"]

    story(main)


def test_a_cancelled_child_raises_in_its_parent_and_a_cancelled_parent_takes_its_children_along(database: str) -> None:
    async def main() -> None:
        async with running([endless, impatient], database) as engine:
            parent = (await engine.send(Event("go", Note()))).runs[0]
            child = await child_of(engine, parent)
            await engine.cancel(child)
            assert await engine.result(parent) == "Cancelled"

            parent = (await engine.send(Event("go", Note()))).runs[0]
            child = await child_of(engine, parent)
            await engine.cancel(parent)
            with pytest.raises(RunFailed, match="cancelled"):
                await engine.result(child)
            await engine.drained(5)

    story(main)


def test_a_run_that_takes_too_long_fails_and_says_so(database: str) -> None:
    told: list[str] = []

    async def sorry(ctx: Context[Note], failure) -> None:  # type: ignore[no-untyped-def]
        told.append(failure.kind)

    @function("slow", on="go", timeouts=Timeouts(finish=0.1), on_failure=sorry)
    async def slow(ctx: Context[Note]) -> None:
        await ctx.step.sleep("long", 3600)

    @function("queued", on="go", timeouts=Timeouts(start=0.0), on_failure=sorry)
    async def queued(ctx: Context[Note]) -> None:
        told.append("ran")

    async def main() -> None:
        async with running([slow, queued], database) as engine:
            for run in (await engine.send(Event("go", Note()))).runs:
                with pytest.raises(RunFailed, match="did not"):
                    await engine.result(run)

    story(main)
    assert told == ["TimedOut", "TimedOut"]


async def running_now(engine: Engine[None], run_id: str) -> None:
    async def runs() -> bool:
        return (await engine.run(run_id)).status == "running"

    await until(runs)


async def child_of(engine: Engine[None], run_id: str) -> str:
    while True:
        children = [step.child for step in (await engine.run(run_id)).steps if step.child]
        if children:
            await running_now(engine, children[0])
            return children[0]
        await asyncio.sleep(0.01)
