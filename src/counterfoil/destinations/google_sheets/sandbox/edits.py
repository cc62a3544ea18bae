"""spreadsheets.batchUpdate: every request applied in turn to a draft, which is kept only if all went well."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from counterfoil.destinations.google_sheets.sandbox import masks, wire
from counterfoil.destinations.google_sheets.sandbox.cells import (
    Format,
    Formula,
    Value,
    check_length,
    intern_format,
    read_format,
)
from counterfoil.destinations.google_sheets.sandbox.errors import invalid
from counterfoil.destinations.google_sheets.sandbox.grid import Book, Mark, Sheet
from counterfoil.destinations.google_sheets.sandbox.ranges import Area, find_marks, grid_area, span
from counterfoil.destinations.google_sheets.sandbox.render import metadata_json, sheet_properties
from counterfoil.sandbox.kit import Refusal

MAX_REQUESTS: Final = 100_000


def apply_batch(book: Book, edits: Sequence[wire.Edit], actor: str | None) -> list[dict[str, Any]]:
    """Apply all requests or none and give their replies. `actor` may not touch what is protected from it; None may."""
    if not edits:
        raise invalid("Must specify at least one request.")
    if len(edits) > MAX_REQUESTS:
        raise invalid(f"Cannot exceed {MAX_REQUESTS} requests in a single batch.")
    draft = book.draft()
    replies = []
    for number, edit in enumerate(edits):
        name, request = _the_one(edit, number)
        try:
            replies.append(_APPLY[name](_Batch(draft, actor), request) or {})
        except Refusal as refused:
            raise _numbered(refused, number, name) from refused
    book.adopt(draft)
    return replies


def _the_one(edit: wire.Edit, number: int) -> tuple[str, Any]:
    given = [(name, getattr(edit, name)) for name in edit.__struct_fields__ if getattr(edit, name) is not None]
    if len(given) != 1:
        raise invalid(f"Invalid requests[{number}]: exactly one kind of request must be set.")
    return given[0]


def _numbered(refused: Refusal, number: int, name: str) -> Refusal:
    error = wire.decode(bytes(refused.response.body), dict)["error"]
    first, *rest = name.split("_")
    return invalid(f"Invalid requests[{number}].{first}{''.join(map(str.capitalize, rest))}: {error['message']}")


class _Batch:
    """The draft that a batch works on, and on whose behalf."""

    def __init__(self, book: Book, actor: str | None) -> None:
        self.book = book
        self.actor = actor

    def check_free(self, area: Area) -> None:
        """Raise a 400 where the area is protected from the actor."""
        if self.actor is None:
            return
        for protection in area.sheet.protected:
            left, top, right, bottom = (protection[side] for side in ("left", "top", "right", "bottom"))
            overlaps = left < area.right and area.left < right and top < area.bottom and area.top < bottom
            if overlaps and self.actor not in protection["users"]:
                raise invalid(
                    "You are trying to edit a protected cell or object. Please contact the spreadsheet owner to "
                    "remove protection if you need to edit."
                )


# --- tabs and the file ---


def _add_sheet(batch: _Batch, asked: wire.AddSheet) -> dict[str, Any]:
    book, wanted = batch.book, asked.properties
    grid = wanted.grid_properties or wire.GridProperties()
    taken = [sheet.id for sheet in book.sheets]
    sheet_id = book.new_id(taken) if wanted.sheet_id is None else wanted.sheet_id
    if sheet_id in taken or sheet_id < 0:
        raise invalid(f"Sheet ID {sheet_id} already exists. Please enter another ID.")
    title = wanted.title or f"Sheet{len(book.sheets) + 1}"
    _check_title(book, title, None)
    sheet = Sheet.blank(sheet_id, title, grid.row_count or 1000, grid.column_count or 26)
    sheet.frozen_rows, sheet.frozen_columns = grid.frozen_row_count or 0, grid.frozen_column_count or 0
    sheet.hidden = bool(wanted.hidden)
    book.sheets.insert(len(book.sheets) if wanted.index is None else wanted.index, sheet)
    book.check_size()
    return {"addSheet": {"properties": sheet_properties(book, sheet)}}


def _check_title(book: Book, title: str, sheet: Sheet | None) -> None:
    there = book.by_title(title)
    if there is not None and there is not sheet:
        raise invalid(f'A sheet with the name "{title}" already exists. Please enter another name.')


def _delete_sheet(batch: _Batch, asked: wire.DeleteSheet) -> None:
    book = batch.book
    sheet = book.sheet(asked.sheet_id)
    if len(book.sheets) == 1:
        raise invalid("You can't remove all the sheets in a document.")
    book.sheets.remove(sheet)
    for mark in [mark for mark in book.marks.values() if mark.sheet_id == sheet.id]:
        del book.marks[mark.id]


def _update_sheet(batch: _Batch, asked: wire.UpdateSheetProperties) -> None:
    book, wanted = batch.book, asked.properties
    sheet = book.sheet(wanted.sheet_id or 0)
    mask = masks.parse(asked.fields)
    if "title" in mask and wanted.title:
        _check_title(book, wanted.title, sheet)
        sheet.title = wanted.title
    if "hidden" in mask:
        sheet.hidden = bool(wanted.hidden)
    if "index" in mask and wanted.index is not None:
        book.sheets.remove(sheet)
        book.sheets.insert(wanted.index, sheet)
    grid = wanted.grid_properties or wire.GridProperties()
    inner = mask.get("gridProperties")
    if inner is None:
        return
    if not inner or "frozenRowCount" in inner:
        sheet.frozen_rows = grid.frozen_row_count or 0
    if not inner or "frozenColumnCount" in inner:
        sheet.frozen_columns = grid.frozen_column_count or 0
    if "rowCount" in inner and grid.row_count is not None:
        missing = grid.row_count - sheet.row_count
        if missing > 0:
            book.insert(sheet, "ROWS", sheet.row_count, missing, like=sheet.row_count - 1)
        elif missing < 0:
            book.delete(sheet, "ROWS", grid.row_count, sheet.row_count)


def _update_book(batch: _Batch, asked: wire.UpdateBookProperties) -> None:
    mask, wanted = masks.parse(asked.fields), asked.properties
    for field, name in (("title", "title"), ("locale", "locale"), ("timeZone", "time_zone")):
        if field in mask and getattr(wanted, name):
            setattr(batch.book, name, getattr(wanted, name))


# --- rows and columns ---


def _append_dimension(batch: _Batch, asked: wire.AppendDimension) -> None:
    sheet, dimension, _, end = span(batch.book, wire.DimensionRange(sheet_id=asked.sheet_id, dimension=asked.dimension))
    if asked.length <= 0:
        raise invalid("The length of appended dimensions must be positive.")
    batch.book.insert(sheet, dimension, end, asked.length, like=end - 1)


def _insert_dimension(batch: _Batch, asked: wire.InsertDimension) -> None:
    sheet, dimension, start, end = span(batch.book, asked.range)
    count = sheet.row_count if dimension == "ROWS" else sheet.column_count
    if start >= count or (asked.inherit_from_before and start == 0):
        raise invalid(f"range.startIndex[{start}] is out of the grid of {count}, or has nothing before it.")
    batch.book.insert(sheet, dimension, start, end - start, like=start - 1 if asked.inherit_from_before else start)


def _delete_dimension(batch: _Batch, asked: wire.DeleteDimension) -> None:
    sheet, dimension, start, end = span(batch.book, asked.range)
    count = sheet.row_count if dimension == "ROWS" else sheet.column_count
    if end > count:
        raise invalid(f"Cannot delete to index {end}: the grid ends at {count}.")
    whole = (sheet.row_count, sheet.column_count)
    rows = dimension == "ROWS"
    batch.check_free(Area(sheet, start, 0, end, whole[1]) if rows else Area(sheet, 0, start, whole[0], end))
    batch.book.delete(sheet, dimension, start, end)


def _move_dimension(batch: _Batch, asked: wire.MoveDimension) -> None:
    sheet, dimension, start, end = span(batch.book, asked.source)
    count = sheet.row_count if dimension == "ROWS" else sheet.column_count
    if end > count or not 0 <= asked.destination_index <= count:
        raise invalid("The source or the destination of a move lies outside of the grid.")
    batch.book.move(sheet, dimension, start, end, asked.destination_index)


def _sort_range(batch: _Batch, asked: wire.SortRange) -> None:
    area = grid_area(batch.book, asked.range).clipped()
    sheet = area.sheet
    rows = [
        [sheet.value(row, column) for column in range(area.left, area.right)] for row in range(area.top, area.bottom)
    ]
    for spec in reversed(asked.sort_specs):
        column = spec.dimension_index - area.left
        filled = [row for row in rows if row[column] is not None]
        empty = [row for row in rows if row[column] is None]
        filled.sort(key=lambda row: _sort_key(row[column]), reverse=spec.sort_order == "DESCENDING")
        rows = filled + empty  # blanks come last, whichever way is sorted
    for place, row in enumerate(rows, area.top):
        sheet.put(place, area.left, row)


def _sort_key(value: Value) -> tuple[int, Any]:
    if isinstance(value, bool):
        return 2, value
    return (0, value) if isinstance(value, int | float) else (1, str(value).casefold())


# --- cells ---


def entered(value: wire.ExtendedValue | None) -> Value:
    """Give what a cell will hold. Raises a 400 on two kinds at once and on a text that is too long."""
    if value is None:
        return None
    kinds = (value.number_value, value.string_value, value.bool_value, value.formula_value)
    given = [kind for kind in kinds if kind is not None]
    if len(given) > 1:
        raise invalid("A cell takes one kind of value.")
    if value.formula_value is not None:
        return Formula(value.formula_value)
    return check_length(given[0]) if given else None


def _write(sheet: Sheet, row: int, left: int, cells: Sequence[wire.Cell], fields: str) -> None:
    mask = masks.parse(fields)
    if not mask or "userEnteredValue" in mask:
        sheet.put(row, left, [entered(cell.user_entered_value) for cell in cells])
    formats = masks.below(mask, "userEnteredFormat")
    if formats is not None:
        merged = (
            _format(formats, sheet.format(row, left + place), cell.user_entered_format or {})
            for place, cell in enumerate(cells)
        )
        sheet.put_formats(row, left, list(merged))


def _format(mask: masks.Mask, before: Format | None, wanted: dict[str, Any]) -> Format | None:
    return intern_format(masks.merge(mask, read_format(before), wanted))


def _append_cells(batch: _Batch, asked: wire.AppendCells) -> None:
    sheet = batch.book.sheet(asked.sheet_id)
    width = max((len(row.values) for row in asked.rows), default=0)
    if width > sheet.column_count:
        batch.book.insert(sheet, "COLUMNS", sheet.column_count, width - sheet.column_count)
    top = sheet.last_filled_row()
    missing = top + len(asked.rows) - sheet.row_count
    if missing > 0:
        batch.book.insert(sheet, "ROWS", sheet.row_count, missing, like=sheet.row_count - 1)
    batch.check_free(Area(sheet, top, 0, top + len(asked.rows), width))
    for place, row in enumerate(asked.rows, top):
        _write(sheet, place, 0, row.values, asked.fields)


def _update_cells(batch: _Batch, asked: wire.UpdateCells) -> None:
    if asked.range is not None:
        area = grid_area(batch.book, asked.range).check_inside()
        blank = wire.Cell()
        rows = [list(row.values[: area.right - area.left]) for row in asked.rows[: area.bottom - area.top]]
        rows += [[] for _ in range(area.bottom - area.top - len(rows))]
        rows = [row + [blank] * (area.right - area.left - len(row)) for row in rows]
    elif asked.start is not None:
        sheet = batch.book.sheet(asked.start.sheet_id)
        rows = [row.values for row in asked.rows]
        top, left = asked.start.row_index, asked.start.column_index
        area = Area(sheet, top, left, top + len(rows), left + max((len(row) for row in rows), default=0))
        area.check_inside()
    else:
        raise invalid("A place to write to must be given: start or range.")
    batch.check_free(area)
    for place, cells in enumerate(rows, area.top):
        _write(area.sheet, place, area.left, cells, asked.fields)


def _repeat_cell(batch: _Batch, asked: wire.RepeatCell) -> None:
    area = grid_area(batch.book, asked.range).clipped()
    batch.check_free(area)
    mask = masks.parse(asked.fields)
    if not mask or "userEnteredValue" in mask:
        value = entered(asked.cell.user_entered_value)
        for row in range(area.top, area.bottom):
            area.sheet.put(row, area.left, [value] * (area.right - area.left))
    formats = masks.below(mask, "userEnteredFormat")
    if formats is None:
        return
    wanted = asked.cell.user_entered_format or {}
    known: dict[Format | None, Format | None] = {}
    for row in range(area.top, area.bottom):
        before = [area.sheet.format(row, column) for column in range(area.left, area.right)]
        for one in before:
            if one not in known:
                known[one] = _format(formats, one, wanted)
        area.sheet.put_formats(row, area.left, [known[one] for one in before])


# --- developer metadata and protection ---


def _create_metadata(batch: _Batch, asked: wire.CreateMetadata) -> dict[str, Any]:
    wanted, book = asked.developer_metadata, batch.book
    location = wanted.location
    if not wanted.metadata_key or wanted.visibility not in ("DOCUMENT", "PROJECT") or location is None:
        raise invalid("Developer metadata must have a key, a visibility and a location.")
    if wanted.metadata_id is not None and wanted.metadata_id <= 0:
        raise invalid("Developer metadata IDs must be positive.")
    mark_id = book.new_id(book.marks) if wanted.metadata_id is None else wanted.metadata_id
    mark = Mark(mark_id, wanted.metadata_key, wanted.metadata_value, wanted.visibility)
    if location.dimension_range is not None:
        sheet, mark.dimension, start, end = span(book, location.dimension_range)
        count = sheet.row_count if mark.dimension == "ROWS" else sheet.column_count
        if end - start != 1 or end > count:
            raise invalid("Developer metadata must sit on a single row or column of the grid.")
        mark.sheet_id, mark.place = sheet.id, start
    elif location.sheet_id is not None:
        mark.sheet_id = book.sheet(location.sheet_id).id
    elif not location.spreadsheet:
        raise invalid("Developer metadata must have a location.")
    book.add_mark(mark)
    return {"createDeveloperMetadata": {"developerMetadata": metadata_json(mark)}}


def _selected_marks(batch: _Batch, filters: Sequence[wire.Selection]) -> Iterator[Mark]:
    for asked in filters:
        if asked.developer_metadata_lookup is None:
            raise invalid("Developer metadata is selected by a lookup.")
        yield from find_marks(batch.book, asked.developer_metadata_lookup)


def _update_metadata(batch: _Batch, asked: wire.UpdateMetadata) -> dict[str, Any]:
    mask = masks.parse(asked.fields)
    marks = list(_selected_marks(batch, asked.data_filters))
    for mark in marks:
        if "metadataValue" in mask:
            mark.value = asked.developer_metadata.metadata_value
        if "metadataKey" in mask and asked.developer_metadata.metadata_key:
            mark.key = asked.developer_metadata.metadata_key
        batch.book.check_budget(mark.sheet_id)
    return {"updateDeveloperMetadata": {"developerMetadata": [metadata_json(mark) for mark in marks]}}


def _delete_metadata(batch: _Batch, asked: wire.DeleteMetadata) -> dict[str, Any]:
    marks = list(_selected_marks(batch, [asked.data_filter]))
    for mark in marks:
        del batch.book.marks[mark.id]
    return {"deleteDeveloperMetadata": {"deletedDeveloperMetadata": [metadata_json(mark) for mark in marks]}}


def _protect(batch: _Batch, asked: wire.AddProtectedRange) -> dict[str, Any]:
    wanted = asked.protected_range
    area = grid_area(batch.book, wanted.range)
    bounds = {"top": area.top, "left": area.left, "bottom": area.bottom, "right": area.right}
    protection_id = len(area.sheet.protected) + 1
    area.sheet.protected.append({"id": protection_id, "users": wanted.editors.users, **bounds})
    protected = {"protectedRangeId": protection_id, "description": wanted.description}
    return {"addProtectedRange": {"protectedRange": protected}}


def _validate(batch: _Batch, asked: wire.SetValidation) -> None:
    grid_area(batch.book, asked.range)  # Google takes values outside of a list too, so that the rule changes nothing


_APPLY: Final[dict[str, Callable[[_Batch, Any], dict[str, Any] | None]]] = {
    "add_sheet": _add_sheet,
    "delete_sheet": _delete_sheet,
    "update_sheet_properties": _update_sheet,
    "update_spreadsheet_properties": _update_book,
    "append_dimension": _append_dimension,
    "insert_dimension": _insert_dimension,
    "delete_dimension": _delete_dimension,
    "move_dimension": _move_dimension,
    "append_cells": _append_cells,
    "update_cells": _update_cells,
    "repeat_cell": _repeat_cell,
    "sort_range": _sort_range,
    "create_developer_metadata": _create_metadata,
    "update_developer_metadata": _update_metadata,
    "delete_developer_metadata": _delete_metadata,
    "add_protected_range": _protect,
    "set_data_validation": _validate,
}
