"""The API over real HTTP, on a thread and an event loop of its own, for clients that know nothing of ours."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from fakes import Ledger
from web.api.desk import Desk, desk


@dataclass(frozen=True)
class Served:
    """Where the API listens, an admin's token, and one of everything that it shows."""

    url: str
    token: str
    known: dict[str, str]


@contextmanager
def serving(folder: Path) -> Iterator[Served]:
    """Serve a product that has a bank, a ledger and their first syncs."""
    started: list[Served] = []
    ready = threading.Event()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def run() -> None:
        async with desk(folder) as made:
            server = uvicorn.Server(uvicorn.Config(made.site.app, lifespan="off", log_level="critical"))
            with socket.create_server(("127.0.0.1", 0)) as door:  # who comes before the server is ready waits here
                serving = asyncio.create_task(server.serve([door]))
                started.append(await _fill(made, f"http://127.0.0.1:{door.getsockname()[1]}"))
                ready.set()
                await stop.wait()
                server.should_exit = True
                await serving

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()))
    thread.start()
    try:
        assert ready.wait(60)
        yield started[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


async def _fill(made: Desk, url: str) -> Served:
    connection, destination = await made.connect(transactions=30), await made.add_ledger()
    made.ledgers.update({name: Ledger() for name in ("diary", "log")})
    event = (await made.product.engine.events(name="app/connection.created"))[0]
    admin = await made.caller()
    sync = (await admin.get("/syncs")).json()["results"][0]
    known = {
        "connection_id": connection,
        "destination_id": destination,
        "sync_id": sync["id"],
        "event_id": event.id,
        "run_id": event.runs[0],
        "function_id": "sync-connection",
    }
    return Served(url, admin.headers["authorization"].partition(" ")[2], known)
