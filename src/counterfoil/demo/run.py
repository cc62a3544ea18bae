"""Starts sandbox and product together, syncs everything, and tells what each destination holds."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import uvicorn

from counterfoil.bootstrap import Product, running
from counterfoil.config import Settings
from counterfoil.demo import sums, vendors
from counterfoil.demo.banks import BANKS, Banks
from counterfoil.lib import passwords
from counterfoil.lib.budget import LocalBudgets
from counterfoil.money import plain
from counterfoil.providers.plaid.settings import PlaidSettings
from counterfoil.rules import Comparison, Span, Then, When, Words
from counterfoil.sandbox.server import QuietServer, listen
from counterfoil.store import Tx, categories, destinations, mirror, rows, rules, syncs, users, workspaces
from counterfoil.store.syncs import Counts
from counterfoil.sync.mapping import is_bound
from counterfoil.web.app import create_app_for

PULSE: Final = 0.2  # seconds between two looks
UNLIMITED: Final = 1e6  # times the vendors' limits
SHOWN: Final = ("created", "updated", "deleted")
QUIET: Final = 5  # looks that find nothing to do before all is done: webhooks may be on their way


@dataclass(frozen=True, slots=True)
class DemoUser:
    """Who signs in to look at the pages, and where."""

    url: str
    email: str
    password: str


@dataclass(frozen=True, slots=True)
class Stage:
    """The product beside its vendors, and where its pages are."""

    product: Product
    sandbox: vendors.Sandbox
    url: str


class Demo:
    """A product with its world, up and running."""

    def __init__(self, made: Stage, banks: Banks, workspace_id: str, user: DemoUser) -> None:
        self.product = made.product
        self.sandbox = made.sandbox
        self.workspace_id = workspace_id
        self.user = user
        self._banks = banks
        self._webhooks = f"{made.url}/webhooks"
        self._linked: list[PlaidSettings] = []
        self._began = time.monotonic()

    async def connect_all(self) -> None:
        """Add the destinations, then the banks: their rows find every place prepared, and rules that speak of them."""
        await self.product.db.run(_add_rules, self.workspace_id)
        found = self.sandbox.credentials
        intake, doors = self.product.intake, self.product.doors
        for kind, slug in vendors.DESTINATIONS.items():
            spec = doors.destination_spec(kind)
            keys = {name: value for name, value in found[slug].items() if name in spec.settings.model_fields}
            await intake.add_destination(self.workspace_id, kind, spec.settings.model_validate(keys))
        for institution, products in BANKS:
            bank = await self._banks.link(institution, products)
            await intake.connect(self.workspace_id, "plaid", bank)
            self._linked.append(bank)
        await self._banks.stripe_webhooks(found["stripe"]["url"], f"{self._webhooks}/stripe")
        settings = doors.provider_spec("stripe").settings.model_validate({"api_key": found["stripe"]["api_key"]})
        await intake.connect(self.workspace_id, "stripe", settings)

    async def settled(self, tell: Callable[[int, int], None]) -> None:
        """Wait until nothing is left to do; `tell` (rows that stand at the destinations, rows in all) meanwhile."""
        quiet = 0
        while quiet < QUIET:
            standing, known = await self.product.db.read(_standing, self.workspace_id)
            tell(standing, known)
            try:
                await self.product.engine.drained(PULSE)
            except TimeoutError:
                quiet = 0
            else:
                quiet += 1 if known else 0
                await asyncio.sleep(PULSE)

    async def summary(self) -> dict[str, Any]:
        """Read every destination back and give what it holds beside what the syncs say they did."""
        db = self.product.db
        told: dict[str, Any] = {"destinations": {}, "syncs": [], "seconds": 0.0}
        logged = await db.read(syncs.of_workspace, self.workspace_id, 1000)
        did: dict[tuple[str, str], Counts] = {}
        for sync in reversed(logged):
            told["syncs"].append({"id": sync.id, "cause": sync.cause, "state": sync.state, "note": sync.note})
            for line in await db.read(syncs.lines, sync.id):
                did.setdefault((line.destination_id, line.table), Counts()).add(line.counts)
        money = {"providers": await self._at_providers(), "store": await db.read(_in_store, self.workspace_id)}
        for destination in await db.read(destinations.of_workspace, self.workspace_id):
            door = await self.product.doors.destination(destination)
            tables = {}
            for table, target in (await db.read(destinations.targets, destination.id)).items():
                standing = await sums.read_back(door, target.mapping) if is_bound(target.mapping) else []
                counts = did.get((destination.id, table), Counts())
                tables[table] = {"rows": len(standing)} | {what: getattr(counts, what) for what in SHOWN}
                if table == "transactions":
                    money[destination.kind] = sums.total(map(sums.of_row, standing))
            told["destinations"][destination.kind] = {"tables": tables}
        told["sums"] = {place: {code: plain(sum_) for code, sum_ in found.items()} for place, found in money.items()}
        told["sums_agree"] = len({tuple(found.items()) for found in told["sums"].values()}) == 1
        told["seconds"] = round(time.monotonic() - self._began, 2)
        return told

    async def _at_providers(self) -> sums.Sums:
        stripe = self.sandbox.credentials["stripe"]
        lists = [await self._banks.money(bank) for bank in self._linked]
        lists.append(await sums.at_stripe(stripe["url"], stripe["api_key"]))
        return sums.total(line for lines in lists for line in lines)

    async def live_on(self, every: float, tell: Callable[[syncs.Sync], None]) -> None:
        """Keep the banks alive until cancelled; `tell` of each sync that ends."""
        told = {sync.id for sync in await self.product.db.read(syncs.of_workspace, self.workspace_id, 1000)}
        while True:
            await self._banks.go_on()
            await asyncio.sleep(every)
            for sync in reversed(await self.product.db.read(syncs.of_workspace, self.workspace_id)):
                if sync.finished_at is not None and sync.id not in told:
                    told.add(sync.id)
                    tell(sync)


def _add_rules(tx: Tx, workspace_id: str) -> None:
    treats = categories.named(tx, workspace_id, "Treats")
    coffee = When(merchant=Words(Comparison.CONTAINS, "coffee"), size=Span(most=Decimal(20)))
    rules.add(tx, workspace_id, name="Coffee", when=coffee, then=Then(category=treats, tags=("coffee",)))
    large = When(amount=Span(most=Decimal(-1000)))
    rules.add(tx, workspace_id, name="Large bills", when=large, then=Then(tags=("large",)))


def _standing(tx: Tx, workspace_id: str) -> tuple[int, int]:
    """Count the rows that stand at the destinations and those that shall."""
    counted = rows.counts(tx, workspace_id)
    standing = known = 0
    for destination in destinations.of_workspace(tx, workspace_id):
        standing += mirror.standing(tx, destination.id)
        known += sum(counted[table] for table in destinations.targets(tx, destination.id))
    return standing, known


def _in_store(tx: Tx, workspace_id: str) -> sums.Sums:
    return sums.total(rows.amounts(tx, workspace_id))


@asynccontextmanager
async def demonstration(
    data_dir: Path, *, seed: int, rate_scale: float | None, environ: Mapping[str, str]
) -> AsyncIterator[Demo]:
    """Start it all on loopback, with a user and nothing connected yet."""
    async with stage(data_dir, seed=seed, rate_scale=rate_scale, environ=environ) as made:
        banks = Banks(made.sandbox.credentials["plaid"], f"{made.url}/webhooks/plaid")
        try:
            workspace = await made.product.db.run(workspaces.first)
            user = await _add_user(made.product, workspace.id, made.url)
            yield Demo(made, banks, workspace.id, user)
        finally:
            await banks.aclose()


@asynccontextmanager
async def stage(
    data_dir: Path, *, seed: int, rate_scale: float | None, environ: Mapping[str, str]
) -> AsyncIterator[Stage]:
    """Start sandbox, product and web server on loopback; nobody has an account yet, and nothing is connected."""
    with vendors.beside(seed, rate_scale) as sandbox:
        listening = listen("127.0.0.1", None)
        port = listening.getsockname()[1]
        address = f"http://127.0.0.1:{port}"
        own = {**environ, **vendors.environment(sandbox.credentials, f"{address}/webhooks")}
        budgets = LocalBudgets(UNLIMITED if rate_scale is None else rate_scale)
        async with running(Settings(data_dir=data_dir, port=port, public_url=address), own, budgets=budgets) as product:
            server = QuietServer(
                uvicorn.Config(
                    create_app_for(product), log_level="critical", access_log=False, timeout_graceful_shutdown=1
                )
            )
            web = asyncio.create_task(server.serve(sockets=[listening]))
            try:
                yield Stage(product, sandbox, address)
            finally:
                server.should_exit = True
                await web


async def _add_user(product: Product, workspace_id: str, url: str) -> DemoUser:
    user = DemoUser(url, "demo@example.com", secrets.token_urlsafe(9))
    user_id = await product.db.run(workspaces.add_user, workspace_id, email=user.email, name="Demo")
    await product.db.run(users.set_password, user_id, await passwords.hash_of(user.password))
    return user
