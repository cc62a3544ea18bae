"""One atomic batch: changes and the tab as it stands, turned into requests and outcomes. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from counterfoil.destinations.google_sheets import refusals
from counterfoil.destinations.google_sheets.arrange import Request, field_role, format_cells, mark_column
from counterfoil.destinations.google_sheets.cells import EMPTY, FORMATS, MAX_TEXT, to_cell, too_long
from counterfoil.destinations.google_sheets.layout import (
    BATCH,
    MAX_REMEMBERED,
    TARGET,
    Column,
    Tab,
    short_id,
    target_id,
)
from counterfoil.model import Kind
from counterfoil.ports import Act, Cell, Change, FieldMapping, Gone, Link, Outcome, Rejected, TableMapping, Written

MAX_BYTES: Final = 8_000_000  # of one request, by estimate; Google recommends 2 MB and cuts calls off after 180 s
MAX_CHANGES: Final = 10_000  # of one request: Google takes 100,000 requests in a batch, an update needs a few
_MARKER_SECONDS: Final = 600  # a call is cut off after 180 s: no batch arrives later than that
_encode: Final = msgspec.json.Encoder(decimal_format="number").encode


@dataclass(frozen=True, slots=True)
class Batch:
    """The requests of one atomic call (none where there is nothing to do), and what will then hold."""

    requests: Sequence[Any]
    outcomes: Sequence[Outcome]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a column of the mapping stands now. `keys` is where the keys of its link targets go."""

    mapped: FieldMapping
    column: Column
    keys: Column | None = None


@dataclass(frozen=True, slots=True)
class Places:
    """Where everything that a table writes stands now."""

    key: Place
    fields: Mapping[str, Place]

    @property
    def all(self) -> Sequence[Place]:
        return [self.key, *self.fields.values()]


def locate(tab: Tab, table: TableMapping) -> Places:
    """Find every mapped column. Raises `ActionRequired` where one is gone."""

    def place(mapped: FieldMapping) -> Place:
        column = tab.column(mapped.field_id)
        if column is None:
            column = tab.named(mapped.label)
            if column is None or column.mark is not None:
                raise refusals.column_missing(tab.title, mapped.label)
        keys = tab.target_of(mapped.field_id, mapped.label) if mapped.kind is Kind.LINK else None
        return Place(mapped, column, keys)

    return Places(place(table.key_field), {mapped.column: place(mapped) for mapped in table.fields})


def split(changes: Sequence[Change]) -> Iterator[Sequence[Change]]:
    """Cut changes into parts that one request can carry."""
    part: list[Change] = []
    size = 0
    for change in changes:
        cost = 120 + len(change.key) + sum(_length(cell) for cell in change.cells.values())
        if part and (size + cost > MAX_BYTES or len(part) == MAX_CHANGES):
            yield part
            part, size = [], 0
        part.append(change)
        size += cost
    if part:
        yield part


def _length(cell: Cell) -> int:
    match cell:
        case None:
            return 3
        case str():
            return 42 + len(cell.encode())
        case Link():
            return _length(cell.key) + _length(cell.name)
    return 56


def marker(table: TableMapping, changes: Sequence[Change], nth: int) -> int:
    """Give the id under which a batch leaves its mark; the same changes sent again have the same one.

    The same changes may also be wanted a second time (a balance goes up, down and up): `nth` tells them apart.
    """
    lines = [
        f"{change.act.value} {change.key!r} {change.was_key!r} {sorted(change.cells.items(), key=lambda one: one[0])!r}"
        for change in changes
    ]
    return short_id("\n".join([f"batch {table.table_id} {nth}", *sorted(lines)]))


@dataclass(slots=True)
class _Work:
    """What has been decided so far."""

    updates: dict[int, dict[int, Mapping[str, Any]]] = field(default_factory=dict)  # row -> column -> cell
    additions: list[dict[int, Mapping[str, Any]]] = field(default_factory=list)
    deletions: set[int] = field(default_factory=set)
    outcomes: list[Outcome] = field(default_factory=list)


