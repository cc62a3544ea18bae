"""Says whether the process lives and whether it can work."""

import asyncio

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from counterfoil import __version__
from counterfoil.bootstrap import Product

router = APIRouter()


@router.get("/healthz")
async def alive() -> dict[str, str]:
    """Answer as long as the event loop turns."""
    return {"status": "ok", "version": __version__}


@router.get("/readyz")
async def ready(request: Request) -> JSONResponse:
    """Answer 200 when the database answers, else 503."""
    product: Product = request.app.state.product
    try:
        async with asyncio.timeout(5):
            await product.db.read(lambda tx: tx.exec_driver_sql("SELECT 1").scalar())
    except (TimeoutError, product.db.unreachable) as error:
        return JSONResponse({"status": "unavailable", "database": type(error).__name__}, 503)
    return JSONResponse({"status": "ready"})
