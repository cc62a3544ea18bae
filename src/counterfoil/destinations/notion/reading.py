"""Reads a whole table, in windows of the 10,000 rows that one query gives."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from counterfoil.destinations.notion import cells, refusals, wire
from counterfoil.destinations.notion.client import Client, paging
from counterfoil.ports import Cell, RemoteRow, TableMapping


async def read_rows(client: Client, table: TableMapping) -> AsyncIterator[RemoteRow]:
    """Give every row, oldest first.

    Where the rows of a query are used up, the next one begins at the creation time of the last row. That time is told
    in whole minutes, so a window repeats the rows of its first minute, which are dropped by their ids. Raises `Refused`
    where the table or a column that is asked for is not there.
    """
    only = [("filter_properties", field.field_id) for field in (table.key_field, *table.fields)]
    path = f"/data_sources/{table.table_id}/query"
    since, newest = "", ""
    given: set[str] = set()  # ids of the rows of the minute `newest`
    cursor: str | None = None
    while True:
        listing = await client.ask(path, _window(since, cursor), wire.Listing[wire.Page], params=only)
        for page in listing.results:
            if page.created_time > newest:
                newest, given = page.created_time, set()
            if page.id not in given and not page.in_trash:
                given.add(page.id)
                yield remote_row(page, table)
        cursor = listing.next_cursor
        if listing.has_more and cursor is not None:
            continue
        if listing.request_status.type != "incomplete":
            return
        if newest == since:
            raise refusals.too_many_in_a_minute(table.label)
        since, cursor = newest, None


def _window(since: str, cursor: str | None) -> dict[str, Any]:
    body: dict[str, Any] = {"sorts": [{"timestamp": "created_time", "direction": "ascending"}], **paging(cursor)}
    if since:
        body["filter"] = {"timestamp": "created_time", "created_time": {"on_or_after": since}}
    return body


def remote_row(page: wire.Page, table: TableMapping) -> RemoteRow:
    """Give a page as a row of the mapped table. Pure."""
    values = {value.id: value for value in page.properties.values()}
    found: Mapping[str, Cell] = {
        field.column: cells.read(values[field.field_id], field.kind)
        for field in table.fields
        if field.field_id in values
    }
    key = values.get(table.key_field.field_id)
    return RemoteRow(wire.plain(key.rich_text or key.title) if key else None, page.id, found)
