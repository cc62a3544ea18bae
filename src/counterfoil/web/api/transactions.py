"""One transaction with its history and where it was written; what a filter finds as a file."""

import datetime as dt
from decimal import Decimal
from typing import Annotated, Any, Final

from fastapi import Depends, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from counterfoil.bootstrap import Product
from counterfoil.store import Tx, browse, history
from counterfoil.store.browse import Wanted
from counterfoil.sync import places
from counterfoil.web import download
from counterfoil.web.api import filters, routes, rows
from counterfoil.web.api.callers import Caller, Reader, Works

router = routes.router("rows")
_TABLE: Final = "transactions"


class Changed(BaseModel):
    """One cell before and after; amounts are text."""

    before: str | bool | None
    after: str | bool | None


class HistoryEntry(BaseModel):
    """One thing that happened to a transaction."""

    turn: history.Turn
    at: dt.datetime | None = Field(description="null where nobody kept when it was")
    cause: str = Field(description="bank, you, or the rule: `rule: Coffee`")
    pending: bool = Field(description="whether the transaction was pending after this")
    cells: dict[str, Changed]


class Place(BaseModel):
    """How the transaction stands at one destination."""

    destination_id: str
    label: str
    standing: places.Standing
    reason: str | None = Field(description="why the destination refuses it")
    url: str | None = Field(description="where a person looks at it")


Transaction: Final = rows.SHAPES[_TABLE]


class Told(Transaction):  # type: ignore[misc, valid-type]
    """One transaction, with what is known about it."""

    replaces: str | None = Field(description="the key of the row whose place it took")
    replaced_by: str | None = Field(description="the key of the row that took its place")
    history: list[HistoryEntry] = Field(description="oldest first, with that of the rows whose place it took")
    places: list[Place]


@router.get("/rows/transactions/{key}")
async def show_transaction(
    key: str,
    caller: Reader,
    product: Works,
    connection_id: Annotated[str | None, Query(description="where several connections have that key")] = None,
) -> Told:
    """Show one transaction with its history and where it was written."""
    return await product.db.read(_read, caller, product, key, connection_id)


def _read(tx: Tx, caller: Caller, product: Product, key: str, connection_id: str | None) -> Told:
    workspace_id = caller.workspace_id
    row = browse.find(tx, workspace_id, _TABLE, key, connection_id)
    doors = product.doors
    told = history.of_row(tx, workspace_id, row.connection_id, key)
    stands = places.of_row(tx, workspace_id, _TABLE, key, doors.destinations, doors.apps)
    shown: Told = Told.model_construct(
        **dict(rows.cells(Transaction, row)),
        replaces=row.replaces,
        replaced_by=row.replaced_by,
        history=[
            HistoryEntry(
                turn=one.turn,
                at=one.at,
                cause=one.cause,
                pending=one.pending,
                cells={name: Changed(before=_plain(was), after=_plain(now)) for name, (was, now) in one.cells.items()},
            )
            for one in told
        ],
        places=[
            Place(
                destination_id=one.destination.id,
                label=one.destination.label,
                standing=one.standing,
                reason=one.reason,
                url=one.url,
            )
            for one in stands
        ],
    )
    return shown


def _plain(cell: Any) -> str | bool | None:
    match cell:
        case None | bool() | str():
            return cell
        case Decimal():
            return format(cell, "f")
        case dt.date():
            return cell.isoformat()
    raise TypeError(f"{type(cell).__name__} is no cell of a transaction")


_FILE: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The file.",
        "content": {"text/csv": {"schema": {"type": "string"}}, "application/json": {"schema": {"type": "array"}}},
    }
}


@router.get("/export/transactions", response_class=StreamingResponse, responses=_FILE)
async def export_transactions(
    caller: Reader,
    product: Works,
    wanted: Annotated[Wanted, Depends(filters.of_transactions)],
    form: Annotated[download.Form, Query(description="csv or json")] = "csv",
) -> StreamingResponse:
    """Send all transactions that fit the filter as a file, with the names of accounts and categories."""
    return download.rows(product.db, caller.workspace_id, _TABLE, wanted, form)
