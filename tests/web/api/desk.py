"""A product with a bank and a ledger in memory, and clients of its API for every scope."""

import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2

from counterfoil.bootstrap import Product
from counterfoil.model import Account, Transaction
from counterfoil.ports import Landing
from counterfoil.store import tokens, workspaces
from counterfoil.web.api.callers import new_token
from fakes import Bank, Ledger, Login
from web.site import Site, site

MEDIA_TYPE = "application/problem+json"


@dataclass
class Desk:
    """The product and its API."""

    site: Site
    workspace_id: str

    @property
    def product(self) -> Product:
        return self.site.product

    @property
    def bank(self) -> Bank:
        return self.site.bank

    @property
    def ledgers(self) -> dict[str, Ledger]:
        return self.site.ledgers

    def with_token(self, token: str | None, address: str = "192.0.2.1") -> httpx2.AsyncClient:
        """Give a client that sends this token."""
        transport = httpx2.ASGITransport(app=self.site.app, client=(address, 50_000), raise_app_exceptions=False)
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        return httpx2.AsyncClient(transport=transport, base_url="http://counterfoil.test/api/v1", headers=headers)

    async def caller(
        self, scope: str = "admin", workspace_id: str | None = None, expires_at: dt.datetime | None = None
    ) -> httpx2.AsyncClient:
        """Give a client with a new token of that scope."""
        token = new_token()
        await self.product.db.run(
            tokens.add,
            workspace_id or self.workspace_id,
            token=token,
            name=f"test {scope}",
            scope=scope,
            expires_at=expires_at,
        )
        return self.with_token(token)

    async def neighbour(self, scope: str = "admin") -> httpx2.AsyncClient:
        """Give a client of another workspace."""
        other = await self.product.db.run(workspaces.create, "Next door")
        return await self.caller(scope, other.id)

    async def connect(self, name: str = "first", transactions: int = 0) -> str:
        """Connect a bank with one account and so many transactions, and wait for its first sync; give its id."""
        account = Account(key="acc", name="Checking", currency="USD", current=Decimal("10.00"))
        bought = [
            Transaction(
                key=f"t{number:03}",
                summary=f"Purchase {number}",
                date=dt.date(2026, 1, 5),
                amount=Decimal("-1.50"),
                currency="USD",
                account="acc",
            )
            for number in range(transactions)
        ]
        self.bank.add("accounts", Landing([account]))
        self.bank.add("transactions", Landing(bought))
        connection = await self.product.intake.connect(self.workspace_id, "plaid", Login(name=name))
        await self.settle()
        return connection.id

    async def add_ledger(self, name: str = "book") -> str:
        """Add a destination and wait for its first sync; give its id."""
        self.ledgers[name] = Ledger()
        added = await self.product.intake.add_destination(
            self.workspace_id, "ledger", Login(name=name), tables=("accounts", "transactions")
        )
        await self.settle()
        return added.id

    async def settle(self) -> None:
        await self.product.engine.drained(30)


@asynccontextmanager
async def desk(folder: Path) -> AsyncIterator[Desk]:
    """Run a product in a folder."""
    async with site(folder) as made:
        home = await made.product.db.run(workspaces.first)
        yield Desk(made, home.id)


def problem_of(reply: httpx2.Response) -> dict[str, Any]:
    """Give the problem that an answer tells of, which has the one shape that all have."""
    assert reply.headers["content-type"] == MEDIA_TYPE, reply.text
    told: dict[str, Any] = reply.json()
    assert (
        {"type", "title", "status", "detail", "code", "remedy"}
        <= set(told)
        <= {
            "type",
            "title",
            "status",
            "detail",
            "code",
            "remedy",
            "errors",
        }
    )
    assert told["status"] == reply.status_code and told["type"] == "about:blank"
    assert all(told[name] for name in ("title", "detail", "code", "remedy"))
    return told
