"""Airtable's consent page, on which a person picks the bases that we may use.

https://airtable.com/developers/web/api/oauth-reference
"""

import datetime as dt
from collections.abc import Sequence
from typing import Final, cast
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, SecretStr

from counterfoil.consenting import OfferedPlace, Revocation
from counterfoil.destinations.airtable.settings import AirtableApp, AirtableSettings
from counterfoil.destinations.airtable.tokens import client_headers
from counterfoil.destinations.airtable.types import Bases, TokenGrant, refused
from counterfoil.errors import ActionRequired, RetryLater
from counterfoil.lib.http import Http
from counterfoil.lib.secrets import fingerprint

SCOPES: Final = "data.records:read data.records:write schema.bases:read schema.bases:write"
_MAY_WRITE: Final = ("create", "edit", "")


class AirtableGrant(BaseModel):
    """What signing in with Airtable gives."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    token: SecretStr
    refresh_token: SecretStr
    expires_at: dt.datetime


class AirtableConsent:
    """Airtable's consent flow: PKCE always, a client secret where the integration has one."""

    grant: type[BaseModel] = AirtableGrant
    place = "base_id"
    asks: Sequence[str] = ()
    way_out = "in your Airtable account, under Integrations"
    # https://airtable.com/developers/web/api/oauth-reference knows no endpoint for it
    revoke: Revocation | None = None

    def is_set_up(self, app: BaseModel) -> bool:
        """Say whether there is an OAuth integration of this deployment's own."""
        return bool(cast(AirtableApp, app).client_id)

    def address(self, app: BaseModel, *, return_to: str, state: str, challenge: str) -> str:
        """Give the address of the page with Airtable's base picker."""
        registered = cast(AirtableApp, app)
        query = {
            "client_id": registered.client_id,
            "redirect_uri": return_to,
            "response_type": "code",
            "scope": SCOPES,
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return f"{registered.oauth_url.rstrip('/')}/oauth2/v1/authorize?{urlencode(query)}"

    async def exchange(self, http: Http, app: BaseModel, *, code: str, return_to: str, verifier: str) -> AirtableGrant:
        """Turn the code into tokens."""
        registered = cast(AirtableApp, app)
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": return_to,
            "code_verifier": verifier,
            "client_id": registered.client_id,
        }
        url = f"{registered.oauth_url.rstrip('/')}/oauth2/v1/token"
        # Sent once: a code that was taken although its answer got lost cannot be used again.
        reply = await http.send("POST", url, form=form, headers=client_headers(registered))
        if reply.status == 401:
            raise ActionRequired(
                "client_refused",
                "Airtable does not know this installation's OAuth integration.",
                remedy="Check COUNTERFOIL_AIRTABLE_CLIENT_ID and COUNTERFOIL_AIRTABLE_CLIENT_SECRET.",
            )
        if reply.status >= 500:
            raise RetryLater("Airtable did not answer the request for a token.", after=10, fate_unknown=True)
        if not reply.ok:
            raise ActionRequired("code_refused", "Airtable does not take the consent any more.", remedy="Begin again.")
        tokens = reply.decode(TokenGrant)
        return AirtableGrant(
            token=SecretStr(tokens.access_token),
            refresh_token=SecretStr(tokens.refresh_token),
            expires_at=dt.datetime.now(dt.UTC) + dt.timedelta(seconds=tokens.expires_in),
        )

    async def places(self, http: Http, app: BaseModel, grant: BaseModel) -> Sequence[OfferedPlace]:
        """List the bases that were shared and that may be written to."""
        tokens, url = cast(AirtableGrant, grant), cast(AirtableApp, app).url.rstrip("/")
        headers = {"authorization": f"Bearer {tokens.token.get_secret_value()}"}
        found: list[OfferedPlace] = []
        offset: str | None = None
        while True:
            params = {"offset": offset} if offset else {}
            reply = await http.send("GET", f"{url}/v0/meta/bases", params=params, headers=headers)
            if reply.status >= 500:
                raise RetryLater(f"Airtable could not list your bases ({reply.status}).", after=10)
            if not reply.ok:
                raise refused(reply).action()
            page = reply.decode(Bases)
            found += [OfferedPlace(base.id, base.name) for base in page.bases if base.permissionLevel in _MAY_WRITE]
            offset = page.offset
            if offset is None:
                return found

    async def settle(
        self, http: Http, app: BaseModel, grant: BaseModel, place: str, *, key: str, before: BaseModel | None = None
    ) -> AirtableSettings:
        """Give settings for a base."""
        kept = before.model_dump() if before else {}
        return AirtableSettings.model_validate({**kept, **grant.model_dump(), "base_id": place})

    def permission(self, held: BaseModel) -> str | None:
        """Name the token that renews; a personal token has none."""
        renewal = cast("AirtableGrant | AirtableSettings", held).refresh_token
        return fingerprint(renewal.get_secret_value()) if renewal is not None else None
