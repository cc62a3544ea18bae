"""Stripe as a provider: the balance, every line of it with fee and net, payouts, and connected outside banks."""

from counterfoil.ports import ProviderSpec, StreamSpec
from counterfoil.providers.stripe.mapping import land
from counterfoil.providers.stripe.provider import open_stripe
from counterfoil.providers.stripe.settings import StripeApp, StripeSettings
from counterfoil.providers.stripe.webhook import read_webhook

__all__ = ["SPEC", "StripeApp", "StripeSettings"]

SPEC = ProviderSpec(
    slug="stripe",
    label="Stripe",
    env="STRIPE",
    app=StripeApp,
    settings=StripeSettings,
    streams=(
        StreamSpec("accounts", ("institutions", "accounts", "balances"), snapshot=("accounts",)),
        StreamSpec("transactions", ("transactions",)),
        StreamSpec("payouts", ("transactions",)),
    ),
    open=open_stripe,
    land=land,
    read_webhook=read_webhook,
)
