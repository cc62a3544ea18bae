"""The first visit to a new installation: whoever comes first becomes its owner."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, Response

from counterfoil.errors import BadRequest
from counterfoil.lib import passwords
from counterfoil.store import Tx, audit, users, workspaces
from counterfoil.web import auth, forms
from counterfoil.web.auth import ProductOf
from counterfoil.web.render import page, see

router = APIRouter(include_in_schema=False, dependencies=[Depends(auth.guest)])


@router.get("/welcome")
async def show(request: Request, product: ProductOf) -> Response:
    """Show the form, as long as there is no owner."""
    if await product.db.read(users.exist):
        return see(request, "/sign-in")
    return page(request, "first_run.html", email="", name="", problem=None)


@router.post("/welcome")
async def claim(
    request: Request,
    product: ProductOf,
    email: Annotated[str, Form()] = "",
    name: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
) -> Response:
    """Make the owner's account and sign in."""
    try:
        email, name = forms.email(email), forms.line(name, "name")
        passwords.check_new(password, email=email)
        hashed = await passwords.hash_of(password)
        user_id = await product.db.run(_claim, email, name, hashed, auth.address_of(request))
    except BadRequest as problem:
        return page(request, "first_run.html", status=422, email=email, name=name, problem=problem)
    response = see(request, "/", "Welcome. This installation is yours.")
    await auth.begin(request, response, user_id)
    return response


def _claim(tx: Tx, email: str, name: str, hashed: str, address: str) -> str:
    user_id = users.claim(tx, email=email, name=name, password_hash=hashed)
    audit.note(tx, workspaces.first(tx).id, "installation.claimed", user_id=user_id, address=address)
    return user_id
