"""spreadsheets.get: a spreadsheet as JSON, with grid content only where the mask asks for it."""

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any

from counterfoil.destinations.google_sheets.sandbox import masks
from counterfoil.destinations.google_sheets.sandbox.cells import Format, Formula, Value, read_format, shown
from counterfoil.destinations.google_sheets.sandbox.grid import Book, Dimension, Mark, Sheet
from counterfoil.destinations.google_sheets.sandbox.ranges import Area, location_type


def metadata_json(mark: Mark) -> dict[str, Any]:
    """Write developer metadata."""
    location: dict[str, Any] = {"locationType": location_type(mark)}
    if mark.sheet_id is None:
        location["spreadsheet"] = True
    elif mark.dimension is None:
        location["sheetId"] = mark.sheet_id
    else:
        assert mark.place is not None
        span = {"sheetId": mark.sheet_id, "dimension": mark.dimension, "startIndex": mark.place}
        location["dimensionRange"] = {**span, "endIndex": mark.place + 1}
    written: dict[str, Any] = {"metadataId": mark.id, "metadataKey": mark.key}
    if mark.value:
        written["metadataValue"] = mark.value
    return {**written, "location": location, "visibility": mark.visibility}


def sheet_properties(book: Book, sheet: Sheet) -> dict[str, Any]:
    """Write a tab's properties."""
    grid = {"rowCount": sheet.row_count, "columnCount": sheet.column_count}
    if sheet.frozen_rows:
        grid["frozenRowCount"] = sheet.frozen_rows
    if sheet.frozen_columns:
        grid["frozenColumnCount"] = sheet.frozen_columns
    written: dict[str, Any] = {
        "sheetId": sheet.id,
        "title": sheet.title,
        "index": book.sheets.index(sheet),
        "sheetType": "GRID",
        "gridProperties": grid,
    }
    if sheet.hidden:
        written["hidden"] = True
    return written


def book_json(book: Book, mask: masks.Mask, areas: Sequence[Area] | None) -> dict[str, Any]:
    """Write what the mask selects of a spreadsheet.

    With `areas` only the tabs that they lie on are written, and one block of grid content for each of them.
    """
    whole: dict[str, Any] = {
        "spreadsheetId": book.id,
        "properties": {"title": book.title, "locale": book.locale, "timeZone": book.time_zone},
        "spreadsheetUrl": f"https://docs.google.com/spreadsheets/d/{book.id}/edit",
    }
    own = [metadata_json(mark) for mark in book.marks.values() if mark.sheet_id is None]
    if own:
        whole["developerMetadata"] = own
    written: dict[str, Any] = masks.apply(mask, whole)
    inner = masks.below(mask, "sheets")
    if inner is not None:
        shown_sheets = [sheet for sheet in book.sheets if areas is None or any(area.sheet is sheet for area in areas)]
        written["sheets"] = [_sheet_json(book, sheet, inner, areas) for sheet in shown_sheets]
    return written


def _sheet_json(book: Book, sheet: Sheet, mask: masks.Mask, areas: Sequence[Area] | None) -> dict[str, Any]:
    whole: dict[str, Any] = {"properties": sheet_properties(book, sheet)}
    own = [metadata_json(mark) for mark in book.marks_on(sheet.id, None)]
    if own:
        whole["developerMetadata"] = own
    if sheet.protected:
        whole["protectedRanges"] = [{"protectedRangeId": one["id"]} for one in sheet.protected]
    written: dict[str, Any] = masks.apply(mask, whole)
    data = masks.below(mask, "data")
    if data is not None:
        blocks = [Area(sheet, 0, 0, sheet.row_count, sheet.column_count)]
        if areas is not None:
            blocks = [area for area in areas if area.sheet is sheet]
        written["data"] = [_block_json(book, area.clipped(), data) for area in blocks]
    return written


