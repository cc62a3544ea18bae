"""What an emulated Airtable holds: bases, tables, fields, records, and an index for what upserts match on."""

import random
import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

LINK = "multipleRecordLinks"
_ALPHABET = string.ascii_letters + string.digits


class Ids:
    """Ids as Airtable makes them, the same ones for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # not a secret

    def new(self, prefix: str) -> str:
        """Give a three-letter prefix and 14 letters or digits."""
        return prefix + "".join(self._random.choices(_ALPHABET, k=14))


@dataclass(slots=True)
class Field:
    """One column. Options are kept as the API shows them."""

    id: str
    name: str
    type: str
    options: dict[str, Any] | None = None
    description: str | None = None

    def shown(self) -> dict[str, Any]:
        """Give the field as the schema call shows it."""
        body: dict[str, Any] = {"type": self.type, "id": self.id, "name": self.name}
        if self.description is not None:
            body["description"] = self.description
        if self.options is not None:
            body["options"] = self.options
        return body


@dataclass(slots=True)
class Row:
    """One record. A link cell is a dict of ids (an ordered set), so that a hub with many links stays quick."""

    id: str
    created: str
    cells: dict[str, Any]


@dataclass(slots=True)
class Table:
    """One table; its rows stand in the order of creation, or as the user sorted them."""

    id: str
    name: str
    fields: list[Field]
    primary: str
    view: str
    description: str | None = None
    rows: dict[str, Row] = field(default_factory=dict)
    _matches: dict[str, dict[Any, dict[str, None]]] = field(default_factory=dict)  # field id -> value -> row ids

    def find(self, name_or_id: str) -> Field | None:
        """Give the field of that id or name."""
        for one in self.fields:
            if name_or_id in (one.id, one.name):
                return one
        return None

    def shown(self) -> dict[str, Any]:
        """Give the table as the schema call shows it."""
        body: dict[str, Any] = {"id": self.id, "name": self.name, "primaryFieldId": self.primary}
        if self.description is not None:
            body["description"] = self.description
        body["fields"] = [one.shown() for one in self.fields]
        body["views"] = [{"id": self.view, "name": "Grid view", "type": "grid"}]
        return body

    def matching(self, field_id: str, value: Any) -> Iterable[str]:
        """Give the ids of the rows that hold the value, through an index made at the first question."""
        index = self._matches.get(field_id)
        if index is None:
            index = self._matches[field_id] = {}
            for row in self.rows.values():
                index.setdefault(_hashable(row.cells.get(field_id)), {})[row.id] = None
        return tuple(index.get(_hashable(value), ()))

    def put(self, row: Row) -> None:
        """Add a row at the end."""
        self.rows[row.id] = row
        for field_id, index in self._matches.items():
            index.setdefault(_hashable(row.cells.get(field_id)), {})[row.id] = None

    def set(self, row: Row, field_id: str, value: Any) -> None:
        """Give a cell a value; None empties it."""
        index = self._matches.get(field_id)
        if index is not None:
            index.get(_hashable(row.cells.get(field_id)), {}).pop(row.id, None)
            index.setdefault(_hashable(value), {})[row.id] = None
        if value is None:
            row.cells.pop(field_id, None)
        else:
            row.cells[field_id] = value

    def drop(self, row_id: str) -> Row:
        """Remove a row."""
        row = self.rows.pop(row_id)
        for field_id, index in self._matches.items():
            index.get(_hashable(row.cells.get(field_id)), {}).pop(row_id, None)
        return row

    def forget(self, field_id: str) -> None:
        """Remove a column and its cells."""
        self.fields = [one for one in self.fields if one.id != field_id]
        self._matches.pop(field_id, None)
        for row in self.rows.values():
            row.cells.pop(field_id, None)


@dataclass(slots=True)
class Base:
    """One base."""

    id: str
    name: str
    tables: list[Table] = field(default_factory=list)
    shared: bool = True

    def find(self, name_or_id: str) -> Table | None:
        """Give the table of that id or name."""
        for table in self.tables:
            if name_or_id in (table.id, table.name):
                return table
        return None

    def rows(self) -> int:
        return sum(len(table.rows) for table in self.tables)

    def link(self, table: Table, row: Row, column: Field, targets: Mapping[str, None]) -> None:
        """Point a link cell at these rows and keep the other table's backward link true."""
        other = self.find((column.options or {})["linkedTableId"])
        inverse = (column.options or {}).get("inverseLinkFieldId")
        before: Mapping[str, None] = row.cells.get(column.id) or {}
        table.set(row, column.id, dict(targets) or None)
        if other is None or inverse is None:
            return
        for target in before.keys() - targets.keys():
            if target in other.rows:
                backward = other.rows[target].cells.get(inverse, {})
                backward.pop(row.id, None)
                other.set(other.rows[target], inverse, backward or None)
        for target in targets:
            if target not in before:
                there = other.rows[target]
                if inverse in there.cells:
                    there.cells[inverse][row.id] = None
                else:
                    other.set(there, inverse, {row.id: None})

    def unlink(self, table: Table, row: Row) -> None:
        """Empty the link cells of a row that is about to go."""
        for column in table.fields:
            if column.type == LINK and column.id in row.cells:
                self.link(table, row, column, {})


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list | dict) else value
