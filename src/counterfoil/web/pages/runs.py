"""One run of a function, with its steps, and what can be done with it."""

import time

from fastapi import APIRouter, Request, Response

from counterfoil.store import audit, destinations
from counterfoil.web import reaching, waterfall
from counterfoil.web.auth import ProductOf, SignedInVisitor, address_of
from counterfoil.web.render import page, see

router = APIRouter(include_in_schema=False)


@router.get("/runs/{run_id}")
async def show(run_id: str, request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Show the page."""
    run = await reaching.run_of(product, visitor, run_id)
    known = await product.db.read(destinations.of_workspace, visitor.workspace.id)
    bars = await waterfall.of(product, run, round(time.time() * 1000), {one.id: one.label for one in known})
    return page(request, "run.html", visitor, run=run, bars=bars)


@router.post("/runs/{run_id}/replay")
async def replay(run_id: str, request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Run the same event again, as a new run."""
    run = await reaching.run_of(product, visitor, run_id)
    started = await product.engine.replay(run.id)
    await _note(request, visitor, product, "run.replayed", run_id)
    return see(request, f"/runs/{started}", "The same event runs again.")


@router.post("/runs/{run_id}/cancel")
async def cancel(run_id: str, request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Stop a run and what it invoked."""
    run = await reaching.run_of(product, visitor, run_id)
    await product.engine.cancel(run.id)
    await _note(request, visitor, product, "run.cancelled", run_id)
    return see(request, f"/runs/{run_id}", "The run was cancelled.")


async def _note(request: Request, visitor: SignedInVisitor, product: ProductOf, act: str, run_id: str) -> None:
    where = address_of(request)
    user_id = visitor.user.id
    await product.db.run(audit.note, visitor.workspace.id, act, user_id=user_id, subject=run_id, address=where)
