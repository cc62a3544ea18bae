"""Takes the vendors' webhooks: verified, stored once, answered at once; the work goes on behind."""

import time
from typing import Final

from fastapi import APIRouter, Request, Response

from counterfoil.bootstrap import Product
from counterfoil.errors import BadRequest
from counterfoil.lib.metrics import WEBHOOK_SECONDS

router = APIRouter()
LONGEST: Final = 1_000_000  # bytes; the vendors' largest are a few kilobytes


@router.post("/webhooks/{provider}")
async def take_webhook(provider: str, request: Request) -> Response:
    """Answer 200 once what was told is stored, 401 for a forged one, 400 for one that makes no sense."""
    product: Product = request.app.state.product
    began, outcome = time.perf_counter(), "refused"
    try:
        body = await _body(request)
        await product.intake.webhook(provider, request.headers, body)
        outcome = "taken"
    finally:
        known = provider if provider in product.doors.providers else "unknown"
        WEBHOOK_SECONDS.labels(known, outcome).observe(time.perf_counter() - began)
    return Response(status_code=200)


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body.extend(chunk)
        if len(body) > LONGEST:
            raise BadRequest("The webhook is too long.", remedy="Webhooks are at most a megabyte.")
    return bytes(body)
