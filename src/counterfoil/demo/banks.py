"""Acts of the people behind the demonstration: they open accounts, and their life goes on."""

from decimal import Decimal
from typing import Any, Final

import httpx2
from pydantic import SecretStr

from counterfoil.demo import sums
from counterfoil.providers.plaid.settings import PlaidSettings

# (institution, products) of the household's bank, of the business's bank, and of the broker.
BANKS: Final = (
    ("ins_109508", ("transactions", "liabilities")),
    ("ins_109509", ("transactions",)),
    ("ins_109510", ("investments",)),
)


class Banks:
    """The Plaid emulator as its users see it."""

    def __init__(self, plaid: dict[str, Any], webhook: str) -> None:
        self._plaid = plaid
        self._webhook = webhook
        headers = {"PLAID-CLIENT-ID": plaid["client_id"], "PLAID-SECRET": plaid["secret"]}
        self._client = httpx2.AsyncClient(base_url=plaid["url"], headers=headers, timeout=60)

    async def aclose(self) -> None:
        await self._client.aclose()

    async def link(self, institution: str, products: tuple[str, ...]) -> PlaidSettings:
        """Log in at a bank, as a person does on Plaid's page; give the connection's settings."""
        options = {"webhook": self._webhook, "transactions": {"days_requested": 730}}
        public = await self._post(
            "/sandbox/public_token/create",
            {"institution_id": institution, "initial_products": list(products), "options": options},
        )
        exchanged = await self._post("/item/public_token/exchange", {"public_token": public["public_token"]})
        return PlaidSettings(
            access_token=SecretStr(exchanged["access_token"]),
            item_id=exchanged["item_id"],
            institution_id=institution,
        )

    async def stripe_webhooks(self, stripe: str, address: str) -> None:
        """Register the webhook endpoint at Stripe, as a person does in its dashboard."""
        reply = await self._client.post(f"{stripe}/_sandbox/webhooks", json={"url": address})
        reply.raise_for_status()

    async def money(self, settings: PlaidSettings) -> list[tuple[str, Decimal]]:
        """Read a bank's transactions behind the product's back: currency and amount, inflow positive."""
        return await sums.at_plaid(self._client, settings)

    async def go_on(self, count: int = 1) -> None:
        """Let a few things happen at the banks."""
        await self._post("/_sandbox/activity", {"count": count})

    async def _post(self, path: str, body: dict[str, Any]) -> Any:
        reply = await self._client.post(path, json=body)
        reply.raise_for_status()
        return reply.json()
