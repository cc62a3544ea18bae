"""The Plaid emulator."""

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from counterfoil.providers.plaid.sandbox import answers, investing
from counterfoil.providers.plaid.sandbox import requests as ask
from counterfoil.providers.plaid.sandbox.actions import actions
from counterfoil.providers.plaid.sandbox.desk import endpoint
from counterfoil.providers.plaid.sandbox.errors import error_body
from counterfoil.providers.plaid.sandbox.link import Link
from counterfoil.providers.plaid.sandbox.pages import hosted_pages
from counterfoil.providers.plaid.sandbox.vendor import Timing, Vendor
from counterfoil.sandbox.kit import Clock, Emulator, Json
from counterfoil.sandbox.limits import Limits
from counterfoil.sandbox.world import World

__all__ = ["Timing", "Vendor", "emulator"]


def emulator(world: World, *, timing: Timing | None = None) -> Emulator:
    """Make the emulator of Plaid over a world; its `state` is the `Vendor`."""
    limits, clock = Limits(), Clock()
    vendor = Vendor(world, clock, limits, timing or Timing())

    link = Link(vendor)

    async def started(_own_url: str) -> None:
        vendor.agenda.start()

    def credentials(_own_url: str) -> Mapping[str, Any]:
        return {"client_id": vendor.client_id, "secret": vendor.secret}

    def refuse(_seconds: float) -> Response:
        return Json(error_body("RATE_LIMIT", vendor.new_id(15)), 429)

    return Emulator(
        slug="plaid",
        routes=[
            endpoint(vendor, "/link/token/create", ask.LinkTokenCreate, link.create),
            endpoint(vendor, "/link/token/get", ask.LinkTokenGet, link.get),
            *hosted_pages(link),
            endpoint(vendor, "/item/public_token/exchange", ask.Exchange, answers.exchange),
            endpoint(vendor, "/item/get", ask.OfItem, answers.item_get),
            endpoint(vendor, "/item/remove", ask.ItemRemove, answers.item_remove),
            endpoint(vendor, "/item/webhook/update", ask.WebhookUpdate, answers.webhook_update),
            endpoint(vendor, "/accounts/get", ask.OfAccounts, answers.accounts_get),
            endpoint(vendor, "/accounts/balance/get", ask.OfAccounts, answers.balance_get),
            endpoint(vendor, "/transactions/sync", ask.Sync, answers.transactions_sync),
            endpoint(vendor, "/transactions/refresh", ask.OfItem, answers.transactions_refresh),
            endpoint(vendor, "/investments/holdings/get", ask.OfAccounts, investing.holdings_get),
            endpoint(vendor, "/investments/transactions/get", ask.Trades, investing.trades_get),
            endpoint(vendor, "/investments/refresh", ask.OfItem, investing.investments_refresh),
            endpoint(vendor, "/liabilities/get", ask.OfAccounts, investing.liabilities_get),
            endpoint(vendor, "/institutions/get_by_id", ask.InstitutionById, answers.institution_by_id),
            endpoint(vendor, "/webhook_verification_key/get", ask.VerificationKey, answers.verification_key),
            endpoint(vendor, "/sandbox/public_token/create", ask.SandboxToken, answers.sandbox_token),
            endpoint(vendor, "/sandbox/item/fire_webhook", ask.FireWebhook, answers.fire_webhook),
            endpoint(vendor, "/sandbox/item/reset_login", ask.OfItem, answers.reset_login),
            endpoint(vendor, "/sandbox/transactions/create", ask.TransactionsCreate, answers.transactions_create),
        ],
        credentials=credentials,
        limits=limits,
        clock=clock,
        actions=actions(vendor),
        started=started,
        refuse_429=refuse,
        state=vendor,
    )
