"""What `prepare` has to make: which tabs and columns of the user take ours, and the requests for the rest. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from counterfoil.destinations.google_sheets import refusals
from counterfoil.destinations.google_sheets.cells import FORMATS
from counterfoil.destinations.google_sheets.layout import (
    COLUMN,
    KEY,
    MAX_REMEMBERED,
    TARGET,
    Column,
    Tab,
    column_id,
    short_id,
    target_id,
    target_label,
)
from counterfoil.model import Kind
from counterfoil.ports import FieldMapping, TableMapping

SPARE_ROWS: Final = 100  # empty rows of a new tab: they carry the columns' formats, and count towards the cell limit
_UNTOUCHED: Final = (1000, 26)  # rows and columns of the one tab of a new spreadsheet
Request = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Arranged:
    """What to send (one batch, nothing if empty), and the mappings with every id filled in."""

    requests: Sequence[Request]
    tables: Sequence[TableMapping]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A column that must be there. `field_id` is "" where any column under the label will do."""

    column: str  # of the mapping; TARGET: the link that it belongs to
    label: str
    field_id: str
    role: str  # KEY, COLUMN or TARGET
    kind: Kind

    @property
    def number_format(self) -> Mapping[str, str] | None:
        return FORMATS.get(self.kind)


def find_tab(tabs: Sequence[Tab], wanted: TableMapping) -> Tab | None:
    """Give the tab that the mapping names by id, else by title (unique without regard to case).

    Raises `ActionRequired` where the tab of that id is gone.
    """
    if wanted.table_id:
        found = next((tab for tab in tabs if tab.id == wanted.table_id), None)
        if found is None:
            raise refusals.table_missing(wanted.label)
        return found
    return next((tab for tab in tabs if tab.title.casefold() == wanted.label.casefold()), None)


def looks_untouched(tabs: Sequence[Tab]) -> bool:
    """Say whether a spreadsheet has but one tab, of the size that Google makes it and without a header."""
    return len(tabs) == 1 and (tabs[0].row_count, tabs[0].column_count) == _UNTOUCHED and not tabs[0].columns


def arrange(tabs: Sequence[Tab], wanted: Sequence[TableMapping], untouched: Tab | None) -> Arranged:
    """Decide where each table goes. The `untouched` tab, empty and never used, is taken for the first new table.

    Raises `ActionRequired` where a tab or a column that was bound before is gone.
    """
    requests: list[Request] = []
    prepared: list[TableMapping] = []
    taken = {tab.sheet_id for tab in tabs}
    for table in wanted:
        tab, exact = find_tab(tabs, table), False
        if tab is None:
            tab, making = _new_tab(table, taken, untouched)
            taken.add(tab.sheet_id)
            untouched, exact = None, True
            requests += making
        bound, adding = _columns(tab, table, exact)
        requests += adding
        prepared.append(bound)
    ids = {table.table: table.table_id for table in prepared}
    return Arranged(requests, [_aimed(table, ids) for table in prepared])


def _aimed(table: TableMapping, ids: Mapping[str, str]) -> TableMapping:
    fields = tuple(
        replace(field, to_table_id=ids.get(field.to or "", field.to_table_id)) if field.kind is Kind.LINK else field
        for field in table.fields
    )
    return replace(table, fields=fields)


def _new_tab(table: TableMapping, taken: set[int], untouched: Tab | None) -> tuple[Tab, list[Request]]:
    count = sum(1 for _ in _wanted(table))
    if untouched is not None:
        properties = {
            "sheetId": untouched.sheet_id,
            "title": table.label,
            "gridProperties": {"frozenRowCount": 1},
        }
        fields = "title,gridProperties.frozenRowCount"
        tab = replace(untouched, title=table.label, frozen_rows=1)
        return tab, [{"updateSheetProperties": {"properties": properties, "fields": fields}}, *_fit(tab, count)]
    nth = 0
    while (sheet_id := short_id(f"tab {table.label} {nth}")) in taken:
        nth += 1
    grid = {"rowCount": 1 + SPARE_ROWS, "columnCount": count, "frozenRowCount": 1}
    properties = {"sheetId": sheet_id, "title": table.label, "gridProperties": grid}
    tab = Tab(sheet_id, table.label, 1 + SPARE_ROWS, 0, 1, ())
    return tab, [{"addSheet": {"properties": properties}}]


def _fit(tab: Tab, count: int) -> list[Request]:
    """Bring an empty tab to the size of a new one: blank cells count towards the limit of the spreadsheet."""
    requests: list[Request] = [_delete(tab, "ROWS", 1 + SPARE_ROWS, tab.row_count)]
    if count < tab.column_count:
        requests.append(_delete(tab, "COLUMNS", count, tab.column_count))
    elif count > tab.column_count:
        length = count - tab.column_count
        requests.append({"appendDimension": {"sheetId": tab.sheet_id, "dimension": "COLUMNS", "length": length}})
    return requests


def _delete(tab: Tab, dimension: str, start: int, end: int) -> Request:
    span = {"sheetId": tab.sheet_id, "dimension": dimension, "startIndex": start, "endIndex": end}
    return {"deleteDimension": {"range": span}}


def _wanted(table: TableMapping) -> Iterator[_Wanted]:
    """Give every column in the order of a new tab: what people read first, ids last."""
    for field in table.fields:
        yield _Wanted(field.column, field.label, field.field_id, COLUMN, field.kind)
    yield _Wanted(table.key_field.column, table.key_field.label, table.key_field.field_id, KEY, Kind.TEXT)
    for field in table.fields:
        if field.kind is Kind.LINK:
            yield _Wanted(field.column, target_label(field.label), "", TARGET, Kind.TEXT)


