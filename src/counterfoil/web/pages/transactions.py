"""Transactions: searched and filtered, a page at a time, and taken along as a file."""

from typing import Any, Final, Literal

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from counterfoil.store import Tx, connections
from counterfoil.store.browse import Direction, State
from counterfoil.web import asked, browsing, download
from counterfoil.web.asked import Asked
from counterfoil.web.auth import ProductOf, SignedInVisitor, Visitor
from counterfoil.web.browsing import Seen
from counterfoil.web.render import page

router = APIRouter(include_in_schema=False)
TABLE: Final = "transactions"
_STATES: Final = (
    ("", "All but hidden"),
    (State.PENDING.value, "Pending"),
    (State.POSTED.value, "Posted"),
    (State.HIDDEN.value, "Hidden"),
    (State.REMOVED.value, "Taken back by the bank"),
)
_DIRECTIONS: Final = (("", "In and out"), (Direction.IN.value, "Money in"), (Direction.OUT.value, "Money out"))
_FOLDED: Final = frozenset({"category", "since", "until", "least", "most", "direction", "state", "connection"})


@router.get("/transactions")
async def show(request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Show the list."""
    wanted = asked.read(request.query_params)
    seen, choices = await product.db.read(_read, visitor, wanted)
    return page(
        request,
        "transactions.html",
        visitor,
        seen=seen,
        asked=wanted,
        states=_STATES,
        directions=_DIRECTIONS,
        **choices,
        is_open=bool(_FOLDED & wanted.texts.keys()),
    )


@router.get("/transactions.{form}")
async def save(
    form: Literal["csv", "json"], request: Request, visitor: SignedInVisitor, product: ProductOf
) -> StreamingResponse:
    """Send all that fits the filter as a file."""
    wanted = asked.read(request.query_params).wanted
    return download.rows(product.db, visitor.workspace.id, TABLE, wanted, form)


def _read(tx: Tx, visitor: Visitor, wanted: Asked) -> tuple[Seen, dict[str, Any]]:
    seen = browsing.read(tx, visitor, TABLE, "/transactions", wanted)
    banks = [(one.id, one.label) for one in connections.of_workspace(tx, visitor.workspace.id)]
    names = sorted(seen.legend.categories.items(), key=lambda pair: pair[1].casefold())
    return seen, {
        "accounts": seen.legend.account_choices(),
        "categories": [("", "Any"), *names],
        "connections": [("", "Any"), *banks],
    }
