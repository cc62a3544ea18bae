"""Lists in pages: limits clamped, opaque tokens, and row changes since a sync token."""

import base64
import bisect
import itertools
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final
from urllib.parse import quote

import msgspec

from counterfoil.destinations.coda.sandbox.doc import Column, Doc, Row, Snapshot, Table
from counterfoil.destinations.coda.sandbox.gate import Caller
from counterfoil.destinations.coda.sandbox.values import filter_text, matching_form
from counterfoil.destinations.coda.sandbox.vendor import refusal

_DEFAULT_LIMIT: Final = 25
_LIST_LIMIT: Final = 100  # docs, tables and columns
FORMATS: Final = ("simple", "simpleWithArrays", "rich")
_SORTS: Final = ("", "createdAt", "updatedAt", "natural")


class ListToken(msgspec.Struct, frozen=True):
    """Where the next page of a list begins."""

    path: str
    start: int
    limit: int


class RowsToken(msgspec.Struct, frozen=True):
    """Everything that the first call asked for, and where the next page begins.

    The same shape serves as the sync token: `since` is then the version that the list showed.
    """

    table: str
    limit: int
    how: str
    names: bool
    query: str
    sort: str
    version: int  # of the doc when the list began
    since: int | None = None
    place: int = 0  # rows: the place of the last one given; changes and sorted lists: how many were given


def _seal(token: ListToken | RowsToken) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(token)).decode().rstrip("=")


def _open(text: str, shape: type[ListToken] | type[RowsToken], what: str) -> Any:
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=shape)
    except (msgspec.DecodeError, ValueError) as error:
        raise refusal(400, f"Invalid {what}.") from error


def _limit(caller: Caller, most: int) -> int:
    text = caller.query("limit", str(_DEFAULT_LIMIT))
    if not text.isdigit() or int(text) < 1:
        raise refusal(400, "limit: expected a positive integer.")
    return min(int(text), most)


def page(caller: Caller, entries: list[Any]) -> dict[str, Any]:
    """Give one page of a short list."""
    path = caller.request.url.path
    start, limit = 0, 0
    if text := caller.query("pageToken"):
        token: ListToken = _open(text, ListToken, "page token")
        if token.path != path:
            raise refusal(400, "Invalid page token.")
        start, limit = token.start, token.limit
    else:
        limit = _limit(caller, _LIST_LIMIT)
    body: dict[str, Any] = {"items": entries[start : start + limit], "href": str(caller.request.url)}
    if start + limit < len(entries):
        _link(caller, body, _seal(ListToken(path, start + limit, limit)))
    return body


def _link(caller: Caller, body: dict[str, Any], token: str) -> None:
    body["nextPageToken"] = token
    body["nextPageLink"] = f"{str(caller.request.url).partition('?')[0]}?pageToken={quote(token)}"


async def rows(caller: Caller) -> dict[str, Any]:
    """Answer GET rows."""
    doc = caller.doc()
    table = caller.table(doc)
    snapshot = fresh(caller, table)
    token = _rows_token(caller, table, doc.version if snapshot.version is None else snapshot.version)
    found = list(itertools.islice(_wanted(base(doc, table), snapshot, token), token.limit + 1))
    more, shown = len(found) > token.limit, found[: token.limit]
    namer = lambda target: caller.vendor.name_of(doc, target)  # noqa: E731  # a closure over this doc
    body: dict[str, Any] = {
        "items": [
            caller.shapes.row(doc, table, row, how=token.how, names=token.names, name_of=namer) for _, row in shown
        ],
        "href": str(caller.request.url),
        "nextSyncToken": _seal(msgspec.structs.replace(token, since=token.version, place=0)),
    }
    if more:
        _link(caller, body, _seal(msgspec.structs.replace(token, place=shown[-1][0])))
    return body


def base(doc: Doc, table: Table) -> Table:
    """Give the table that holds the rows of a table or view."""
    found = doc.table(table.parent) if table.parent else table
    assert found is not None
    return found


def fresh(caller: Caller, table: Table) -> Snapshot:
    """Give the snapshot that the API reads; where `latest` is demanded and it is behind, refuse."""
    snapshot = base(caller.doc(), table).snapshot(caller.vendor.clock.now())
    if caller.request.headers.get("x-coda-doc-version") == "latest" and snapshot.version is not None:
        raise refusal(400, "The API's view of this doc is not up to date.")
    return snapshot


def _rows_token(caller: Caller, table: Table, version: int) -> RowsToken:
    """Read what is asked for: a page token says everything, a sync token all but the limit."""
    if text := caller.query("pageToken"):
        token: RowsToken = _open(text, RowsToken, "page token")
        if token.table != table.id:
            raise refusal(400, "Invalid page token.")
        return token
    limit = _limit(caller, caller.vendor.page_limit)
    if text := caller.query("syncToken"):
        before: RowsToken = _open(text, RowsToken, "sync token")
        if before.table != table.id or before.since is None:
            raise refusal(400, "Invalid sync token.")
        return msgspec.structs.replace(before, version=version, limit=limit)
    how, sort = caller.query("valueFormat", "simple"), caller.query("sortBy")
    if how not in FORMATS or sort not in _SORTS:
        raise refusal(400, "Invalid valueFormat or sortBy.")
    if sort == "natural" and caller.query("visibleOnly") == "false":
        raise refusal(400, "sortBy=natural implies visibleOnly.")
    return RowsToken(table.id, limit, how, caller.flag("useColumnNames"), caller.query("query"), sort, version)


def _wanted(table: Table, snapshot: Snapshot, token: RowsToken) -> Iterator[tuple[int, Row]]:
    """Give (where to go on after it, row) for what is asked and not given yet."""
    keep = _filter(table, token.query)
    if token.since is not None:
        # Deleted rows are not told of: a change of a row that is gone leads nowhere.
        start = bisect.bisect_right(table.changes, (token.since, "~"))
        stop = bisect.bisect_right(table.changes, (token.version, "~"))
        last = {row_id: None for _, row_id in table.changes[start:stop]}
        listed = [snapshot.rows[row_id] for row_id in last if row_id in snapshot.rows]
    elif token.sort == "updatedAt":
        listed = sorted(snapshot.rows.values(), key=lambda row: row.updated)
    elif token.sort == "natural" and table.natural is not None:
        known = set(table.natural)
        listed = [snapshot.rows[row_id] for row_id in table.natural if row_id in snapshot.rows]
        listed += [row for row in snapshot.rows.values() if row.id not in known]
    else:
        yield from ((row.place, row) for row in snapshot.after(token.place) if keep(row))
        return
    chosen = [row for row in listed if keep(row)]
    yield from ((place, row) for place, row in enumerate(chosen, 1) if place > token.place)


def _filter(table: Table, query: str) -> Any:
    if not query:
        return lambda row: True
    column, value = _read_query(table, query)
    wanted = matching_form(value)
    return lambda row: filter_text(row.cells.get(column.id)) == wanted


def _read_query(table: Table, query: str) -> tuple[Column, Any]:
    """Read `c-id:json` or `"name":json`."""
    try:
        if query.startswith('"'):
            end = query.index('":', 1)
            name, text = msgspec.json.decode(query[: end + 1], type=str), query[end + 2 :]
        else:
            name, _, text = query.partition(":")
        value = msgspec.json.Decoder(float_hook=Decimal).decode(text)
    except (ValueError, msgspec.DecodeError) as error:
        raise refusal(400, "Invalid query.") from error
    column = table.column(name)
    if column is None:
        raise refusal(400, "The query names a column that does not exist.")
    return column, value
