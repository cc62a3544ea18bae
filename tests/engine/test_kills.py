"""Workers are killed in the middle of syncs: none is lost, doubled or stuck, and none of one key overlap."""

import asyncio
import random
from pathlib import Path
from typing import Final

import pytest

from counterfoil.engine import Event
from engine.support import story, until
from engine.worker import Job
from engine.workers import Workers, outside

KEYS: Final = 3  # each kill comes with a sync for each: a run that invokes two keyed ones of three steps


@pytest.mark.parametrize("kills", [15, pytest.param(200, marks=[pytest.mark.long, pytest.mark.timeout(3000)])])
def test_kills_in_the_middle_of_syncs_lose_double_and_block_nothing(database: str, tmp_path: Path, kills: int) -> None:
    chance = random.Random(kills)

    async def main() -> None:
        async with outside(database, tmp_path / "log") as (sender, workers):
            for _ in range(1 if "://" not in database else 3):
                workers.launch()
            runs: list[str] = []
            for kill in range(kills):
                for key in range(KEYS):
                    runs += (await sender.send(Event("pair", Job(f"k{key}", kill, 0.01)))).runs
                await kill_one_at_work(workers, chance)
                workers.launch()
            for n, run in enumerate(runs):
                assert await sender.result(run, timeout=60) == [n // KEYS, n // KEYS]
            await sender.drained(10)
            assert len(workers.dead()) == kills
            assert len(workers.runs()) == 2 * len(runs)
            assert (workers.overlaps(), workers.disorder(), workers.doubled()) == ([], [], [])

    story(main, 2700)


async def kill_one_at_work(workers: Workers, chance: random.Random) -> None:
    """Kill a worker once it is inside a run, at some moment from then on, and wait until it is gone."""
    await until(lambda: bool(workers.at_work()))
    at_work = workers.at_work()
    await asyncio.sleep(chance.uniform(0, 0.1))
    victim = chance.choice(workers.at_work() or at_work)
    victim.kill()
    victim.wait()
