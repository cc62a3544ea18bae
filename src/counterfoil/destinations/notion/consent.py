"""Notion's consent page, on which a person picks the pages that we may see.

https://developers.notion.com/docs/authorization
"""

from collections.abc import Sequence
from typing import Final, cast

import msgspec
from pydantic import BaseModel, ConfigDict, SecretStr

from counterfoil.consenting import OfferedPlace
from counterfoil.destinations.notion import oauth, refusals, wire
from counterfoil.destinations.notion.client import PAGE_SIZE
from counterfoil.destinations.notion.settings import NotionApp, NotionSettings
from counterfoil.errors import RetryLater
from counterfoil.lib.http import Http
from counterfoil.lib.secrets import fingerprint

_LOOKS: Final = 10  # pages of search results: rows of databases are found too, and may be many


class NotionGrant(BaseModel):
    """What signing in with Notion gives."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    token: SecretStr
    refresh_token: SecretStr | None = None


class _Parent(msgspec.Struct, frozen=True):
    type: str = ""


class _Found(msgspec.Struct, frozen=True):
    id: str
    parent: _Parent = _Parent()
    properties: dict[str, wire.Value] = {}
    in_trash: bool = False

    @property
    def title(self) -> str:
        return next((wire.plain(value.title) for value in self.properties.values() if value.type == "title"), "")


class NotionConsent:
    """Notion's consent flow. It knows no PKCE; its client has a secret."""

    grant: type[BaseModel] = NotionGrant
    place = "page_id"
    asks: Sequence[str] = ("plan", "currency")
    way_out = "in Notion, under Settings → Connections"

    def is_set_up(self, app: BaseModel) -> bool:
        """Say whether there is a public connection of this deployment's own."""
        registered = cast(NotionApp, app)
        return bool(registered.client_id and registered.client_secret.get_secret_value())

    def address(self, app: BaseModel, *, return_to: str, state: str, challenge: str) -> str:
        """Give the address of the page with Notion's page picker."""
        return oauth.authorize_url(cast(NotionApp, app), return_to=return_to, state=state)

    async def exchange(self, http: Http, app: BaseModel, *, code: str, return_to: str, verifier: str) -> NotionGrant:
        """Turn the code into tokens."""
        tokens = await oauth.exchange(http, cast(NotionApp, app), code=code, return_to=return_to)
        renewal = SecretStr(tokens.refresh_token) if tokens.refresh_token else None
        return NotionGrant(token=SecretStr(tokens.access_token), refresh_token=renewal)

    async def places(self, http: Http, app: BaseModel, grant: BaseModel) -> Sequence[OfferedPlace]:
        """Find the pages that were shared, last edited first; rows of databases are pages too, and are left out."""
        found: list[OfferedPlace] = []
        cursor: str | None = None
        for _ in range(_LOOKS):
            page = await self._search(http, cast(NotionApp, app), cast(NotionGrant, grant), cursor)
            found += [
                OfferedPlace(one.id, one.title or "Untitled")
                for one in page.results
                if one.parent.type in ("workspace", "page_id", "block_id") and not one.in_trash
            ]
            cursor = page.next_cursor
            if not page.has_more or cursor is None:
                break
        return found

    async def _search(self, http: Http, app: NotionApp, grant: NotionGrant, cursor: str | None) -> wire.Listing[_Found]:
        body = {
            "filter": {"property": "object", "value": "page"},
            "sort": {"timestamp": "last_edited_time", "direction": "descending"},
            "page_size": PAGE_SIZE,
        }
        headers = {"authorization": f"Bearer {grant.token.get_secret_value()}", "notion-version": oauth.VERSION}
        reply = await http.send(
            "POST",
            f"{app.url}/v1/search",
            json=body | ({"start_cursor": cursor} if cursor else {}),
            headers=headers,
            repeatable=True,
        )
        if reply.ok:
            return reply.decode(wire.Listing[_Found])
        if reply.status == 401:
            raise refusals.token_refused()
        if reply.status == 403:
            raise refusals.capability_missing()
        raise RetryLater(f"Notion could not list your pages (status {reply.status}).", after=10)

    async def settle(
        self, http: Http, app: BaseModel, grant: BaseModel, place: str, *, key: str, before: BaseModel | None = None
    ) -> NotionSettings:
        """Give settings for a page, by its id or link."""
        tokens = cast(NotionGrant, grant)
        kept = before.model_dump() if before else {}
        return NotionSettings.model_validate({**kept, **tokens.model_dump(), "page_id": place})

    def permission(self, held: BaseModel) -> str | None:
        """Name the token: each consent has its own. What a person pasted comes without a second one to renew it."""
        tokens = cast("NotionGrant | NotionSettings", held)
        return fingerprint(tokens.token.get_secret_value()) if tokens.refresh_token is not None else None

    async def revoke(self, http: Http, app: BaseModel, settings: BaseModel) -> None:
        """End the token."""
        await oauth.revoke(http, cast(NotionApp, app), cast(NotionSettings, settings))
