"""Workers die, stop and are replaced: no run is lost, none of one key overlaps, at most the present step repeats."""

import asyncio
import random
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
import pytest

from counterfoil.engine import Engine, Event, RunFailed
from counterfoil.engine.locks import LOST
from counterfoil.errors import BadSettings
from engine.support import running, story, until
from engine.worker import FUNCTIONS, Job, job
from engine.workers import Workers

TAKEN_OVER = 20  # seconds, with room for a slow machine: other workers look for the dead every 3 seconds


@asynccontextmanager
async def outside(database: str, log: Path, version: str = "test") -> AsyncIterator[tuple[Engine[None], Workers]]:
    """Give an engine that only sends, and worker processes to come."""
    async with running(FUNCTIONS, database, worker=False, app_version=version) as sender:
        with Workers(database, log) as workers:
            yield sender, workers


def test_a_killed_workers_runs_go_on_where_they_were(database: str, tmp_path: Path) -> None:
    async def main() -> None:
        async with outside(database, tmp_path / "log") as (sender, workers):
            first = workers.start()
            runs = [(await sender.send(Event("job", Job("k", n, 0.3)))).runs[0] for n in range(2)]
            await until(lambda: "two" in workers.words())
            first.kill()
            first.wait()
            workers.start()
            assert [await sender.result(run, timeout=TAKEN_OVER) for run in runs] == [0, 1]
            assert (workers.overlaps(), workers.disorder()) == ([], [])
            assert workers.repeats() <= 1

    story(main, 120)


@pytest.mark.parametrize("kills", [4, pytest.param(100, marks=[pytest.mark.long, pytest.mark.timeout(1500)])])
def test_kills_at_random_moments_lose_and_double_nothing(database: str, tmp_path: Path, kills: int) -> None:
    chance = random.Random(7)

    async def main() -> None:
        async with outside(database, tmp_path / "log") as (sender, workers):
            alive = [workers.start() for _ in range(1 if "://" not in database else 3)]
            runs: list[str] = []
            for kill in range(kills):
                for n in range(3):
                    runs += (await sender.send(Event("pair", Job(f"k{n}", kill * 3 + n, 0.01)))).runs
                await asyncio.sleep(chance.uniform(0.02, 0.5))
                victim = alive.pop(chance.randrange(len(alive)))
                victim.kill()
                victim.wait()
                alive.append(workers.start())
            for number, run in enumerate(runs):
                assert await sender.result(run, timeout=60) == [number, number]
            assert workers.overlaps() == []
            assert workers.disorder() == []
            assert workers.repeats() <= kills * 6

    story(main, 1200)


def test_a_stopped_worker_ends_its_step_and_hands_the_rest_over(database: str, tmp_path: Path) -> None:
    async def main() -> None:
        async with outside(database, tmp_path / "log") as (sender, workers):
            first = workers.start()
            run = (await sender.send(Event("job", Job("k", 1, 0.3)))).runs[0]
            await until(lambda: "one" in workers.words())
            first.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(first.wait, 20) == 0
            workers.start()
            assert await sender.result(run, timeout=20) == 1
            assert workers.repeats() == 0

    story(main, 120)


def test_an_upgrade_takes_over_what_the_old_version_left(database: str, tmp_path: Path) -> None:
    async def main() -> None:
        async with outside(database, tmp_path / "log", "old") as (sender, workers):
            old = workers.start("old")
            runs = [(await sender.send(Event("pair", Job("k", n, 0.1)))).runs[0] for n in range(3)]
            await until(lambda: len(workers.words()) >= 3)
            old.kill()
            old.wait()
            workers.start("new")
            assert [await sender.result(run, timeout=TAKEN_OVER) for run in runs] == [[n, n] for n in range(3)]
            assert workers.overlaps() == []

    story(main, 120)


def test_a_second_worker_on_one_file_is_refused_with_a_remedy(tmp_path: Path) -> None:
    async def main() -> None:
        with Workers(str(tmp_path / "engine.db"), tmp_path / "log") as workers:
            workers.start()
            second: Engine[None] = Engine([job], tmp_path / "engine.db", app_version="test")
            with pytest.raises(BadSettings, match="Another worker") as caught:
                await second.start()
            assert "PostgreSQL" in caught.value.remedy

    story(main)


