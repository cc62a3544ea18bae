"""The description as a page: every operation with what it takes and gives, without a script from elsewhere."""

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from counterfoil.web.api.reference import render

router = APIRouter(include_in_schema=False)


@router.get("/docs")
async def show_docs(request: Request) -> HTMLResponse:
    """Show the description as a page."""
    return HTMLResponse(render(request.app.openapi()))
