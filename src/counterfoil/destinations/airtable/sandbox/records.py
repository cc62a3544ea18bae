"""What the emulated Airtable does with records: list, create, update, upsert, delete, each all or nothing.

https://airtable.com/developers/web/api/list-records and the pages beside it.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from counterfoil.destinations.airtable.sandbox import refusals
from counterfoil.destinations.airtable.sandbox.fields import COMPUTED, MERGEABLE, accept
from counterfoil.destinations.airtable.sandbox.formula import compiled
from counterfoil.destinations.airtable.sandbox.store import LINK, Base, Field, Ids, Row, Table
from counterfoil.sandbox.kit import Clock

BATCH: Final = 10  # records a write may carry
PAGE: Final = 100
_NUMERIC: Final = frozenset({"number", "percent", "currency", "rating", "duration", "autoNumber", "count"})


@dataclass(frozen=True, slots=True)
class Listing:
    """What a caller wants to list."""

    fields: Sequence[str] = ()
    formula: str = ""
    sort: Sequence[tuple[str, bool]] = ()  # (field, descending)
    page_size: int = PAGE
    max_records: int | None = None
    by_id: bool = False


@dataclass(slots=True)
class Records:
    """The records of one emulator."""

    ids: Ids
    clock: Clock
    cap: int  # records a base may hold
    _iterators: dict[str, list[str]] = field(default_factory=dict)

    def shown(self, table: Table, row: Row, *, by_id: bool, only: Sequence[str] = ()) -> dict[str, Any]:
        """Give a record as the API shows it: empty cells are absent."""
        fields = {
            (column.id if by_id else column.name): list(value) if column.type == LINK else value
            for column in table.fields
            if (value := row.cells.get(column.id)) is not None and (not only or column.id in only)
        }
        return {"id": row.id, "createdTime": row.created, "fields": fields}

    # --- reading ---

    def page(self, table: Table, wanted: Listing, offset: str | None) -> dict[str, Any]:
        """Give one page, and the offset of the next where there is one."""
        only = [self._column(table, name).id for name in wanted.fields]
        if offset is None:
            waiting = self._select(table, wanted)
        else:
            iterator, _, start = offset.partition("/")
            listed = self._iterators.get(iterator)
            if listed is None:
                raise refusals.invalid("LIST_RECORDS_ITERATOR_NOT_AVAILABLE", "The iterator is not available any more")
            waiting = listed[listed.index(start) :] if start in listed else []
        size = min(max(wanted.page_size, 1), PAGE)
        body: dict[str, Any] = {
            "records": [
                self.shown(table, table.rows[row_id], by_id=wanted.by_id, only=only)
                for row_id in waiting[:size]
                if row_id in table.rows
            ]
        }
        if len(waiting) > size:
            iterator = offset.partition("/")[0] if offset else self.ids.new("itr")
            self._iterators[iterator] = waiting[size:]
            body["offset"] = f"{iterator}/{waiting[size]}"
        return body

    def expire_iterators(self) -> None:
        """Forget where every listing stands, as the vendor does after some idle time."""
        self._iterators.clear()

    def _select(self, table: Table, wanted: Listing) -> list[str]:
        rows = list(table.rows.values())
        if wanted.formula:
            holds = compiled(wanted.formula, table)
            rows = [row for row in rows if holds(row)]
        for name, descending in reversed(wanted.sort):
            column = self._column(table, name)
            rows.sort(key=lambda row: _sortable(column, row), reverse=descending)
        return [row.id for row in rows[: wanted.max_records]]

    def _column(self, table: Table, name: str) -> Field:
        column = table.find(name)
        if column is None:
            raise refusals.unknown_field(name)
        return column

    # --- writing ---

    def create(self, base: Base, table: Table, given: Sequence[Any], *, typecast: bool) -> list[Row]:
        """Add records."""
        wanted = [self._cells(base, table, _fields(one), typecast) for one in given]
        return [self._add(base, table, cells) for cells in self._roomy(base, wanted)]

    def update(self, base: Base, table: Table, given: Sequence[Any], *, typecast: bool, replace: bool) -> list[Row]:
        """Change records by id; `replace` empties the cells that are not given."""
        rows = [self._row(table, one.get("id")) for one in given]
        wanted = [self._cells(base, table, _fields(one), typecast) for one in given]
        for row, cells in zip(rows, wanted, strict=True):
            self._change(base, table, row, cells, replace)
        return rows

    def upsert(
        self, base: Base, table: Table, given: Sequence[Any], merge_on: Any, *, typecast: bool, replace: bool
    ) -> tuple[list[Row], list[str]]:
        """Change the record that matches, or add one; give the records and the ids of the new ones."""
        columns = self._merge_columns(table, merge_on)
        wanted = [self._cells(base, table, _fields(one), typecast) for one in given]
        rows: list[Row | None] = []
        for one, cells in zip(given, wanted, strict=True):
            if one.get("id"):
                rows.append(self._row(table, one["id"]))
                continue
            if any(cells.get(column.id) is None for column in columns):
                raise refusals.bad_request("Each record must include values for all fields in fieldsToMergeOn")
            rows.append(self._match(table, columns, cells))
        self._roomy(base, [cells for cells, row in zip(wanted, rows, strict=True) if row is None])
        done, created = [], []
        for row, cells in zip(rows, wanted, strict=True):
            if row is None:
                row = self._match(table, columns, cells)  # an earlier record of this call may have made it
            if row is None:
                row = self._add(base, table, cells)
                created.append(row.id)
            else:
                self._change(base, table, row, cells, replace)
            done.append(row)
        return done, created

    def delete(self, base: Base, table: Table, row_ids: Sequence[str]) -> None:
        """Remove records."""
        for row_id in row_ids:
            self._row(table, row_id)
        for row_id in row_ids:
            base.unlink(table, table.rows[row_id])
            table.drop(row_id)

    def _merge_columns(self, table: Table, merge_on: Any) -> list[Field]:
        if not isinstance(merge_on, list) or not 1 <= len(merge_on) <= 3:
            raise refusals.bad_request("fieldsToMergeOn must name one to three fields")
        columns = [self._column(table, name) for name in merge_on]
        for column in columns:
            if column.type not in MERGEABLE:
                raise refusals.bad_request(f'Field "{column.name}" cannot be used to merge records')
        return columns

    def _match(self, table: Table, columns: Sequence[Field], cells: Mapping[str, Any]) -> Row | None:
        found = set(table.matching(columns[0].id, cells[columns[0].id]))
        for column in columns[1:]:
            found &= set(table.matching(column.id, cells[column.id]))
        if len(found) > 1:
            raise refusals.bad_request("Cannot update more than one record with the same values to merge on")
        return table.rows[found.pop()] if found else None

    def _row(self, table: Table, row_id: Any) -> Row:
        if not isinstance(row_id, str):
            raise refusals.invalid("INVALID_RECORDS", "You must provide an id for every record")
        row = table.rows.get(row_id)
        if row is None:
            raise refusals.no_such_row(row_id)
        return row

    def _roomy(self, base: Base, wanted: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if wanted and base.rows() + len(wanted) > self.cap:
            raise refusals.invalid("TOO_MANY_RECORDS", "The base has reached its limit of records")
        return wanted

    def _cells(self, base: Base, table: Table, fields: Mapping[str, Any], typecast: bool) -> dict[str, Any]:
        cells = {}
        for name, value in fields.items():
            column = self._column(table, name)
            if column.type in COMPUTED:
                raise refusals.computed(column.name)
            cells[column.id] = accept(base, column, value, typecast=typecast, ids=self.ids)
        return cells

    def _add(self, base: Base, table: Table, cells: Mapping[str, Any]) -> Row:
        moment = dt.datetime.fromtimestamp(self.clock.now(), dt.UTC)
        row = Row(self.ids.new("rec"), moment.strftime("%Y-%m-%dT%H:%M:%S.000Z"), {})
        table.put(row)
        self._change(base, table, row, cells, replace=False)
        return row

    def _change(self, base: Base, table: Table, row: Row, cells: Mapping[str, Any], replace: bool) -> None:
        for column in table.fields:
            if column.id not in cells and not (replace and column.type not in COMPUTED):
                continue
            value = cells.get(column.id)
            if column.type == LINK:
                base.link(table, row, column, value or {})
            else:
                table.set(row, column.id, value)


def _fields(record: Any) -> Mapping[str, Any]:
    fields = record.get("fields") if isinstance(record, dict) else None
    if not isinstance(fields, dict):
        raise refusals.invalid("INVALID_REQUEST_MISSING_FIELDS", 'Could not find field "fields" in the request body')
    return fields


def _sortable(column: Field, row: Row) -> tuple[bool, Any]:
    value = row.cells.get(column.id)
    if column.type in _NUMERIC:
        return (value is not None, value or 0)
    return (value is not None, str(value or ""))
