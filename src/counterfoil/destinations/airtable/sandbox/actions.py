"""What a user does to an emulated base, as control calls: the vocabulary that all destination emulators share."""

from collections.abc import Mapping
from typing import Any

from counterfoil.destinations.airtable.sandbox.fields import COMPUTED, TEXTS, accept, options_of
from counterfoil.destinations.airtable.sandbox.records import Records
from counterfoil.destinations.airtable.sandbox.schema import create_field, create_table
from counterfoil.destinations.airtable.sandbox.store import LINK, Base, Field, Row, Table
from counterfoil.sandbox.kit import Action

_OPTIONS: Mapping[str, Any] = {
    "number": {"precision": 2},
    "percent": {"precision": 2},
    "currency": {"precision": 2, "symbol": "$"},
    "date": {"dateFormat": {"name": "iso"}},
    "dateTime": {"dateFormat": {"name": "iso"}, "timeFormat": {"name": "24hour"}, "timeZone": "utc"},
    "checkbox": {"icon": "check", "color": "greenBright"},
    "singleSelect": {"choices": []},
    "multipleSelects": {"choices": []},
}


class Actions:
    """The user's hands on one base."""

    def __init__(self, base: Base, records: Records) -> None:
        self._base, self._records = base, records

    def all(self) -> dict[str, Action]:
        """Give the actions by name."""
        names = (
            "tables add_table rename_table add_field rename_field move_field delete_field retype_field "
            "add_row edit_row delete_row sort_rows bulk_rows unshare share"
        )
        return {name: getattr(self, name) for name in names.split()}

    def tables(self, _body: dict[str, Any]) -> dict[str, Any]:
        return {"tables": [self._shown(table) for table in self._base.tables]}

    def add_table(self, body: dict[str, Any]) -> dict[str, Any]:
        fields = [self._wanted(field) for field in body["fields"]]
        table = create_table(self._base, self._records.ids, {"name": body["name"], "fields": fields})
        for cells in body.get("rows", ()):
            self._add(table, cells)
        return self._shown(table)

    def rename_table(self, body: dict[str, Any]) -> None:
        self._table(body).name = body["name"]

    def add_field(self, body: dict[str, Any]) -> dict[str, Any]:
        table, wanted = self._table(body), self._wanted(body)
        if wanted["type"] not in COMPUTED:
            return create_field(self._base, table, self._records.ids, wanted).shown()
        field = Field(self._records.ids.new("fld"), wanted["name"], wanted["type"], body.get("options"))
        table.fields.append(field)  # only people can make these
        return field.shown()

    def rename_field(self, body: dict[str, Any]) -> None:
        self._field(body).name = body["name"]

    def move_field(self, body: dict[str, Any]) -> None:
        table, column = self._table(body), self._field(body)
        table.fields.remove(column)
        table.fields.insert(body["to"], column)

    def delete_field(self, body: dict[str, Any]) -> None:
        """The primary field cannot go; with a link goes its backward field."""
        table, column = self._table(body), self._field(body)
        assert column.id != table.primary, "the primary field cannot be deleted"
        options = column.options or {}
        if column.type == LINK and (other := self._base.find(options["linkedTableId"])):
            other.forget(options.get("inverseLinkFieldId", ""))
        table.forget(column.id)

    def retype_field(self, body: dict[str, Any]) -> None:
        """Cells that the new type cannot take become empty, as in the app."""
        table, column = self._table(body), self._field(body)
        kind = body["type"]
        column.options = options_of(kind, _OPTIONS.get(kind), self._records.ids)
        column.type = kind
        for row in table.rows.values():
            value = row.cells.get(column.id)
            if kind in TEXTS and value is not None:
                table.set(row, column.id, str(value))
            elif value is not None:
                table.set(row, column.id, None)

    def add_row(self, body: dict[str, Any]) -> dict[str, Any]:
        return {"id": self._add(self._table(body), body["cells"]).id}

    def edit_row(self, body: dict[str, Any]) -> None:
        change = {"id": body["row"], "fields": body["cells"]}
        self._records.update(self._base, self._table(body), [change], typecast=True, replace=False)

    def delete_row(self, body: dict[str, Any]) -> None:
        self._records.delete(self._base, self._table(body), [body["row"]])

    def sort_rows(self, body: dict[str, Any]) -> None:
        table, column = self._table(body), self._field(body)

        def rank(row: Row) -> tuple[bool, bool, Any]:
            value = row.cells.get(column.id)
            return (value is not None, isinstance(value, str), value)

        table.rows = {row.id: row for row in sorted(table.rows.values(), key=rank)}

    def bulk_rows(self, body: dict[str, Any]) -> dict[str, Any]:
        """Load many rows at once: {table, rows: [{field name: value}]} -> {"ids"}. Links are not followed."""
        table, records = self._table(body), self._records
        columns = {field.name: field for field in table.fields if field.type != LINK}
        ids = []
        for cells in body["rows"]:
            row = Row(records.ids.new("rec"), "2026-01-01T00:00:00.000Z", {})
            for name, value in cells.items():
                held = accept(self._base, columns[name], value, typecast=True, ids=records.ids)
                if held is not None:
                    row.cells[columns[name].id] = held
            table.put(row)
            ids.append(row.id)
        return {"ids": ids}

    def unshare(self, _body: dict[str, Any]) -> None:
        self._base.shared = False

    def share(self, _body: dict[str, Any]) -> None:
        self._base.shared = True

    def _shown(self, table: Table) -> dict[str, Any]:
        fields = [{"id": field.id, "name": field.name, "type": field.type} for field in table.fields]
        rows = []
        for row in table.rows.values():
            shown = self._records.shown(table, row, by_id=False)
            rows.append({"id": row.id, "cells": shown["fields"]})
        return {"id": table.id, "name": table.name, "fields": fields, "rows": rows}

    def _wanted(self, body: Mapping[str, Any]) -> dict[str, Any]:
        kind = body.get("type") or "singleLineText"
        return {"name": body["name"], "type": kind, "options": body.get("options") or _OPTIONS.get(kind)}

    def _add(self, table: Table, cells: Mapping[str, Any]) -> Row:
        return self._records.create(self._base, table, [{"fields": cells}], typecast=True)[0]

    def _table(self, body: Mapping[str, Any]) -> Table:
        table = self._base.find(body["table"])
        assert table is not None, f"no table {body['table']}"
        return table

    def _field(self, body: Mapping[str, Any]) -> Field:
        column = self._table(body).find(body["field"])
        assert column is not None, f"no field {body['field']}"
        return column
