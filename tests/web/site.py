"""A product with a bank and ledgers in memory, and browsers that look at its pages over ASGI."""

import datetime as dt
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx2
from pydantic import BaseModel

from counterfoil.bootstrap import Product, outward_of
from counterfoil.config import Settings
from counterfoil.engine import Engine
from counterfoil.lib.http import Http
from counterfoil.lib.ids import new_id
from counterfoil.lib.secrets import Vault, new_key
from counterfoil.model import Account, Transaction
from counterfoil.ports import DestinationSpec, Landing
from counterfoil.rules import Comparison, Then, When, Words
from counterfoil.store import (
    Database,
    connections,
    destinations,
    invitations,
    rules,
    sessions,
    syncs,
    users,
    visits,
    workspaces,
)
from counterfoil.sync.doors import Doors
from counterfoil.sync.intake import Intake
from counterfoil.sync.steps import SyncSteps
from counterfoil.sync.story import FUNCTIONS
from counterfoil.sync.telling.post import Post
from counterfoil.web.app import create_app_for
from fakes import App, Bank, Ledger, Login, destination_spec, provider_spec

PASSWORD = "three words in a row"


class Forms(HTMLParser):
    """Reads a page's forms as a browser does: action and fields with their values."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[dict[str, Any]] = []
        self._select: str | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self.found.append({"action": given.get("action"), "method": given.get("method", "get"), "fields": {}})
            return
        if not self.found:
            return
        fields = self.found[-1]["fields"]
        name = given.get("name")
        if tag in ("input", "textarea") and name:
            if given.get("type") in ("checkbox", "radio") and "checked" not in given:
                return
            fields.setdefault(name, []).append(given.get("value") or "")
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select and ("selected" in given or self._select not in fields):
            fields[self._select] = [given.get("value") or ""]


def text_of(page: str) -> str:
    """Give what a person reads on a page, on one line."""
    body = re.sub(r"<(script|style|svg)\b.*?</\1>", " ", page, flags=re.S)
    return " ".join(re.sub(r"<[^>]+>", " ", body).replace("&#39;", "'").replace("&amp;", "&").split())


class Browser:
    """One browser: keeps cookies, fills in forms, follows where it is sent."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self.client = client
        self.page = ""
        self.status = 0
        self.path = ""

    async def open(self, path: str, **params: Any) -> str:
        return self._keep(await self.client.get(path, follow_redirects=True, **params))

    async def submit(self, action: str, fields: Mapping[str, Any] | None = None, **more: Any) -> str:
        """Send the page's form of that action, with some fields filled in."""
        form = next((form for form in Forms(self.page).found if form["action"].split("?")[0] == action), None)
        assert form is not None, f"{self.path} has no form for {action}"
        filled = form["fields"] | {**(fields or {}), **more}
        return self._keep(await self.client.post(form["action"], data=filled, follow_redirects=True))

    @property
    def text(self) -> str:
        return text_of(self.page)

    def _keep(self, reply: httpx2.Response) -> str:
        self.page, self.status, self.path = reply.text, reply.status_code, reply.url.path
        return self.page


@dataclass
class Site:
    """The product and its application."""

    product: Product
    app: Any
    bank: Bank
    ledgers: dict[str, Ledger]

    def client(self, address: str = "192.0.2.1", scheme: str = "http") -> httpx2.AsyncClient:
        transport = httpx2.ASGITransport(app=self.app, client=(address, 50_000))
        return httpx2.AsyncClient(transport=transport, base_url=f"{scheme}://counterfoil.test")

    def browser(self, address: str = "192.0.2.1") -> Browser:
        return Browser(self.client(address))

    async def owner(self) -> Browser:
        """Give the browser of the owner, who has just claimed the installation."""
        browser = self.browser()
        await browser.open("/welcome")
        await browser.submit("/welcome", name="Ada", email="ada@example.com", password=PASSWORD)
        assert browser.status == 200 and browser.path == "/"
        return browser

    async def settle(self) -> None:
        await self.product.engine.drained(30)


