"""Priority, debounce, idempotency, cancel by event, pause, replay, schedules, middleware, and what people see."""

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from counterfoil.engine import (
    CancelOn,
    Concurrency,
    Context,
    Cron,
    Debounce,
    Event,
    Failure,
    Middleware,
    Nothing,
    RunFailed,
    Tick,
    function,
)
from counterfoil.engine.schedule import next_tick
from counterfoil.errors import ActionRequired, BadRequest, BadSettings
from engine.support import Note, running, story, until


def test_a_lower_priority_starts_earlier(database: str) -> None:
    seen: list[str] = []

    def make(id: str, priority: int) -> Any:
        @function(id, on=id, priority=priority)
        async def body(ctx: Context[Note]) -> None:
            seen.append(id)

        return body

    functions = [make("later", 5), make("sooner", 1)]

    async def main() -> None:
        async with running(functions, database, worker=False) as sender:
            await sender.send(Event("later", Note()))
            await sender.send(Event("sooner", Note()))
        async with running(functions, database, workers=1) as engine:
            await engine.drained()

    story(main)
    assert seen == ["sooner", "later"]


def test_a_key_and_a_priority_together_are_refused() -> None:
    async def body(ctx: Context[Note]) -> None: ...

    with pytest.raises(BadSettings, match="both a key and a priority"):
        function("both", priority=1, concurrency=Concurrency(key="event.data.key"))(body)


def test_events_that_come_quickly_start_one_run_with_the_last_of_them(database: str) -> None:
    seen: list[tuple[str, int]] = []

    @function("calm", on="go", debounce=Debounce(0.3, key="event.data.key", longest=5))
    async def calm(ctx: Context[Note]) -> None:
        seen.append((ctx.event.data.key, ctx.event.data.n))

    async def main() -> None:
        async with running([calm], database) as engine:
            accepted = [await engine.send(Event("go", Note(key, n))) for n in range(4) for key in "ab"]
            assert len({run for each in accepted for run in each.runs}) == 2
            await engine.drained()

    story(main)
    assert sorted(seen) == [("a", 3), ("b", 3)]


def test_events_that_never_rest_start_a_run_after_the_longest_wait(database: str) -> None:
    seen: list[int] = []

    @function("restless", on="go", debounce=Debounce(0.3, longest=0.5))
    async def restless(ctx: Context[Note]) -> None:
        seen.append(ctx.event.data.n)

    async def main() -> None:
        async with running([restless], database) as engine:
            n = 0
            while not seen:
                await engine.send(Event("go", Note(n=(n := n + 1))))
                await asyncio.sleep(0.05)

    story(main, 20)


def test_an_idempotency_key_that_was_seen_starts_nothing(database: str) -> None:
    @function("once", on="go", idempotency="event.data.n")
    async def once(ctx: Context[Note]) -> int:
        return ctx.event.data.n

    async def main() -> None:
        async with running([once], database) as engine:
            accepted = [await engine.send(Event("go", Note(n=n))) for n in (1, 2, 1)]
            assert [len(each.runs) for each in accepted] == [1, 1, 0]

    story(main)


def test_an_event_cancels_the_runs_that_agree_with_it(database: str) -> None:
    @function("long", on="go", cancel_on=[CancelOn("gone", {"event.data.key": "async.data.key"})])
    async def long(ctx: Context[Note]) -> None:
        await ctx.step.sleep("long", 0.5 if ctx.event.data.key == "b" else 3600)

    async def main() -> None:
        async with running([long], database) as engine:
            runs = [(await engine.send(Event("go", Note(key)))).runs[0] for key in "ab"]
            await engine.send(Event("gone", Note("a")))
            with pytest.raises(RunFailed, match="cancelled"):
                await engine.result(runs[0])
            assert await engine.result(runs[1]) is None

    story(main)


def test_a_paused_functions_runs_wait_and_go_on_in_their_order(database: str) -> None:
    seen: list[int] = []

    @function("pausable", on="go", concurrency=Concurrency(key="event.data.key"))
    async def pausable(ctx: Context[Note]) -> None:
        seen.append(ctx.event.data.n)

    async def main() -> None:
        async with running([pausable], database) as engine:
            await engine.pause(pausable)
            for n in range(3):
                await engine.send(Event("go", Note(n=n)))
            await engine.drained()
            assert (seen, [run.status for run in await engine.runs(status="paused")]) == ([], ["paused"] * 3)
            assert (await engine.functions())[0].paused
            await engine.resume(pausable)
            await engine.drained()
            assert seen == [0, 1, 2]
            assert not (await engine.functions())[0].paused

    story(main)


