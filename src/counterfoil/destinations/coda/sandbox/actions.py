"""What people and the vendor may do behind the API: the control calls of the emulator."""

from collections.abc import Callable, Mapping
from typing import Any

from counterfoil.destinations.coda.sandbox.doc import Column, Doc, Row, Table
from counterfoil.destinations.coda.sandbox.template import FORMATS
from counterfoil.destinations.coda.sandbox.values import Cell, truth
from counterfoil.destinations.coda.sandbox.vendor import Token, Vendor
from counterfoil.model import Kind
from counterfoil.sandbox.kit import Action, Refusal

# Our words for kinds are understood beside the vendor's.
_BUILT_IN = {kind.value: vendor for kind, vendor in FORMATS.items() if kind is not Kind.LINK}


def _wrong(message: str) -> Refusal:
    return Refusal(400, {"error": message})


class Actions:
    """Acts on the user's doc. Tables and fields are named by id or current name, rows by id."""

    def __init__(self, vendor: Vendor, doc: Doc, token: Token) -> None:
        self._vendor, self._doc, self._token = vendor, doc, token

    def all(self) -> Mapping[str, Action]:
        """Give the actions by name."""
        plain: list[Callable[[dict[str, Any]], Any]] = [
            *(self.tables, self.add_table, self.add_field, self.rename_field, self.move_field, self.delete_field),
            *(self.retype_field, self.rename_table, self.add_row, self.bulk_rows, self.edit_row, self.delete_row),
            *(self.sort_rows, self.unshare, self.share, self.revoke, self.restore, self.restrict, self.trash_doc),
            *(self.pace, self.lose_edits),
        ]
        return {act.__name__: act for act in plain}

    def _table(self, asked: dict[str, Any]) -> Table:
        self._vendor.settle()
        table = self._doc.table(asked["table"])
        if table is None:
            raise _wrong(f"no table {asked['table']}")
        return table

    def _column(self, table: Table, name: str) -> Column:
        column = table.column(name)
        if column is None:
            raise _wrong(f"no field {name} in {table.name}")
        return column

    def _row(self, table: Table, row_id: str) -> Row:
        if row_id not in table.rows:
            raise _wrong(f"no row {row_id} in {table.name}")
        return table.rows[row_id]

    # --- looking ---

    def tables(self, _asked: dict[str, Any]) -> Any:
        """Everything there is, as it is: edits that wait in the queue are not there yet."""
        self._vendor.settle()
        return {"tables": [self._shown(table) for table in self._doc.tables if table.parent is None]}

    def _shown(self, table: Table) -> dict[str, Any]:
        order = table.natural or list(table.rows)
        known = set(order)
        order = [row_id for row_id in order if row_id in table.rows] + [one for one in table.rows if one not in known]
        return {
            "id": table.id,
            "name": table.name,
            "fields": [{"id": one.id, "name": one.name, "type": one.type} for one in table.columns],
            "rows": [{"id": row_id, "cells": _cells_shown(table, table.rows[row_id])} for row_id in order],
        }

    # --- tables and columns ---

    def add_table(self, asked: dict[str, Any]) -> Any:
        """A person adds a table; the first field names its rows. A link field names its table with `to`."""
        made = [self._made(field) for field in asked["fields"]] or [Column(self._vendor.ids.new("c-"), "Name", "text")]
        table = Table(self._vendor.ids.new("grid-"), asked["name"], made, made[0].id, self._vendor.clock.now())
        self._doc.tables.append(table)
        for cells in asked.get("rows", ()):
            self._vendor.place_row(self._doc, table, self._typed(table, cells))
        return {"id": table.id, "fields": {column.name: column.id for column in made}}

    def _made(self, asked: dict[str, Any]) -> Column:
        kind = asked.get("type") or "text"
        target = self._doc.table(asked["to"]) if asked.get("to") else None
        calculated = kind == "calculated"
        if kind == "link" and target is not None:
            kind = "lookup"  # our word for a link between rows is the vendor's for a web address
        vendor_kind = "dateTime" if calculated else _BUILT_IN.get(kind, kind)
        column_id = self._vendor.ids.new("c-")
        return Column(column_id, asked["name"], vendor_kind, target.id if target else None, calculated)

    def add_field(self, asked: dict[str, Any]) -> Any:
        column = self._made(asked)
        self._table(asked).columns.append(column)
        return {"id": column.id}

    def rename_field(self, asked: dict[str, Any]) -> None:
        self._column(self._table(asked), asked["field"]).name = asked["name"]

    def move_field(self, asked: dict[str, Any]) -> None:
        table = self._table(asked)
        column = self._column(table, asked["field"])
        table.columns.remove(column)
        table.columns.insert(asked["to"], column)

    def delete_field(self, asked: dict[str, Any]) -> None:
        table = self._table(asked)
        column = self._column(table, asked["field"])
        table.columns.remove(column)
        table.forget_column(column.id)
        if table.display == column.id:
            table.display = table.columns[0].id

    def retype_field(self, asked: dict[str, Any]) -> None:
        kind = _BUILT_IN.get(asked["type"]) or asked["type"]
        self._column(self._table(asked), asked["field"]).type = kind

    def rename_table(self, asked: dict[str, Any]) -> None:
        self._table(asked).name = asked["name"]

    # --- rows ---

    def _typed(self, table: Table, cells: Mapping[str, Any]) -> dict[str, Cell]:
        typed: dict[str, Cell] = {}
        for name, value in cells.items():
            column = self._column(table, name)
            # A person who types into a text column means text; other columns read what is typed.
            parsing = column.type not in ("text", "select", "link")
            typed[column.id] = self._vendor.take(self._doc, column, "" if value is None else value, parsing=parsing)
        return typed

    def add_row(self, asked: dict[str, Any]) -> Any:
        table = self._table(asked)
        return {"id": self._vendor.place_row(self._doc, table, self._typed(table, asked["cells"])).id}

    def bulk_rows(self, asked: dict[str, Any]) -> Any:
        """Load many rows at once: `fields` (names or ids) and `rows` (arrays of values in that order)."""
        table = self._table(asked)
        columns = [self._column(table, name) for name in asked["fields"]]
        parsing = [column.type not in ("text", "select", "link") for column in columns]
        made: list[str] = []
        for values in asked["rows"]:
            cells = {
                column.id: self._vendor.take(self._doc, column, value, parsing=parse)
                for column, value, parse in zip(columns, values, parsing, strict=True)
                if value is not None
            }
            made.append(self._vendor.place_row(self._doc, table, cells).id)
        return {"ids": made}

    def edit_row(self, asked: dict[str, Any]) -> None:
        table = self._table(asked)
        row = self._row(table, asked["row"])
        self._vendor.edit_row(self._doc, table, row.id, self._typed(table, asked["cells"]))

    def delete_row(self, asked: dict[str, Any]) -> None:
        table = self._table(asked)
        self._vendor.drop_row(self._doc, table, self._row(table, asked["row"]).id)

    def sort_rows(self, asked: dict[str, Any]) -> None:
        table = self._table(asked)
        column = self._column(table, asked["field"])
        rows = sorted(table.rows.values(), key=lambda row: _rank(row.cells.get(column.id)))
        table.natural = [row.id for row in rows]

    # --- access and pace ---

    def unshare(self, _asked: dict[str, Any]) -> None:
        self._doc.shared = False

    def share(self, _asked: dict[str, Any]) -> None:
        self._doc.shared = True

    def revoke(self, _asked: dict[str, Any]) -> None:
        self._token.live = False

    def restore(self, _asked: dict[str, Any]) -> None:
        self._token.live = True

    def restrict(self, asked: dict[str, Any]) -> None:
        """Restrict the token: `access` read, write or both; `doc` an id, or null for all docs."""
        self._token.access = asked.get("access", "both")
        self._token.doc = asked.get("doc")

    def trash_doc(self, _asked: dict[str, Any]) -> None:
        self._doc.deleted = True

    def pace(self, asked: dict[str, Any]) -> None:
        """Set the seconds an edit waits in the queue (`delay`) and the seconds the snapshot is behind (`lag`)."""
        self._vendor.pace.delay = asked.get("delay", self._vendor.pace.delay)
        self._vendor.pace.lag = asked.get("lag", self._vendor.pace.lag)

    def lose_edits(self, asked: dict[str, Any]) -> None:
        """Accept the next `times` edits and never carry them out."""
        self._vendor.lose = asked.get("times", 1)


def _cells_shown(table: Table, row: Row) -> dict[str, Any]:
    cells = {column.name: truth(row.cells.get(column.id)) for column in table.columns if not column.calculated}
    return {name: value for name, value in cells.items() if value is not None}


def _rank(cell: Cell) -> tuple[int, Any]:
    value = truth(cell)
    if value is None or isinstance(value, list):
        return (2, "")
    return (0, value) if not isinstance(value, str) else (1, value)
