"""What Stripe is reached with: the deployment's address and signing secrets, the user's key."""

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from counterfoil.lib.secrets import fingerprint


@dataclass(frozen=True, slots=True)
class SigningSecret:
    """A signing secret of a webhook endpoint, and the account whose endpoint it is, where that was said."""

    key: str
    account: str | None

    @property
    def name(self) -> str:
        """A short name from which the secret cannot be read."""
        return fingerprint(self.key)


class StripeApp(BaseModel):
    """The deployment's side: COUNTERFOIL_STRIPE_URL, COUNTERFOIL_STRIPE_WEBHOOK_SECRETS."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    url: str = Field("https://api.stripe.com", description="Stripe's host")
    webhook_secrets: tuple[SecretStr, ...] = Field(
        default=(),
        description="Signing secrets of the webhook endpoints, separated by commas; several during a rotation. "
        "Write acct_…:whsec_… to bind a secret to the account whose endpoint it is. Empty switches webhooks off.",
    )

    @field_validator("webhook_secrets", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value

    @property
    def signing_secrets(self) -> tuple[SigningSecret, ...]:
        """The secrets with the accounts they are bound to."""
        pairs = (text.get_secret_value().rpartition(":") for text in self.webhook_secrets)
        return tuple(SigningSecret(key, account or None) for account, _, key in pairs)


class StripeSettings(BaseModel):
    """The user's side."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    api_key: SecretStr = Field(
        title="Restricted key",
        description="A restricted key that may read, from dashboard.stripe.com/apikeys (rk_live_… or rk_test_…).",
    )
