"""Plaid keeps the promises of every provider, against its emulator."""

import asyncio
import datetime as dt
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr

from contracts.provider import Bank, Endpoint, ProviderContract
from contracts.provider_hooks import UNHURRIED
from contracts.stage import Stage
from counterfoil.errors import RetryLater
from counterfoil.lib.http import Http
from counterfoil.ports import Access
from counterfoil.providers.plaid import SPEC
from counterfoil.providers.plaid.sandbox import Timing, emulator
from counterfoil.providers.plaid.settings import PlaidApp, PlaidSettings
from counterfoil.providers.plaid.webhook import WebhookReader
from counterfoil.sandbox.kit import Emulator
from counterfoil.sandbox.world import World
from providers.plaid_person import person
from providers.plaid_vendor import refused

TODAY = dt.datetime.now(dt.UTC).date()
WORLD = World(seed=3, today=TODAY)  # its banks are not used, so they are never made
PERSON = person(TODAY)


class TestPlaid(ProviderContract):
    spec = SPEC
    refused_token = refused("INVALID_ACCESS_TOKEN", "INVALID_INPUT")
    endpoints = tuple(
        Endpoint("POST", path)
        for path in (
            "/item/get",
            "/accounts/get",
            "/institutions/get_by_id",
            "/transactions/sync",
            "/liabilities/get",
            "/investments/holdings/get",
            "/investments/transactions/get",
            "/webhook_verification_key/get",
        )
    )

    def emulator(self) -> Emulator:
        return emulator(WORLD, timing=Timing(initial=None))

    def app(self, url: str) -> BaseModel:
        vendor = emulator(WORLD).state
        return PlaidApp(url=url, client_id=vendor.client_id, secret=SecretStr(vendor.secret))

    async def connect(self, bank: Bank) -> BaseModel:
        _, public_token = bank.emulator.state.create(
            "ins_109511", ["transactions", "liabilities", "investments"], username="user_custom", password=PERSON
        )
        item = bank.emulator.state.exchange(public_token)
        return PlaidSettings(access_token=SecretStr(item.access_token), item_id=item.id)

    async def connect_unready(self, bank: Bank) -> BaseModel:
        bank.settings = await self.connect(bank)
        bank.act("status", item=_item(bank), ready=False)
        return bank.settings

    def get_ready(self, bank: Bank) -> None:
        bank.act("status", item=_item(bank), ready=True)

    def vanish(self, bank: Bank, key: str) -> None:
        bank.act("transactions", removed=[key])

    def add_pending(self, bank: Bank) -> str:
        return str(bank.act("transactions", added=[{"amount": "12.50", "pending": True}])["added"][0])

    def post_across_pages(self, bank: Bank, pending: str) -> str:
        bank.act("split_pending")
        posted = {"amount": "14.75", "pending": False, "pending_transaction_id": pending}
        return str(bank.act("transactions", added=[posted])["added"][0])

    def resend_unchanged(self, bank: Bank) -> None:
        bank.act("resend_unchanged")

    def take_back(self, bank: Bank) -> str:
        key = next(iter(bank.emulator.state.items[_item(bank)].feed.rows))
        bank.act("transactions", removed=[key])
        return str(key)

    def lock_out(self, bank: Bank) -> None:
        bank.act("login_required")

    def let_in(self, bank: Bank) -> None:
        bank.act("repair")

    def show_novelties(self, bank: Bank) -> None:
        bank.act("unknown_values")

    async def other_calls(self, bank: Bank) -> Any:
        body = b'{\n  "webhook_type": "ITEM",\n  "webhook_code": "LOGIN_REPAIRED",\n  "item_id": "i-1"\n}'
        headers = {"plaid-verification": bank.emulator.state.keys.sign(body)}
        for _ in range(10):
            try:
                (fact,) = await WebhookReader().read(bank.http, bank.app, headers, body)
            except RetryLater:
                continue
            return fact.name, fact.remote_id, dict(fact.data)
        raise AssertionError("the webhook was never read")

    @pytest.mark.long
    @pytest.mark.timeout(400)
    async def test_our_own_pace_is_never_too_fast(self, stage: Stage) -> None:
        async for bank in self.opened(stage, self.emulator(), None, UNHURRIED):
            bank.control.act("rate", scale=1)
            http = Http(timeout=UNHURRIED)  # with the product's own budgets
            provider = SPEC.open(Access(http, bank.app, bank.settings, _never))
            pages = [provider.fetch("liabilities", None) for _ in range(12)]
            pages += [provider.fetch("transactions", None) for _ in range(60)]
            await asyncio.gather(*pages)
            await http.aclose()
            assert bank.emulator.limits.refused == 0


async def _never(settings: BaseModel) -> None:
    raise AssertionError("Plaid's tokens do not change")


def _item(bank: Bank) -> str:
    assert isinstance(bank.settings, PlaidSettings)
    return bank.settings.item_id
