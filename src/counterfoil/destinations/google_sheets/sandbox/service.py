"""The emulator's HTTP side: routes, sign-in, quotas."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from counterfoil.destinations.google_sheets.sandbox import drive, masks, values, wire
from counterfoil.destinations.google_sheets.sandbox.edits import apply_batch
from counterfoil.destinations.google_sheets.sandbox.errors import invalid, quota_exceeded, refusal
from counterfoil.destinations.google_sheets.sandbox.grid import Book
from counterfoil.destinations.google_sheets.sandbox.oauth import Caller
from counterfoil.destinations.google_sheets.sandbox.ranges import Area, filter_areas, find_marks, parse_a1
from counterfoil.destinations.google_sheets.sandbox.render import book_json, metadata_json
from counterfoil.destinations.google_sheets.sandbox.state import State
from counterfoil.sandbox.consent import ask
from counterfoil.sandbox.kit import Json
from counterfoil.sandbox.limits import Limits

PER_USER: Final = 60  # calls a minute, reads and writes apart
PER_PROJECT: Final = 300
_WITHOUT_CELLS: Final = (
    "spreadsheetId,properties,spreadsheetUrl,developerMetadata,sheets(properties,developerMetadata,protectedRanges)"
)
_BODIES: Final = {  # the schema of the reply -> the schema of the body
    "AppendValuesResponse": "ValueRange",
    "BatchClearValuesResponse": "BatchClearValuesRequest",
    "BatchGetValuesByDataFilterResponse": "BatchGetValuesByDataFilterRequest",
    "BatchUpdateSpreadsheetResponse": "BatchUpdateSpreadsheetRequest",
    "BatchUpdateValuesByDataFilterResponse": "BatchUpdateValuesByDataFilterRequest",
    "BatchUpdateValuesResponse": "BatchUpdateValuesRequest",
    "ClearValuesResponse": "ClearValuesRequest",
    "SearchDeveloperMetadataResponse": "SearchDeveloperMetadataRequest",
    "Spreadsheet": "GetSpreadsheetByDataFilterRequest",
    "UpdateValuesResponse": "ValueRange",
}
_WITH_CELLS: Final = _WITHOUT_CELLS.replace("sheets(", "sheets(data,")


@dataclass(frozen=True, slots=True)
class Asked:
    """A call that was let in: who asks, which spreadsheet, with which body."""

    caller: Caller
    book: Book
    request: Request
    body: bytes

    def query(self, name: str, default: str) -> str:
        return self.request.query_params.get(name, default)

    @property
    def mask(self) -> masks.Mask | None:
        text = self.request.query_params.get("fields")
        return masks.parse(text) if text else None


class Service:
    """Answers for Sheets, Drive and the token endpoint."""

    def __init__(self, state: State, limits: Limits) -> None:
        self._state = state
        self._limits = limits

    def routes(self) -> Sequence[Route]:
        """Give all routes; Google keeps them on several hosts, here they are on one."""
        book = "/v4/spreadsheets/{book}"
        return [
            Route("/token", self._token, methods=["POST"]),
            Route("/o/oauth2/v2/auth", self._consent, methods=["GET", "POST"]),
            Route("/revoke", self._revoke, methods=["POST"]),
            Route("/drive/v3/about", self._drive(drive.about), methods=["GET"]),
            Route("/drive/v3/files", self._drive(drive.list_files), methods=["GET"]),
            Route("/drive/v3/files", self._create_file, methods=["POST"]),
            Route("/drive/v3/files/{file}", self._drive(drive.get_file), methods=["GET"]),
            Route("/v4/spreadsheets", self._create, methods=["POST"]),
            self._route("GET", f"{book}/values:batchGet", _batch_get, "Read", "BatchGetValuesResponse"),
            self._route("GET", f"{book}/developerMetadata/{{mark}}", _get_mark, "Read", "DeveloperMetadata"),
            self._route("POST", f"{book}/developerMetadata:search", _search, "Read", "SearchDeveloperMetadataResponse"),
            self._route(
                "POST",
                f"{book}/values:batchGetByDataFilter",
                _batch_get_by_filter,
                "Read",
                "BatchGetValuesByDataFilterResponse",
            ),
            self._route("POST", f"{book}/values:batchUpdate", _batch_update, "Write", "BatchUpdateValuesResponse"),
            self._route(
                "POST",
                f"{book}/values:batchUpdateByDataFilter",
                _batch_update_by_filter,
                "Write",
                "BatchUpdateValuesByDataFilterResponse",
            ),
            self._route("POST", f"{book}/values:batchClear", _batch_clear, "Write", "BatchClearValuesResponse"),
            self._route("POST", f"{book}/values/{{range:path}}:append", _append, "Write", "AppendValuesResponse"),
            self._route("POST", f"{book}/values/{{range:path}}:clear", _clear, "Write", "ClearValuesResponse"),
            self._route("GET", f"{book}/values/{{range:path}}", _get_values, "Read", "ValueRange"),
            self._route("PUT", f"{book}/values/{{range:path}}", _update_values, "Write", "UpdateValuesResponse"),
            self._route("POST", f"{book}:batchUpdate", self._edit, "Write", "BatchUpdateSpreadsheetResponse"),
            self._route("POST", f"{book}:getByDataFilter", _get_by_filter, "Read", "Spreadsheet"),
            self._route("GET", book, _get, "Read", "Spreadsheet"),
        ]

    def _route(
        self, method: str, path: str, answer: Callable[[Asked], dict[str, Any]], kind: str, schema: str
    ) -> Route:
        async def endpoint(request: Request) -> Response:
            body = await request.body()
            caller = self._caller(request)
            refused = self._over_quota(caller, kind)
            if refused is not None:
                return refused
            asked = Asked(caller, self._state.open(caller, request.path_params["book"]), request, body)
            if method != "GET":
                self._state.show(_BODIES.get(schema, schema), body)
            reply = Json(_masked(asked, schema, answer(asked)))
            self._state.show(schema, bytes(reply.body))
            return reply

        return Route(path, endpoint, methods=[method])

    def _caller(self, request: Request) -> Caller:
        caller = self._state.accounts.caller(request.headers.get("authorization", ""))
        if caller is None:
            raise refusal(
                401,
                "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other "
                "valid authentication credential.",
            )
        return caller

    def _over_quota(self, caller: Caller, kind: str) -> Response | None:
        for scope, name, limit in (("user", caller.email, PER_USER), ("project", "", PER_PROJECT)):
            if self._limits.take(f"{kind} {scope} {name}", limit, 60.0) is not None:
                return quota_exceeded(kind, limit, scope)
        return None

    async def _consent(self, request: Request) -> Response:
        accounts, query = self._state.accounts, request.query_params
        accounts.check(query)
        asks = {scope: f"Use {scope.rpartition('/')[2]}" for scope in query["scope"].split()}
        return await ask(request, "Google account", asks, lambda ticked: accounts.consent(query, ticked))

    async def _token(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
        return Json(self._state.accounts.grant(form, str(request.base_url).rstrip("/")))

    async def _revoke(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
        self._state.accounts.revoke(form.get("token") or request.query_params.get("token", ""))
        return Json({})

    def _drive(
        self, answer: Callable[[State, Caller, Request], dict[str, Any]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            return Json(answer(self._state, self._caller(request), request))

        return endpoint

    async def _create_file(self, request: Request) -> Response:
        return Json(await drive.create_file(self._state, self._caller(request), request))

    async def _create(self, request: Request) -> Response:
        caller = self._caller(request)
        refused = self._over_quota(caller, "Write")
        if refused is not None:
            return refused
        body = await request.body()
        self._state.show("Spreadsheet", body)
        asked = wire.decode(body, wire.NewBook)
        if caller.service_account:
            # A service account owns no room in Drive, so that it can make no file.
            raise refusal(403, "The caller does not have permission")
        book = self._state.new_book(asked.properties.title or "Untitled spreadsheet")
        book.made_by = self._state.accounts.client_id
        if asked.sheets:
            added = [wire.Edit(add_sheet=wire.AddSheet(properties=sheet.properties)) for sheet in asked.sheets]
            book.sheets.clear()
            apply_batch(book, added, None)
        return Json(book_json(book, masks.parse(request.query_params.get("fields") or _WITHOUT_CELLS), None))

    def _edit(self, asked: Asked) -> dict[str, Any]:
        batch = wire.decode(asked.body, wire.BatchUpdate)
        reply: dict[str, Any] = {
            "spreadsheetId": asked.book.id,
            "replies": apply_batch(asked.book, batch.requests, asked.caller.email),
        }
        if batch.include_spreadsheet_in_response:
            areas = [parse_a1(asked.book, text) for text in batch.response_ranges] or None
            shape = _WITH_CELLS if batch.response_include_grid_data else _WITHOUT_CELLS
            reply["updatedSpreadsheet"] = book_json(asked.book, masks.parse(shape), areas)
        return reply


def _masked(asked: Asked, schema: str, reply: dict[str, Any]) -> Any:
    # A spreadsheet is masked while it is written: its cells are too many to be written in vain.
    return reply if schema == "Spreadsheet" or asked.mask is None else masks.apply(asked.mask, reply)


def _get(asked: Asked) -> dict[str, Any]:
    with_cells = asked.query("includeGridData", "false") == "true"
    areas = [parse_a1(asked.book, text) for text in asked.request.query_params.getlist("ranges")] or None
    return book_json(asked.book, asked.mask or masks.parse(_WITH_CELLS if with_cells else _WITHOUT_CELLS), areas)


def _filters(asked: Asked) -> wire.Filters:
    filters = wire.decode(asked.body, wire.Filters)
    if not filters.data_filters:
        raise invalid("Must specify at least one data filter.")
    return filters


def _get_by_filter(asked: Asked) -> dict[str, Any]:
    filters = _filters(asked)
    areas = [area for one in filters.data_filters for area in filter_areas(asked.book, one)]
    shape = asked.mask or masks.parse(_WITH_CELLS if filters.include_grid_data else _WITHOUT_CELLS)
    return book_json(asked.book, shape, areas)


def _get_mark(asked: Asked) -> dict[str, Any]:
    mark = asked.book.marks.get(int(asked.request.path_params["mark"]))
    if mark is None:
        raise refusal(404, "Requested entity was not found.")
    return metadata_json(mark)


def _search(asked: Asked) -> dict[str, Any]:
    matched = [
        {"developerMetadata": metadata_json(mark), "dataFilters": [msgspec.to_builtins(one)]}
        for one in _filters(asked).data_filters
        if one.developer_metadata_lookup is not None
        for mark in find_marks(asked.book, one.developer_metadata_lookup)
    ]
    for found in matched:
        found["dataFilters"] = [_without_none(one) for one in found["dataFilters"]]
    return {"matchedDeveloperMetadata": matched} if matched else {}


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_none(inner) for name, inner in value.items() if inner is not None}
    return value


def _read(asked: Asked, area: Area) -> dict[str, Any]:
    return values.read(
        area,
        render=asked.query("valueRenderOption", "FORMATTED_VALUE"),
        dates=asked.query("dateTimeRenderOption", "SERIAL_NUMBER"),
        major=asked.query("majorDimension", "ROWS"),
    )


def _get_values(asked: Asked) -> dict[str, Any]:
    return _read(asked, parse_a1(asked.book, asked.request.path_params["range"]))


def _batch_get(asked: Asked) -> dict[str, Any]:
    areas = [parse_a1(asked.book, text) for text in asked.request.query_params.getlist("ranges")]
    return {"spreadsheetId": asked.book.id, "valueRanges": [_read(asked, area) for area in areas]}


def _batch_get_by_filter(asked: Asked) -> dict[str, Any]:
    filters = _filters(asked)
    found = [
        {
            "valueRange": values.read(
                area,
                render=filters.value_render_option,
                dates=filters.date_time_render_option,
                major=filters.major_dimension,
            ),
            "dataFilters": [_without_none(msgspec.to_builtins(one))],
        }
        for one in filters.data_filters
        for area in filter_areas(asked.book, one)
    ]
    return {"spreadsheetId": asked.book.id, "valueRanges": found}


def _drafted(asked: Asked, change: Callable[[Book], dict[str, Any]]) -> dict[str, Any]:
    """Apply a change to a draft and keep it if it went well."""
    draft = asked.book.draft()
    reply = change(draft)
    asked.book.adopt(draft)
    return {"spreadsheetId": asked.book.id, **reply}


def _update_values(asked: Asked) -> dict[str, Any]:
    body, option = wire.decode(asked.body, wire.ValueRange), asked.request.query_params.get("valueInputOption")
    text = asked.request.path_params["range"]
    return _drafted(
        asked, lambda book: values.write(_reaching(book, text), body.values, option=option, major=body.major_dimension)
    )


def _reaching(book: Book, text: str) -> Area:
    """Give the area to write to: a single cell is where writing starts."""
    area = parse_a1(book, text)
    if (area.bottom - area.top, area.right - area.left) == (1, 1):
        return Area(area.sheet, area.top, area.left, area.sheet.row_count, area.sheet.column_count)
    return area


def _append(asked: Asked) -> dict[str, Any]:
    body = wire.decode(asked.body, wire.ValueRange)
    return _drafted(
        asked,
        lambda book: values.append(
            book,
            parse_a1(book, asked.request.path_params["range"]),
            body.values,
            option=asked.request.query_params.get("valueInputOption"),
            insert=asked.query("insertDataOption", "OVERWRITE") == "INSERT_ROWS",
            major=body.major_dimension,
        ),
    )


def _clear(asked: Asked) -> dict[str, Any]:
    text = asked.request.path_params["range"]
    return _drafted(asked, lambda book: {"clearedRange": values.clear(parse_a1(book, text))})


def _batch_clear(asked: Asked) -> dict[str, Any]:
    ranges = wire.decode(asked.body, wire.Ranges).ranges
    return _drafted(asked, lambda book: {"clearedRanges": [values.clear(parse_a1(book, text)) for text in ranges]})


def _batch_update(asked: Asked) -> dict[str, Any]:
    body = wire.decode(asked.body, wire.BatchValues)
    return _drafted(asked, lambda book: _written(book, body, by_filter=False))


def _batch_update_by_filter(asked: Asked) -> dict[str, Any]:
    body = wire.decode(asked.body, wire.BatchValues)
    return _drafted(asked, lambda book: _written(book, body, by_filter=True))


def _written(book: Book, body: wire.BatchValues, *, by_filter: bool) -> dict[str, Any]:
    responses: list[dict[str, Any]] = []
    for one in body.data:
        if by_filter:
            wanted = _converted(one, wire.FilteredValueRange)
            areas = list(filter_areas(book, wanted.data_filter))
            rows, major, echoed = wanted.values, wanted.major_dimension, {"dataFilter": one["dataFilter"]}
        else:
            plain = _converted(one, wire.ValueRange)
            areas, rows, major = [_reaching(book, plain.range or "")], plain.values, plain.major_dimension
            echoed = {"spreadsheetId": book.id}
        option = body.value_input_option
        responses += [echoed | values.write(area, rows, option=option, major=major) for area in areas]
    return {
        "totalUpdatedRows": sum(one["updatedRows"] for one in responses),
        "totalUpdatedColumns": sum(one["updatedColumns"] for one in responses),
        "totalUpdatedCells": sum(one["updatedCells"] for one in responses),
        "totalUpdatedSheets": 1 if responses else 0,
        "responses": responses,
    }


def _converted(body: dict[str, Any], shape: type[wire.T]) -> wire.T:
    try:
        return msgspec.convert(body, shape)
    except msgspec.ValidationError as error:
        raise invalid(f"Invalid JSON payload received. {error}") from error
