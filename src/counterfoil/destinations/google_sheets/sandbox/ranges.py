"""Ranges: A1 notation, grid ranges and data filters, all turned into areas of one tab."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from counterfoil.destinations.google_sheets.sandbox import wire
from counterfoil.destinations.google_sheets.sandbox.errors import invalid
from counterfoil.destinations.google_sheets.sandbox.grid import Book, Dimension, Mark, Sheet

_CORNER: Final = re.compile(r"\$?([A-Za-z]{1,3})?\$?([1-9]\d*)?")


@dataclass(frozen=True, slots=True)
class Area:
    """A rectangle of a tab, zero-based and half open; it may reach beyond the grid."""

    sheet: Sheet
    top: int
    left: int
    bottom: int
    right: int

    def clipped(self) -> "Area":
        """Give the part inside the grid."""
        sheet = self.sheet
        return Area(sheet, self.top, self.left, min(self.bottom, sheet.row_count), min(self.right, sheet.column_count))

    def check_inside(self) -> "Area":
        """Give the area back; raises the 400 of a range that reaches beyond the grid."""
        sheet = self.sheet
        if self.bottom > sheet.row_count or self.right > sheet.column_count:
            raise _exceeds(self)
        return self

    @property
    def a1(self) -> str:
        """Write the area in A1 notation."""
        last = f"{column_name(max(self.left, self.right - 1))}{max(self.top + 1, self.bottom)}"
        first = f"{column_name(self.left)}{self.top + 1}"
        span = first if first == last else f"{first}:{last}"
        return f"{quoted(self.sheet.title)}!{span}"


def _exceeds(area: Area) -> Exception:
    sheet = area.sheet
    return invalid(
        f"Range ({area.a1}) exceeds grid limits. Max rows: {sheet.row_count}, max columns: {sheet.column_count}"
    )


def quoted(title: str) -> str:
    """Give a title as it stands before the exclamation mark."""
    return title if re.fullmatch(r"[A-Za-z_]\w*", title, re.ASCII) else "'" + title.replace("'", "''") + "'"


def column_name(column: int) -> str:
    """Give the letters of a zero-based column."""
    letters, column = "", column + 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def column_number(letters: str) -> int:
    """Give the zero-based column of its letters."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - 64
    return number - 1


def parse_a1(book: Book, text: str) -> Area:
    """Give the area of a range in A1 notation; without a tab the first visible one is meant. Raises a 400."""
    named, rest = _sheet_of(book, text)
    sheet = named or next((sheet for sheet in book.sheets if not sheet.hidden), book.sheets[0])
    if rest is None:
        return Area(sheet, 0, 0, sheet.row_count, sheet.column_count)
    first, colon, last = rest.partition(":")
    start, end = _CORNER.fullmatch(first), _CORNER.fullmatch(last if colon else first)
    if not first or start is None or end is None or (colon and not last) or not (colon or (start[1] and start[2])):
        raise invalid(f"Unable to parse range: {text}")
    rows = sorted(int(match[2]) for match in (start, end) if match[2])
    columns = sorted(column_number(match[1]) for match in (start, end) if match[1])
    area = Area(
        sheet,
        rows[0] - 1 if rows else 0,
        columns[0] if columns else 0,
        rows[-1] if start[2] and end[2] else sheet.row_count,
        columns[-1] + 1 if start[1] and end[1] else sheet.column_count,
    )
    if area.top >= sheet.row_count or area.left >= sheet.column_count:
        raise _exceeds(area)
    return area


def _sheet_of(book: Book, text: str) -> tuple[Sheet | None, str | None]:
    match = re.fullmatch(r"(?:'((?:[^']|'')+)'|([^'!]+))(?:!(.+))?", text, re.DOTALL)
    if match is None:
        raise invalid(f"Unable to parse range: {text}")
    title = (match[1] or match[2]).replace("''", "'")
    sheet = book.by_title(title)
    if sheet is None and (match[1] is not None or match[3] is not None):
        raise invalid(f"Unable to parse range: {text}")
    return (sheet, match[3]) if sheet is not None else (None, text)


