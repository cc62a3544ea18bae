"""Webhooks: how soon one is answered, and how soon what it told of is on its way to a destination.

Bank and destination are emulated in processes of their own and answer at once; the product is idle before each webhook.
"""

import asyncio
import multiprocessing
import socket
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, fields
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Final

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from _bank import Bank, bank
from _measure import at_most, middle, share
from counterfoil.bootstrap import Product, configure_logs, running
from counterfoil.config import Settings
from counterfoil.destinations.airtable import sandbox as airtable
from counterfoil.lib.budget import LocalBudgets
from counterfoil.sandbox.kit import Emulator
from counterfoil.sandbox.server import QuietServer, listen, serving
from counterfoil.store import workspaces
from counterfoil.web.app import create_app_for

TIMES: Final = 30
WARM: Final = 3  # webhooks before the measured ones
REST: Final = 1.5  # seconds between two: a sync right after another waits, so that requests gather
ANSWER_MS: Final = 50
WRITE_MS: Final = 150


@dataclass(slots=True)
class Gate:
    """An application in front of which arrivals and answers are timed, in Unix seconds."""

    app: ASGIApp
    methods: tuple[str, ...]
    arrived: list[float] = field(default_factory=list)
    answered: list[float] = field(default_factory=list)
    done: asyncio.Event = field(default_factory=asyncio.Event)  # set with the first answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        timed = scope["type"] == "http" and scope["method"] in self.methods and "_sandbox" not in scope["path"]
        if timed:
            self.arrived.append(time.time())

        async def watched(message: Message) -> None:
            await send(message)
            if timed and message["type"] == "http.response.body" and not message.get("more_body"):
                self.answered.append(time.time())
                self.done.set()

        await self.app(scope, receive, watched)


class Watched(Emulator):
    """An emulator whose writes are timed."""

    gate: Gate

    def app(self) -> ASGIApp:
        """Give the ASGI application."""
        self.gate = Gate(Emulator.app(self), ("POST", "PATCH"))
        return self.gate


def _emulate(pipe: Pipe) -> None:
    made = airtable.emulator()
    made.limits.scale = None
    watched = Watched(**{part.name: getattr(made, part.name) for part in fields(Emulator)})
    with serving(watched) as served:
        url = served.urls["airtable"]
        pipe.send((url, dict(made.credentials(url))))
        while pipe.recv() == "arrived":
            pipe.send(list(watched.gate.arrived))
            watched.gate.arrived.clear()


async def measure(folder: Path, source: Bank, base: Pipe) -> list[tuple[float, float]]:
    """Give (seconds to the answer, seconds to the first write) of each webhook."""
    url, keys = base.recv()
    taken = listen("127.0.0.1", None)
    settings = Settings(data_dir=folder, log_level="warning")
    configure_logs(settings)
    environ = {**source.environ, "COUNTERFOIL_AIRTABLE_URL": url}
    found = []
    async with running(settings, environ, budgets=LocalBudgets(1e6)) as product, _web(product, taken) as gate:
        workspace = await product.db.run(workspaces.first)
        place = product.doors.destination_spec("airtable").settings.model_validate(keys)
        await product.intake.add_destination(workspace.id, "airtable", place)
        await product.intake.connect(workspace.id, "plaid", source.login)
        await product.engine.drained(120)
        source.listen(f"http://127.0.0.1:{taken.getsockname()[1]}/webhooks/plaid")
        for _ in range(WARM + TIMES):
            await asyncio.sleep(REST)
            gate.arrived.clear()
            gate.answered.clear()
            gate.done.clear()
            base.send("arrived")
            base.recv()
            await asyncio.to_thread(source.act, "transactions", added=[{"amount": 4.5, "name": "Coffee"}])
            await gate.done.wait()
            await product.engine.drained(60)
            base.send("arrived")
            found.append((gate.answered[0] - gate.arrived[0], base.recv()[0] - gate.arrived[0]))
    return found[WARM:]


@asynccontextmanager
async def _web(product: Product, taken: socket.socket) -> AsyncIterator[Gate]:
    gate = Gate(create_app_for(product), ("POST",))
    config = uvicorn.Config(gate, interface="asgi3", log_level="critical", access_log=False)
    server = QuietServer(config)
    serves = asyncio.create_task(server.serve(sockets=[taken]))
    try:
        yield gate
    finally:
        server.should_exit = True
        await serves


def main() -> None:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    context.Process(target=_emulate, args=(theirs,), daemon=True).start()
    with tempfile.TemporaryDirectory(prefix="counterfoil-bench-") as folder, bank() as source:
        found = asyncio.run(measure(Path(folder), source, ours))
    answers, writes = ([1000 * one for one in column] for column in zip(*found, strict=True))
    print(f"A webhook on an idle system, {TIMES} times:")
    print(at_most("answered, p50", middle(answers), ANSWER_MS, "ms"))
    print(at_most("answered, p95", share(answers, 95), ANSWER_MS, "ms"))
    print(at_most("first write arrives at Airtable, p50", middle(writes), WRITE_MS, "ms"))
    print(at_most("first write arrives at Airtable, p95", share(writes, 95), WRITE_MS, "ms"))


if __name__ == "__main__":
    main()
