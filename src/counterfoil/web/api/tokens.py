"""API tokens: made here and shown once, listed, revoked."""

import datetime as dt
from typing import Annotated

from fastapi import Response
from pydantic import Field

from counterfoil.store import tokens as stored
from counterfoil.web.api import paging, routes
from counterfoil.web.api.callers import Admin, Reader, Scope, Works, new_token, note
from counterfoil.web.api.paging import Cursor, Limit, Page
from counterfoil.web.api.shapes import Order, Shape, Words

router = routes.router("tokens")


class Token(Shape):
    """A token, without what it is known by."""

    id: str
    name: str
    scope: Scope
    created_at: dt.datetime
    expires_at: dt.datetime | None
    used_at: dt.datetime | None = Field(description="within five minutes")


class TokenShown(Token):
    """A new token. This is the only time that it is shown."""

    token: str


class NewToken(Order):
    """What a token is to be good for."""

    name: Words = Field(description="what it is for, in your words")
    scope: Scope = Field(Scope.READ, description="each scope holds those before it: read, sync, write, admin")
    days: Annotated[int, Field(ge=1, le=3650)] | None = Field(None, description="until it expires; null for never")


class Caller(Shape):
    """Whom the API takes you for."""

    workspace_id: str
    name: str
    scope: Scope


@router.get("/me")
async def show_caller(caller: Reader) -> Caller:
    """Show which workspace and scope the token stands for."""
    return Caller.model_validate(caller)


@router.get("/tokens")
async def list_tokens(caller: Admin, product: Works, limit: Limit = 50, cursor: Cursor = None) -> Page[Token]:
    """List the workspace's tokens, oldest first."""
    after = paging.single(cursor)
    found = await product.db.read(stored.page, caller.workspace_id, after=after, limit=limit + 1)
    return paging.page_of(found, limit, Token.model_validate, lambda token: (token.id,))


@router.post("/tokens", status_code=201, dependencies=routes.REPEATABLE)
async def create_token(order: NewToken, caller: Admin, product: Works) -> TokenShown:
    """Make a token; it is shown in this answer and never again."""
    token = new_token()
    expires = None if order.days is None else dt.datetime.now(dt.UTC) + dt.timedelta(days=order.days)
    made = await product.db.run(
        stored.add, caller.workspace_id, token=token, name=order.name, scope=order.scope.value, expires_at=expires
    )
    await note(product, caller, "token.created", order.name)
    return TokenShown(**dict(Token.model_validate(made)), token=token)


@router.delete("/tokens/{token_id}", status_code=204)
async def revoke_token(token_id: str, caller: Admin, product: Works) -> Response:
    """Revoke a token: from now on it opens nothing."""
    gone = await product.db.run(stored.revoke, caller.workspace_id, token_id)
    await note(product, caller, "token.revoked", gone.name)
    return Response(status_code=204)
