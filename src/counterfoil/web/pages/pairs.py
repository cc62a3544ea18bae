"""Transfers: pairs of transactions that look like one movement between own accounts, and what becomes of them."""

from typing import Final

from fastapi import APIRouter, Request, Response

from counterfoil.errors import BadRequest
from counterfoil.store import audit, pairs
from counterfoil.web.auth import ProductOf, SignedInVisitor, address_of
from counterfoil.web.render import page, see
from counterfoil.web.words import count

router = APIRouter(include_in_schema=False)
_SHOWN: Final = 25
_DID: Final = {pairs.CONFIRMED: "marked as transfers", pairs.DECLINED: "declined", pairs.OPEN: "open again"}


@router.get("/transfers")
async def show(
    request: Request, visitor: SignedInVisitor, product: ProductOf, state: str = pairs.OPEN, before: str = ""
) -> Response:
    """Show the page."""
    shown = state if state in pairs.STATES else pairs.OPEN
    found = await product.db.read(pairs.page, visitor.workspace.id, shown, after=before or None, limit=_SHOWN + 1)
    here = f"/transfers?state={shown}"
    return page(
        request,
        "transfers.html",
        visitor,
        state=shown,
        counts=await product.db.read(pairs.counts, visitor.workspace.id),
        pairs=found[:_SHOWN],
        older=f"{here}&before={found[_SHOWN - 1].id}" if len(found) > _SHOWN else None,
        newest=here if before else None,
    )


@router.post("/transfers")
async def answer(request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Keep what a person says to the pairs that are ticked."""
    form = await request.form()
    wished, shown = str(form.get("answer", "")), str(form.get("state", pairs.OPEN))
    ids = [str(value) for value in form.getlist("pair")][:_SHOWN]
    if wished not in _DID:
        raise BadRequest("There is no such answer.", remedy="Use the buttons of the page.")
    changed = await product.rulings.decide(visitor.workspace.id, ids, wished)
    here = f"/transfers?state={shown if shown in pairs.STATES else pairs.OPEN}"
    if not changed:
        return see(request, here, "Nothing was ticked.")
    subject = count(changed, "pair")
    await product.db.run(
        audit.note,
        visitor.workspace.id,
        f"pairs.{wished}",
        user_id=visitor.user.id,
        subject=subject,
        address=address_of(request),
    )
    return see(request, here, f"{subject} {_DID[wished]}.")
