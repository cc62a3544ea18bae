"""The state of a spreadsheet: tabs of rows and columns, and the developer metadata that travels with them.

Rows are lists that are replaced, never changed in place, so that a draft of a spreadsheet costs a copy of its row
pointers. A row holds no more cells than its last filled one; formats are interned, and equal rows share their tuple.
"""

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from counterfoil.destinations.google_sheets.sandbox.cells import Format, Value
from counterfoil.destinations.google_sheets.sandbox.errors import invalid

MAX_CELLS: Final = 10_000_000
MAX_COLUMNS: Final = 18_278
METADATA_BUDGET: Final = 30_000  # characters of keys and values, for the file and for each tab
Dimension = Literal["ROWS", "COLUMNS"]
Formats = tuple[Format | None, ...]


@dataclass(slots=True)
class Mark:
    """One piece of developer metadata. `place` is the row or column it sits on, None for a tab or the whole file."""

    id: int
    key: str
    value: str
    visibility: str
    sheet_id: int | None = None
    dimension: Dimension | None = None
    place: int | None = None


@dataclass(slots=True)
class Sheet:
    """One tab."""

    id: int
    title: str
    column_count: int
    rows: list[list[Value]]
    formats: list[Formats]
    frozen_rows: int = 0
    frozen_columns: int = 0
    hidden: bool = False
    protected: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def blank(cls, sheet_id: int, title: str, rows: int, columns: int) -> "Sheet":
        """Make an empty tab."""
        return cls(sheet_id, title, columns, [[] for _ in range(rows)], [()] * rows)

    def draft(self) -> "Sheet":
        """Copy what a failed batch must not have changed."""
        return replace(self, rows=list(self.rows), formats=list(self.formats), protected=list(self.protected))

    @property
    def row_count(self) -> int:
        return len(self.rows)

    def value(self, row: int, column: int) -> Value:
        """Give one cell."""
        cells = self.rows[row]
        return cells[column] if column < len(cells) else None

    def format(self, row: int, column: int) -> Format | None:
        """Give one cell's format."""
        formats = self.formats[row]
        return formats[column] if column < len(formats) else None

    def put(self, row: int, left: int, values: Sequence[Value]) -> None:
        """Replace the cells from `left` on."""
        cells = self.rows[row]
        if len(cells) < left:
            cells = cells + [None] * (left - len(cells))
        self.rows[row] = trimmed([*cells[:left], *values, *cells[left + len(values) :]])

    def put_formats(self, row: int, left: int, formats: Sequence[Format | None]) -> None:
        """Replace the formats from `left` on."""
        before = self.formats[row]
        if len(before) < left:
            before = before + (None,) * (left - len(before))
        after = (*before[:left], *formats, *before[left + len(formats) :])
        self.formats[row] = after if after != before else before

    def last_filled_row(self) -> int:
        """Give the number of rows up to the last one that holds anything."""
        count = len(self.rows)
        while count and not self.rows[count - 1]:
            count -= 1
        return count

    def insert_rows(self, at: int, count: int, like: int | None) -> None:
        """Insert empty rows, formatted like the row `like`."""
        formats = self.formats[like] if like is not None and 0 <= like < len(self.formats) else ()
        self.rows[at:at] = [[] for _ in range(count)]
        self.formats[at:at] = [formats] * count

    def change_columns(self, change: Callable[[list[Any]], list[Any]], count: int) -> None:
        """Rebuild every row by a change of its columns, given padded to the full width."""
        width = self.column_count
        self.rows = [trimmed(change(row + [None] * (width - len(row)))) if row else row for row in self.rows]
        seen: dict[Formats, Formats] = {}
        for formats in set(self.formats):
            padded = list(formats) + [None] * (width - len(formats))
            seen[formats] = tuple(change(padded)) if formats else formats
        self.formats = [seen[formats] for formats in self.formats]
        self.column_count = count


def trimmed(cells: list[Value]) -> list[Value]:
    """Drop the empty cells at the end."""
    count = len(cells)
    while count and cells[count - 1] is None:
        count -= 1
    return cells if count == len(cells) else cells[:count]