def _block_json(book: Book, area: Area, mask: masks.Mask) -> dict[str, Any]:
    block: dict[str, Any] = {}
    if area.top and masks.below(mask, "startRow") is not None:
        block["startRow"] = area.top
    if area.left and masks.below(mask, "startColumn") is not None:
        block["startColumn"] = area.left
    row_mask = masks.below(mask, "rowData")
    cell_mask = masks.below(row_mask, "values") if row_mask is not None else None
    if cell_mask is not None:
        block["rowData"] = _rows_json(area, cell_mask)
    dimensions: tuple[tuple[str, Dimension, range], ...] = (
        ("rowMetadata", "ROWS", range(area.top, area.bottom)),
        ("columnMetadata", "COLUMNS", range(area.left, area.right)),
    )
    for name, dimension, places in dimensions:
        inner = masks.below(mask, name)
        if inner is not None:
            block[name] = [masks.apply(inner, one) for one in _dimensions_json(book, area.sheet, dimension, places)]
    return block


def _dimensions_json(book: Book, sheet: Sheet, dimension: Dimension, places: range) -> Iterator[dict[str, Any]]:
    marks: dict[int | None, list[dict[str, Any]]] = {}
    for mark in book.marks_on(sheet.id, dimension):
        marks.setdefault(mark.place, []).append(metadata_json(mark))
    size = 21 if dimension == "ROWS" else 100
    for place in places:
        if place in marks:
            yield {"pixelSize": size, "developerMetadata": marks[place]}
        else:
            yield {"pixelSize": size}


def _rows_json(area: Area, mask: masks.Mask) -> list[dict[str, Any]]:
    """Write rows up to the last that shows anything, and in each the cells up to the last that does."""
    rows: list[dict[str, Any]] = []
    filled = 0
    sheet, left, right = area.sheet, area.left, area.right
    writer = _CellWriter(mask)
    for place in range(area.top, area.bottom):
        values, formats = sheet.rows[place][left:right], sheet.formats[place][left:right]
        if not values and not (formats and writer.with_formats):
            rows.append({})
            continue
        cells = [writer.write(value, cell_format) for value, cell_format in zip_longest(values, formats)]
        while cells and not cells[-1]:
            cells.pop()
        rows.append({"values": cells} if cells else {})
        if cells:
            filled = len(rows)
    del rows[filled:]
    return rows


class _CellWriter:
    """Writes what a mask selects of cells; the mask is looked at once, for there may be a million of them."""

    def __init__(self, mask: masks.Mask) -> None:
        self._entered = masks.below(mask, "userEnteredValue")
        self._effective = masks.below(mask, "effectiveValue")
        self._shown = masks.below(mask, "formattedValue") is not None
        self._formats = {
            name: inner
            for name in ("userEnteredFormat", "effectiveFormat")
            if (inner := masks.below(mask, name)) is not None
        }
        self.with_formats = bool(self._formats)

    def write(self, value: Value, cell_format: Format | None) -> dict[str, Any]:
        cell: dict[str, Any] = {}
        if value is not None:
            if self._entered is not None:
                _add(cell, "userEnteredValue", value, self._entered)
            if self._effective is not None:
                calculated = str(value) if isinstance(value, Formula) else value
                _add(cell, "effectiveValue", calculated, self._effective)
            if self._shown:
                cell["formattedValue"] = shown(value, cell_format)
        if cell_format is not None:
            for name, mask in self._formats.items():
                written = masks.apply(mask, read_format(cell_format))
                if written:
                    cell[name] = written
        return cell


def _add(cell: dict[str, Any], name: str, value: Value, mask: masks.Mask) -> None:
    kind, written = _extended(value)
    if not mask or kind in mask:
        cell[name] = {kind: written}


def _extended(value: Value) -> tuple[str, Any]:
    if isinstance(value, str):
        return ("formulaValue", str(value)) if isinstance(value, Formula) else ("stringValue", value)
    return ("boolValue" if isinstance(value, bool) else "numberValue"), value
