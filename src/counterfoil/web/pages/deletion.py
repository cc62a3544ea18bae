"""Deleting everything: what goes and what stays is said, the name is typed, and the rest is done behind."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Request, Response

from counterfoil.bootstrap import Product
from counterfoil.errors import BadRequest
from counterfoil.store import users
from counterfoil.web import auth
from counterfoil.web.auth import ProductOf, SignedInVisitor, Visitor
from counterfoil.web.render import page, see

router = APIRouter(include_in_schema=False)
guests = APIRouter(include_in_schema=False, dependencies=[Depends(auth.guest)])
_PATIENCE: Final = 8.0  # seconds until the browser is sent to a page that tells how it stands


@router.get("/settings/delete")
async def show(request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Say what will happen."""
    return await _page(request, visitor, product)


@router.post("/settings/delete")
async def delete(
    request: Request, visitor: SignedInVisitor, product: ProductOf, name: Annotated[str, Form()] = ""
) -> Response:
    """Delete everything; nobody is signed in any more."""
    visitor.must_own()
    try:
        begun = await product.deletions.begin(visitor.workspace.id, name, wait=_PATIENCE)
    except BadRequest as problem:
        return await _page(request, visitor, product, problem)
    stands = begun.deletion
    if stands.finished_at is not None and not stands.remains:
        response: Response = see(request, "/sign-in", "Everything was deleted.")
    else:
        response = see(request, f"/deleted/{begun.word}")
    auth.end(request, response)
    return response


@guests.get("/deleted/{word}")
async def show_deleted(word: str, request: Request, product: ProductOf) -> Response:
    """Tell whoever asked for it how it stands."""
    stands = await product.deletions.stands(word)
    return page(request, "deleted.html", stands=stands, has_owner=await product.db.read(users.exist))


async def _page(request: Request, visitor: Visitor, product: Product, problem: BadRequest | None = None) -> Response:
    said = await product.deletions.consequences(visitor.workspace.id) if visitor.is_owner else []
    return page(request, "delete.html", visitor, status=422 if problem else 200, problem=problem, lines=said)
