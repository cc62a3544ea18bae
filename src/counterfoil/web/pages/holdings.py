"""Investments: what is held, what was bought and sold, and the securities themselves."""

from typing import Final

from fastapi import APIRouter, Request, Response

from counterfoil.bootstrap import Product
from counterfoil.web import asked, browsing
from counterfoil.web.auth import ProductOf, SignedInVisitor, Visitor
from counterfoil.web.render import page

router = APIRouter(include_in_schema=False)
_TABS: Final = (
    ("/investments", "Holdings"),
    ("/investments/trades", "Trades"),
    ("/investments/securities", "Securities"),
)


@router.get("/investments")
async def show_holdings(request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Show what is held."""
    return await _show(request, visitor, product, "holdings", "holdings.html")


@router.get("/investments/trades")
async def show_trades(request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Show what was bought and sold, and what it paid."""
    return await _show(request, visitor, product, "investment_transactions", "trades.html")


@router.get("/investments/securities")
async def show_securities(request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Show the securities."""
    return await _show(request, visitor, product, "securities", "securities.html")


async def _show(request: Request, visitor: Visitor, product: Product, table: str, template: str) -> Response:
    wanted = asked.read(request.query_params)
    seen = await product.db.read(browsing.read, visitor, table, request.url.path, wanted)
    return page(request, template, visitor, seen=seen, asked=wanted, tabs=_TABS)
