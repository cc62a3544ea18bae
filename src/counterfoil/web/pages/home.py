"""Home: whether all is well, what needs somebody, and what the money did."""

from fastapi import APIRouter, Request, Response

from counterfoil.web.auth import SignedInVisitor
from counterfoil.web.render import page

router = APIRouter(include_in_schema=False)


@router.get("/")
async def show(request: Request, visitor: SignedInVisitor) -> Response:
    """Show the page."""
    return page(request, "home.html", visitor)
