"""Calls to Notion's API: authorised, paced, repeated where that is safe, refusals named."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final, TypeVar

import msgspec

from counterfoil.destinations.notion import oauth, refusals, wire
from counterfoil.destinations.notion.refusals import Refused
from counterfoil.destinations.notion.settings import NotionApp, NotionSettings
from counterfoil.errors import RetryLater
from counterfoil.lib.http import Reply, backoff
from counterfoil.ports import Access

PAGE_SIZE: Final = 100
_CONFLICTS: Final = 4  # times a write is sent again after a 409: it was not carried out

T = TypeVar("T")
Params = Sequence[tuple[str, str]]


class Client:
    """One user's access to Notion."""

    def __init__(self, access: Access) -> None:
        assert isinstance(access.app, NotionApp) and isinstance(access.settings, NotionSettings)
        self._access = access
        self.app = access.app
        self.settings = access.settings
        self._budget = access.settings.budget()  # stays the connection's own when its token rotates
        self._rotation = asyncio.Lock()

    async def get(self, path: str, shape: type[T], *, params: Params = ()) -> T:
        """Read one object."""
        return _accepted(await self._reply("GET", path, params=params, repeatable=True)).decode(shape)

    async def ask(self, path: str, body: Mapping[str, Any], shape: type[T], *, params: Params = ()) -> T:
        """Read by POST: a query or a search."""
        reply = await self._reply("POST", path, body=body, params=params, repeatable=True)
        return _accepted(reply).decode(shape)

    async def update(self, path: str, body: Mapping[str, Any], shape: type[T]) -> T:
        """Set values of a known object. They are absolute, so the request is safe to repeat."""
        return _accepted(await self._reply("PATCH", path, body=body, repeatable=True)).decode(shape)

    async def create(self, path: str, body: Mapping[str, Any], shape: type[T]) -> T:
        """Make something new, sending once. Raises `RetryLater` with an unknown fate where it may exist now."""
        return _accepted(await self._reply("POST", path, body=body, repeatable=False)).decode(shape)

    async def create_page(self, body: Mapping[str, Any]) -> str:
        """Make a row and give its id; like `create`.

        Notion may answer 503 although it saved the row, and then names it:
        https://developers.notion.com/reference/status-codes.
        """
        reply = await self._reply("POST", "/pages", body=body, repeatable=False)
        if reply.status == 503:
            saved = _failure(reply).additional_data.committed_resource_id
            if saved is not None:
                return saved
        return _accepted(reply).decode(wire.Reference).id

    async def listed(
        self, path: str, shape: type[wire.Listing[T]], *, body: Mapping[str, Any] | None = None
    ) -> AsyncIterator[T]:
        """Read a list to its end: by GET, or by POST where there is a `body`."""
        cursor: str | None = None
        while True:
            if body is None:
                params = [("page_size", str(PAGE_SIZE)), *([("start_cursor", cursor)] if cursor else [])]
                page = await self.get(path, shape, params=params)
            else:
                page = await self.ask(path, {**body, **paging(cursor)}, shape)
            for one in page.results:
                yield one
            cursor = page.next_cursor
            if not page.has_more or cursor is None:
                return

    async def _reply(
        self, method: str, path: str, *, body: Mapping[str, Any] | None = None, params: Params = (), repeatable: bool
    ) -> Reply:
        conflicts = 0
        while True:
            settings = self.settings
            reply = await self._send(method, path, body, params, repeatable, settings)
            if reply.status == 401 and settings.refresh_token is not None:
                await self._rotate(settings)
                reply = await self._send(method, path, body, params, repeatable, self.settings)
            if reply.status != 409 or _failure(reply).code != "conflict_error" or conflicts == _CONFLICTS:
                return reply
            conflicts += 1
            await asyncio.sleep(backoff(conflicts))

    async def _send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        params: Params,
        repeatable: bool,
        settings: NotionSettings,
    ) -> Reply:
        return await self._access.http.send(
            method,
            f"{self.app.url}/v1{path}",
            json=body,
            params=params,
            headers={
                "authorization": f"Bearer {settings.token.get_secret_value()}",
                "notion-version": oauth.VERSION,
            },
            spend=[self._budget],
            repeatable=repeatable,
            hopeless=_is_blocked,
        )

    async def _rotate(self, refused: NotionSettings) -> None:
        async with self._rotation:
            if self.settings is not refused:
                return  # another request has rotated them meanwhile
            async with self._access.renewing() as stored:
                if isinstance(stored, NotionSettings) and stored.token != refused.token:
                    self.settings = stored  # another sync, or a page, has rotated them
                    return
                renewed = await oauth.refresh(self._access.http, self.app, refused)
                # Saved before use: the old refresh token is dead, and a crash in between would lock the user out.
                await self._access.save(renewed)
                self.settings = renewed


def paging(cursor: str | None) -> dict[str, Any]:
    """Give the part of a body that asks for one page of a list."""
    return {"page_size": PAGE_SIZE} | ({"start_cursor": cursor} if cursor else {})


def _failure(reply: Reply) -> wire.Failure:
    try:
        return msgspec.json.decode(reply.body, type=wire.Failure)
    except msgspec.DecodeError:
        return wire.Failure()  # a web page, or half a body


def _is_blocked(reply: Reply) -> bool:
    return _failure(reply).additional_data.rate_limit_reason == "public_api_request_blocked"


def _accepted(reply: Reply) -> Reply:
    if reply.ok:
        return reply
    failure = _failure(reply)
    if reply.status == 401:
        raise refusals.token_refused()
    if reply.status == 403:
        raise refusals.capability_missing()
    if reply.status == 429:
        raise refusals.access_blocked()
    if failure.code == "row_limit_exceeded":
        raise refusals.rows_exhausted()
    if reply.status == 409:
        raise RetryLater("Notion is busy with another change to the same table.", after=10)
    if reply.status >= 500:
        raise RetryLater(f"Notion could not answer (status {reply.status}).", after=10, fate_unknown=True)
    raise Refused(reply.status, failure.code, failure.message)
