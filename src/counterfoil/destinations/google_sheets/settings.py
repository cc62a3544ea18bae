"""What an installation and a user's spreadsheet need in order to talk to Google."""

import re
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

_SHEETS: Final = "https://sheets.googleapis.com"
_IN_LINK: Final = re.compile(r"/spreadsheets/(?:u/\d+/)?d/([A-Za-z0-9_-]+)")


class KeyFile(msgspec.Struct, frozen=True):
    """What we need of the JSON key that Google lets a service account's owner download."""

    client_email: str
    private_key: str
    private_key_id: str = ""
    project_id: str = ""
    token_uri: str = "https://oauth2.googleapis.com/token"  # noqa: S105  # an address


class GoogleApp(BaseModel):
    """The installation's own settings; an OAuth client is only needed where users sign in with Google."""

    model_config = ConfigDict(frozen=True)

    url: str = Field(_SHEETS, description="Google's host; any other takes the calls to Sheets, Drive and OAuth alike")
    client_id: str = Field("", description="The OAuth client's id, where there is one")
    client_secret: SecretStr = Field(SecretStr(""), description="The OAuth client's secret")

    @property
    def _own(self) -> str | None:
        url = self.url.rstrip("/")
        return None if url == _SHEETS else url

    @property
    def sheets_url(self) -> str:
        """Where spreadsheets are."""
        return self._own or _SHEETS

    @property
    def drive_url(self) -> str:
        """Where files are listed and made."""
        return f"{self._own or 'https://www.googleapis.com'}/drive/v3"

    @property
    def token_url(self) -> str:
        """Where a refresh token is exchanged for an access token."""
        return f"{self._own or 'https://oauth2.googleapis.com'}/token"

    @property
    def revoke_url(self) -> str:
        """Where what a person allowed is ended."""
        return f"{self._own or 'https://oauth2.googleapis.com'}/revoke"

    @property
    def consent_url(self) -> str:
        """Where a person is asked for consent."""
        return f"{self._own or 'https://accounts.google.com'}/o/oauth2/v2/auth"

    def trusts(self, token_uri: str) -> bool:
        """Say whether a service account's own token address may be called.

        A key file comes from a user. Without a host of its own the installation calls nobody but Google for it, so
        that no key file can make the server call into its own network.
        """
        if self._own is not None:
            return True
        address = urlsplit(token_uri)
        host = address.hostname or ""
        return address.scheme == "https" and (host.endswith(".googleapis.com") or host == "accounts.google.com")


class GoogleSheetsSettings(BaseModel):
    """One spreadsheet, and either a service account's key or what signing in with Google gave."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    spreadsheet_id: str = Field(
        "",
        title="Spreadsheet",
        description="Its link or its id. After signing in with Google it may stay empty: then a new one is made.",
    )
    service_account: SecretStr | None = Field(
        None, title="Service account key", description="The content of the JSON key file of a service account"
    )
    refresh_token: SecretStr | None = Field(None, title="Refresh token (OAuth)")
    signed_in_as: str | None = Field(
        None, title="Google account", description="Its id at Google; set by signing in with Google."
    )

    @field_validator("spreadsheet_id")
    @classmethod
    def _from_link(cls, value: str) -> str:
        found = _IN_LINK.search(value)
        text = found[1] if found else value.strip()
        if not re.fullmatch(r"[A-Za-z0-9_-]*", text):
            raise ValueError("Give the spreadsheet's link, as the browser shows it, or its id.")
        return text

    @field_validator("service_account", mode="before")
    @classmethod
    def _from_object(cls, value: Any) -> Any:
        return msgspec.json.encode(value).decode() if isinstance(value, dict) else value or None

    @field_validator("service_account")
    @classmethod
    def _is_key_file(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            try:
                msgspec.json.decode(value.get_secret_value(), type=KeyFile)
            except msgspec.DecodeError as error:
                raise ValueError("This is not the JSON key file of a service account.") from error
        return value

    @model_validator(mode="after")
    def _one_credential(self) -> "GoogleSheetsSettings":
        if (self.service_account is None) == (self.refresh_token is None):
            raise ValueError("Give either a service account's key or a refresh token.")
        if self.service_account is not None and not self.spreadsheet_id:
            raise ValueError("Give the link of a spreadsheet that is shared with the service account.")
        return self

    @property
    def key_file(self) -> KeyFile | None:
        """The service account's key, read."""
        if self.service_account is None:
            return None
        return msgspec.json.decode(self.service_account.get_secret_value(), type=KeyFile)
