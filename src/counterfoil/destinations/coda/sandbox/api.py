"""The endpoints of the emulator; see https://coda.io/developers/apis/v1."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final
from urllib.parse import unquote

import msgspec
from starlette.routing import BaseRoute

from counterfoil.destinations.coda.sandbox.doc import Column, Doc, Table
from counterfoil.destinations.coda.sandbox.gate import Caller, Gate
from counterfoil.destinations.coda.sandbox.listing import FORMATS, base, fresh, page, rows
from counterfoil.destinations.coda.sandbox.values import Cell
from counterfoil.destinations.coda.sandbox.vendor import refusal

_ROW_LIMIT: Final = 85_000  # bytes of one row
_BODY_LIMIT: Final = 2_000_000  # nothing is documented; above what everyone was seen to send


class _CellEdit(msgspec.Struct, frozen=True):
    column: str
    value: Any


class _RowEdit(msgspec.Struct, frozen=True):
    cells: list[_CellEdit]


class _RowsUpsert(msgspec.Struct, frozen=True):
    rows: list[_RowEdit]
    key_columns: list[str] = msgspec.field(name="keyColumns", default_factory=list)


class _RowUpdate(msgspec.Struct, frozen=True):
    row: _RowEdit


class _RowsDelete(msgspec.Struct, frozen=True):
    row_ids: list[str] = msgspec.field(name="rowIds")


class _DocCreate(msgspec.Struct, frozen=True):
    title: str = "Untitled"
    source_doc: str | None = msgspec.field(name="sourceDoc", default=None)


def routes(gate: Gate) -> Sequence[BaseRoute]:
    """Give the routes."""
    doc, table = "/docs/{doc}", "/docs/{doc}/tables/{table}"
    return [
        gate.route("GET", "/whoami", _whoami, kind="read"),
        gate.route("GET", "/resolveBrowserLink", _resolve, kind="read"),
        gate.route("GET", "/docs", _list_docs, kind="list docs"),
        gate.route("POST", "/docs", _create_doc, kind="write", status=201),
        gate.route("GET", doc, _get_doc, kind="read"),
        gate.route("GET", doc + "/tables", _list_tables, kind="read"),
        gate.route("GET", table, _get_table, kind="read"),
        gate.route("GET", table + "/columns", _list_columns, kind="read"),
        gate.route("GET", table + "/rows", rows, kind="read"),
        gate.route("POST", table + "/rows", _upsert, kind="write", status=202),
        gate.route("DELETE", table + "/rows", _delete_rows, kind="write", status=202),
        gate.route("GET", table + "/rows/{row}", _get_row, kind="read"),
        gate.route("PUT", table + "/rows/{row}", _update_row, kind="write", status=202),
        gate.route("DELETE", table + "/rows/{row}", _delete_row, kind="write", status=202),
        gate.route("GET", "/mutationStatus/{request_id}", _status, kind="read"),
    ]


async def _decoded(caller: Caller, shape: type[Any]) -> Any:
    body = await caller.body()
    if len(body) > _BODY_LIMIT:
        raise refusal(413, "request entity too large")
    try:
        return msgspec.json.Decoder(shape, float_hook=Decimal).decode(body)
    except msgspec.DecodeError as error:
        raise refusal(400, f"Invalid body: {error}") from error


# --- who and where ---


async def _whoami(caller: Caller) -> Any:
    scoped = caller.token.doc is not None or caller.token.access != "both"
    return caller.shapes.user(caller.token.user, scoped=scoped)


async def _resolve(caller: Caller) -> Any:
    url = unquote(caller.query("url"))
    found = re.search(r"_d([\w-]+?)(?:[/#?].*)?$", url)
    doc = caller.vendor.docs.get(found[1]) if found else None
    if doc is None or not doc.shared:
        raise refusal(404, "Could not resolve the link.")
    href = f"{caller.shapes.base}/docs/{doc.id}"
    return {
        "type": "apiLink",
        "href": str(caller.request.url),
        "browserLink": f"https://coda.io/d/_d{doc.id}",
        "resource": {"type": "doc", "id": doc.id, "name": doc.name, "href": href},
    }


async def _list_docs(caller: Caller) -> Any:
    if caller.token.doc is not None:
        raise refusal(403, "This API token is restricted to one doc.")
    wanted = caller.query("query").lower()
    docs = [doc for doc in caller.vendor.docs.values() if doc.shared and not doc.deleted and wanted in doc.name.lower()]
    return page(caller, [caller.shapes.doc(doc, caller.token.user) for doc in docs])


async def _get_doc(caller: Caller) -> Any:
    return caller.shapes.doc(caller.doc(), caller.token.user)


async def _create_doc(caller: Caller) -> Any:
    asked: _DocCreate = await _decoded(caller, _DocCreate)
    vendor = caller.vendor
    if caller.token.doc is not None:
        raise refusal(403, "This API token is restricted to one doc.")
    source = Doc("", asked.title, vendor.clock.now(), [])
    if asked.source_doc is not None:
        known = vendor.docs.get(asked.source_doc)
        if known is None or known.deleted:
            raise refusal(400, "Could not find the source doc.")
        source = known
    doc = vendor.copy(source, asked.title, filled_at=vendor.clock.now() + vendor.pace.delay)
    doc.source = asked.source_doc
    request_id = vendor.enqueue(lambda: None)
    return caller.shapes.doc(doc, caller.token.user) | {"requestId": request_id}


# --- tables and columns ---


async def _list_tables(caller: Caller) -> Any:
    doc = caller.doc()
    wanted = caller.query("tableTypes", "table,view").split(",")
    tables = doc.tables if caller.filled(doc) else []
    chosen = [one for one in tables if ("view" if one.parent else "table") in wanted]
    return page(caller, [caller.shapes.table_reference(doc, one) for one in chosen])


async def _get_table(caller: Caller) -> Any:
    doc = caller.doc()
    table = caller.table(doc)
    return caller.shapes.table(doc, table, len(fresh(caller, table).rows))


async def _list_columns(caller: Caller) -> Any:
    doc = caller.doc()
    table = caller.table(doc)
    return page(caller, [caller.shapes.column(doc, table, column) for column in table.columns])


# --- rows ---


async def _get_row(caller: Caller) -> Any:
    doc = caller.doc()
    table = caller.table(doc)
    how = caller.query("valueFormat", "simple")
    row = fresh(caller, table).rows.get(str(caller.request.path_params["row"]))
    if row is None or how not in FORMATS:
        raise refusal(404, "Could not find the specified row.")
    names, vendor = caller.flag("useColumnNames"), caller.vendor
    body = caller.shapes.row(doc, table, row, how=how, names=names, name_of=lambda target: vendor.name_of(doc, target))
    return body | {"parent": caller.shapes.table_reference(doc, table)}


def _columns(table: Table) -> dict[str, Column]:
    return {column.name: column for column in table.columns} | {column.id: column for column in table.columns}


def _cells(caller: Caller, doc: Doc, columns: Mapping[str, Column], edit: _RowEdit, path: str) -> dict[str, Cell]:
    parsing = not caller.flag("disableParsing")
    cells: dict[str, Cell] = {}
    size = 0
    for place, one in enumerate(edit.cells):
        at = f"{path}.cells[{place}]"
        column = columns.get(one.column)
        if column is None:
            raise refusal(400, f"{at}: column {one.column} does not exist.")
        if column.calculated:
            raise refusal(400, f"{at}: column {one.column} is calculated.")
        if one.value is None or isinstance(one.value, dict):
            raise refusal(400, f"{at}: expected a scalar or an array.")
        size += len(one.value.encode()) if isinstance(one.value, str) else 8
        cells[column.id] = caller.vendor.take(doc, column, one.value, parsing=parsing)
    if size > _ROW_LIMIT:
        raise refusal(400, f"{path}: the row is too large.")
    return cells


async def _upsert(caller: Caller) -> Any:
    doc = caller.doc()
    table = caller.table(doc)
    if table.parent:
        raise refusal(400, "Rows can only be inserted into base tables, not views.")
    asked: _RowsUpsert = await _decoded(caller, _RowsUpsert)
    keys = [table.column(name) for name in asked.key_columns]
    if None in keys:
        raise refusal(400, "keyColumns: a column does not exist.")
    columns = _columns(table)
    edits = [_cells(caller, doc, columns, row, f"rows[{place}]") for place, row in enumerate(asked.rows)]
    vendor = caller.vendor
    # What matches is settled now and carried out later: two upserts of one new key in the queue make two rows.
    plan: list[tuple[list[str], str, dict[str, Cell]]] = []
    for cells in edits:
        matches = _matches(table, [key.id for key in keys if key], cells) if keys else []
        plan.append((matches, "" if matches else vendor.ids.new("i-"), cells))

    def apply() -> None:
        for matches, new_id, cells in plan:
            for row_id in matches:
                vendor.edit_row(doc, table, row_id, cells)
            if new_id:
                vendor.place_row(doc, table, cells, new_id)

    body: dict[str, Any] = {"requestId": vendor.enqueue(apply)}
    if not keys:
        body["addedRowIds"] = [new_id for _, new_id, _ in plan]
    return body


def _matches(table: Table, keys: list[str], cells: dict[str, Cell]) -> list[str]:
    found = [set(table.with_value(key, cells.get(key))) for key in keys]
    return sorted(set.intersection(*found), key=lambda row_id: table.rows[row_id].place)


async def _update_row(caller: Caller) -> Any:
    doc = caller.doc()
    table, row_id = base(doc, caller.table(doc)), str(caller.request.path_params["row"])
    if row_id not in table.rows:
        raise refusal(404, "Could not find the specified row.")
    asked: _RowUpdate = await _decoded(caller, _RowUpdate)
    cells = _cells(caller, doc, _columns(table), asked.row, "row")
    return {"requestId": caller.vendor.enqueue(lambda: caller.vendor.edit_row(doc, table, row_id, cells)), "id": row_id}


async def _delete_rows(caller: Caller) -> Any:
    doc = caller.doc()
    table = base(doc, caller.table(doc))
    asked: _RowsDelete = await _decoded(caller, _RowsDelete)
    return {"requestId": _enqueue_deletion(caller, doc, table, asked.row_ids), "rowIds": asked.row_ids}


async def _delete_row(caller: Caller) -> Any:
    doc = caller.doc()
    table, row_id = base(doc, caller.table(doc)), str(caller.request.path_params["row"])
    if row_id not in table.rows:
        raise refusal(404, "Could not find the specified row.")
    return {"requestId": _enqueue_deletion(caller, doc, table, [row_id]), "id": row_id}


def _enqueue_deletion(caller: Caller, doc: Doc, table: Table, row_ids: list[str]) -> str:
    def apply() -> None:
        for row_id in row_ids:
            caller.vendor.drop_row(doc, table, row_id)

    return caller.vendor.enqueue(apply)


async def _status(caller: Caller) -> Any:
    completed = caller.vendor.completed(str(caller.request.path_params["request_id"]))
    if completed is None:
        raise refusal(404, "Could not find the specified mutation.")
    return {"completed": completed}