def test_a_replay_runs_all_again_and_a_replay_from_a_step_keeps_what_came_before(database: str) -> None:
    calls: list[str] = []
    broken = [True]

    def note(word: str) -> str:
        calls.append(word)
        if word == "two" and broken[0]:
            raise ActionRequired("broken", "It is broken.", remedy="Mend it.")
        return word

    @function("replayable", on="go")
    async def replayable(ctx: Context[Note]) -> list[str]:
        words = []
        for word in ("one", "two", "three"):
            words.append(await ctx.step.run(word, note, word))
            await asyncio.sleep(0.002)
        return words

    async def main() -> None:
        async with running([replayable], database) as engine:
            run = (await engine.send(Event("go", Note()))).runs[0]
            with pytest.raises(RunFailed, match="It is broken"):
                await engine.result(run)
            broken[0] = False
            assert await engine.result(await engine.replay(run)) == ["one", "two", "three"]
            assert calls == ["one", "two", "one", "two", "three"]
            calls.clear()
            again = await engine.replay(run, from_step="two")
            assert await engine.result(again) == ["one", "two", "three"]
            assert calls == ["two", "three"]
            assert (await engine.run(again)).replay_of == run
            with pytest.raises(BadRequest, match="no step four"):
                await engine.replay(run, from_step="four")
            moment = (await engine.run(run)).ended_at or 0
            replays = await engine.replay_failed(replayable, moment, moment)
            assert len(replays) == 1
            assert await engine.result(replays[0]) == ["one", "two", "three"]

    story(main)


def test_a_schedule_ticks_in_its_time_zone() -> None:
    nine = Cron("0 9 * * *", "Europe/Berlin")
    winter = dt.datetime(2026, 3, 28, 12, tzinfo=dt.UTC)
    assert next_tick(nine, winter).astimezone(dt.UTC) == dt.datetime(2026, 3, 29, 7, tzinfo=dt.UTC)


def test_a_schedule_starts_its_function_once_per_tick(database: str) -> None:
    seen: list[str] = []

    @function("regular", on=Cron("* * * * * */1"))
    async def regular(ctx: Context[Tick]) -> None:
        seen.append(ctx.event.data.at)

    async def main() -> None:
        async with running([regular], database) as engine:
            await until(lambda: len(seen) >= 2)
            assert len({event.id for event in await engine.events(name="engine/schedule.ticked")}) >= 2

    story(main)
    assert len(seen) == len(set(seen))


class Tools:
    """Shared steps, as an application hangs them on every context."""

    def __init__(self, ctx: Context[Any, Any]) -> None:
        self._ctx = ctx

    async def shout(self, word: str) -> str:
        return await self._ctx.step.run("shout", str.upper, word)


class Watch(Middleware):
    def __init__(self) -> None:
        self.seen: list[str] = []

    async def around_run(self, ctx: Context[Any, Any], call: Callable[[], Awaitable[Any]]) -> Any:
        self.seen.append(f"run {ctx.function_id}")
        return await call()

    async def around_step(self, ctx: Context[Any, Any], step: str, call: Callable[[], Awaitable[Any]]) -> Any:
        self.seen.append(f"before {step}")
        try:
            return await call()
        finally:
            self.seen.append(f"after {step}")


def test_shared_steps_hang_on_the_context_and_middleware_wraps_runs_and_steps(database: str) -> None:
    @function("speaks", on="go")
    async def speaks(ctx: Context[Note, Tools]) -> str:
        return await ctx.utils.shout(ctx.event.data.key)

    watch = Watch()

    async def main() -> None:
        async with running([speaks], database, utils=Tools, middleware=[watch]) as engine:
            assert await engine.result((await engine.send(Event("go", Note("hey")))).runs[0]) == "HEY"

    story(main)
    assert watch.seen == ["run speaks", "before shout", "after shout"]


def test_on_failure_hears_once_when_a_run_has_failed_for_good(database: str) -> None:
    heard: list[tuple[str, str | None]] = []

    async def sorry(ctx: Context[Note], failure: Failure) -> None:
        heard.append((failure.kind, failure.code))

    @function("sad", on="go", retries=1, on_failure=sorry)
    async def sad(ctx: Context[Note]) -> None:
        raise ActionRequired("login", "Log in again.", remedy="Log in.") if ctx.event.data.n else KeyError("secret")

    async def main() -> None:
        async with running([sad], database) as engine:
            for n in (0, 1):
                with pytest.raises(RunFailed):
                    await engine.result((await engine.send(Event("go", Note(n=n)))).runs[0])

    story(main)
    assert heard == [("KeyError", None), ("ActionRequired", "login")]


