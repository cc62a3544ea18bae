"""Canonical rows: accounts, transactions and all other tables, as the store keeps them."""

import datetime as dt
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, Final

from fastapi import Query
from pydantic import BaseModel, Field, create_model

from counterfoil.model import TABLES, Column, Kind, columns
from counterfoil.store import Tx, browse
from counterfoil.store import rows as stored
from counterfoil.store.browse import Wanted
from counterfoil.web.api import filters, paging, routes
from counterfoil.web.api.callers import Caller, Reader, Works
from counterfoil.web.api.paging import Cursor, Limit, Page
from counterfoil.web.api.shapes import Exact, Shape

router = routes.router("rows")

_TYPES: Final[dict[Kind, Any]] = {
    Kind.MONEY: Exact,
    Kind.NUMBER: Exact,
    Kind.PERCENT: Exact,
    Kind.DATE: dt.date,
    Kind.TIMESTAMP: dt.datetime,
    Kind.FLAG: bool,
}


class Row(BaseModel):
    """What every row has."""

    key: str = Field(description="the provider's own id, unique in its table")
    connection_id: str
    version: int = Field(description="raised whenever the row changes")
    removed: bool = Field(description="the provider has taken it back")
    hidden: bool = Field(description="hidden here, by a rule or a person: not wanted at destinations")


class ColumnShape(Shape):
    """One column of a table."""

    name: str
    label: str
    kind: str = Field(description="text, money, date, link and so on")
    links_to: str | None = Field(description="the table whose keys the cells hold")


class Table(Shape):
    """One table."""

    name: str
    label: str
    rows: int = Field(description="how many are live")
    columns: list[ColumnShape]


@router.get("/tables")
async def list_tables(caller: Reader, product: Works, limit: Limit = 50, cursor: Cursor = None) -> Page[Table]:
    """List the tables in dependency order, with their columns and how many live rows each holds."""
    counts = await product.db.read(stored.counts, caller.workspace_id)
    found = [
        Table(
            name=name,
            label=record.label,
            rows=counts[name],
            columns=[_column(column) for column in columns(name).values()],
        )
        for name, record in TABLES.items()
    ]
    return paging.part_of(found, limit, cursor, lambda table: table, lambda table: table.name)


def _column(column: Column) -> ColumnShape:
    return ColumnShape(name=column.name, label=column.label, kind=column.kind.value, links_to=column.to)


def _row_shape(table: str) -> type[Row]:
    """Make the shape of a table's rows from its columns; every cell may be empty."""
    cells: dict[str, Any] = {
        column.name: (_TYPES.get(column.kind, str) | None, Field(description=column.label))
        for column in columns(table).values()
    }
    record = TABLES[table]
    return create_model(f"{record.__name__}Row", __base__=Row, __doc__=f"One row of {record.label.lower()}.", **cells)


SHAPES: Final[Mapping[str, type[Row]]] = {table: _row_shape(table) for table in TABLES}


def _browser(table: str) -> Callable[..., Awaitable[Page[Row]]]:
    shape = SHAPES[table]

    async def browse_rows(
        caller: Reader, product: Works, wanted: Wanted, limit: Limit = 50, cursor: Cursor = None
    ) -> Page[Row]:
        after = None if (place := paging.position(cursor, 3)) is None else browse.Position(*place)
        found = await product.db.read(browse.page, caller.workspace_id, table, wanted, after=after, limit=limit + 1)
        return paging.page_of(found, limit, lambda row: cells(shape, row), lambda row: _place(table, row))

    label = TABLES[table].label.lower()
    order = "newest first" if "date" in columns(table) else "by name"
    browse_rows.__annotations__.update({"return": Page[shape], "wanted": filters.of_table(table)})  # type: ignore[valid-type]
    browse_rows.__doc__ = f"Look through {label}, {order}: searched and filtered."
    return browse_rows


def _place(table: str, row: browse.Found) -> tuple[str, str, str]:
    place = browse.position_of(table, row)
    return place.by, place.key, place.connection_id


def _lister(table: str) -> Callable[..., Awaitable[Page[Row]]]:
    shape = SHAPES[table]

    async def list_rows(
        caller: Reader,
        product: Works,
        limit: Limit = 50,
        cursor: Cursor = None,
        connection_id: str | None = None,
        removed: Annotated[bool, Query(description="also those that the provider has taken back")] = False,
    ) -> Page[Row]:
        after = paging.pair(cursor)
        found = await product.db.read(_read, table, caller, after, limit + 1, connection_id, removed)
        return paging.page_of(
            found, limit, lambda row: cells(shape, row), lambda row: (row.record["key"], row.connection_id)
        )

    list_rows.__annotations__["return"] = Page[shape]  # type: ignore[valid-type]
    list_rows.__doc__ = f"List {TABLES[table].label.lower()} by key."
    return list_rows


def _read(
    tx: Tx,
    table: str,
    caller: Caller,
    after: tuple[str, str] | None,
    limit: int,
    connection_id: str | None,
    removed: bool,
) -> list[stored.Stored]:
    return stored.page(
        tx, caller.workspace_id, table, after=after, limit=limit, connection_id=connection_id, removed=removed
    )


def cells(shape: type[Row], row: stored.Stored) -> Row:
    """Give a row in its shape."""
    # What the store gives has the right types already: no need to look at each cell again.
    hidden = isinstance(row, browse.Found) and row.hidden
    return shape.model_construct(
        connection_id=row.connection_id, version=row.version, removed=row.removed, hidden=hidden, **row.record
    )


for _table in TABLES:
    _list = _browser(_table) if _table in browse.BROWSED else _lister(_table)
    router.add_api_route(f"/rows/{_table}", _list, name=f"list_{_table}_rows")
