"""A product with a bank and ledgers in memory, and browsers that look at its pages over ASGI."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx2

from counterfoil.bootstrap import Product
from counterfoil.config import Settings
from counterfoil.engine import Engine
from counterfoil.lib.http import Http
from counterfoil.lib.secrets import Vault, new_key
from counterfoil.store import Database
from counterfoil.sync.doors import Doors
from counterfoil.sync.intake import Intake
from counterfoil.sync.steps import SyncSteps
from counterfoil.sync.story import FUNCTIONS
from counterfoil.web.app import create_app_for
from fakes import App, Bank, Ledger, destination_spec, provider_spec

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
        filled = form["fields"] | {name: value for name, value in {**(fields or {}), **more}.items()}
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
async def site(folder: Path) -> AsyncIterator[Site]:
    """Run a product on SQLite in a folder, with its application started."""
    bank, ledgers = Bank(), dict[str, Ledger]()
    db, http = Database.open(folder / "store.db"), Http()
    db.migrate()
    provider, kind = provider_spec(bank), destination_spec("ledger", ledgers)
    apps = {provider.slug: App(), kind.slug: App()}
    doors = Doors(db, Vault.of(new_key()), http, {provider.slug: provider}, {kind.slug: kind}, apps)
    steps = SyncSteps(doors, pace=0.0)
    engine: Engine[SyncSteps] = Engine(
        FUNCTIONS, folder / "engine.db", app_version="test", utils=lambda _: steps, backoff=0.01
    )
    await engine.start()
    product = Product(Settings(data_dir=folder), db, doors, engine, Intake(doors, engine))
    app = create_app_for(product)
    try:
        async with app.router.lifespan_context(app):
            yield Site(product, app, bank, ledgers)
    finally:
        await engine.stop()
        await http.aclose()
        db.close()
