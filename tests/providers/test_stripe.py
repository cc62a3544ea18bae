"""Stripe keeps the promises of the Provider door."""

import datetime as dt
from typing import Any

from pydantic import BaseModel

from contracts.provider import Bank, Endpoint, ProviderContract
from counterfoil.providers.stripe import SPEC, StripeApp, StripeSettings
from counterfoil.providers.stripe.sandbox import emulator
from counterfoil.sandbox.kit import Emulator
from counterfoil.sandbox.merchant import Merchant

EXPIRED = {"error": {"type": "invalid_request_error", "code": "api_key_expired", "message": "Expired API Key provided"}}

NOT_PLAYED = {
    "test_a_history_that_is_not_ready_is_waited_for_without_a_cursor": "Stripe's own ledger is always ready",
    "test_a_row_that_vanishes_while_its_pages_are_read_does_not_stay": "a line of the balance never vanishes",
    "test_a_posted_row_replaces_its_pending_one_across_pages": "a row keeps its id when it settles",
}


class TestStripe(ProviderContract):
    spec = SPEC
    endpoints = (
        Endpoint("GET", "/v1/account"),
        Endpoint("GET", "/v1/balance"),
        Endpoint("GET", "/v1/balance_transactions"),
        Endpoint("GET", "/v1/payouts"),
        Endpoint("GET", "/v1/financial_connections/accounts"),
        Endpoint("GET", "/v1/financial_connections/transactions"),
    )
    refused_token = (401, EXPIRED)
    exempt = NOT_PLAYED

    def emulator(self) -> Emulator:
        today = dt.datetime.now(dt.UTC).date()
        return emulator(Merchant(3, today - dt.timedelta(days=75), today))

    def app(self, url: str) -> BaseModel:
        return StripeApp(url=url)

    async def connect(self, bank: Bank) -> BaseModel:
        credentials: Any = bank.emulator.credentials(bank.url)
        return StripeSettings(api_key=credentials["api_key"])

    def resend_unchanged(self, bank: Bank) -> None:
        """Nothing to do: every read goes back by an hour."""

    def take_back(self, bank: Bank) -> str:
        rows = bank.emulator.state.api.banks.transactions
        bank.act("fc_activity", account=rows[0].account, void=[rows[0].id])
        key: str = rows[0].id
        return key

    def lock_out(self, bank: Bank) -> None:
        bank.act("revoke")

    def let_in(self, bank: Bank) -> None:
        bank.act("restore")

    def show_novelties(self, bank: Bank) -> None:
        bank.act("novelties")
