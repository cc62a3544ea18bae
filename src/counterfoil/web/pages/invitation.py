"""Taking an invitation: a new account, or the one that the address has already."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, Response

from counterfoil.bootstrap import Product
from counterfoil.errors import BadRequest, NotThere
from counterfoil.lib import passwords
from counterfoil.store import Tx, audit, invitations, users
from counterfoil.store.invitations import Invitation
from counterfoil.web import auth, forms
from counterfoil.web.auth import ProductOf
from counterfoil.web.render import page, see

router = APIRouter(include_in_schema=False, dependencies=[Depends(auth.guest)])
Typed = Annotated[str, Form()]


@router.get("/invitations/{token}")
async def show_invitation(token: str, request: Request, product: ProductOf) -> Response:
    """Show the form."""
    found = await _find(product, token)
    return await _page(request, product, found, token)


@router.post("/invitations/{token}")
async def accept(token: str, request: Request, product: ProductOf, name: Typed = "", password: Typed = "") -> Response:
    """Join the workspace and sign in."""
    found = await _find(product, token)
    await auth.admit(request, found.email)
    try:
        user_id = await _person(product, found, name, password)
        if not await product.db.run(_accept, found, user_id, auth.address_of(request)):
            raise _gone()
    except NotThere:
        raise
    except BadRequest as problem:
        return await _page(request, product, found, token, problem, name)
    lock = await product.db.read(users.lock_of_id, user_id)
    if lock.has_totp:
        return see(request, "/sign-in", "You have joined. Sign in with your code.")
    await auth.forgive(request, found.email)
    response = see(request, "/", "Welcome.")
    await auth.begin(request, response, user_id)
    return response


async def _person(product: Product, found: Invitation, name: str, password: str) -> str:
    """Give the user of the invited address: proved by password where there is one, else made."""
    lock = await product.db.read(users.lock_of, found.email)
    if lock is not None and lock.password_hash is not None:
        if not await passwords.fits(password, lock.password_hash):
            raise BadRequest("That is not the password of this address.", remedy="Use the one you sign in with.")
        return lock.user_id
    name = forms.line(name, "name")
    passwords.check_new(password, email=found.email)
    hashed = await passwords.hash_of(password)
    return await product.db.run(users.make, email=found.email, name=name, password_hash=hashed)


async def _find(product: Product, token: str) -> Invitation:
    found = await product.db.read(invitations.find, token)
    if found is None:
        raise _gone()
    return found


def _gone() -> NotThere:
    return NotThere("This invitation does not hold any more.", remedy="Ask whoever invited you for a new link.")


async def _page(
    request: Request,
    product: Product,
    found: Invitation,
    token: str,
    problem: BadRequest | None = None,
    name: str = "",
) -> Response:
    lock = await product.db.read(users.lock_of, found.email)
    return page(
        request,
        "invitation.html",
        status=422 if problem else 200,
        email=found.email,
        token=token,
        known=lock is not None and lock.password_hash is not None,
        problem=problem,
        name=name,
    )


def _accept(tx: Tx, found: Invitation, user_id: str, address: str) -> bool:
    if not invitations.accept(tx, found, user_id):
        return False
    audit.note(tx, found.workspace_id, "member.joined", user_id=user_id, subject=found.email, address=address)
    return True
