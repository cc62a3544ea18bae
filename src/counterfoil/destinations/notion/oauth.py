"""Signing in with Notion, and rotating tokens: https://developers.notion.com/docs/authorization."""

import base64
from collections.abc import Mapping
from urllib.parse import urlencode

from pydantic import SecretStr

from counterfoil.destinations.notion import wire
from counterfoil.destinations.notion.refusals import token_refused
from counterfoil.destinations.notion.settings import NotionApp, NotionSettings
from counterfoil.errors import ActionRequired, RetryLater
from counterfoil.lib.http import Http


def authorize_url(app: NotionApp, *, return_to: str, state: str) -> str:
    """Give the address of Notion's consent page, where the user picks the pages to share."""
    query = {
        "client_id": app.client_id,
        "redirect_uri": return_to,
        "response_type": "code",
        "owner": "user",
        "state": state,
    }
    return f"{app.url}/v1/oauth/authorize?{urlencode(query)}"


async def exchange(http: Http, app: NotionApp, *, code: str, return_to: str) -> wire.Tokens:
    """Turn the code that came back from the consent page into tokens.

    Raises `ActionRequired` where the code was used or is too old, `RetryLater` where there is no answer.
    """
    grant = {"grant_type": "authorization_code", "code": code, "redirect_uri": return_to}
    return await _granted(http, app, grant)


async def refresh(http: Http, app: NotionApp, settings: NotionSettings) -> NotionSettings:
    """Give settings with new tokens; the old ones are dead from now on, so these must be saved before use."""
    assert settings.refresh_token is not None
    grant = {"grant_type": "refresh_token", "refresh_token": settings.refresh_token.get_secret_value()}
    tokens = await _granted(http, app, grant)
    renewed = SecretStr(tokens.refresh_token) if tokens.refresh_token else settings.refresh_token
    return settings.model_copy(update={"token": SecretStr(tokens.access_token), "refresh_token": renewed})


async def _granted(http: Http, app: NotionApp, grant: Mapping[str, str]) -> wire.Tokens:
    client = f"{app.client_id}:{app.client_secret.get_secret_value()}"
    headers = {"authorization": f"Basic {base64.b64encode(client.encode()).decode()}"}
    # Sent once: a grant that was honoured although its answer got lost cannot be used again.
    reply = await http.send("POST", f"{app.url}/v1/oauth/token", json=dict(grant), headers=headers)
    if reply.ok:
        return reply.decode(wire.Tokens)
    if reply.status == 401:
        raise ActionRequired(
            "client_refused",
            "Notion does not know this installation's OAuth client.",
            remedy="Check COUNTERFOIL_NOTION_CLIENT_ID and COUNTERFOIL_NOTION_CLIENT_SECRET.",
        )
    if reply.status < 500:
        raise token_refused()
    raise RetryLater("Notion did not answer the request for a token.", after=10, fate_unknown=True)
