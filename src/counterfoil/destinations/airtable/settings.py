"""What an installation and a user's base need in order to talk to Airtable."""

import datetime as dt

from pydantic import BaseModel, Field, SecretStr


class AirtableApp(BaseModel):
    """The installation's own settings; an OAuth integration is only needed where users do not paste tokens."""

    url: str = Field("https://api.airtable.com", description="Airtable's API host")
    oauth_url: str = Field("https://airtable.com", description="The host of Airtable's consent page and tokens")
    client_id: str = Field("", description="The client id of the OAuth integration, where there is one")
    client_secret: SecretStr = Field(SecretStr(""), description="Its secret, where it has one")


class AirtableSettings(BaseModel):
    """One base, with a personal access token or with what OAuth gave (then there is a refresh token)."""

    token: SecretStr = Field(title="Personal access token", description="Made at airtable.com/create/tokens")
    base_id: str = Field(
        title="Base id", description="The part of the base's address that starts with app", pattern="^app[A-Za-z0-9]+$"
    )
    refresh_token: SecretStr | None = Field(None, title="Refresh token (OAuth)")
    expires_at: dt.datetime | None = Field(None, title="Access token good until (OAuth)")
