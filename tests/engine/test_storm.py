"""A storm of keyed runs: nothing of one key overlaps or overtakes, nobody starves, memory stays flat."""

import asyncio
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from counterfoil.engine import Concurrency, Context, Event, Function, function
from engine.support import Note, running, story
from engine.worker import FUNCTIONS, Job
from engine.workers import Workers


@dataclass
class Watch:
    """Counts who is inside at once, in which order they came, and when the last one left."""

    inside: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    order: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    ended: dict[str, float] = field(default_factory=dict)
    overlaps: int = 0

    async def visit(self, note: Note) -> None:
        self.inside[note.key] += 1
        self.overlaps += self.inside[note.key] > 1
        self.order[note.key].append(note.n)
        await asyncio.sleep(0.001)
        self.inside[note.key] -= 1
        self.ended[note.key] = time.monotonic()

    def disorder(self) -> list[str]:
        return [key for key, order in self.order.items() if order != sorted(order)]


def keyed(watch: Watch, concurrency: Concurrency | None) -> Function[Note, None]:
    @function("keyed", on="go", concurrency=concurrency)
    async def body(ctx: Context[Note]) -> None:
        await watch.visit(ctx.event.data)

    return body


@pytest.mark.parametrize(
    ("keys", "events"), [(400, 800), pytest.param(10_000, 20_000, marks=[pytest.mark.long, pytest.mark.timeout(3000)])]
)
def test_a_storm_keeps_every_promise(database: str, keys: int, events: int) -> None:
    watch, before = Watch(), psutil.Process().memory_info().rss

    async def main() -> None:
        async with running([keyed(watch, Concurrency(key="event.data.key", scope="storm"))], database) as engine:
            began = time.monotonic()
            for n in range(events):
                await engine.send(Event("go", Note(f"k{n % keys}", n)))
            await engine.drained(2400)
            times = [ended - began for ended in watch.ended.values()]
            assert max(times) <= 2 * sum(times) / len(times) + 10  # seconds that a loaded machine may lose

    story(main, 2700)
    assert watch.overlaps == 0
    assert watch.disorder() == []
    assert sum(len(order) for order in watch.order.values()) == events
    # Other tests may have run in this process before: what it has grown by counts, beside the 100 MB of a bare product.
    assert psutil.Process().memory_info().rss - before < 200e6


@pytest.mark.parametrize(
    ("keys", "events"), [(40, 80), pytest.param(2_000, 4_000, marks=[pytest.mark.long, pytest.mark.timeout(1800)])]
)
def test_a_storm_over_three_workers_keeps_every_promise(
    postgres_database: str, tmp_path: Path, keys: int, events: int
) -> None:
    async def main() -> None:
        async with running(FUNCTIONS, postgres_database, worker=False) as sender:
            with Workers(postgres_database, tmp_path / "log") as workers:
                processes = [psutil.Process(workers.start().pid) for _ in range(3)]
                for n in range(events):
                    await sender.send(Event("job", Job(f"k{n % keys}", n)))
                await sender.drained(1500)
                assert max(process.memory_info().rss for process in processes) < 300e6
                lines = workers.lines()
                assert lines  # by all three, unless one was slow to start
                assert len([word for word, *_ in lines if word == "leave"]) == events
                assert (workers.overlaps(), workers.disorder(), workers.repeats()) == ([], [], [])

    story(main, 1700)


def test_the_storm_would_notice_a_missing_key(tmp_path: object) -> None:
    watch = Watch()

    async def main() -> None:
        async with running([keyed(watch, None)], f"{tmp_path}/engine.db") as engine:
            for n in range(60):
                await engine.send(Event("go", Note("k", n)))
            await engine.drained()

    story(main)
    assert watch.overlaps > 0
