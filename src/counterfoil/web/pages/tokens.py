"""API tokens: who may use the API, for what and until when."""

import datetime as dt
from typing import Annotated, Final

from fastapi import APIRouter, Form, Request, Response

from counterfoil.bootstrap import Product
from counterfoil.errors import BadRequest
from counterfoil.store import Tx, audit, tokens
from counterfoil.web import forms
from counterfoil.web.api.callers import Scope, new_token
from counterfoil.web.auth import ProductOf, SignedInVisitor, Visitor, address_of
from counterfoil.web.render import page, see

router = APIRouter(include_in_schema=False)
_MOST: Final = 500
SCOPES: Final = [
    ("read", "Read: see everything but credentials"),
    ("sync", "Sync: and ask for syncs"),
    ("write", "Write: and change connections, destinations and rules"),
    ("admin", "Admin: and make tokens, and delete everything"),
]
_LIVES: Final = [("30", "30 days"), ("90", "90 days"), ("365", "A year"), ("", "Until it is revoked")]


@router.get("/settings/tokens")
async def show(request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """List the tokens."""
    return await _page(request, visitor, product)


@router.post("/settings/tokens")
async def create(
    request: Request,
    visitor: SignedInVisitor,
    product: ProductOf,
    name: Annotated[str, Form()] = "",
    scope: Annotated[str, Form()] = "read",
    days: Annotated[str, Form()] = "90",
) -> Response:
    """Make a token and show it, this once."""
    visitor.must_own()
    try:
        name = forms.line(name, "name")
        if scope not in {one.value for one in Scope} or days not in {number for number, _ in _LIVES}:
            raise BadRequest("There is no such choice.", remedy="Choose from the lists.")
    except BadRequest as problem:
        return await _page(request, visitor, product, problem=problem)
    token = new_token()
    expires = dt.datetime.now(dt.UTC) + dt.timedelta(days=int(days)) if days else None
    await product.db.run(_create, visitor, token, name, scope, expires, address_of(request))
    return await _page(request, visitor, product, made=(name, token))


@router.post("/settings/tokens/{token_id}/revoke")
async def revoke(token_id: str, request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Revoke a token."""
    visitor.must_own()
    gone = await product.db.run(_revoke, visitor, token_id, address_of(request))
    return see(request, "/settings/tokens", f"{gone.name} opens nothing any more.")


async def _page(
    request: Request,
    visitor: Visitor,
    product: Product,
    *,
    problem: BadRequest | None = None,
    made: tuple[str, str] | None = None,
) -> Response:
    found = await product.db.read(tokens.page, visitor.workspace.id, after=None, limit=_MOST)
    return page(
        request,
        "tokens.html",
        visitor,
        status=422 if problem else 200,
        problem=problem,
        made=made,
        tokens=found if visitor.is_owner else [],
        scopes=SCOPES,
        lives=_LIVES,
        now=dt.datetime.now(dt.UTC),
    )


def _create(
    tx: Tx, visitor: Visitor, token: str, name: str, scope: str, expires_at: dt.datetime | None, address: str
) -> None:
    tokens.add(tx, visitor.workspace.id, token=token, name=name, scope=scope, expires_at=expires_at)
    audit.note(tx, visitor.workspace.id, "token.created", user_id=visitor.user.id, subject=name, address=address)


def _revoke(tx: Tx, visitor: Visitor, token_id: str, address: str) -> tokens.Token:
    gone = tokens.revoke(tx, visitor.workspace.id, token_id)
    audit.note(tx, visitor.workspace.id, "token.revoked", user_id=visitor.user.id, subject=gone.name, address=address)
    return gone
