"""One transaction: all that is known of it, where it was written, and its history."""

from dataclasses import dataclass

from fastapi import APIRouter, Request, Response

from counterfoil.bootstrap import Product
from counterfoil.store import Tx, browse, connections, history
from counterfoil.store.browse import Found
from counterfoil.sync import places
from counterfoil.sync.places import Place
from counterfoil.web import cells
from counterfoil.web.auth import ProductOf, SignedInVisitor, Visitor
from counterfoil.web.cells import Fact, Legend, Line
from counterfoil.web.pages.transactions import TABLE
from counterfoil.web.render import page

router = APIRouter(include_in_schema=False)
_ABOVE = ("date", "amount", "currency", "account", "category", "pending", "tags", "transfer")


@dataclass(frozen=True, slots=True)
class Seen:
    """What the page shows."""

    row: Found
    bank: str
    legend: Legend
    facts: list[Fact]
    places: list[Place]
    lines: list[Line]


@router.get("/transactions/{key:path}")
async def show(key: str, request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Show the page."""
    seen = await product.db.read(_read, visitor, product, key)
    kinds = {slug: spec.label for slug, spec in product.doors.destinations.items()}
    return page(request, "transaction.html", visitor, seen=seen, standings=cells.STANDINGS, kinds=kinds)


def _read(tx: Tx, visitor: Visitor, product: Product, key: str) -> Seen:
    workspace_id = visitor.workspace.id
    row = browse.find(tx, workspace_id, TABLE, key)
    bank = connections.find(tx, workspace_id, row.connection_id).label
    legend = cells.legend_of(tx, visitor)
    doors = product.doors
    return Seen(
        row,
        bank,
        legend,
        cells.facts(TABLE, row.record, legend, besides=_ABOVE),
        places.of_row(tx, workspace_id, TABLE, row.record["key"], doors.destinations, doors.apps),
        cells.lines(
            history.of_row(tx, workspace_id, row.connection_id, row.record["key"]), row.record["currency"], bank, legend
        ),
    )
