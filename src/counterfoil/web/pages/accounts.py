"""Accounts: what each holds, and one of them with all that is known of it."""

from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Request, Response

from counterfoil.store import Tx, browse, connections
from counterfoil.store.browse import Found, Wanted
from counterfoil.web import asked, browsing, cells
from counterfoil.web.asked import Asked
from counterfoil.web.auth import ProductOf, SignedInVisitor, Visitor
from counterfoil.web.browsing import Seen
from counterfoil.web.cells import Fact, Legend
from counterfoil.web.render import page

router = APIRouter(include_in_schema=False)
TABLE: Final = "accounts"
_LATEST: Final = 10  # transactions


@router.get("/accounts")
async def show_all(request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Show the list."""
    wanted = asked.read(request.query_params)
    seen, banks = await product.db.read(_read_all, visitor, wanted)
    return page(request, "accounts.html", visitor, seen=seen, asked=wanted, banks=banks)


@router.get("/accounts/{key:path}")
async def show(key: str, request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Show one account."""
    return page(request, "bank_account.html", visitor, seen=await product.db.read(_read, visitor, key))


@dataclass(frozen=True, slots=True)
class SeenAccount:
    """One account, with the newest of what moved and what is held in it."""

    row: Found
    bank: str
    facts: list[Fact]
    transactions: list[Found]
    holdings: list[Found]
    legend: Legend


def _read_all(tx: Tx, visitor: Visitor, wanted: Asked) -> tuple[Seen, dict[str, str]]:
    seen = browsing.read(tx, visitor, TABLE, "/accounts", wanted)
    return seen, {one.id: one.label for one in connections.of_workspace(tx, visitor.workspace.id, removed=True)}


def _read(tx: Tx, visitor: Visitor, key: str) -> SeenAccount:
    workspace_id = visitor.workspace.id
    row = browse.find(tx, workspace_id, TABLE, key)
    its = Wanted(account=row.record["key"])
    legend = cells.legend_of(tx, visitor, "institutions")
    return SeenAccount(
        row,
        connections.find(tx, workspace_id, row.connection_id).label,
        cells.facts(TABLE, row.record, legend),
        browse.page(tx, workspace_id, "transactions", its, limit=_LATEST),
        browse.page(tx, workspace_id, "holdings", its, limit=_LATEST),
        legend,
    )