def compose(tab: Tab, table: TableMapping, changes: Sequence[Change], mark: int, now: int) -> Batch:
    """Turn changes into one atomic batch that leaves the marker `mark`; `now` is the time in Unix seconds.

    Without `tab.rows` every change must be a creation whose key is known not to be there. Raises `ActionRequired`
    where a mapped column is gone.
    """
    places = locate(tab, table)
    work = _Work()
    for change in changes:
        _decide(change, places, tab.rows or {}, work)
    edits = [
        *_written_rows(tab, work.updates),
        *_added_rows(tab, places, work.additions),
        *_spare_row(tab, len(work.deletions), len(work.additions)),
        *_deleted_rows(tab, work.deletions),
    ]
    if edits:
        edits += [*_upkeep(tab, table, places), *_leave_marker(tab, mark, now)]
    return Batch(edits, work.outcomes)


def _decide(change: Change, places: Places, rows: Mapping[str, int], work: _Work) -> None:
    if any(too_long(cell) for cell in change.cells.values()) or too_long(change.key):
        reason = f"Google Sheets takes at most {MAX_TEXT:,} characters in a cell; one of this row has more."
        work.outcomes.append(Rejected(change.key, reason))
        return
    standing = (rows[key] for key in (change.key, change.was_key, change.remote_id) if key and key in rows)
    row = next(standing, None)
    if change.act is Act.DELETE:
        if row is not None:
            work.deletions.add(row)
    elif row is not None:
        cells = _cells(change, places)
        if rows.get(change.key) != row:
            cells[places.key.column.index] = to_cell(change.key)
        if cells:
            work.updates[row] = cells
    elif change.act is Act.CREATE:
        work.additions.append(_cells(change, places) | {places.key.column.index: to_cell(change.key)})
    else:
        work.outcomes.append(Gone(change.key))
        return
    work.outcomes.append(Written(change.key, change.key))


def _cells(change: Change, places: Places) -> dict[int, Mapping[str, Any]]:
    cells: dict[int, Mapping[str, Any]] = {}
    for name, cell in change.cells.items():
        place = places.fields[name]
        cells[place.column.index] = to_cell(cell)
        if place.keys is not None:
            cells[place.keys.index] = to_cell(cell.key if isinstance(cell, Link) else None)
    return cells


# --- rows ---


def _written_rows(tab: Tab, updates: Mapping[int, Mapping[int, Mapping[str, Any]]]) -> Iterator[Request]:
    """Write runs of neighbouring cells; runs of the same columns in neighbouring rows go as one block."""
    runs = sorted(
        ((start, len(cells), row, cells) for row, columns in updates.items() for start, cells in _runs(columns)),
        key=lambda run: run[:3],
    )
    first, rows = (-1, -1, -1), list[Sequence[Any]]()
    for start, length, row, cells in runs:
        if rows and (start, length, row) == (first[0], first[1], first[2] + len(rows)):
            rows.append(cells)
            continue
        if rows:
            yield _block(tab, first[2], first[0], rows)
        first, rows = (start, length, row), [cells]
    if rows:
        yield _block(tab, first[2], first[0], rows)


def _runs(columns: Mapping[int, Mapping[str, Any]]) -> Iterator[tuple[int, list[Mapping[str, Any]]]]:
    run: list[Mapping[str, Any]] = []
    start = -1
    for column in sorted(columns):
        if column != start + len(run) or not run:
            if run:
                yield start, run
            start, run = column, []
        run.append(columns[column])
    if run:
        yield start, run


def _block(tab: Tab, row: int, column: int, rows: Sequence[Sequence[Any]]) -> Request:
    start = {"sheetId": tab.sheet_id, "rowIndex": row, "columnIndex": column}
    values = [{"values": cells} for cells in rows]
    return {"updateCells": {"start": start, "rows": values, "fields": "userEnteredValue"}}


