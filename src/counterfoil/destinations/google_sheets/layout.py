"""What a tab looks like at one moment: which column is which, and which row holds which key. Pure.

A column's id is that of the developer metadata on it, and travels with it. A column without metadata has the id that
its metadata would get, made from tab and header: so that a column which lost its metadata is still found by its name.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import blake2b
from typing import Final

from counterfoil.destinations.google_sheets import wire
from counterfoil.destinations.google_sheets.cells import as_text
from counterfoil.model import Kind
from counterfoil.ports import RemoteField, RemoteTable

KEY: Final = "counterfoil.key"  # metadata on the column that holds our keys; its value is the header last seen
COLUMN: Final = "counterfoil.column"  # … on any other column that we write
TARGET: Final = "counterfoil.target"  # … on the column that holds the keys of a link column's targets
BATCH: Final = "counterfoil.batch"  # on the tab: one batch was applied; its value is the time in Unix seconds
MAX_REMEMBERED: Final = 60  # characters of a header that metadata keeps: it has 30,000 of them for a tab
_OURS: Final = (KEY, COLUMN, TARGET)
_ANYTHING: Final = frozenset(Kind)
COLUMN_TYPE: Final = "column"  # Google's columns have no types


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a tab."""

    id: str
    name: str  # its header; where that was not read or is empty, the header last seen
    index: int
    head: str = ""  # its cell in the first row, if that was read
    mark: wire.Mark | None = None  # our metadata
    format: wire.NumberFormat | None = None  # of the first row below the header

    @property
    def is_target(self) -> bool:
        """Say whether it holds the keys of link targets."""
        return self.mark is not None and self.mark.metadata_key == TARGET


@dataclass(frozen=True, slots=True)
class Tab:
    """One tab. `rows` maps each key to its row, the first of several; None where the keys were not read."""

    sheet_id: int
    title: str
    row_count: int
    column_count: int
    frozen_rows: int
    columns: tuple[Column, ...]
    batches: Mapping[int, int] = field(default_factory=dict)  # marker of an applied batch -> Unix seconds
    rows: Mapping[str, int] | None = None

    @property
    def id(self) -> str:
        return str(self.sheet_id)

    @property
    def all_known(self) -> bool:
        """Say whether every column carries our metadata, so that no header needs to be read."""
        return len([column for column in self.columns if column.mark]) == self.column_count

    @property
    def width(self) -> int:
        """The number of columns up to the last that has a header or metadata."""
        return max((column.index + 1 for column in self.columns), default=0)

    def column(self, field_id: str) -> Column | None:
        """Give the column of that id."""
        return next((column for column in self.columns if column.id == field_id), None)

    def named(self, name: str) -> Column | None:
        """Give the column under a header, whatever its case."""
        return next((column for column in self.columns if column.name.casefold() == name.casefold()), None)

    def target_of(self, field_id: str, label: str) -> Column | None:
        """Give the column with the keys of a link column's targets, by its metadata, else by its header."""
        found = self.column(target_id(field_id))
        if found is not None:
            return found
        named = self.named(target_label(label))
        return named if named is not None and named.mark is None else None


def short_id(text: str) -> int:
    """Make a positive 31-bit number from a text: what Google takes as an id of a tab or of metadata."""
    return int.from_bytes(blake2b(text.encode(), digest_size=4).digest()) % (2**31 - 1) + 1


def column_id(sheet_id: int, name: str, taken: set[str]) -> str:
    """Give the id of a column made from its header; a second column under the same header gets another one."""
    nth = 1
    while (found := str(short_id(f"{sheet_id} {name} {nth}"))) in taken:
        nth += 1
    return found


def target_id(field_id: str) -> str:
    """Give the id of the column that holds the target keys of a link column."""
    return str(short_id(f"target of {field_id}"))


def target_label(label: str) -> str:
    """Give the header of the column that holds the target keys of a link column."""
    return f"{label} ID"


def tabs(sheets: Sequence[wire.Sheet]) -> list[Tab]:
    """Read the tabs out of a reply; tabs that are no grids (a chart of its own) are left out."""
    return [_tab(sheet, None) for sheet in sheets if sheet.properties.sheet_type == "GRID"]


