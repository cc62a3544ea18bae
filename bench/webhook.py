"""Webhooks: how soon one is answered, how soon what it tells is on its way, what those cost that tell nothing new.

Bank and destination are emulated in processes of their own and answer at once. The product is idle before each webhook
whose time is taken. Those whose cost is taken come eight at a time, from one more process, and the CPU is that of the
whole product: web server, engine and sync.
"""

import asyncio
import json
import multiprocessing
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, fields
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Final

import httpx2
import sqlalchemy as sa
import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from _bank import Bank, bank
from _measure import at_most, middle, share
from counterfoil.bootstrap import Product, configure_logs, running, spare_the_collector
from counterfoil.config import Settings
from counterfoil.destinations.airtable import sandbox as airtable
from counterfoil.lib.budget import LocalBudgets
from counterfoil.ports import Identity
from counterfoil.providers.plaid.sandbox.webhooks import Keys
from counterfoil.sandbox.kit import Clock, Emulator
from counterfoil.sandbox.server import QuietServer, listen, serving
from counterfoil.sandbox.world import World
from counterfoil.store import Tx, connections, schema, workspaces
from counterfoil.web.app import create_app_for

TIMES: Final = 30
WARM: Final = 3  # webhooks before the measured ones
REST: Final = 1.5  # seconds between two: a sync right after another waits, so that requests gather
ANSWER_MS: Final = 50
WRITE_MS: Final = 150
MANY: Final = 1_000  # webhooks that bring nothing new
FEW: Final = 50  # logins, where many webhooks tell of the same
EACH_MS: Final = 10
ABREAST: Final = 8


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


@dataclass(frozen=True, slots=True)
class Found:
    """Seconds to the answer and to the first write of each webhook; CPU seconds of a burst by its number of logins."""

    times: list[tuple[float, float]]
    costs: dict[int, float]


async def measure(folder: Path, source: Bank, base: Pipe) -> Found:
    """Measure both in one product."""
    url, keys = base.recv()
    taken = listen("127.0.0.1", None)
    settings = Settings(data_dir=folder, log_level="warning")
    configure_logs(settings)
    environ = {**source.environ, "COUNTERFOIL_AIRTABLE_URL": url}
    address = f"http://127.0.0.1:{taken.getsockname()[1]}/webhooks/plaid"
    found = Found([], {})
    spare_the_collector()  # as `counterfoil serve` does
    async with running(settings, environ, budgets=LocalBudgets(1e6)) as product, _web(product, taken) as gate:
        workspace = await product.db.run(workspaces.first)
        place = product.doors.destination_spec("airtable").settings.model_validate(keys)
        await product.intake.add_destination(workspace.id, "airtable", place)
        first = await product.intake.connect(workspace.id, "plaid", source.login)
        await product.engine.drained(120)
        source.listen(address)
        for _ in range(WARM + TIMES):
            await asyncio.sleep(REST)
            found.times.append(await _one(product, gate, source, base))
        items = await product.db.run(_copy, product, first, MANY)
        await _burst(product, address, items[:FEW])
        for logins in (MANY, FEW):
            await asyncio.sleep(REST)
            told = [item for item in items[:logins] for _ in range(MANY // logins)]
            found.costs[logins] = await _burst(product, address, told)
    del found.times[:WARM]
    return found


async def _one(product: Product, gate: Gate, source: Bank, base: Pipe) -> tuple[float, float]:
    gate.arrived.clear()
    gate.answered.clear()
    gate.done.clear()
    base.send("arrived")
    base.recv()
    await asyncio.to_thread(source.act, "transactions", added=[{"amount": 4.5, "name": "Coffee"}])
    await gate.done.wait()
    await product.engine.drained(60)
    base.send("arrived")
    return gate.answered[0] - gate.arrived[0], base.recv()[0] - gate.arrived[0]


def _copy(tx: Tx, product: Product, first: connections.Connection, many: int) -> list[str]:
    """Make connections that have read the same login to its end; give the names by which webhooks know them."""
    vault, accounts = product.doors.vault, schema.rows["accounts"]
    credential, cursor = connections.credential(tx, vault, first.id), connections.cursor(tx, first.id, "transactions")
    names = [f"item-{number}" for number in range(many)]
    for name in names:
        identity = Identity(name, name)
        workspace = {"workspace_id": first.workspace_id, "provider": first.provider}
        made = connections.add(tx, vault, **workspace, identity=identity, credential=credential)
        connections.save_cursor(tx, made.id, "transactions", cursor)
        columns = {column.name: column for column in accounts.c} | {"connection_id": sa.literal(made.id)}
        there = sa.select(*columns.values()).where(accounts.c.connection_id == first.id)
        tx.execute(accounts.insert().from_select(list(columns), there))
    return names


async def _burst(product: Product, address: str, items: Sequence[str]) -> float:
    """Have another process send a webhook for each item; give the CPU seconds spent here until all is done."""
    began = time.process_time()
    sender = multiprocessing.get_context("spawn").Process(target=_send, args=(address, list(items)), daemon=True)
    sender.start()
    await asyncio.to_thread(sender.join)
    await product.engine.drained(600)
    return time.process_time() - began


def _send(address: str, items: Sequence[str]) -> None:
    asyncio.run(_send_all(address, items))


async def _send_all(address: str, items: Sequence[str]) -> None:
    keys, waiting = Keys(World().seed, Clock()), iter(enumerate(items))

    async def send() -> None:
        for number, item in waiting:
            told = {
                "webhook_type": "TRANSACTIONS",
                "webhook_code": "SYNC_UPDATES_AVAILABLE",
                "item_id": item,
                "n": number,
            }
            body = json.dumps(told).encode()
            headers = {"content-type": "application/json", "plaid-verification": keys.sign(body)}
            (await client.post(address, content=body, headers=headers)).raise_for_status()

    async with httpx2.AsyncClient(timeout=60) as client:
        await asyncio.gather(*(send() for _ in range(ABREAST)))


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
    answers, writes = ([1000 * one for one in column] for column in zip(*found.times, strict=True))
    print(f"A webhook on an idle system, {TIMES} times:")
    print(at_most("answered, p50", middle(answers), ANSWER_MS, "ms"))
    print(at_most("answered, p95", share(answers, 95), ANSWER_MS, "ms"))
    print(at_most("first write arrives at Airtable, p50", middle(writes), WRITE_MS, "ms"))
    print(at_most("first write arrives at Airtable, p95", share(writes, 95), WRITE_MS, "ms"))
    print(f"{MANY:,} webhooks that bring nothing new, CPU of each, all in:")
    for logins, cost in found.costs.items():
        print(at_most(f"over {logins:,} logins", 1000 * cost / MANY, EACH_MS, "ms"))


if __name__ == "__main__":
    main()
