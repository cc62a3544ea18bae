"""Events start runs; steps are remembered; children are awaited; failures say what they are."""

import asyncio
import gc

import msgspec
import pytest

from counterfoil.engine import Concurrency, Context, Event, InvokeFailed, RunFailed, function
from counterfoil.errors import ActionRequired, BadRequest, RetryLater
from engine.support import Note, running, story


class Sum(msgspec.Struct, frozen=True):
    total: int


@function("child", on="child.wanted", concurrency=Concurrency(key="event.data.key", scope="child"))
async def child(ctx: Context[Note]) -> Sum:
    n = await ctx.step.run("double", lambda: ctx.event.data.n * 2)
    return Sum(n)


@function("parent", on="parent.wanted", concurrency=Concurrency(key="event.data.key"))
async def parent(ctx: Context[Note]) -> Sum:
    sums = await asyncio.gather(
        *(ctx.step.invoke(f"child-{key}", child, Note(key, n)) for n, key in enumerate("abc", start=ctx.event.data.n))
    )
    return Sum(sum(each.total for each in sums))


def test_a_parent_gets_its_childrens_typed_results(database: str) -> None:
    async def main() -> None:
        async with running([parent, child], database) as engine:
            accepted = await engine.send(Event("parent.wanted", Note(n=1)))
            assert await engine.result(accepted.runs[0]) == Sum(12)

    story(main)


def test_an_event_starts_every_function_that_listens_and_the_same_id_starts_nothing_twice(database: str) -> None:
    seen: list[str] = []

    def listener(name: str, *on: str):  # type: ignore[no-untyped-def]
        async def body(ctx: Context[Note]) -> None:
            seen.append(f"{name} {ctx.event.name} {ctx.event.id}")

        return function(name, on=on)(body)

    async def main() -> None:
        async with running(
            [listener("one", "x", "y"), listener("two", "x"), listener("three", "z")], database
        ) as engine:
            first = await engine.send(Event("x", Note(), id="e1"))
            again = await engine.send(Event("x", Note(), id="e1"))
            await engine.send(Event("y", Note(), id="e2"))
            await engine.drained()
            assert (first.duplicate, again.duplicate) == (False, True)
            assert first.runs == again.runs
            assert sorted(seen) == ["one x e1", "one y e2", "two x e1"]

    story(main)


def test_a_failing_step_is_tried_again_and_then_fails_the_run_without_quoting_what_it_met(database: str) -> None:
    calls: list[int] = []

    @function("fails", on="go", retries=2)
    async def fails(ctx: Context[Note]) -> None:
        await ctx.step.run("boom", boom)

    def boom() -> None:
        calls.append(1)
        raise ValueError("4111 1111 1111 1111")

    async def main() -> None:
        async with running([fails], database) as engine:
            run = (await engine.send(Event("go", Note()))).runs[0]
            with pytest.raises(RunFailed) as caught:
                await engine.result(run)
            assert (len(calls), caught.value.kind) == (3, "ValueError")
            seen = await engine.run(run)
            assert [step.kind for step in seen.steps] == ["retry", "retry", "run"]
            assert "4111" not in str(seen)
            assert any("test_runs.py" in line for line in seen.failure.where) if seen.failure else False

    story(main)


def test_an_error_that_names_a_remedy_stops_at_once_and_reaches_the_parent(database: str) -> None:
    calls: list[int] = []

    def refuse() -> None:
        calls.append(1)
        raise ActionRequired("column_missing", "The column Amount is gone.", remedy="Add it again.")

    @function("refused")
    async def refused(ctx: Context[Note]) -> None:
        with pytest.raises(ActionRequired) as caught:
            await ctx.step.run("write", refuse)
        assert caught.value.code == "column_missing"
        await ctx.step.run("write again", refuse)

    @function("asks", on="go")
    async def asks(ctx: Context[Note]) -> str:
        try:
            await ctx.step.invoke("ask", refused, Note())
        except InvokeFailed as failed:
            return f"{failed.kind} {failed.code} {failed.message} {failed.remedy}"
        return "nothing"

    async def main() -> None:
        async with running([refused, asks], database) as engine:
            run = (await engine.send(Event("go", Note()))).runs[0]
            assert await engine.result(run) == "ActionRequired column_missing The column Amount is gone. Add it again."
            assert len(calls) == 2

    story(main)


def test_retry_later_waits_as_long_as_it_says_and_counts_no_retry(database: str) -> None:
    calls: list[float] = []

    def busy() -> int:
        calls.append(1)
        if len(calls) < 4:
            raise RetryLater("busy", after=0.05)
        return 7

    @function("patient", on="go", retries=0)
    async def patient(ctx: Context[Note]) -> int:
        return await ctx.step.run("busy", busy)

    async def main() -> None:
        async with running([patient], database) as engine:
            run = (await engine.send(Event("go", Note()))).runs[0]
            assert await engine.result(run) == 7
            seen = await engine.run(run)
            waits = [step for step in seen.steps if step.kind == "retry"]
            assert len(waits) == 3

    story(main)


def test_data_that_do_not_fit_are_refused_before_anything_starts(database: str) -> None:
    async def main() -> None:
        async with running([child], database) as engine:
            with pytest.raises(BadRequest, match="does not fit child"):
                await engine.send(Event("child.wanted", {"n": "many"}))
            with pytest.raises(BadRequest, match=r"no event\.data\.key"):
                await engine.send(Event("child.wanted", Note(key="")))
            assert await engine.runs() == []

    story(main)


def test_runs_of_one_key_never_overlap_and_keep_their_order(database: str) -> None:
    inside: dict[str, int] = {}
    order: dict[str, list[int]] = {}
    overlaps: list[str] = []

    def make(name: str):  # type: ignore[no-untyped-def]
        @function(name, on=name, concurrency=Concurrency(key="event.data.key", scope="shared"))
        async def keyed(ctx: Context[Note]) -> None:
            key = ctx.event.data.key
            inside[key] = inside.get(key, 0) + 1
            if inside[key] > 1:
                overlaps.append(key)
            order.setdefault(key, []).append(ctx.event.data.n)
            await asyncio.sleep(0.002)
            await ctx.step.run("work", lambda: None)
            inside[key] -= 1

        return keyed

    async def main() -> None:
        async with running([make("one"), make("two")], database) as engine:
            for n in range(60):
                await engine.send(Event("one" if n % 2 else "two", Note(f"k{n % 3}", n)))
            await engine.drained()

    story(main)
    assert overlaps == []
    assert order == {f"k{k}": list(range(k, 60, 3)) for k in range(3)}


def test_a_step_that_ends_after_its_run_was_cancelled_raises_nowhere(
    database: str, caplog: pytest.LogCaptureFixture
) -> None:
    @function("cut", on="go")
    async def cut(ctx: Context[Note]) -> None:
        await ctx.step.run("work", begun.set)
        await ctx.step.run("wait", gate.wait)

    async def main() -> None:
        async with running([cut], database) as engine:
            run = (await engine.send(Event("go", Note()))).runs[0]
            await begun.wait()
            await engine.cancel(run)
            gate.set()
            await engine.drained()

    begun, gate = asyncio.Event(), asyncio.Event()
    story(main)
    gc.collect()
    assert "never retrieved" not in caplog.text