def grid_area(book: Book, asked: wire.GridRange) -> Area:
    """Give the area of a grid range; a missing index is the edge of the grid. Raises a 400."""
    sheet = book.sheet(asked.sheet_id)
    area = Area(
        sheet,
        asked.start_row_index or 0,
        asked.start_column_index or 0,
        sheet.row_count if asked.end_row_index is None else asked.end_row_index,
        sheet.column_count if asked.end_column_index is None else asked.end_column_index,
    )
    if area.top > area.bottom or area.left > area.right:
        raise invalid("The start of a grid range lies behind its end.")
    return area


def span(book: Book, asked: wire.DimensionRange) -> tuple[Sheet, Dimension, int, int]:
    """Give tab, dimension and bounds of a dimension range. Raises a 400."""
    sheet = book.sheet(asked.sheet_id)
    dimension: Dimension
    if asked.dimension == "ROWS":
        dimension, count = "ROWS", sheet.row_count
    elif asked.dimension == "COLUMNS":
        dimension, count = "COLUMNS", sheet.column_count
    else:
        raise invalid("No dimension specified.")
    start = asked.start_index or 0
    end = count if asked.end_index is None else asked.end_index
    if not 0 <= start < end:
        raise invalid("The range of a dimension is empty.")
    return sheet, dimension, start, end


# --- developer metadata ---


def find_marks(book: Book, lookup: wire.MetadataLookup) -> list[Mark]:
    """Give the metadata that a lookup selects: all its conditions hold."""
    if lookup.metadata_id is not None:
        mark = book.marks.get(lookup.metadata_id)
        candidates = [mark] if mark else []
    else:
        candidates = list(book.marks.values())
    return [mark for mark in candidates if _selected(book, mark, lookup)]


def _selected(book: Book, mark: Mark, lookup: wire.MetadataLookup) -> bool:
    return (
        lookup.metadata_key in (None, mark.key)
        and lookup.metadata_value in (None, mark.value)
        and lookup.visibility in (None, mark.visibility)
        and lookup.location_type in (None, location_type(mark))
        and (lookup.metadata_location is None or _located(book, mark, lookup))
    )


def _located(book: Book, mark: Mark, lookup: wire.MetadataLookup) -> bool:
    asked = lookup.metadata_location
    assert asked is not None
    if asked.spreadsheet:
        return mark.sheet_id is None
    exact = lookup.location_matching_strategy == "EXACT_LOCATION"
    if asked.dimension_range is None:
        return mark.sheet_id == asked.sheet_id and not (exact and mark.dimension)
    sheet, dimension, start, end = span(book, asked.dimension_range)
    if mark.sheet_id != sheet.id:
        return False
    inside = mark.dimension == dimension and mark.place is not None and start <= mark.place < end
    return inside or (not exact and mark.dimension != dimension)


def location_type(mark: Mark) -> str:
    """Name the kind of place that metadata sits on."""
    if mark.sheet_id is None:
        return "SPREADSHEET"
    return {None: "SHEET", "ROWS": "ROW", "COLUMNS": "COLUMN"}[mark.dimension]


def filter_areas(book: Book, asked: wire.Selection) -> Iterator[Area]:
    """Give the areas that a data filter selects; a lookup that finds nothing selects none. Raises a 400."""
    if asked.a1_range is not None:
        yield parse_a1(book, asked.a1_range)
    elif asked.grid_range is not None:
        yield grid_area(book, asked.grid_range)
    elif asked.developer_metadata_lookup is not None:
        for mark in find_marks(book, asked.developer_metadata_lookup):
            if mark.sheet_id is not None:
                yield _area_of(book, mark)
    else:
        raise invalid("A data filter must select something.")


def _area_of(book: Book, mark: Mark) -> Area:
    assert mark.sheet_id is not None
    sheet = book.sheet(mark.sheet_id)
    place = mark.place or 0
    if mark.dimension == "ROWS":
        return Area(sheet, place, 0, place + 1, sheet.column_count)
    if mark.dimension == "COLUMNS":
        return Area(sheet, 0, place, sheet.row_count, place + 1)
    return Area(sheet, 0, 0, sheet.row_count, sheet.column_count)
