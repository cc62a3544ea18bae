"""spreadsheets.values: plain cells read and written by range."""

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

from counterfoil.destinations.google_sheets.sandbox.cells import (
    Format,
    Formula,
    Value,
    check_length,
    intern_format,
    moment,
    number_format,
    read_format,
    shown,
    typed,
)
from counterfoil.destinations.google_sheets.sandbox.errors import invalid
from counterfoil.destinations.google_sheets.sandbox.grid import Book
from counterfoil.destinations.google_sheets.sandbox.ranges import Area


def read(area: Area, *, render: str, dates: str, major: str) -> dict[str, Any]:
    """Give a ValueRange: cells as asked for, blank ones at the end of rows and of the range left out."""
    area = area.clipped()
    sheet, left, right = area.sheet, area.left, area.right
    grid: list[list[Any]] = []
    for place in range(area.top, area.bottom):
        cells, formats = sheet.rows[place][left:right], sheet.formats[place][left:right]
        if render == "UNFORMATTED_VALUE" and dates == "SERIAL_NUMBER":
            grid.append(["" if cell is None else str(cell) if type(cell) is Formula else cell for cell in cells])
            continue
        known = zip_longest(cells, formats[: len(cells)])
        grid.append([_rendered(cell, cell_format, render, dates) for cell, cell_format in known])
    if major == "COLUMNS":
        grid = [list(column) for column in zip_longest(*grid, fillvalue="")]
    rows = [_without_blank_end(row) for row in grid]
    while rows and not rows[-1]:
        rows.pop()
    found: dict[str, Any] = {"range": area.a1, "majorDimension": major}
    if rows:
        found["values"] = rows
    return found


def _without_blank_end(row: list[Any]) -> list[Any]:
    count = len(row)
    while count and row[count - 1] == "":
        count -= 1
    return row[:count]


def _rendered(value: Value, cell_format: Format | None, render: str, dates: str) -> Any:
    if value is None:
        return ""
    if render == "FORMATTED_VALUE":
        return shown(value, cell_format)
    if isinstance(value, Formula):
        return str(value)
    is_date = number_format(cell_format).get("type") in ("DATE", "DATE_TIME")
    if dates == "FORMATTED_STRING" and is_date and isinstance(value, int | float) and not isinstance(value, bool):
        return shown(value, cell_format) or moment(value).isoformat()
    return value


def write(area: Area, rows: Sequence[Sequence[Value]], *, option: str | None, major: str = "ROWS") -> dict[str, Any]:
    """Write values into a range: None leaves a cell alone, "" empties it. Raises a 400."""
    if option not in ("RAW", "USER_ENTERED"):
        raise invalid("'valueInputOption' is required but not specified")
    if major == "COLUMNS":
        rows = list(zip_longest(*rows))
    width = max((len(row) for row in rows), default=0)
    if len(rows) > area.bottom - area.top or width > area.right - area.left:
        raise invalid(f"Requested writing within range [{area.a1}], but tried writing outside of it.")
    area.check_inside()
    for place, row in enumerate(rows, area.top):
        _write_row(area, place, row, typing=option == "USER_ENTERED")
    end = Area(area.sheet, area.top, area.left, area.top + len(rows), area.left + width)
    return {
        "updatedRange": end.a1,
        "updatedRows": len(rows),
        "updatedColumns": width,
        "updatedCells": sum(value is not None for row in rows for value in row),
    }


def _write_row(area: Area, place: int, row: Sequence[Value], *, typing: bool) -> None:
    sheet = area.sheet
    for column, value in enumerate(row, area.left):
        if value is None:
            continue
        entered, found = typed(value) if typing else (value, None)
        sheet.put(place, column, [check_length(entered)])
        if found and not number_format(sheet.format(place, column)):
            cell_format = {**read_format(sheet.format(place, column)), "numberFormat": found}
            sheet.put_formats(place, column, [intern_format(cell_format)])


def append(
    book: Book, searched: Area, rows: Sequence[Sequence[Value]], *, option: str | None, insert: bool, major: str
) -> dict[str, Any]:
    """Write below the table that a range touches, into new rows where `insert` is set."""
    if major == "COLUMNS":
        rows = list(zip_longest(*rows))
    table, sheet = _table_around(searched), searched.sheet
    top = table.bottom if table else searched.top
    left = table.left if table else searched.left
    width = max((len(row) for row in rows), default=0)
    missing = top + len(rows) - sheet.row_count
    if insert and top < sheet.row_count:
        book.insert(sheet, "ROWS", top, len(rows), like=top - 1)
    elif missing > 0:
        book.insert(sheet, "ROWS", sheet.row_count, missing, like=sheet.row_count - 1)
    if left + width > sheet.column_count:
        book.insert(sheet, "COLUMNS", sheet.column_count, left + width - sheet.column_count)
    updates = write(Area(sheet, top, left, top + len(rows), left + width), rows, option=option)
    reply: dict[str, Any] = {"spreadsheetId": book.id, "updates": {"spreadsheetId": book.id, **updates}}
    if table:
        reply["tableRange"] = table.a1
    return reply


def _table_around(searched: Area) -> Area | None:
    """Find the block of rows without a blank one that the range touches: the simple form of Google's search."""
    sheet, area = searched.sheet, searched.clipped()
    filled = [place for place in range(area.top, area.bottom) if sheet.rows[place][area.left : area.right]]
    if not filled:
        return None
    top = bottom = filled[-1]
    while top > 0 and sheet.rows[top - 1]:
        top -= 1
    while bottom + 1 < sheet.row_count and sheet.rows[bottom + 1]:
        bottom += 1
    columns = [column for row in sheet.rows[top : bottom + 1] for column, value in enumerate(row) if value is not None]
    return Area(sheet, top, min(columns), bottom + 1, max(columns) + 1)


def clear(area: Area) -> str:
    """Empty the cells of a range, formats stay; give what was emptied in A1 notation."""
    area = area.clipped()
    for place in range(area.top, area.bottom):
        if area.sheet.rows[place]:
            area.sheet.put(place, area.left, [None] * (area.right - area.left))
    return area.a1