def tab_with_rows(sheet: wire.Sheet, key_index: int | None, key_id: str) -> Tab:
    """Read one tab whose key column was asked for too; `rows` stays None where it did not come."""
    return _tab(sheet, (key_index, key_id))


def _tab(sheet: wire.Sheet, key: tuple[int | None, str] | None) -> Tab:
    properties, grid = sheet.properties, sheet.properties.grid_properties
    marks: dict[int, wire.Mark] = {}
    heads: dict[int, str] = {}
    formats: dict[int, wire.NumberFormat] = {}
    for block in sheet.data:
        for index, dimension in enumerate(block.column_metadata, block.start_column):
            for mark in dimension.developer_metadata:
                if mark.metadata_key in _OURS:
                    marks[index] = mark
        if block.start_row == 0:
            heads.update(_texts(block, 0))
            formats.update(_formats(block, 1))
    columns = tuple(_columns(properties.sheet_id, marks, heads, formats))
    rows = None
    if key is not None:
        known, key_id = key
        if known is None:
            known = next((column.index for column in columns if column.mark and column.id == key_id), None)
        rows = None if known is None else _keys(sheet.data, known)
    return Tab(
        properties.sheet_id,
        properties.title,
        grid.row_count,
        grid.column_count,
        grid.frozen_row_count,
        columns,
        dict(_batches(sheet.developer_metadata)),
        rows,
    )


def _batches(marks: Sequence[wire.Mark]) -> Iterator[tuple[int, int]]:
    for mark in marks:
        if mark.metadata_key == BATCH:
            yield mark.metadata_id, int(mark.metadata_value) if mark.metadata_value.isdecimal() else 0


def _columns(
    sheet_id: int,
    marks: Mapping[int, wire.Mark],
    heads: Mapping[int, str],
    formats: Mapping[int, wire.NumberFormat],
) -> Iterator[Column]:
    taken = {str(mark.metadata_id) for mark in marks.values()}
    for index in sorted({*marks, *heads}):
        mark, head = marks.get(index), heads.get(index, "")
        if mark is not None:
            yield Column(str(mark.metadata_id), head or mark.metadata_value, index, head, mark, formats.get(index))
        elif head:
            found = column_id(sheet_id, head, taken)
            taken.add(found)
            yield Column(found, head, index, head, None, formats.get(index))


def _texts(block: wire.Block, row: int) -> Iterator[tuple[int, str]]:
    if row < len(block.row_data):
        for index, cell in enumerate(block.row_data[row].values, block.start_column):
            text = _text(cell)
            if text:
                yield index, text


def _formats(block: wire.Block, row: int) -> Iterator[tuple[int, wire.NumberFormat]]:
    if row < len(block.row_data):
        for index, cell in enumerate(block.row_data[row].values, block.start_column):
            if cell.user_entered_format is not None and cell.user_entered_format.number_format is not None:
                yield index, cell.user_entered_format.number_format


def _text(cell: wire.Cell) -> str:
    value = cell.effective_value
    if value is None:
        return ""
    number: Decimal | None = value.number_value
    return value.string_value or (as_text(number) if number is not None else "")


def _keys(blocks: Sequence[wire.Block], index: int) -> Mapping[str, int]:
    """Map each key to its row. The block of the two header rows may hold some of them as well."""
    rows: dict[str, int] = {}
    for block in sorted(blocks, key=lambda block: len(block.row_data), reverse=True):
        place = index - block.start_column
        if place < 0 or (block.column_metadata and place >= len(block.column_metadata)):
            continue
        for number, row in enumerate(block.row_data, block.start_row):
            if number and place < len(row.values):
                key = _text(row.values[place])
                if key:
                    rows.setdefault(key, number)
    return rows


def remote_table(tab: Tab) -> RemoteTable:
    """Show a tab as the rest of the product sees it. Columns of target keys take nothing: they come with their link."""
    fields = (
        RemoteField(column.id, column.name, COLUMN_TYPE, frozenset() if column.is_target else _ANYTHING)
        for column in tab.columns
    )
    return RemoteTable(tab.id, tab.title, tuple(fields))
