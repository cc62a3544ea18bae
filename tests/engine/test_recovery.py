"""Workers die, stop and are replaced: no run is lost, none of one key overlaps, at most the present step repeats."""

import asyncio
import os
import random
import signal
from pathlib import Path

import pytest

from counterfoil.engine import Engine, Event
from counterfoil.errors import BadSettings
from engine.support import running, story, until
from engine.worker import Job, job, pair
from engine.workers import Workers


def test_a_killed_workers_runs_go_on_where_they_were(database: str, tmp_path: Path) -> None:
    async def main() -> None:
        sender: Engine[None] = Engine([job, pair], database, app_version="test")
        await sender.start(worker=False)
        with Workers(database, tmp_path / "log") as workers:
            first = workers.start()
            runs = [(await sender.send(Event("job", Job("k", n, 0.3)))).runs[0] for n in range(2)]
            await until(lambda: "two" in workers.words())
            first.kill()
            first.wait()
            workers.start()
            assert [await sender.result(run, timeout=10) for run in runs] == [0, 1]
            assert (workers.overlaps(), workers.disorder()) == ([], [])
            assert workers.repeats() <= 1
        await sender.stop()

    story(main)


@pytest.mark.parametrize("kills", [8, pytest.param(60, marks=pytest.mark.long)])
def test_kills_at_random_moments_lose_and_double_nothing(database: str, tmp_path: Path, kills: int) -> None:
    chance = random.Random(7)

    async def main() -> None:
        sender: Engine[None] = Engine([job, pair], database, app_version="test")
        await sender.start(worker=False)
        with Workers(database, tmp_path / "log") as workers:
            worker = workers.start()
            runs = []
            for kill in range(kills):
                for n in range(3):
                    runs += (await sender.send(Event("pair", Job(f"k{n}", kill * 3 + n, 0.01)))).runs
                await asyncio.sleep(chance.uniform(0.02, 0.5))
                worker.kill()
                worker.wait()
                worker = workers.start()
            for number, run in enumerate(runs):
                assert await sender.result(run, timeout=60) == [number, number]
            assert workers.overlaps() == []
            assert workers.disorder() == []
            assert workers.repeats() <= kills * 6
        await sender.stop()

    story(main, 600)


def test_a_stopped_worker_ends_its_step_and_hands_the_rest_over(database: str, tmp_path: Path) -> None:
    async def main() -> None:
        sender: Engine[None] = Engine([job, pair], database, app_version="test")
        await sender.start(worker=False)
        with Workers(database, tmp_path / "log") as workers:
            first = workers.start()
            run = (await sender.send(Event("job", Job("k", 1, 0.3)))).runs[0]
            await until(lambda: "one" in workers.words())
            first.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(first.wait, 10) == 0
            workers.start()
            assert await sender.result(run, timeout=10) == 1
            assert workers.repeats() == 0
        await sender.stop()

    story(main)


def test_an_upgrade_takes_over_what_the_old_version_left(database: str, tmp_path: Path) -> None:
    async def main() -> None:
        sender: Engine[None] = Engine([job, pair], database, app_version="old")
        await sender.start(worker=False)
        with Workers(database, tmp_path / "log") as workers:
            old = workers.start("old")
            runs = [(await sender.send(Event("pair", Job("k", n, 0.1)))).runs[0] for n in range(3)]
            await until(lambda: len(workers.words()) >= 3)
            old.kill()
            old.wait()
            workers.start("new")
            assert [await sender.result(run, timeout=20) for run in runs] == [[n, n] for n in range(3)]
            assert workers.overlaps() == []
        await sender.stop()

    story(main)


def test_a_second_worker_on_one_file_is_refused_with_a_remedy(database: str, tmp_path: Path) -> None:
    async def main() -> None:
        with Workers(database, tmp_path / "log") as workers:
            workers.start()
            second: Engine[None] = Engine([job], database, app_version="test")
            with pytest.raises(BadSettings, match="Another worker") as caught:
                await second.start()
            assert "PostgreSQL" in caught.value.remedy

    story(main)


def test_a_worker_that_comes_back_after_a_quiet_stop_finds_everything(database: str) -> None:
    async def main() -> None:
        async with running([job, pair], database, worker=False) as sender:
            run = (await sender.send(Event("job", Job("k", 5)))).runs[0]
        log = os.open(os.devnull, os.O_WRONLY)
        import engine.worker as module

        module.LOG = log
        async with running([job, pair], database) as worker:
            assert await worker.result(run) == 5

    story(main)
