"""A visit to a vendor's page: how it stands, and what it brought."""

import datetime as dt
from typing import Final

from fastapi import APIRouter, Request, Response

from counterfoil.store import visits
from counterfoil.web.auth import ProductOf, SignedInVisitor
from counterfoil.web.render import page, see

router = APIRouter(include_in_schema=False)
VISIT_COOKIE: Final = "counterfoil-visit"  # the last visit that this browser began
VISIT_LIVES: Final = dt.timedelta(hours=4)


@router.get("/visits/latest")
async def show_latest_visit(request: Request, visitor: SignedInVisitor) -> Response:
    """Go on to the visit that this browser began last: the vendor sends people back here."""
    visit_id = request.cookies.get(VISIT_COOKIE)
    return see(request, f"/visits/{visit_id}" if visit_id else "/connections")


@router.get("/visits/{visit_id}")
async def show_visit(visit_id: str, request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Show how a visit stands."""
    visit = await product.db.read(visits.find, visitor.workspace.id, visit_id)
    candidates = await product.db.read(visits.of_visit, visit.id)
    return page(request, "visit.html", visitor, visit=visit, url=None, candidates=candidates)
