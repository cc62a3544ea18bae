"""The calls of Coda's API that we make: each under its rate class, its refusals named by what must happen next."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar
from urllib.parse import quote

import msgspec

from counterfoil.destinations.coda import wire
from counterfoil.destinations.coda.settings import CodaApp
from counterfoil.errors import ActionRequired, RetryLater
from counterfoil.lib.budget import Budget
from counterfoil.lib.http import Http, Reply
from counterfoil.lib.secrets import fingerprint

T = TypeVar("T")

PAGE: Final = 500  # rows per page; a larger wish is clamped silently, and so is this one if Coda so decides
_LIST_PAGE: Final = 100  # tables and columns
# Published: 100 reads, 10 writes per 6 s and user. Deletions are not named; they count as writes here. Others who
# counted from request to request have been refused at that pace: our windows count from the reply, where that is later
# (https://coda.io/developers/apis/v1, Rate Limiting).
_WINDOW: Final = 6.0
_BACK_OFF: Final = 6.0  # seconds after a 429 that names none: the vendor's own window
_LAST_LOOK: Final = 4.0  # seconds between two looks at an edit that takes long
_TOKEN_REMEDY: Final = "Make a new token at coda.io/account (API settings) and enter it for this destination."  # noqa: S105


@dataclass(frozen=True, slots=True)
class Refused:
    """Coda will not take this body; nothing of it was done."""

    status: int
    message: str


class CodaClient:
    """Calls for one token and one doc."""

    def __init__(self, http: Http, app: CodaApp, token: str, doc: str) -> None:
        self._http, self._app = http, app
        self._api = f"{app.url.rstrip('/')}/apis/v1"
        self._headers = {"authorization": f"Bearer {token}"}
        name = fingerprint(token)
        self._reads = Budget(f"coda:{name}:read", 100, _WINDOW)
        self._writes = Budget(f"coda:{name}:write", 10, _WINDOW)
        self._place = doc
        self._doc_id = None if "://" in doc else doc

    # --- who and where ---

    async def whoami(self) -> wire.User:
        """Give the token's user. Works with every token that is valid."""
        return await self._get("/whoami", wire.User)

    async def doc(self) -> wire.Doc:
        """Give the doc."""
        return await self._get(await self._doc(), wire.Doc)

    async def copy_doc(self, source: str, title: str) -> wire.Doc:
        """Make a new doc as a copy of another, and wait until its tables are there.

        Raises `RetryLater` with an unknown fate where the reply was lost: the copy may exist.
        """
        queued = await self._write("POST", "/docs", wire.DocCreate(title, source), wire.Doc)
        if isinstance(queued, Refused):
            raise ActionRequired(
                "template_unknown",
                "Coda could not copy the template doc.",
                remedy="Check that the template doc exists and is shared with you, or copy it by hand in Coda.",
            )
        if queued.request_id:
            await self.carried_out(queued.request_id)
        return queued

    async def _doc(self) -> str:
        if self._doc_id is None:
            link = await self._get("/resolveBrowserLink", wire.ApiLink, {"url": self._place})
            self._doc_id = link.resource.href.partition("/docs/")[2].partition("/")[0] or link.resource.id
        return f"/docs/{quote(self._doc_id, safe='')}"

    # --- tables ---

    async def tables(self) -> list[wire.TableReference]:
        """Give the doc's base tables; views are left out, since rows cannot be added to them."""
        path = f"{await self._doc()}/tables"
        return await self._all(path, wire.Page[wire.TableReference], {"tableTypes": "table"})

    async def columns(self, table_id: str) -> list[wire.Column]:
        """Give a table's columns."""
        return await self._all(f"{await self._table(table_id)}/columns", wire.Page[wire.Column], {})

    async def row_count(self, table_id: str) -> int:
        """Give the number of a table's rows."""
        return (await self._get(await self._table(table_id), wire.Table)).row_count

    async def _table(self, table_id: str) -> str:
        return f"{await self._doc()}/tables/{quote(table_id, safe='')}"

    async def _all(self, path: str, shape: type[wire.Page[T]], params: Mapping[str, str]) -> list[T]:
        found: list[T] = []
        params = {**params, "limit": str(_LIST_PAGE)}
        while True:
            page = await self._get(path, shape, params)
            found += page.items
            if page.next_page_token is None:
                return found
            params = {"pageToken": page.next_page_token}

    # --- rows ---

    async def row(self, table_id: str, row_id: str) -> wire.Row | None:
        """Give a row as it is now, None where it is gone."""
        path = f"{await self._table(table_id)}/rows/{quote(row_id, safe='')}"
        reply = await self._read(path, {"valueFormat": "simple"}, fresh=True, absent=True)
        if reply.status == 404:
            return None
        row = reply.decode(wire.Row)
        return row if row.id == row_id else None  # the path takes names too

    async def rows(
        self, table_id: str, *, value_format: str = "simple", since: str | None = None
    ) -> AsyncIterator[wire.Page[wire.Row]]:
        """Give the pages of a table as it is now; with a sync token, only the rows that changed since it was given."""
        params = {"syncToken": since} if since else {"valueFormat": value_format}
        params["limit"] = str(PAGE)
        path = f"{await self._table(table_id)}/rows"
        fresh = True  # the following pages belong to the first one's snapshot
        while True:
            page = (await self._read(path, params, fresh=fresh)).decode(wire.Page[wire.Row])
            yield page
            if page.next_page_token is None:
                return
            params, fresh = {"pageToken": page.next_page_token}, False

    async def rows_with(self, table_id: str, column_id: str, value: str) -> list[wire.Row]:
        """Give the rows whose column holds this text."""
        path = f"{await self._table(table_id)}/rows"
        query = f"{column_id}:{json.dumps(value, ensure_ascii=False)}"
        params = {"query": query, "valueFormat": "simple", "limit": "25"}
        return (await self._read(path, params, fresh=True)).decode(wire.Page[wire.Row]).items

    async def sync_token(self, table_id: str) -> str | None:
        """Give a token with which the rows that change from now on can be read."""
        path = f"{await self._table(table_id)}/rows"
        reply = await self._read(path, {"valueFormat": "simple", "limit": "1"}, fresh=True)
        return reply.decode(wire.Page[wire.Row]).next_sync_token

    # --- edits ---

    async def upsert(
        self, table_id: str, key_column: str, rows: tuple[wire.RowEdit, ...], *, parsing: bool
    ) -> wire.Queued | Refused:
        """Update the rows whose key is there, insert the others."""
        path = f"{await self._table(table_id)}/rows"
        return await self._write("POST", path, wire.RowsUpsert(rows, (key_column,)), wire.Queued, parsing=parsing)

    async def update(
        self, table_id: str, row_id: str, row: wire.RowEdit, *, parsing: bool
    ) -> wire.Queued | Refused | None:
        """Change cells of one row; None where it is gone."""
        path = f"{await self._table(table_id)}/rows/{quote(row_id, safe='')}"
        queued = await self._write("PUT", path, wire.RowUpdate(row), wire.Queued, parsing=parsing, absent=True)
        return None if isinstance(queued, Refused) and queued.status == 404 else queued

    async def delete(self, table_id: str, row_ids: tuple[str, ...]) -> wire.Queued | Refused:
        """Remove rows; those that are gone already do not disturb."""
        return await self._write("DELETE", f"{await self._table(table_id)}/rows", wire.RowsDelete(row_ids), wire.Queued)

    async def carried_out(self, request_id: str) -> None:
        """Wait until a queued edit has been carried out.

        Raises `RetryLater` with an unknown fate where that takes longer than our patience: Coda has no word for an edit
        that failed, it just never completes. An edit that Coda has forgotten was carried out before.
        """
        pause, waited = self._app.first_look, 0.0
        while True:
            await asyncio.sleep(pause)
            waited += pause
            reply = await self._read(f"/mutationStatus/{quote(request_id, safe='')}", {}, absent=True)
            if reply.status == 404 or reply.decode(wire.MutationStatus).completed:
                return
            if waited >= self._app.patience:
                raise RetryLater("Coda has not carried out an edit yet.", after=self._app.settle, fate_unknown=True)
            pause = min(pause * 2, _LAST_LOOK)

    # --- the two doors ---

    async def _get(self, path: str, shape: type[T], params: Mapping[str, str] | None = None) -> T:
        return (await self._read(path, params or {})).decode(shape)

    async def _read(self, path: str, params: Mapping[str, str], *, fresh: bool = False, absent: bool = False) -> Reply:
        """Read; `fresh` demands the latest state of the doc, `absent` lets a 404 pass."""
        headers = {**self._headers, "x-coda-doc-version": "latest"} if fresh else self._headers
        pause, waited = self._app.first_look, 0.0
        while True:
            reply = await self._http.send(
                "GET",
                self._api + path,
                params=params,
                headers=headers,
                spend=(self._reads,),
                pause_on_429=_BACK_OFF,
            )
            if reply.ok or (absent and reply.status == 404):
                return reply
            if not (fresh and reply.status == 400):
                raise _refused(reply, path)
            # The 400 by which Coda says that its view of the doc is behind (section "Consistency" of its reference).
            if waited >= self._app.patience:
                raise RetryLater("Coda's view of the doc is not up to date.", after=self._app.settle)
            await asyncio.sleep(pause)
            waited += pause
            pause = min(pause * 2, _LAST_LOOK)

    async def _write(
        self,
        method: str,
        path: str,
        body: msgspec.Struct,
        shape: type[T],
        *,
        parsing: bool = True,
        absent: bool = False,
    ) -> T | Refused:
        reply = await self._http.send(
            method,
            self._api + path,
            json=body,
            params={} if parsing else {"disableParsing": "true"},
            headers=self._headers,
            spend=(self._writes,),
            pause_on_429=_BACK_OFF,
        )
        if reply.status in (201, 202):
            return reply.decode(shape)
        if reply.status in (400, 413, 422) or (absent and reply.status == 404):
            return Refused(reply.status, _message(reply))
        if reply.ok:
            raise RetryLater("Coda answered an edit without saying what became of it.", after=5, fate_unknown=True)
        raise _refused(reply, path)