def test_a_body_that_fails_outside_of_steps_runs_again_without_repeating_its_steps(database: str) -> None:
    calls: list[str] = []

    @function("stumbles", on="go", retries=2)
    async def stumbles(ctx: Context[Note]) -> int:
        await ctx.step.run("count", lambda: calls.append("step"))
        calls.append("body")
        if calls.count("body") < 3:
            raise ValueError
        return len(calls)

    async def main() -> None:
        async with running([stumbles], database) as engine:
            assert await engine.result((await engine.send(Event("go", Note()))).runs[0]) == 4

    story(main)
    assert calls == ["step", "body", "body", "body"]


def test_a_limit_of_two_lets_two_in(database: str) -> None:
    inside, most = [0], [0]

    @function("pairs", on="go", concurrency=Concurrency(2, key="event.data.key"))
    async def pairs(ctx: Context[Note]) -> None:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        await asyncio.sleep(0.05)
        inside[0] -= 1

    async def main() -> None:
        async with running([pairs], database) as engine:
            for _ in range(8):
                await engine.send(Event("go", Note()))
            await engine.drained()

    story(main)
    assert most == [2]


def test_waiting_for_a_lock_that_the_run_itself_holds_fails_instead_of_hanging(database: str) -> None:
    @function("inner", concurrency=Concurrency(key="event.data.key", scope="same"))
    async def inner(ctx: Context[Note]) -> None: ...

    @function("outer", on="go", concurrency=Concurrency(key="event.data.key", scope="same"))
    async def outer(ctx: Context[Note]) -> None:
        await ctx.step.invoke("self", inner, Note())

    async def main() -> None:
        async with running([inner, outer], database) as engine:
            with pytest.raises(RunFailed, match="would wait for a lock"):
                await engine.result((await engine.send(Event("go", Note()))).runs[0])

    story(main)


def test_people_see_functions_events_runs_and_steps_with_their_times(database: str) -> None:
    @function("seen", on=["go", Cron("0 4 * * *")], concurrency=Concurrency(key="event.data.key", scope="place"))
    async def seen(ctx: Context[Note]) -> str:
        return await ctx.step.run("speak", lambda: "hello")

    async def main() -> None:
        async with running([seen], database) as engine:
            accepted = [await engine.send(Event("go", Note("k", n), id=f"e{n}")) for n in range(3)]
            await engine.drained()
            [view] = await engine.functions()
            assert (view.on, view.schedules, view.scope) == (("go",), ("0 4 * * * UTC",), "place")
            newest, *rest = await engine.events(limit=2)
            assert (newest.id, newest.runs, len(rest)) == ("e2", accepted[2].runs, 1)
            assert [event.id for event in await engine.events(before=rest[0].id)] == ["e0"]
            listed = await engine.runs(function="seen", status="succeeded")
            assert [run.event["id"] for run in listed] == ["e2", "e1", "e0"]
            assert [run.event["id"] for run in await engine.runs(before=listed[1].id)] == ["e0"]
            run = await engine.run(listed[0].id)
            assert (run.output, run.attempts, run.key) == ("hello", 1, "k")
            assert run.queued_at <= (run.started_at or 0) <= (run.ended_at or 0)
            assert [(step.kind, step.name, step.output) for step in run.steps] == [("run", "speak", "hello")]

    story(main)


def test_what_ended_long_ago_is_forgotten_and_the_rest_stays(database: str) -> None:
    @function("quick", on="go")
    async def quick(ctx: Context[Nothing]) -> None: ...

    async def main() -> None:
        async with running([quick], database) as engine:
            await engine.send(Event("go", Nothing()))
            await engine.drained()
            assert await engine.forget(60) == 0
            await asyncio.sleep(1.1)
            assert await engine.forget(0) == 1
            assert (await engine.runs(), await engine.events()) == ([], [])

    story(main)


def test_parallel_branches_replay_whatever_their_order(database: str) -> None:
    calls: list[str] = []

    async def slow(word: str, seconds: float) -> str:
        calls.append(word)
        await asyncio.sleep(seconds)
        return word

    @function("branches", on="go", retries=1)
    async def branches(ctx: Context[Note]) -> list[list[str]]:
        first = not calls

        async def branch(name: str, seconds: float) -> list[str]:
            return [await ctx.step.run(f"{name}{n}", slow, f"{name}{n}", seconds) for n in range(3)]

        words = await asyncio.gather(branch("a", 0.02 if first else 0), branch("b", 0 if first else 0.02))
        if first:
            raise ValueError
        return list(words)

    async def main() -> None:
        async with running([branches], database) as engine:
            result = await engine.result((await engine.send(Event("go", Note()))).runs[0])
            assert result == [["a0", "a1", "a2"], ["b0", "b1", "b2"]]

    story(main)
    assert len(calls) == 6