def _columns(tab: Tab, table: TableMapping, exact: bool) -> tuple[TableMapping, list[Request]]:
    """Bind each wanted column to one that is there, or to one that the requests make right of the last header.

    An `exact` tab is empty and has just the columns that are wanted.
    """
    requests: list[Request] = []
    missing: list[tuple[_Wanted, str]] = []
    ids: dict[tuple[str, str], str] = {}
    known = {column.id for column in tab.columns}
    used: set[int] = set()
    for wanted in _wanted(table):
        if wanted.role == TARGET:
            link_id = ids[COLUMN, wanted.column]
            found = tab.target_of(link_id, table.field(wanted.column).label)
            field_id = target_id(link_id)
        else:
            found = _find(tab, wanted, used)
            field_id = wanted.field_id or (found.id if found else column_id(tab.sheet_id, wanted.label, known))
        ids[wanted.role, wanted.column] = field_id
        known.add(field_id)
        if found is None:
            missing.append((wanted, field_id))
        else:
            used.add(found.index)
            requests += _adopt(tab, wanted, found, field_id)
    if missing:
        if not exact:
            requests.append(_room(tab, len(missing)))
        requests += _make(tab, missing)
    bound = tuple(replace(field, field_id=ids[COLUMN, field.column]) for field in table.fields)
    key_field = replace(table.key_field, field_id=ids[KEY, table.key_field.column])
    return replace(table, table_id=tab.id, key_field=key_field, fields=bound), requests


def _find(tab: Tab, wanted: _Wanted, used: set[int]) -> Column | None:
    """Give the column that is there already. Raises `ActionRequired` where the one bound before is gone."""
    if wanted.field_id:
        found = tab.column(wanted.field_id) or _unmarked(tab, wanted.label)
        if found is None:
            raise refusals.column_missing(tab.title, wanted.label)
        return found
    named = (column for column in tab.columns if column.name.casefold() == wanted.label.casefold())
    return next((column for column in named if not column.is_target and column.index not in used), None)


def _unmarked(tab: Tab, label: str) -> Column | None:
    found = tab.named(label)
    return found if found is not None and found.mark is None else None


def _adopt(tab: Tab, wanted: _Wanted, column: Column, field_id: str) -> Iterator[Request]:
    """Give a column of the user the metadata by which it is known, and a number format where it has none."""
    if column.mark is not None:
        return
    yield mark_column(tab.sheet_id, column.index, field_id, wanted.role, column.name)
    if wanted.number_format is not None and column.format is None:
        yield _format(tab.sheet_id, column.index, wanted.number_format)


def _room(tab: Tab, count: int) -> Request:
    at = tab.width
    if at >= tab.column_count:
        return {"appendDimension": {"sheetId": tab.sheet_id, "dimension": "COLUMNS", "length": count}}
    span = {"sheetId": tab.sheet_id, "dimension": "COLUMNS", "startIndex": at, "endIndex": at + count}
    return {"insertDimension": {"range": span, "inheritFromBefore": False}}


def _make(tab: Tab, missing: Sequence[tuple[_Wanted, str]]) -> Iterator[Request]:
    at = tab.width
    heads = [
        {
            "userEnteredValue": {"stringValue": wanted.label},
            "userEnteredFormat": {"textFormat": {"bold": True}},
        }
        for wanted, _ in missing
    ]
    start = {"sheetId": tab.sheet_id, "rowIndex": 0, "columnIndex": at}
    fields = "userEnteredValue,userEnteredFormat.textFormat.bold"
    yield {"updateCells": {"start": start, "rows": [{"values": heads}], "fields": fields}}
    for index, (wanted, field_id) in enumerate(missing, at):
        yield mark_column(tab.sheet_id, index, field_id, wanted.role, wanted.label)
        if wanted.number_format is not None:
            yield _format(tab.sheet_id, index, wanted.number_format)


def _format(sheet_id: int, index: int, number_format: Mapping[str, str]) -> Request:
    span = {"sheetId": sheet_id, "startRowIndex": 1, "startColumnIndex": index, "endColumnIndex": index + 1}
    return format_cells(span, number_format)


def format_cells(span: Mapping[str, int], number_format: Mapping[str, str]) -> Request:
    """Ask for a number format in a grid range."""
    cell = {"userEnteredFormat": {"numberFormat": dict(number_format)}}
    return {"repeatCell": {"range": dict(span), "cell": cell, "fields": "userEnteredFormat.numberFormat"}}


def mark_column(sheet_id: int, index: int, field_id: str, role: str, header: str) -> Request:
    """Ask for the metadata by which a column is known, wherever it moves; it remembers the header."""
    span = {"sheetId": sheet_id, "dimension": "COLUMNS", "startIndex": index, "endIndex": index + 1}
    metadata = {
        "metadataId": int(field_id),
        "metadataKey": role,
        "metadataValue": header[:MAX_REMEMBERED],
        "visibility": "DOCUMENT",
        "location": {"dimensionRange": span},
    }
    return {"createDeveloperMetadata": {"developerMetadata": metadata}}


def field_role(table: TableMapping, field: FieldMapping) -> str:
    """Give the metadata key of a mapped column."""
    return KEY if field is table.key_field else COLUMN