@dataclass(slots=True)
class Book:
    """One spreadsheet and who may do what with it."""

    id: str
    title: str
    sheets: list[Sheet]
    locale: str = "en_US"
    time_zone: str = "Etc/GMT"
    marks: dict[int, Mark] = field(default_factory=dict)
    editors: set[str] = field(default_factory=set)
    owner: str = "user@example.com"
    app_properties: dict[str, str] = field(default_factory=dict)
    made_by: str | None = None  # the OAuth client that created it: all that drive.file may see

    def draft(self) -> "Book":
        """Give a copy to apply a batch to."""
        return replace(
            self,
            sheets=[sheet.draft() for sheet in self.sheets],
            marks={mark.id: replace(mark) for mark in self.marks.values()},
        )

    def adopt(self, draft: "Book") -> None:
        """Take over what a batch made of a draft."""
        self.title, self.sheets, self.marks = draft.title, draft.sheets, draft.marks
        self.locale, self.time_zone = draft.locale, draft.time_zone

    def sheet(self, sheet_id: int) -> Sheet:
        """Give a tab. Raises a 400 where there is none."""
        for sheet in self.sheets:
            if sheet.id == sheet_id:
                return sheet
        raise invalid(f"No grid with id: {sheet_id}")

    def by_title(self, title: str) -> Sheet | None:
        """Give the tab of that title, whatever its case."""
        return next((sheet for sheet in self.sheets if sheet.title.casefold() == title.casefold()), None)

    def new_id(self, taken: Iterable[int]) -> int:
        """Draw an id that is free."""
        used = set(taken)
        while True:
            drawn = random.randint(1, 2**31 - 1)
            if drawn not in used:
                return drawn

    # --- developer metadata ---

    def add_mark(self, mark: Mark) -> None:
        """Attach metadata. Raises a 400 on an id that is taken, and where the budget of characters is spent."""
        if mark.id in self.marks:
            raise invalid(f"Developer metadata with ID {mark.id} already exists.")
        self.marks[mark.id] = mark
        self.check_budget(mark.sheet_id)

    def check_budget(self, sheet_id: int | None) -> None:
        """Raise a 400 where the metadata of a tab (or of the file itself) has too many characters."""
        spent = sum(len(mark.key) + len(mark.value) for mark in self.marks.values() if mark.sheet_id == sheet_id)
        if spent > METADATA_BUDGET:
            raise invalid(f"The developer metadata exceeds the limit of {METADATA_BUDGET} characters.")

    def marks_on(self, sheet_id: int, dimension: Dimension | None) -> Iterator[Mark]:
        """Give the metadata of a tab itself (None), or of its rows or columns."""
        return (mark for mark in self.marks.values() if (mark.sheet_id, mark.dimension) == (sheet_id, dimension))

    def _move_marks(self, sheet_id: int, dimension: Dimension, moved: Callable[[int], int | None]) -> None:
        for mark in list(self.marks_on(sheet_id, dimension)):
            assert mark.place is not None
            mark.place = moved(mark.place)
            if mark.place is None:
                del self.marks[mark.id]

    # --- rows and columns ---

    def check_size(self) -> None:
        """Raise the 400 of a spreadsheet that has grown too large."""
        if any(sheet.column_count > MAX_COLUMNS for sheet in self.sheets):
            raise invalid(f"This action would increase the number of columns above the limit of {MAX_COLUMNS}.")
        if sum(sheet.row_count * sheet.column_count for sheet in self.sheets) > MAX_CELLS:
            raise invalid(
                f"This action would increase the number of cells in the workbook above the limit of {MAX_CELLS} cells."
            )

    def insert(self, sheet: Sheet, dimension: Dimension, at: int, count: int, *, like: int | None = None) -> None:
        """Insert empty rows or columns."""
        if dimension == "ROWS":
            sheet.insert_rows(at, count, like)
        else:
            empty: list[None] = [None] * count
            sheet.change_columns(lambda cells: [*cells[:at], *empty, *cells[at:]], sheet.column_count + count)
        self._move_marks(sheet.id, dimension, lambda place: place + count if place >= at else place)
        self.check_size()

    def delete(self, sheet: Sheet, dimension: Dimension, start: int, end: int) -> None:
        """Delete rows or columns, and the metadata on them. Raises a 400 where nothing would be left."""
        count = sheet.row_count if dimension == "ROWS" else sheet.column_count
        frozen = sheet.frozen_rows if dimension == "ROWS" else sheet.frozen_columns
        left_below = max(0, count - max(end, frozen)) + max(0, start - frozen)
        if left_below == 0:
            kind = "rows" if dimension == "ROWS" else "columns"
            raise invalid(f"Sorry, it is not possible to delete all non-frozen {kind}.")
        if dimension == "ROWS":
            del sheet.rows[start:end]
            del sheet.formats[start:end]
        else:
            sheet.change_columns(lambda cells: cells[:start] + cells[end:], count - (end - start))
        gone = end - start
        self._move_marks(
            sheet.id, dimension, lambda place: place if place < start else place - gone if place >= end else None
        )

    def move(self, sheet: Sheet, dimension: Dimension, start: int, end: int, to: int) -> None:
        """Move rows or columns to before `to`, as counted before the move."""
        count = sheet.row_count if dimension == "ROWS" else sheet.column_count
        order = [place for place in range(count) if not start <= place < end]
        at = to if to <= start else to - (end - start)
        order[at:at] = range(start, end)
        if dimension == "ROWS":
            sheet.rows = [sheet.rows[place] for place in order]
            sheet.formats = [sheet.formats[place] for place in order]
        else:
            sheet.change_columns(lambda cells: [cells[place] for place in order], count)
        where = {place: now for now, place in enumerate(order)}
        self._move_marks(sheet.id, dimension, where.__getitem__)
