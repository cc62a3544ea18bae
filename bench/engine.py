"""How fast the engine is: `python bench/engine.py [--database postgresql://…] [--syncs 600]`.

Without a database it measures a fresh SQLite file, then a PostgreSQL server of its own. It prints the time of one
trigger with two invoked children on an idle system, the CPU of an idle worker, saturated keyed syncs per second (three
steps each, parents included) with the CPU of one, and the same work on bare DBOS.
"""

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from dbos import DBOS, SetEnqueueOptions

from _measure import at_least, at_most, middle
from _postgres import server
from counterfoil.engine import Concurrency, Context, Engine, Event, durable, function
from counterfoil.lib.sqlite import sqlite_engine

LATENCY_MS: Final = {"SQLite": 100, "PostgreSQL": 150}
SYNCS: Final = {"SQLite": 50, "PostgreSQL": 30}
IDLE_PERCENT: Final = 2
LAYER_PERCENT: Final = 115


class Job(msgspec.Struct, frozen=True):
    key: str
    n: int = 0


def step(name: str) -> str:
    return name


@function("sync", concurrency=Concurrency(key="event.data.key", scope="destination"))
async def sync(ctx: Context[Job]) -> int:
    for name in ("load", "write", "log"):
        await ctx.step.run(name, step, name)
    return 1


@function("trigger", on="trigger", concurrency=Concurrency(key="event.data.key", scope="connection"))
async def trigger(ctx: Context[Job]) -> int:
    children = [ctx.step.invoke(side, sync, Job(f"{ctx.event.data.key}/{side}")) for side in "ab"]
    return sum(await asyncio.gather(*children))


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured of our engine."""

    latency_ms: float  # p50
    idle_percent: float  # of a core
    syncs: float  # per second
    cpu_ms: float  # per sync


async def measure(database: str, syncs: int) -> Figures:
    """Measure our engine."""
    engine: Engine[None] = Engine([sync, trigger], database, app_version="bench")
    await engine.start()
    latencies = []
    for n in range(40):
        began = time.perf_counter()
        accepted = await engine.send(Event("trigger", Job("latency", n)))
        await engine.result(accepted.runs[0])
        latencies.append(time.perf_counter() - began)
        await asyncio.sleep(0.05)
    began, cpu = time.perf_counter(), time.process_time()
    await asyncio.sleep(10)
    idle = (time.process_time() - cpu) / (time.perf_counter() - began)
    began, cpu = time.perf_counter(), time.process_time()
    for n in range(syncs // 2):
        await engine.send(Event("trigger", Job(f"c{n % 40}", n)))
    await engine.drained(600)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    await engine.stop()
    return Figures(middle(latencies) * 1000, idle * 100, syncs / seconds, cpu / syncs * 1000)


async def bare(database: str, syncs: int) -> tuple[float, float]:
    """Give syncs per second and the CPU of one (ms) on DBOS alone: two partitioned queues, polled every 50 ms.

    It holds no locks and has no wake-up. Its SQLite flushes as seldom as ours.
    """
    sqlite = "://" not in database
    engine = sqlite_engine(database, transactions="statement") if sqlite else sa.create_engine(_psycopg(database))
    dbos = durable.configure(engine, "bare", "bare", migrate=True)
    run: Callable[[str], Awaitable[str]] = DBOS.step()(_async_step)

    @DBOS.workflow()
    async def bare_sync(key: str) -> int:
        for name in ("load", "write", "log"):
            await run(name)
        return 1

    @DBOS.workflow()
    async def bare_trigger(key: str) -> int:
        handles: list[Any] = []
        for side in "ab":
            with SetEnqueueOptions(queue_partition_key=f"{key}/{side}"):
                handles.append(await DBOS.enqueue_workflow_async("syncs", bare_sync, key))
        results = [await handle.get_result(polling_interval_sec=0.05) for handle in handles]
        return sum(results)

    DBOS.launch()
    for name in ("syncs", "triggers"):
        await DBOS.register_queue_async(name, worker_concurrency=50, partition_concurrency=1, polling_interval_sec=0.05)
    await asyncio.sleep(1.5)
    began, cpu = time.perf_counter(), time.process_time()
    handles = []
    for n in range(syncs // 2):
        with SetEnqueueOptions(queue_partition_key=f"c{n % 40}"):
            handles.append(await DBOS.enqueue_workflow_async("triggers", bare_trigger, f"c{n % 40}"))
    for handle in handles:
        await handle.get_result()
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    durable.abandon(dbos)
    await asyncio.to_thread(durable.destroy)
    engine.dispose()
    return syncs / seconds, cpu / syncs * 1000


def _psycopg(url: str) -> sa.URL:
    return sa.make_url(url).set(drivername="postgresql+psycopg")


async def _async_step(name: str) -> str:
    return name


def report(database: str | None, syncs: int) -> None:
    """Measure on one database, and print."""
    kind = "SQLite" if database is None else "PostgreSQL"
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(measure(database or str(Path(folder, "engine.db")), syncs))
        rate, cpu_ms = asyncio.run(bare(database or str(Path(folder, "bare.db")), syncs))
    print(f"Engine on {kind}, {syncs} keyed syncs of three steps, load {os.getloadavg()[0]:.1f}:")
    print(at_most("trigger with two children, p50", found.latency_ms, LATENCY_MS[kind], "ms"))
    print(at_most("idle worker, thousandths of a core", found.idle_percent * 10, IDLE_PERCENT * 10, "‰"))
    print(at_least("keyed syncs", found.syncs, SYNCS[kind], "a second"))
    print(f"  {'CPU of one':<44} {found.cpu_ms:>10.1f} ms; on bare DBOS {cpu_ms:.1f} ms, {rate:.0f} a second")
    print(at_most("our CPU, of each hundred of bare DBOS", 100 * found.cpu_ms / cpu_ms, LAYER_PERCENT, ""))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", help="a PostgreSQL URL; else SQLite and a server of our own")
    parser.add_argument("--syncs", type=int, default=600)
    arguments = parser.parse_args()
    if arguments.database:
        report(arguments.database, arguments.syncs)
        return
    report(None, arguments.syncs)
    with server() as url:
        report(url, arguments.syncs)


if __name__ == "__main__":
    main()
