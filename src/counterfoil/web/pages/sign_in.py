"""Signing in and out."""

import base64
import time
from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Depends, Form, Request, Response

from counterfoil.bootstrap import Product
from counterfoil.errors import BadRequest
from counterfoil.lib import passwords, totp
from counterfoil.lib.secrets import Vault
from counterfoil.store import Tx, sessions, users
from counterfoil.web import auth, forms
from counterfoil.web.auth import ProductOf, SignedInVisitor, site_of
from counterfoil.web.render import page, see

_CODE_WITHIN: Final = 300.0  # seconds from password to code
_BOUND: Final = "sign-in"

router = APIRouter(include_in_schema=False)
guests = APIRouter(include_in_schema=False, dependencies=[Depends(auth.guest)])


@guests.get("/sign-in")
async def show(request: Request, product: ProductOf) -> Response:
    """Show the form; on a new installation, the one to begin with."""
    if not await product.db.read(users.exist):
        return see(request, "/welcome")
    return shown(request, product)


@guests.post("/sign-in")
async def sign_in(
    request: Request,
    product: ProductOf,
    email: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
) -> Response:
    """Sign in with a password; who has asked for codes is asked for one now."""
    await auth.admit(request, email)
    lock = await product.db.read(users.lock_of, email.strip())
    fits = await passwords.fits(password, lock.password_hash if lock else None)
    if lock is None or not fits:
        problem = BadRequest("E-mail address and password do not fit together.", remedy="Check both, then try again.")
        return shown(request, product, problem, email)
    if lock.has_totp:
        ticket = _ticket(product.doors.vault, lock.user_id, email)
        return page(request, "sign_in_code.html", ticket=ticket, next=_next(request), problem=None)
    return await begin(request, lock.user_id, email)


@guests.post("/sign-in/code")
async def sign_in_with_code(
    request: Request,
    product: ProductOf,
    ticket: Annotated[str, Form()] = "",
    code: Annotated[str, Form()] = "",
) -> Response:
    """Finish signing in with the code of an authenticator app."""
    user_id, email = _admitted(product.doors.vault, ticket)
    await auth.admit(request, email)
    if not await product.db.run(take_code, product.doors.vault, user_id, code):
        problem = BadRequest("That code does not fit.", remedy="Type the newest code; each one is good for once.")
        return page(request, "sign_in_code.html", status=422, ticket=ticket, next=_next(request), problem=problem)
    return await begin(request, user_id, email)


def shown(request: Request, product: Product, problem: BadRequest | None = None, email: str = "") -> Response:
    """Show the form; with what is wrong, where something is."""
    return page(
        request,
        "sign_in.html",
        status=422 if problem else 200,
        email=email,
        next=_next(request),
        problem=problem,
        passkeys=site_of(request, product).why_not is None,
    )


async def begin(request: Request, user_id: str, email: str) -> Response:
    """Sign a user in, and go on to the page that was asked for."""
    await auth.forgive(request, email)
    response = see(request, _next(request))
    await auth.begin(request, response, user_id)
    return response


@router.post("/sign-out")
async def sign_out(request: Request, product: ProductOf, visitor: SignedInVisitor) -> Response:
    """End this browser's session."""
    await product.db.run(sessions.close, visitor.user.id, visitor.session_id)
    response = see(request, "/sign-in", "You are signed out.")
    auth.end(request, response)
    return response


def take_code(tx: Tx, vault: Vault, user_id: str, typed: str) -> bool:
    """Take a code, each one once."""
    secret = users.totp_secret(tx, vault, user_id)
    step = totp.matching_step(secret, typed, time.time()) if secret else None
    return step is not None and users.take_totp_step(tx, user_id, step)


def _ticket(vault: Vault, user_id: str, email: str) -> str:
    """Give proof that the password was right, good for a few minutes."""
    proof = msgspec.json.encode((user_id, email, time.time() + _CODE_WITHIN))
    return base64.urlsafe_b64encode(vault.seal(proof, bound_to=_BOUND)).decode()


def _admitted(vault: Vault, ticket: str) -> tuple[str, str]:
    try:
        proof = vault.open(base64.urlsafe_b64decode(ticket.encode()), bound_to=_BOUND)
        user_id, email, until = msgspec.json.decode(proof, type=tuple[str, str, float])
    except (BadRequest, ValueError) as error:
        raise _stale() from error
    if time.time() > until:
        raise _stale()
    return user_id, email


def _stale() -> BadRequest:
    return BadRequest("It took too long to type the code.", remedy="Begin again with your password.")


def _next(request: Request) -> str:
    return forms.own_path(request.query_params.get("next", "/"))
