"""A product that people connect their banks to: Plaid's emulator over HTTP, a ledger in memory, all else real."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import uvicorn
from fastapi import FastAPI
from pydantic import SecretStr

from contracts.provider_hooks import HURRIED, Street
from contracts.stage import Control, Hurried
from counterfoil.bootstrap import Product
from counterfoil.config import Settings
from counterfoil.engine import Engine
from counterfoil.lib.http import Http
from counterfoil.lib.secrets import Vault, new_key
from counterfoil.providers.plaid import SPEC as PLAID
from counterfoil.providers.plaid.sandbox import emulator
from counterfoil.providers.plaid.settings import PlaidApp
from counterfoil.sandbox.kit import Emulator
from counterfoil.sandbox.server import QuietServer, listen
from counterfoil.sandbox.world import World
from counterfoil.store import Database, connections, visits, workspaces
from counterfoil.store.connections import Connection
from counterfoil.store.destinations import Selection
from counterfoil.store.visits import Candidate, Visit
from counterfoil.sync.doors import Doors
from counterfoil.sync.intake import Intake
from counterfoil.sync.steps import SyncSteps
from counterfoil.sync.story import FUNCTIONS
from counterfoil.sync.visits import Begun
from counterfoil.web import errors, webhooks
from fakes import App, Ledger, Login, destination_spec

T = TypeVar("T")
BANK = "ins_109509"
OTHER_BANK = "ins_109512"  # the same people at another institution
TABLES = ("institutions", "accounts", "categories", "transactions", "balances")


@dataclass
class Counter:
    """The product, the vendor, and a person with a browser."""

    product: Product
    vendor: Emulator
    control: Control
    ledger: Ledger
    workspace_id: str
    browser: httpx2.AsyncClient

    async def begin(self) -> Begun:
        return await self.product.visits.begin(self.workspace_id, "plaid", choice="bank", user="u-1")

    async def choose(self, url: str, outcome: str = "success", bank: str = BANK, leave_out: int = 0) -> None:
        """Go to Plaid's page, tick the accounts, all but the last few, and come back, or leave."""
        page = await self.browser.get(url, params={"institution": bank})
        ticked = re.findall(r'name="?account"? value="([^"]+)"', page.text)
        form = {"institution": bank, "account": ticked[: len(ticked) - leave_out], "outcome": outcome}
        reply = await self.browser.post(url, data=form)
        assert reply.is_success, reply.text

    async def connect(self, bank: str = BANK, leave_out: int = 0) -> Connection:
        """Connect a bank from the invitation to the end of the first sync."""
        begun = await self.begin()
        await self.choose(begun.url, bank=bank, leave_out=leave_out)
        await self.until_ended(begun)
        [candidate] = await self.candidates(begun)
        assert candidate.connection_id is not None
        await self.settle()
        connection = await self.connection(candidate.connection_id)
        if connection.state == "active":
            await self.whole_history(connection)
        return await self.connection(connection.id)

    async def whole_history(self, connection: Connection) -> None:
        """Let the bank give all it has, not the last days only, and read it."""
        self.control.act("status", item=connection.remote_id)
        await self.sync(connection)

    async def until_ended(self, begun: Begun, state: str = "done") -> Visit:
        async def ended() -> Visit | None:
            visit = await self.product.db.read(visits.get, begun.visit.id)
            return visit if visit.state == state else None

        return await eventually(ended)

    async def candidates(self, begun: Begun) -> list[Candidate]:
        return list(await self.product.db.read(visits.of_visit, begun.visit.id))

    async def connection(self, connection_id: str) -> Connection:
        return await self.product.db.read(connections.get, connection_id)

    async def connected(self) -> list[Connection]:
        return await self.product.db.read(connections.of_workspace, self.workspace_id)

    async def sync(self, connection: Connection) -> None:
        await self.product.intake.request_sync(connection.id, "app/sync.scheduled")
        await self.settle()

    async def settle(self) -> None:
        await self.product.engine.drained(30)

    async def add_ledger(self, selection: Selection | None = None) -> str:
        added = await self.product.intake.add_destination(
            self.workspace_id, "ledger", Login(name="one"), selection=selection, tables=TABLES
        )
        await self.settle()
        return added.id

    def logins(self) -> list[dict[str, Any]]:
        """Give the logins that the vendor charges for."""
        found: list[dict[str, Any]] = self.control.act("items")["items"]
        return found

    async def events(self, name: str) -> list[dict[str, Any]]:
        return [dict(event.data) for event in await self.product.engine.events(name=name)]


async def eventually(found: Callable[[], Awaitable[T | None]]) -> T:
    """Wait until something is there."""
    async with asyncio.timeout(20):
        while True:
            if (value := await found()) is not None:
                return value
            await asyncio.sleep(0.02)


def _hearing(product: Product) -> FastAPI:
    app = FastAPI()
    app.state.product = product
    app.include_router(webhooks.router)
    errors.install(app)
    return app


@asynccontextmanager
async def counter(
    folder: Path, street: Street, seed: int, webhooks: bool = False, database: str | None = None
) -> AsyncIterator[Counter]:
    """Run a product that talks to the emulator on the street, and hears from it where that is asked for.

    It keeps its rows in SQLite, or in the Postgres database of a URL.
    """
    vendor = emulator(World(seed=seed))
    street.show(vendor)
    listening = listen("127.0.0.1", None)
    address = f"http://127.0.0.1:{listening.getsockname()[1]}/webhooks/plaid"
    ledger = Ledger()
    kind = destination_spec("ledger", {"one": ledger}, batch=500)
    plaid = PlaidApp(
        url=street.url,
        client_id=vendor.state.client_id,
        secret=SecretStr(vendor.state.secret),
        webhook_url=address if webhooks else None,
    )
    control = Control(street.url)
    control.act("rate", scale="off")
    db, http = (
        Database.open(database or folder / "store.db"),
        Http(budgets=Hurried(), timeout=HURRIED, backoff=lambda _: 0.0),
    )
    db.migrate()
    doors = Doors(
        db, Vault.of(new_key()), http, {"plaid": PLAID}, {kind.slug: kind}, {"plaid": plaid, kind.slug: App()}
    )
    # Where webhooks are to be heard, nothing is asked for by ourselves within a test.
    steps = SyncSteps(
        doors,
        pace=0.0,
        visit_pause=600.0 if webhooks else 0.05,
        erase_runs=lambda names, spared: engine.erase(names, spared=spared),
    )
    engine: Engine[SyncSteps] = Engine(
        FUNCTIONS, folder / "engine.db", app_version="test", utils=lambda _: steps, backoff=0.01
    )
    await engine.start()
    product = Product(Settings(data_dir=folder), db, doors, engine, Intake(doors, engine))
    workspace = await db.run(workspaces.create, "Home")
    server = QuietServer(uvicorn.Config(_hearing(product), log_level="critical", access_log=False))
    web = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        async with httpx2.AsyncClient(timeout=30) as browser:
            yield Counter(product, vendor, control, ledger, workspace.id, browser)
    finally:
        server.should_exit = True
        await web
        await engine.stop()
        control.close()
        await http.aclose()
        db.close()
