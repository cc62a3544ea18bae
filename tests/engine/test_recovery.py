"""Workers die, stop and are replaced: no run is lost, none of one key overlaps, at most the present step repeats."""

import asyncio
import signal
from pathlib import Path

import psycopg
import pytest

from counterfoil.engine import Engine, Event
from counterfoil.engine.locks import LOST
from counterfoil.errors import BadSettings
from engine.support import story, until
from engine.worker import Job, job
from engine.workers import Workers, outside

TAKEN_OVER = 20  # seconds, with room for a slow machine: other workers look for the dead every 3 seconds


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
            assert workers.doubled() == []

    story(main, 120)


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
            assert workers.repeats() == []

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
