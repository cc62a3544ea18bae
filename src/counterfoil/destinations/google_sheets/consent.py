"""Google's consent page, with the narrowest scope: only spreadsheets that we make.

https://developers.google.com/identity/protocols/oauth2/web-server
"""

from collections.abc import Sequence
from typing import Final, cast
from urllib.parse import urlencode

import msgspec
from pydantic import BaseModel, ConfigDict, SecretStr

from counterfoil.consenting import NEW, OfferedPlace
from counterfoil.destinations.google_sheets import refusals
from counterfoil.destinations.google_sheets.auth import Credential
from counterfoil.destinations.google_sheets.client import Sheets
from counterfoil.destinations.google_sheets.settings import GoogleApp, GoogleSheetsSettings
from counterfoil.errors import ActionRequired, RetryLater
from counterfoil.lib.http import Http

SCOPE: Final = "https://www.googleapis.com/auth/drive.file"
_NAME: Final = "Counterfoil"


class GoogleGrant(BaseModel):
    """What signing in with Google gives; access tokens are fetched with it."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    refresh_token: SecretStr
    signed_in_as: str | None = None  # the account's id at Google


class _Granted(msgspec.Struct):
    refresh_token: str = ""
    scope: str = ""


class GoogleConsent:
    """Google's consent flow."""

    grant: type[BaseModel] = GoogleGrant
    place = "spreadsheet_id"
    asks: Sequence[str] = ()
    way_out = "at https://myaccount.google.com/connections"

    def is_set_up(self, app: BaseModel) -> bool:
        """Say whether there is an OAuth client of this deployment's own."""
        registered = cast(GoogleApp, app)
        return bool(registered.client_id and registered.client_secret.get_secret_value())

    def address(self, app: BaseModel, *, return_to: str, state: str, challenge: str) -> str:
        """Give the address of Google's page. Without `prompt` a second consent brings no refresh token."""
        registered = cast(GoogleApp, app)
        query = {
            "client_id": registered.client_id,
            "redirect_uri": return_to,
            "response_type": "code",
            "scope": SCOPE,
            "state": state,
            "access_type": "offline",
            "prompt": "consent",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return f"{registered.consent_url}?{urlencode(query)}"

    async def exchange(self, http: Http, app: BaseModel, *, code: str, return_to: str, verifier: str) -> GoogleGrant:
        """Turn the code into a refresh token. Raises `ActionRequired` where the person has not ticked the scope."""
        registered = cast(GoogleApp, app)
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": return_to,
            "code_verifier": verifier,
            "client_id": registered.client_id,
            "client_secret": registered.client_secret.get_secret_value(),
        }
        # Sent once: a code that was taken although its answer got lost cannot be used again.
        reply = await http.send("POST", registered.token_url, form=form)
        if reply.status >= 500:
            raise RetryLater("Google did not answer the request for a token.", after=10, fate_unknown=True)
        if reply.status == 401:
            raise refusals.client_refused()
        if not reply.ok:
            raise refusals.sign_in_refused(service_account=False)
        granted = reply.decode(_Granted)
        if SCOPE not in granted.scope.split():
            raise ActionRequired(
                "scope_missing",
                "You signed in, and did not allow Counterfoil to use the spreadsheets that it makes.",
                remedy="Begin again, and tick that box on Google's page.",
            )
        if not granted.refresh_token:
            raise refusals.sign_in_refused(service_account=False)
        grant = GoogleGrant(refresh_token=SecretStr(granted.refresh_token))
        account = await _sheets(http, app, grant).account()
        return grant.model_copy(update={"signed_in_as": account})

    async def places(self, http: Http, app: BaseModel, grant: BaseModel) -> Sequence[OfferedPlace]:
        """Offer a new spreadsheet, and those that were made here before: this scope shows no others."""
        files = await _sheets(http, app, grant).own_files()
        made_before = [OfferedPlace(file.id, file.name) for file in files]
        return [OfferedPlace(NEW, "A new spreadsheet in my Drive"), *made_before]

    async def settle(
        self, http: Http, app: BaseModel, grant: BaseModel, place: str, *, key: str, before: BaseModel | None = None
    ) -> GoogleSheetsSettings:
        """Give settings for a spreadsheet; a service account's key is replaced too."""
        if place == NEW:
            sheets = _sheets(http, app, grant)
            made = await sheets.find_files(key)  # a repeat after a lost reply finds the one it made
            place = (made[0] if made else await sheets.make_file(_NAME, key)).id
        given = cast(GoogleGrant, grant)
        return GoogleSheetsSettings(
            spreadsheet_id=place, refresh_token=given.refresh_token, signed_in_as=given.signed_in_as
        )

    def permission(self, held: BaseModel) -> str | None:
        """Name the account: whatever it allowed this installation, however often, is one permission at Google."""
        return cast("GoogleGrant | GoogleSheetsSettings", held).signed_in_as

    async def revoke(self, http: Http, app: BaseModel, settings: BaseModel) -> None:
        """End all that the account has allowed this installation."""
        await Credential(http, cast(GoogleApp, app), cast(GoogleSheetsSettings, settings)).revoke()


def _sheets(http: Http, app: BaseModel, grant: BaseModel) -> Sheets:
    settings = GoogleSheetsSettings(refresh_token=cast(GoogleGrant, grant).refresh_token)
    registered = cast(GoogleApp, app)
    return Sheets(http, registered, Credential(http, registered, settings))
