"""A product with a bank, a ledger, a mail server and a receiver of webhooks, for tests of what people are told."""

import datetime as dt
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from counterfoil.bootstrap import Product
from counterfoil.engine import Event
from counterfoil.errors import ActionRequired
from counterfoil.lib.ids import new_id
from counterfoil.lib.mail import Tls
from counterfoil.model import Account
from counterfoil.ports import Landing
from counterfoil.store import workspaces
from counterfoil.store.channels import KINDS
from counterfoil.sync.telling.acts import Added
from counterfoil.sync.telling.functions import tell_due
from fakes import Bank, Ledger, Login
from postbox import Postbox, postbox
from receiver import Receiver, receiver
from web.site import Site, site

PUBLIC = "https://money.test"
LOGIN_LOST = ActionRequired("item_login_required", "The bank asks you to sign in again.", remedy="Repair it.")


@dataclass
class Stage:
    """The product, and where it may tell."""

    site: Site
    workspace_id: str
    box: Postbox
    hook: Receiver

    @property
    def product(self) -> Product:
        return self.site.product

    @property
    def bank(self) -> Bank:
        return self.site.bank

    async def mail(self, kinds: Sequence[str] = KINDS, *, hour: int | None = None, timezone: str = "UTC") -> Added:
        """Add a channel to Ada's postbox."""
        channels = self.product.channels
        return await channels.add(self.workspace_id, "email", "ada@example.org", kinds, hour=hour, timezone=timezone)

    async def webhook(self, kinds: Sequence[str] = KINDS, *, hour: int | None = None) -> Added:
        """Add a channel to the receiver."""
        channels = self.product.channels
        return await channels.add(self.workspace_id, "webhook", self.hook.url, kinds, hour=hour, timezone="UTC")

    async def connect(self, name: str = "first") -> str:
        """Connect a bank and wait for its first sync; give the connection's id."""
        account = Account(key="acc", name="Checking", currency="USD", current=Decimal("10.00"))
        self.bank.add("accounts", Landing([account]))
        made = await self.product.intake.connect(self.workspace_id, "plaid", Login(name=name))
        await self.site.settle()
        return made.id

    async def add_ledger(self) -> Ledger:
        """Add a destination and wait for its first sync."""
        ledger = self.site.ledgers["book"] = Ledger()
        await self.product.intake.add_destination(
            self.workspace_id, "ledger", Login(name="book"), tables=("accounts", "transactions")
        )
        await self.site.settle()
        return ledger

    async def sync(self, connection_id: str) -> None:
        """Sync a connection and wait for the end, messages included."""
        await self.product.intake.request_sync(connection_id, "app/sync.scheduled")
        await self.site.settle()

    async def clock(self, moment: dt.datetime) -> None:
        """Have it be that moment for what is due."""
        from counterfoil.engine import Tick

        await self.product.engine.begin(tell_due, Tick(moment.isoformat()))
        await self.site.settle()

    async def send(self, event: Event[object]) -> None:
        """Send an event and wait for what it starts."""
        await self.product.engine.send(Event(event.name, event.data, event.id or new_id()))
        await self.site.settle()


@asynccontextmanager
async def stage(folder: Path) -> AsyncIterator[Stage]:
    """Run all of it."""
    with postbox() as box:
        async with receiver() as hook:
            server = box.server
            settings: dict[str, Any] = {
                "smtp_host": server.host,
                "smtp_port": server.port,
                "smtp_tls": Tls.NONE,
                "smtp_from": server.sender,
                "public_url": PUBLIC,
                "private_webhooks": True,
            }
            async with site(folder, **settings) as running:
                workspace = await running.product.db.run(workspaces.first)
                yield Stage(running, workspace.id, box, hook)
