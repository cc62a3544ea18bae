"""Canonical rows: accounts, transactions and all other tables, as the store keeps them."""

import datetime as dt
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final

from fastapi import Query
from pydantic import BaseModel, Field, create_model

from counterfoil.model import TABLES, Column, Kind, columns
from counterfoil.store import Tx
from counterfoil.store import rows as stored
from counterfoil.web.api import paging, routes
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


def _lister(table: str) -> Callable[..., Awaitable[Page[Row]]]:
    shape = _row_shape(table)

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
            found, limit, lambda row: _cells(shape, row), lambda row: (row.record["key"], row.connection_id)
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


def _cells(shape: type[Row], row: stored.Stored) -> Row:
    # What the store gives has the right types already: no need to look at each cell again.
    return shape.model_construct(
        connection_id=row.connection_id, version=row.version, removed=row.removed, **row.record
    )


for _table in TABLES:
    router.add_api_route(f"/rows/{_table}", _lister(_table), name=f"list_{_table}_rows")