def _message(reply: Reply) -> str:
    try:
        return msgspec.json.decode(reply.body, type=wire.Problem).message[:200]
    except msgspec.DecodeError:
        return ""


def _refused(reply: Reply, path: str) -> RetryLater | ActionRequired:
    """Give the error that says what a refusal means."""
    if reply.status >= 500:
        return RetryLater(f"Coda is out of order (status {reply.status}).", after=10, fate_unknown=True)
    if reply.status == 401:
        return ActionRequired("token_refused", "Coda does not accept the token any more.", remedy=_TOKEN_REMEDY)
    if reply.status == 403:
        return ActionRequired(
            "place_forbidden",
            "Coda does not let this token use the doc.",
            remedy="Share the doc with the token's user as editor, and use a token that may read and write it.",
        )
    if reply.status == 410:
        return ActionRequired("place_deleted", "The doc was deleted.", remedy="Restore it in Coda, or choose another.")
    if reply.status == 404 and "/tables/" in path:
        return ActionRequired(
            "table_missing",
            "A table is not in the doc any more.",
            remedy="Restore it from the doc's version history, or choose another table in the mapping.",
        )
    if reply.status == 404:
        return ActionRequired(
            "place_unknown",
            "Coda knows no such doc.",
            remedy="Paste the doc's link as the browser shows it, and share the doc with the token's user.",
        )
    return ActionRequired(
        "request_refused",
        f"Coda refused a request (status {reply.status}).",
        remedy="Update Counterfoil; if it stays, report it with this status.",
    )
