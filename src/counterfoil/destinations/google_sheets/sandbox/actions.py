"""What a user can do to the spreadsheet, as control calls; fields and tabs go by their id or their name."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from counterfoil.destinations.google_sheets.sandbox.cells import Value, intern_format, number_format, plain, read_format
from counterfoil.destinations.google_sheets.sandbox.cells import serial as serial_of
from counterfoil.destinations.google_sheets.sandbox.edits import apply_batch
from counterfoil.destinations.google_sheets.sandbox.grid import Book, Sheet
from counterfoil.destinations.google_sheets.sandbox.ranges import column_name
from counterfoil.destinations.google_sheets.sandbox.state import State
from counterfoil.destinations.google_sheets.sandbox.wire import BatchUpdate, decode
from counterfoil.sandbox.kit import Action, Json

_FORMATS = {
    "date": {"type": "DATE", "pattern": "yyyy-mm-dd"},
    "timestamp": {"type": "DATE_TIME", "pattern": "yyyy-mm-dd hh:mm:ss"},
    "number": {"type": "NUMBER", "pattern": "#,##0.00"},
}


@dataclass(frozen=True, slots=True)
class Field:
    """A column with a header or with metadata: its id is that of the metadata, else its letters."""

    id: str
    name: str
    type: str
    column: int
    is_row_key: bool


class Actions:
    """The user's hands. Rows go by the text in the column that carries the metadata `row_key`, else by "row:5"."""

    def __init__(self, state: State, row_key: str) -> None:
        self._state = state
        self._row_key = row_key

    def all(self) -> Mapping[str, Action]:
        """Give every action by its name."""
        named = (
            self.tables, self.add_table, self.rename_table, self.delete_table, self.add_field, self.rename_field,
            self.move_field, self.delete_field, self.retype_field, self.add_row, self.edit_row, self.delete_row,
            self.sort_rows, self.insert_blank_row, self.bulk_rows, self.forget_metadata, self.protect,
            self.share, self.unshare, self.revoke, self.restore,
        )  # fmt: skip
        return {action.__name__: _answering(action) for action in named}

    # --- looking ---

    def tables(self, _asked: dict[str, Any]) -> dict[str, Any]:
        """Show everything as it is."""
        return {"tables": [self._table(sheet) for sheet in self._book.sheets]}

    def _table(self, sheet: Sheet) -> dict[str, Any]:
        fields = self._fields(sheet)
        rows = []
        for place in range(1, sheet.last_filled_row()):
            if not sheet.rows[place]:
                continue
            cells = {
                field.name: plain(value, sheet.format(place, field.column))
                for field in fields
                if (value := sheet.value(place, field.column)) is not None
            }
            rows.append({"id": self._row_id(sheet, fields, place), "cells": cells})
        shown = [{"id": field.id, "name": field.name, "type": field.type} for field in fields]
        return {"id": str(sheet.id), "name": sheet.title, "fields": shown, "rows": rows}

    @property
    def _book(self) -> Book:
        return self._state.first

    def _sheet(self, asked: dict[str, Any]) -> Sheet:
        wanted = str(asked["table"])
        return next(sheet for sheet in self._book.sheets if wanted in (str(sheet.id), sheet.title))

    def _fields(self, sheet: Sheet) -> list[Field]:
        marks = {mark.place: mark for mark in reversed(list(self._book.marks_on(sheet.id, "COLUMNS")))}
        fields = []
        for column in range(sheet.column_count):
            name, mark = sheet.value(0, column), marks.get(column)
            if name is None and mark is None:
                continue
            kind = number_format(sheet.format(1, column) if sheet.row_count > 1 else None).get("type", "AUTOMATIC")
            field_id = str(mark.id) if mark else column_name(column)
            is_row_key = mark is not None and mark.key == self._row_key
            fields.append(Field(field_id, str(name or ""), kind.lower(), column, is_row_key))
        return fields

    def _field(self, sheet: Sheet, asked: dict[str, Any]) -> Field:
        wanted = str(asked["field"])
        return next(field for field in self._fields(sheet) if wanted in (field.id, field.name))

    def _row_id(self, sheet: Sheet, fields: list[Field], place: int) -> str:
        for field in fields:
            key = sheet.value(place, field.column)
            if field.is_row_key and key is not None:
                return str(key)
        return f"row:{place + 1}"

    def _place(self, sheet: Sheet, asked: dict[str, Any]) -> int:
        fields, wanted = self._fields(sheet), str(asked["row"])
        return next(
            place for place in range(1, sheet.last_filled_row()) if self._row_id(sheet, fields, place) == wanted
        )

    # --- tabs and columns ---

    def add_table(self, asked: dict[str, Any]) -> dict[str, str]:
        """Add a tab as people do: 1,000 rows and 26 columns, headers in the first row."""
        fields, rows = asked.get("fields", []), asked.get("rows", [])
        sheet_id = self._book.new_id(sheet.id for sheet in self._book.sheets)
        sheet = Sheet.blank(sheet_id, asked["name"], max(1000, len(rows) + 1), max(26, len(fields)))
        sheet.put(0, 0, [field["name"] for field in fields])
        self._book.sheets.append(sheet)
        for field in fields:
            if field.get("type") in _FORMATS:
                self._retype(sheet, field["name"], _FORMATS[field["type"]])
        for row in rows:
            self.add_row({"table": sheet.id, "cells": row})
        return {"id": str(sheet.id)}

    def rename_table(self, asked: dict[str, Any]) -> None:
        self._sheet(asked).title = asked["name"]

    def delete_table(self, asked: dict[str, Any]) -> None:
        self._edit({"deleteSheet": {"sheetId": self._sheet(asked).id}})

    def add_field(self, asked: dict[str, Any]) -> dict[str, str]:
        """Type a header into the first column that is free."""
        sheet = self._sheet(asked)
        column = max((len(row) for row in sheet.rows), default=0)
        column = max([column, *(field.column + 1 for field in self._fields(sheet))])
        if column >= sheet.column_count:
            self._book.insert(sheet, "COLUMNS", sheet.column_count, 1)
        sheet.put(0, column, [asked["name"]])
        if asked.get("type") in _FORMATS:
            self._retype(sheet, asked["name"], _FORMATS[asked["type"]])
        return {"id": column_name(column)}

    def rename_field(self, asked: dict[str, Any]) -> None:
        sheet = self._sheet(asked)
        sheet.put(0, self._field(sheet, asked).column, [asked["name"]])

    def move_field(self, asked: dict[str, Any]) -> None:
        sheet = self._sheet(asked)
        fields = self._fields(sheet)
        column, to = self._field(sheet, asked).column, fields[asked["to"]].column
        self._book.move(sheet, "COLUMNS", column, column + 1, to if to <= column else to + 1)

    def delete_field(self, asked: dict[str, Any]) -> None:
        sheet = self._sheet(asked)
        column = self._field(sheet, asked).column
        self._book.delete(sheet, "COLUMNS", column, column + 1)

    def retype_field(self, asked: dict[str, Any]) -> None:
        """Give a column another number format: a spreadsheet has no stricter types."""
        sheet = self._sheet(asked)
        wanted = _FORMATS.get(asked["type"], {"type": asked["type"].upper()})
        self._retype(sheet, self._field(sheet, asked).name, wanted)

    def _retype(self, sheet: Sheet, name: str, wanted: Mapping[str, str]) -> None:
        column = self._field(sheet, {"field": name}).column
        for place in range(1, sheet.row_count):
            cell_format = {**read_format(sheet.format(place, column)), "numberFormat": dict(wanted)}
            sheet.put_formats(place, column, [intern_format(cell_format)])

    def forget_metadata(self, asked: dict[str, Any]) -> None:
        """Lose the metadata of a tab's columns, as a tab loses it that was pasted anew."""
        for mark in list(self._book.marks_on(self._sheet(asked).id, "COLUMNS")):
            del self._book.marks[mark.id]

    def protect(self, asked: dict[str, Any]) -> None:
        """Let nobody but the owner edit a tab."""
        editors = {"users": [self._book.owner]}
        protected = {"range": {"sheetId": self._sheet(asked).id}, "editors": editors}
        self._edit({"addProtectedRange": {"protectedRange": protected}})

    def _edit(self, request: dict[str, Any]) -> None:
        body = bytes(Json({"requests": [request]}).body)
        apply_batch(self._book, decode(body, BatchUpdate).requests, None)

    # --- rows ---

    def add_row(self, asked: dict[str, Any]) -> dict[str, str]:
        """Type a row below the last one."""
        sheet = self._sheet(asked)
        place = max(1, sheet.last_filled_row())
        if place >= sheet.row_count:
            self._book.insert(sheet, "ROWS", sheet.row_count, 1, like=sheet.row_count - 1)
        self._type(sheet, place, asked["cells"])
        return {"id": self._row_id(sheet, self._fields(sheet), place)}

    def edit_row(self, asked: dict[str, Any]) -> None:
        sheet = self._sheet(asked)
        self._type(sheet, self._place(sheet, asked), asked["cells"])

    def _type(self, sheet: Sheet, place: int, cells: Mapping[str, Value]) -> None:
        for name, value in cells.items():
            column = self._field(sheet, {"field": name}).column
            kind = number_format(sheet.format(place, column)).get("type")
            if isinstance(value, str) and kind in ("DATE", "DATE_TIME"):
                value = value if serial_of(value) is None else serial_of(value)
            sheet.put(place, column, [None if value == "" else value])

    def delete_row(self, asked: dict[str, Any]) -> None:
        sheet = self._sheet(asked)
        place = self._place(sheet, asked)
        self._book.delete(sheet, "ROWS", place, place + 1)

    def insert_blank_row(self, asked: dict[str, Any]) -> None:
        """Insert an empty row before the row `at`, counted from 1 below the headers."""
        place = int(asked.get("at", 1))
        self._book.insert(self._sheet(asked), "ROWS", place, 1, like=place)

    def sort_rows(self, asked: dict[str, Any]) -> None:
        sheet = self._sheet(asked)
        column = self._field(sheet, asked).column
        spec = {"dimensionIndex": column, "sortOrder": asked.get("order", "ASCENDING")}
        self._edit({"sortRange": {"range": {"sheetId": sheet.id, "startRowIndex": 1}, "sortSpecs": [spec]}})

    def bulk_rows(self, asked: dict[str, Any]) -> dict[str, int]:
        """Load many rows fast: `columns` and `rows` (lists), or `count` copies of `cells` with {n} filled in."""
        sheet = self._sheet(asked)
        columns = asked.get("columns") or list(asked["cells"])
        places = [self._field(sheet, {"field": name}).column for name in columns]
        rows = asked.get("rows") or _copies(asked["cells"], int(asked["count"]))
        top = max(1, sheet.last_filled_row())
        missing = top + len(rows) - sheet.row_count
        if missing > 0:
            self._book.insert(sheet, "ROWS", sheet.row_count, missing, like=sheet.row_count - 1)
        width = max(places) + 1
        for place, row in enumerate(rows, top):
            cells: list[Value] = [None] * width
            for column, value in zip(places, row, strict=True):
                cells[column] = value
            sheet.put(place, 0, cells)
        return {"rows": len(rows)}

    # --- access ---

    def share(self, _asked: dict[str, Any]) -> None:
        self._book.editors.add(self._state.accounts.service_email)

    def unshare(self, _asked: dict[str, Any]) -> None:
        self._book.editors.discard(self._state.accounts.service_email)

    def revoke(self, _asked: dict[str, Any]) -> None:
        self._state.accounts.revoked = True

    def restore(self, _asked: dict[str, Any]) -> None:
        self._state.accounts.revoked = False


def _answering(action: Action) -> Action:
    def answer(asked: dict[str, Any]) -> Any:
        try:
            return action(asked)
        except StopIteration:
            return Json({"error": "there is no such table, field or row"}, 404)

    return answer


def _copies(cells: Mapping[str, Value], count: int) -> list[list[Value]]:
    return [
        [value.replace("{n}", str(number)) if isinstance(value, str) else value for value in cells.values()]
        for number in range(1, count + 1)
    ]
