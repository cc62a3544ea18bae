"""Runs execute on the event loop that started the engine: what they open there, such as connections, lives as long."""

import asyncio
import time
from typing import Any

from counterfoil.engine import Context, Engine, Event, function
from engine.support import Note


def test_a_run_waits_for_its_loop_where_that_rests(database: str) -> None:
    loops: list[object] = []

    @function("listener", on="told")
    async def listener(ctx: Context[Note]) -> None:
        loops.append(asyncio.get_running_loop())

    with asyncio.Runner() as runner:
        engine: Engine[Any] = Engine([listener], database, app_version="test")
        runner.run(engine.start())
        accepted = runner.run(engine.send(Event("told", Note())))
        time.sleep(0.3)  # the loop rests, the queue's thread does not
        runner.run(engine.result(accepted.runs[0]))
        runner.run(engine.stop())
        assert loops == [runner.get_loop()]