def test_a_run_cancelled_while_it_works_keeps_its_key_until_it_has_ended(database: str, tmp_path: Path) -> None:
    async def main() -> None:
        async with outside(database, tmp_path / "log") as (sender, workers):
            workers.start()
            jobs = [Job("k", 0, 2.5), Job("k", 1, 0.01)]
            first, second = [(await sender.send(Event("job", each))).runs[0] for each in jobs]
            await until(lambda: "one" in workers.words())
            await sender.cancel(first)
            with pytest.raises(RunFailed, match="cancelled"):
                await sender.result(first)
            assert await sender.result(second, timeout=20) == 1
            assert workers.overlaps() == []

    story(main, 120)


def test_two_workers_of_two_versions_share_the_keys(postgres_database: str, tmp_path: Path) -> None:
    database = postgres_database

    async def main() -> None:
        async with (
            outside(database, tmp_path / "log", "old") as (old, workers),
            running(FUNCTIONS, database, worker=False, app_version="new") as new,
        ):
            workers.start("old")
            workers.start("new")
            runs: list[str] = []
            for n in range(12):
                for sender in (old, new):
                    runs += (await sender.send(Event("job", Job(f"k{n % 2}", n, 0.01)))).runs
            for run in runs:
                await old.result(run, timeout=30)
            assert workers.overlaps() == []

    story(main, 120)


def test_two_workers_that_were_given_one_name_are_two_all_the_same(postgres_database: str, tmp_path: Path) -> None:
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
            assert (workers.overlaps(), workers.disorder()) == ([], [])
            assert workers.repeats() <= 3  # what the killed one had at hand, and nothing of the other

    story(main, 120)


def test_priorities_and_two_workers_do_not_let_keyed_runs_overlap(postgres_database: str, tmp_path: Path) -> None:
    async def main() -> None:
        async with outside(postgres_database, tmp_path / "log") as (sender, workers):
            workers.start()
            workers.start()
            runs: list[str] = []
            for n in range(8):
                for name in ("patient", "urgent", "job"):
                    runs += (await sender.send(Event(name, Job(f"k{n % 2}", n, 0.01)))).runs
            for run in runs:
                await sender.result(run, timeout=60)
            assert workers.lines()  # by both, unless one of them was slow to start
            assert workers.overlaps() == []

    story(main, 120)


def test_a_worker_that_loses_its_lock_session_ends_and_others_take_over(postgres_database: str, tmp_path: Path) -> None:
    async def main() -> None:
        async with outside(postgres_database, tmp_path / "log") as (sender, workers):
            first = workers.start()
            run = (await sender.send(Event("job", Job("k", 1, 1.0)))).runs[0]
            await until(lambda: "one" in workers.words())
            with psycopg.connect(postgres_database, autocommit=True) as connection:
                sessions = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s"
                connection.execute(sessions, ["counterfoil locks"])
            assert await asyncio.to_thread(first.wait, 20) == LOST
            workers.start()
            assert await sender.result(run, timeout=TAKEN_OVER) == 1
            assert workers.overlaps() == []

    story(main, 120)


@pytest.mark.long
def test_a_frozen_workers_runs_are_not_doubled_when_it_wakes(postgres_database: str, tmp_path: Path) -> None:
    database = postgres_database

    async def main() -> None:
        async with outside(database, tmp_path / "log") as (sender, workers):
            frozen = workers.start()
            runs = [(await sender.send(Event("job", Job("k", n, 0.2)))).runs[0] for n in range(3)]
            await until(lambda: "one" in workers.words())
            frozen.send_signal(signal.SIGSTOP)
            workers.start()
            await asyncio.sleep(8)  # long enough for the other worker to look twice
            frozen.send_signal(signal.SIGCONT)
            assert [await sender.result(run, timeout=TAKEN_OVER) for run in runs] == [0, 1, 2]
            assert workers.overlaps() == []

    story(main, 180)
