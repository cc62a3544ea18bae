"""A worker process for the tests that kill, freeze and upgrade: `python worker.py <database> <version> <log> <places>`.

Every body and step writes a line to the log when it is entered and left, in one write each, so that overlaps and
repeats can be counted afterwards, whatever happened to the process.
"""

import asyncio
import os
import signal
import sys
import time

import msgspec

from counterfoil.engine import Concurrency, Context, Engine, function


class Job(msgspec.Struct, frozen=True):
    key: str
    n: int
    seconds: float = 0.0


LOG = -1
STEPS = ("one", "two", "three")


def say(word: str, run: str, key: str, n: int) -> None:
    os.write(LOG, f"{word} {run} {key} {n} {os.getpid()} {time.time_ns()}\n".encode())


@function("job", on="job", concurrency=Concurrency(key="event.data.key", scope="job"), retries=0)
async def job(ctx: Context[Job]) -> int:
    key, n = ctx.event.data.key, ctx.event.data.n
    say("enter", ctx.run_id, key, n)
    try:
        for step in STEPS:
            await ctx.step.run(step, work, step, ctx.run_id, ctx.event.data)
    finally:
        say("leave", ctx.run_id, key, n)
    return n


def work(step: str, run: str, data: Job) -> str:
    say(step, run, data.key, data.n)
    time.sleep(data.seconds)
    say(f"{step}-done", run, data.key, data.n)
    return step


@function("visit", on="visit", concurrency=Concurrency(key="event.data.key"), retries=0)
async def visit(ctx: Context[Job]) -> None:
    await drop_in(ctx)


@function("intrude", on="intrude", retries=0)
async def intrude(ctx: Context[Job]) -> None:
    await drop_in(ctx)


async def drop_in(ctx: Context[Job]) -> None:
    say("enter", ctx.run_id, ctx.event.data.key, ctx.event.data.n)
    await ctx.step.run("one", work, "one", ctx.run_id, ctx.event.data)
    say("leave", ctx.run_id, ctx.event.data.key, ctx.event.data.n)


@function("pair", on="pair", concurrency=Concurrency(key="event.data.key", scope="pair"), retries=0)
async def pair(ctx: Context[Job]) -> list[int]:
    data = ctx.event.data
    children = [Job(f"{data.key}{side}", data.n, data.seconds) for side in "ab"]
    return list(await asyncio.gather(*(ctx.step.invoke(f"job-{child.key}", job, child) for child in children)))


@function("urgent", on="urgent", priority=1, retries=0)
async def urgent(ctx: Context[Job]) -> int:
    return await ctx.step.invoke("job", job, ctx.event.data)


@function("patient", on="patient", priority=9, retries=0)
async def patient(ctx: Context[Job]) -> int:
    return await ctx.step.invoke("job", job, ctx.event.data)


FUNCTIONS = (job, visit, intrude, pair, urgent, patient)


async def main(database: str, version: str, places: int) -> None:
    engine: Engine[None] = Engine(FUNCTIONS, database, app_version=version, workers=places)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await engine.start()
    print("ready", flush=True)
    await stop.wait()
    await engine.stop()


if __name__ == "__main__":
    LOG = os.open(sys.argv[3], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[4])))
