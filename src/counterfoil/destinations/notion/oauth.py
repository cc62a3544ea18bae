"""Signing in with Notion, and rotating tokens: https://developers.notion.com/docs/authorization."""

import base64
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

import msgspec
from pydantic import SecretStr

from counterfoil.destinations.notion import wire
from counterfoil.destinations.notion.refusals import token_refused
from counterfoil.destinations.notion.settings import NotionApp, NotionSettings
from counterfoil.errors import ActionRequired, RetryLater
from counterfoil.lib.http import Http, Reply

VERSION: Final = "2026-03-11"
_GONE: Final = ("invalid_grant", "invalid_token", "object_not_found")


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


async def revoke(http: Http, app: NotionApp, settings: NotionSettings) -> None:
    """End a token: https://developers.notion.com/reference/revoke-token. One that Notion does not know is fine."""
    headers = {**_client(app), "notion-version": VERSION}
    body = {"token": settings.token.get_secret_value()}
    reply = await http.send("POST", f"{app.url}/v1/oauth/revoke", json=body, headers=headers, repeatable=True)
    if reply.ok or (reply.status < 500 and _code(reply) in _GONE):
        return
    if reply.status == 401:
        raise _client_refused()
    if reply.status < 500:
        raise ActionRequired(
            "not_revoked",
            f"Notion refuses to end its token (status {reply.status}).",
            remedy="End the permission in Notion.",
        )
    raise RetryLater("Notion could not end its token just now.", after=60)


async def _granted(http: Http, app: NotionApp, grant: Mapping[str, str]) -> wire.Tokens:
    # Sent once: a grant that was honoured although its answer got lost cannot be used again.
    reply = await http.send("POST", f"{app.url}/v1/oauth/token", json=dict(grant), headers=_client(app))
    if reply.ok:
        return reply.decode(wire.Tokens)
    if reply.status == 401:
        raise _client_refused()
    if reply.status < 500:
        raise token_refused()
    raise RetryLater("Notion did not answer the request for a token.", after=10, fate_unknown=True)


def _client(app: NotionApp) -> dict[str, str]:
    pair = f"{app.client_id}:{app.client_secret.get_secret_value()}"
    return {"authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def _client_refused() -> ActionRequired:
    return ActionRequired(
        "client_refused",
        "Notion does not know this installation's OAuth client.",
        remedy="Check COUNTERFOIL_NOTION_CLIENT_ID and COUNTERFOIL_NOTION_CLIENT_SECRET.",
    )


def _code(reply: Reply) -> str:
    try:
        return msgspec.json.decode(reply.body, type=wire.Failure).code
    except msgspec.DecodeError:
        return ""
