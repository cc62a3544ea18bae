"""A storm of keyed runs: nothing of one key overlaps or overtakes, nobody starves, memory stays flat."""

from pathlib import Path

import psutil
import psycopg
import pytest

from counterfoil.engine import Context, Event, function
from engine.support import Note, running, story, until
from engine.worker import Job
from engine.workers import Workers, outside

LONG = [pytest.mark.long, pytest.mark.timeout(3600)]


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("keys", "events"), [(1_000, 2_000), pytest.param(10_000, 20_000, marks=LONG)])
def test_a_storm_keeps_every_promise(database: str, tmp_path: Path, keys: int, events: int) -> None:
    """SQLite has one worker, PostgreSQL three; all events wait before the first of them begins."""

    async def main() -> None:
        async with outside(database, tmp_path / "log") as (sender, workers):
            for n in range(events):
                await sender.send(Event("visit", Job(f"k{n % keys}", n)))
            for _ in range(3 if "://" in database else 1):
                workers.launch()
            await sender.drained(3_000)
            assert max(psutil.Process(worker.pid).memory_info().rss for worker in workers.started) < 300e6
            assert len(workers.pids()) == len(workers.started)
            assert workers.words().count("leave") == len(workers.runs()) == events
            assert (workers.overlaps(), workers.disorder(), workers.repeats()) == ([], [], [])
            times = seconds_until_done(workers)
            assert len(times) == keys
            assert max(times) <= 2 * sum(times) / keys

    story(main, 3_500)


def seconds_until_done(workers: Workers) -> list[float]:
    """Give for each key how long it took until its last run had ended."""
    lines = workers.lines()
    ended = {line.key: line.at - lines[0].at for line in lines if line.word == "leave"}
    return list(ended.values())


def test_a_storm_without_a_key_would_be_noticed(tmp_path: Path) -> None:
    async def main() -> None:
        async with outside(str(tmp_path / "engine.db"), tmp_path / "log") as (sender, workers):
            workers.launch()
            for n in range(60):
                await sender.send(Event("intrude", Job("k", n, 0.01)))
            await sender.drained()
            assert workers.overlaps() != []

    story(main)


def test_postgres_counts_runs_anew_when_many_have_changed(postgres_database: str) -> None:
    @function("quick", on="go")
    async def quick(ctx: Context[Note]) -> None: ...

    async def main() -> None:
        async with running([quick], postgres_database) as engine:
            await engine.send(Event("go", Note()))
            await engine.drained()
            with psycopg.connect(postgres_database, autocommit=True) as connection:
                for _ in range(1_100):
                    connection.execute("UPDATE dbos.workflow_status SET updated_at = updated_at")
            with psycopg.connect(postgres_database, autocommit=True) as connection:
                counted = "SELECT last_analyze IS NOT NULL FROM pg_stat_user_tables WHERE relname = 'workflow_status'"
                await until(lambda: connection.execute(counted).fetchall() == [(True,)])

    story(main)