@asynccontextmanager
async def site(
    folder: Path, *, kinds: Sequence[tuple[DestinationSpec, BaseModel]] = (), **chosen: Any
) -> AsyncIterator[Site]:
    """Run a product on SQLite in a folder, with its application started.

    `kinds` are further kinds of destinations with this deployment's registration, `chosen` settings of its own.
    """
    bank, ledgers = Bank(), dict[str, Ledger]()
    db, http = Database.open(folder / "store.db"), Http()
    db.migrate()
    provider, kind = provider_spec(bank), destination_spec("ledger", ledgers)
    specs = {kind.slug: kind} | {spec.slug: spec for spec, _ in kinds}
    apps = {provider.slug: App(), kind.slug: App()} | {spec.slug: app for spec, app in kinds}
    doors = Doors(db, Vault.of(new_key()), http, {provider.slug: provider}, specs, apps)
    settings = Settings(data_dir=folder, **chosen)
    post = Post(db, doors.vault, outward_of(settings, http), pauses=(0.05,))
    steps = SyncSteps(doors, pace=0.0, post=post, erase_runs=lambda names, spared: engine.erase(names, spared=spared))
    engine: Engine[SyncSteps] = Engine(
        FUNCTIONS, folder / "engine.db", app_version="test", utils=lambda _: steps, backoff=0.01
    )
    await engine.start()
    product = Product(settings, db, doors, engine, Intake(doors, engine))
    app = create_app_for(product)
    try:
        async with app.router.lifespan_context(app):
            yield Site(product, app, bank, ledgers)
    finally:
        await engine.stop()
        await http.aclose()
        db.close()


def transaction(key: str, day: dt.date = dt.date(2026, 1, 5)) -> Transaction:
    """Give a purchase of a dollar."""
    amount = Decimal("-1.00")
    return Transaction(key=key, summary=f"Purchase {key}", date=day, amount=amount, currency="USD", account="acc")


async def filled(site: Site) -> Browser:
    """Give the owner's browser, with a bank and a ledger that have been synced, the bank's sync being the last."""
    owner = await site.owner()
    site.bank.add("accounts", Landing([Account(key="acc", name="Checking", currency="USD", current=Decimal("10.00"))]))
    site.bank.add("transactions", Landing([transaction(f"t{number}") for number in range(5)]))
    workspace = await site.product.db.read(workspaces.first)
    site.ledgers["one"] = Ledger()
    await site.product.intake.add_destination(
        workspace.id, "ledger", Login(name="one"), tables=("accounts", "transactions")
    )
    await site.settle()  # or the ledger's own first sync may write what the bank's has just fetched
    await site.product.intake.connect(workspace.id, "plaid", Login(name="first"))
    await site.settle()
    return owner


async def own_ids(site: Site) -> dict[str, str]:
    """Give ids of the owner's workspace by the name that addresses give them."""
    product, db = site.product, site.product.db
    workspace = await db.read(workspaces.first)
    [connection] = await db.read(connections.of_workspace, workspace.id)
    [destination] = await db.read(destinations.of_workspace, workspace.id)
    sync = (await db.read(syncs.of_workspace, workspace.id))[0]
    [member] = await db.read(users.of_workspace, workspace.id)
    [session] = await db.read(sessions.of_user, member.user.id)
    invited = await db.run(
        invitations.make,
        workspace.id,
        token="t",  # nobody uses it
        email="x@example.com",
        role="member",
        invited_by=member.user.id,
    )
    visit = visits.Visit(
        id="visit1",
        workspace_id=workspace.id,
        provider="plaid",
        purpose="connect",
        choice=None,
        connection_id=None,
        state="open",
        reason=None,
        created_at=sync.started_at,
        expires_at=sync.started_at,
    )
    await db.run(visits.add, product.doors.vault, visit, b"secret")
    when = When(summary=Words(Comparison.CONTAINS, "coffee"))
    rule = await db.run(rules.add, workspace.id, name="Coffee", when=when, then=Then(hide=True))
    return {
        "rule_id": rule.id,
        "connection_id": connection.id,
        "destination_id": destination.id,
        "sync_id": sync.id,
        "run_id": sync.run_id,
        "user_id": member.user.id,
        "session_id": session.id,
        "invitation_id": invited.id,
        "visit_id": visit.id,
        "relink_id": new_id(),
    }
