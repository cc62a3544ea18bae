"""The token to send: a personal one as it is, an OAuth one renewed in time and saved before use.

https://airtable.com/developers/web/api/oauth-reference
"""

import asyncio
import base64
import datetime as dt
from typing import Final

from pydantic import SecretStr

from counterfoil.destinations.airtable.settings import AirtableApp, AirtableSettings
from counterfoil.destinations.airtable.types import TokenGrant
from counterfoil.errors import ActionRequired, RetryLater
from counterfoil.ports import Access

_EARLY: Final = dt.timedelta(minutes=2)  # renew before the last moment


class Tokens:
    """Gives the access token. A refresh token works once, and ends the consent when it is used again."""

    def __init__(self, access: Access) -> None:
        assert isinstance(access.app, AirtableApp) and isinstance(access.settings, AirtableSettings)
        self._access, self._app, self._settings = access, access.app, access.settings
        self._turn = asyncio.Lock()

    async def current(self) -> str:
        """Give a token that is good for the next call. Raises `ActionRequired` where consent is gone."""
        expires = self._settings.expires_at
        if self._settings.refresh_token and expires and expires - _EARLY < dt.datetime.now(dt.UTC):
            await self._renew(self._settings.token.get_secret_value())
        return self._settings.token.get_secret_value()

    async def after_refusal(self, token: str) -> bool:
        """Renew a token that was refused; False where there is nothing to renew it with."""
        if self._settings.refresh_token is None:
            return False
        await self._renew(token)
        return True

    async def _renew(self, token: str) -> None:
        async with self._turn:
            if self._settings.token.get_secret_value() != token:
                return  # another call has renewed it meanwhile
            async with self._access.renewing() as stored:
                if isinstance(stored, AirtableSettings) and stored.token != self._settings.token:
                    self._settings = stored  # another sync, or a page, has renewed it
                elif self._settings.refresh_token is not None:
                    self._settings = await self._renewed(self._settings.refresh_token)

    async def _renewed(self, refresh_token: SecretStr) -> AirtableSettings:
        grant = await self._ask(refresh_token.get_secret_value())
        until = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=grant.expires_in)
        renewed = self._settings.model_copy(
            update={
                "token": SecretStr(grant.access_token),
                "refresh_token": SecretStr(grant.refresh_token),
                "expires_at": until,
            }
        )
        await self._access.save(renewed)  # the old refresh token is spent: lose the new one and consent is lost
        return renewed

    async def _ask(self, refresh_token: str) -> TokenGrant:
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        if not (headers := client_headers(self._app)):
            form["client_id"] = self._app.client_id
        url = f"{self._app.oauth_url.rstrip('/')}/oauth2/v1/token"
        reply = await self._access.http.send("POST", url, form=form, headers=headers)
        if reply.status >= 500:
            raise RetryLater("Airtable could not renew the access just now.", after=30)
        if not reply.ok:
            raise ActionRequired(
                "reconnect",
                "Airtable does not renew Counterfoil's access to this base.",
                remedy="Connect the Airtable base again.",
            )
        return reply.decode(TokenGrant)


def client_headers(app: AirtableApp) -> dict[str, str]:
    """Give the headers by which an OAuth integration with a secret shows who it is; one without says its id only."""
    secret = app.client_secret.get_secret_value()
    if not secret:
        return {}
    pair = base64.b64encode(f"{app.client_id}:{secret}".encode()).decode()
    return {"authorization": f"Basic {pair}"}
