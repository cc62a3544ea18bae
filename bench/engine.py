"""How fast the engine is: `python bench/engine.py [--database postgresql://…] [--syncs 600]`.

Prints the time of one trigger with two invoked children on an idle system, the CPU of an idle worker, saturated keyed
syncs per second (three steps each, parents included) with the CPU of one, and the same work on bare DBOS.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa
from dbos import DBOS, SetEnqueueOptions

from counterfoil.engine import Concurrency, Context, Engine, Event, durable, function
from counterfoil.lib.sqlite import sqlite_engine


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


async def measure(database: str, syncs: int) -> dict[str, float]:
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
    return {
        "trigger with two children, p50 (ms)": statistics.median(latencies) * 1000,
        "idle CPU (% of a core)": idle * 100,
        "keyed syncs per second": syncs / seconds,
        "CPU per sync (ms)": cpu / syncs * 1000,
    }


async def bare(database: str, syncs: int) -> dict[str, float]:
    """Measure the same work on DBOS alone: two partitioned queues, polled every 50 ms, no locks and no wake-up."""
    sqlite = "://" not in database
    engine = sqlite_engine(database, transactions="statement") if sqlite else sa.create_engine(database)
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
    return {"bare DBOS: keyed syncs per second": syncs / seconds, "bare DBOS: CPU per sync (ms)": cpu / syncs * 1000}


async def _async_step(name: str) -> str:
    return name


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", help="a PostgreSQL URL; a fresh SQLite file otherwise")
    parser.add_argument("--syncs", type=int, default=600)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = asyncio.run(measure(arguments.database or str(Path(folder, "engine.db")), arguments.syncs))
        figures |= asyncio.run(bare(arguments.database or str(Path(folder, "bare.db")), arguments.syncs))
    figures["our CPU per sync to bare DBOS's"] = figures["CPU per sync (ms)"] / figures["bare DBOS: CPU per sync (ms)"]
    for name, figure in figures.items():
        print(f"{name:40} {figure:8.2f}")


if __name__ == "__main__":
    main()
