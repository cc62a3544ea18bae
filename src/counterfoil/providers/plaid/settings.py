"""What an installation and a connection need in order to talk to Plaid."""

from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, Field, SecretStr

PRODUCTION: Final = "https://production.plaid.com"


def _words(value: Any) -> Any:
    return tuple(word.strip() for word in value.split(",") if word.strip()) if isinstance(value, str) else value


Words = Annotated[tuple[str, ...], BeforeValidator(_words)]  # "US,CA" from the environment


class PlaidApp(BaseModel):
    """The installation's own registration at Plaid (https://dashboard.plaid.com/developers/keys)."""

    url: str = Field(PRODUCTION, description="Plaid's host; https://sandbox.plaid.com for its test banks")
    client_id: str = Field("", description="The client id from Plaid's dashboard")
    secret: SecretStr = Field(SecretStr(""), description="The secret of the same environment as the url")
    webhook_url: str | None = Field(None, description="Where Plaid can reach this installation: …/webhooks/plaid")
    client_name: str = Field("Counterfoil", max_length=30, description="The name that Plaid's page shows")
    language: str = Field("en", description="The language of Plaid's page")
    country_codes: Words = Field(("US",), description="Countries whose banks are offered, separated by commas")


class PlaidSettings(BaseModel):
    """One connection: the access token of a Plaid Item."""

    access_token: SecretStr = Field(title="Access token")
    item_id: str = Field("", title="Item id")
    institution_id: str | None = Field(None, title="Institution id")
    label: str | None = Field(None, title="Name of the bank")
