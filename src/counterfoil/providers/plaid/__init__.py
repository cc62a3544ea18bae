"""Banks, cards, loans and brokers through Plaid."""

from counterfoil.ports import ProviderSpec, StreamSpec
from counterfoil.providers.plaid.link import PlaidLink
from counterfoil.providers.plaid.mapping import land
from counterfoil.providers.plaid.provider import PlaidProvider
from counterfoil.providers.plaid.settings import PlaidApp, PlaidSettings
from counterfoil.providers.plaid.webhook import WebhookReader

SPEC = ProviderSpec(
    slug="plaid",
    label="Plaid",
    env="PLAID",
    app=PlaidApp,
    settings=PlaidSettings,
    streams=(
        StreamSpec("accounts", ("institutions", "accounts", "balances"), snapshot=("accounts",)),
        StreamSpec("transactions", ("accounts", "categories", "transactions")),
        StreamSpec("liabilities", ("accounts",)),
        StreamSpec("holdings", ("accounts", "securities", "holdings"), snapshot=("holdings",)),
        StreamSpec("investment_transactions", ("accounts", "securities", "investment_transactions")),
    ),
    open=PlaidProvider,
    land=land,
    read_webhook=WebhookReader().read,
    connect=PlaidLink(),
    refreshed_by="plaid/transactions.sync_updates_available",
)