def _added_rows(tab: Tab, places: Places, additions: Sequence[Mapping[int, Mapping[str, Any]]]) -> Iterator[Request]:
    """Append below the last row that holds anything.

    The grid grows by as many rows as are added, shown like the first row: so the empty rows at its end, which count
    towards the cell limit, stay as many as they are, and new rows never depend on what Google makes of the format.
    """
    if not additions:
        return
    count = len(additions)
    yield {"appendDimension": {"sheetId": tab.sheet_id, "dimension": "ROWS", "length": count}}
    for column, number_format in _formats(places):
        span = {
            "sheetId": tab.sheet_id,
            "startRowIndex": tab.row_count,
            "endRowIndex": tab.row_count + count,
            "startColumnIndex": column.index,
            "endColumnIndex": column.index + 1,
        }
        yield format_cells(span, number_format)
    width = 1 + max(index for cells in additions for index in cells)
    blank: list[Mapping[str, Any]] = [EMPTY] * width
    rows = []
    for cells in additions:
        values = blank.copy()
        for index, cell in cells.items():
            values[index] = cell
        rows.append(msgspec.Raw(_encode({"values": values})))
    yield {"appendCells": {"sheetId": tab.sheet_id, "rows": rows, "fields": "userEnteredValue"}}


def _formats(places: Places) -> Iterator[tuple[Column, Mapping[str, str]]]:
    for place in places.all:
        for column, kind in ((place.column, place.mapped.kind), (place.keys, Kind.TEXT)):
            if column is None:
                continue
            if column.format is not None:  # the user's choice goes on
                yield column, {"type": column.format.type} | _pattern(column.format.pattern)
            elif kind in FORMATS:
                yield column, FORMATS[kind]


def _pattern(pattern: str) -> dict[str, str]:
    return {"pattern": pattern} if pattern else {}


def _spare_row(tab: Tab, deleted: int, added: int) -> Iterator[Request]:
    # Google refuses to delete the last row below the frozen ones.
    if deleted and tab.row_count + added - max(1, tab.frozen_rows) - deleted < 1:
        yield {"appendDimension": {"sheetId": tab.sheet_id, "dimension": "ROWS", "length": 1}}


def _deleted_rows(tab: Tab, deletions: set[int]) -> Iterator[Request]:
    """Delete from the bottom up, neighbours together, so that no deletion moves a row of the next."""
    end = start = -1
    for row in [*sorted(deletions, reverse=True), -2]:
        if row == start - 1:
            start = row
            continue
        if end >= 0:
            span = {"sheetId": tab.sheet_id, "dimension": "ROWS", "startIndex": start, "endIndex": end}
            yield {"deleteDimension": {"range": span}}
        start, end = row, row + 1


# --- metadata ---


def _upkeep(tab: Tab, table: TableMapping, places: Places) -> Iterator[Request]:
    """Put metadata back that was lost, and remember headers that the user has changed."""
    for place in places.all:
        yield from _kept(tab, place.column, place.mapped.field_id, field_role(table, place.mapped))
        if place.keys is not None:
            yield from _kept(tab, place.keys, target_id(place.mapped.field_id), TARGET)


def _kept(tab: Tab, column: Column, field_id: str, role: str) -> Iterator[Request]:
    if column.mark is None:
        yield mark_column(tab.sheet_id, column.index, field_id, role, column.name)
    elif column.name[:MAX_REMEMBERED] != column.mark.metadata_value:
        yield {
            "updateDeveloperMetadata": {
                "dataFilters": [{"developerMetadataLookup": {"metadataId": column.mark.metadata_id}}],
                "developerMetadata": {"metadataValue": column.name[:MAX_REMEMBERED]},
                "fields": "metadataValue",
            }
        }


def _leave_marker(tab: Tab, mark: int, now: int) -> Iterator[Request]:
    """Mark the tab: the id is unique in the file, so that the same batch, sent twice, fails as a whole the second time.

    Old marks are removed: metadata has 30,000 characters for a tab.
    """
    for old, when in tab.batches.items():
        if when < now - _MARKER_SECONDS:
            yield {"deleteDeveloperMetadata": {"dataFilter": {"developerMetadataLookup": {"metadataId": old}}}}
    metadata = {
        "metadataId": mark,
        "metadataKey": BATCH,
        "metadataValue": str(now),
        "visibility": "DOCUMENT",
        "location": {"sheetId": tab.sheet_id},
    }
    yield {"createDeveloperMetadata": {"developerMetadata": metadata}}
