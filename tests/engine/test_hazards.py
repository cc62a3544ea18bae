"""What breaks the exclusion of a bare DBOS queue, hazard by hazard: here no two runs of one key ever overlap."""

import asyncio
import signal
from pathlib import Path

import psycopg
import pytest

from counterfoil.engine import Event, RunFailed
from engine.support import running, story, until
from engine.worker import FUNCTIONS, Job
from engine.workers import outside

TAKEN_OVER = 20  # seconds, with room for a slow machine: other workers look for the dead every 3 seconds


def test_hazard_two_application_versions(postgres_database: str, tmp_path: Path) -> None:
    async def main() -> None:
        async with (
            outside(postgres_database, tmp_path / "log", "old") as (old, workers),
            running(FUNCTIONS, postgres_database, worker=False, app_version="new") as new,
        ):
            workers.start("old")
            workers.start("new")
            runs: list[str] = []
            for n in range(20):
                for sender in (old, new):
                    runs += (await sender.send(Event("job", Job(f"k{n % 2}", n, 0.01)))).runs
            assert [await old.result(run, timeout=60) for run in runs] == [n // 2 for n in range(40)]
            assert len(workers.pids()) == 2  # each version's runs go to its own worker
            assert (workers.overlaps(), workers.repeats()) == ([], [])

    story(main, 120)


def test_hazard_priorities_with_two_workers(postgres_database: str, tmp_path: Path) -> None:
    async def main() -> None:
        async with outside(postgres_database, tmp_path / "log") as (sender, workers):
            workers.start(places=2)
            workers.start(places=2)
            while len(workers.pids()) < 2 or len(workers.runs()) < 40:
                sent = [
                    await sender.send(Event(name, Job(f"k{n % 2}", n, 0.01)))
                    for n in range(8)
                    for name in ("patient", "urgent", "job")
                ]
                for accepted in sent:
                    await sender.result(accepted.runs[0], timeout=60)
            assert (workers.overlaps(), workers.repeats()) == ([], [])

    story(main, 120)


def test_hazard_cancelled_while_running(database: str, tmp_path: Path) -> None:
    async def main() -> None:
        async with outside(database, tmp_path / "log") as (sender, workers):
            for _ in range(2 if "://" in database else 1):
                workers.start()
            keys = [f"k{n}" for n in range(5)]
            firsts, seconds = [
                [(await sender.send(Event("job", Job(key, n, long)))).runs[0] for key in keys]
                for n, long in enumerate((2.5, 0.01))
            ]
            await until(lambda: workers.words().count("one") == len(keys))
            for first in firsts:
                await sender.cancel(first)
            for first in firsts:
                with pytest.raises(RunFailed, match="cancelled"):
                    await sender.result(first)
            assert [await sender.result(second, timeout=TAKEN_OVER) for second in seconds] == [1] * len(keys)
            assert (workers.overlaps(), workers.repeats()) == ([], [])

    story(main, 120)


def test_hazard_frozen_and_resumed(postgres_database: str, tmp_path: Path) -> None:
    async def main() -> None:
        async with outside(postgres_database, tmp_path / "log") as (sender, workers):
            frozen = workers.start()
            jobs = [Job(f"k{n % 5}", n, 0.2) for n in range(15)]
            runs = [(await sender.send(Event("job", job))).runs[0] for job in jobs]
            await until(lambda: "one" in workers.words())
            frozen.send_signal(signal.SIGSTOP)
            workers.start()
            await asyncio.sleep(7)  # long enough for the other worker to look for the dead twice
            frozen.send_signal(signal.SIGCONT)
            assert [await sender.result(run, timeout=TAKEN_OVER) for run in runs] == list(range(15))
            assert (workers.overlaps(), workers.disorder(), workers.repeats()) == ([], [], [])

    story(main, 120)


def test_hazard_one_executor_id_twice(postgres_database: str, tmp_path: Path) -> None:
    async def main() -> None:
        async with outside(postgres_database, tmp_path / "log") as (sender, workers):
            first = workers.start(DBOS__VMID="same")
            workers.start(DBOS__VMID="same")
            with psycopg.connect(postgres_database, autocommit=True) as connection:
                assert connection.execute("SELECT count(*) FROM engine_workers").fetchall() == [(2,)]
            jobs = [Job(f"k{n % 3}", n, 0.05) for n in range(12)]
            runs = [(await sender.send(Event("job", each))).runs[0] for each in jobs]
            await until(lambda: "two" in workers.words())
            first.kill()
            first.wait()
            assert [await sender.result(run, timeout=TAKEN_OVER) for run in runs] == list(range(12))
            # What the killed one had at hand is repeated, and nothing of the other.
            assert (workers.overlaps(), workers.disorder(), workers.doubled()) == ([], [], [])

    story(main, 120)
