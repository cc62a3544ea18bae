"""What names certain things is deleted from the engine, and nothing else."""

import pytest

from counterfoil.engine import Context, Engine, Event, function
from counterfoil.errors import NotThere
from engine.support import Note, running, story


@function("ends", on="go")
async def ends(ctx: Context[Note]) -> int:
    return await ctx.step.run("one", lambda: ctx.event.data.n)


@function("waits", on="wait")
async def waits(ctx: Context[Note]) -> None:
    await ctx.step.sleep("long", 3600)


@function("asks", on="ask")
async def asks(ctx: Context[Note, Engine[None]]) -> int:
    return await ctx.step.run("erase", ctx.utils.erase, ["mine"], spared=ctx.run_id)


def test_runs_and_events_that_name_it_are_gone_and_others_stay(database: str) -> None:
    async def main() -> None:
        made: list[Engine[None]] = []
        async with running([ends, waits, asks], database, utils=lambda _: made[0]) as engine:
            made.append(engine)
            mine = await engine.send(Event("go", Note("mine")))
            other = await engine.send(Event("go", Note("other")))
            await engine.drained()
            still = await engine.send(Event("wait", Note("mine")))
            elsewhere = await engine.send(Event("wait", Note("other")))
            asked = await engine.send(Event("ask", Note("mine"), id="the asking"))
            assert await engine.result(asked.runs[0], timeout=20) == 2
            for gone in (*mine.runs, *still.runs):
                with pytest.raises(NotThere):
                    await engine.run(gone)
            assert (await engine.run(other.runs[0])).status == "succeeded"
            assert (await engine.run(elsewhere.runs[0])).status == "running"
            assert (await engine.event("the asking")).runs == asked.runs
            assert sorted(event.data["key"] for event in await engine.events()) == ["mine", "other", "other"]
            await engine.cancel(elsewhere.runs[0])

    story(main)
