"""One's own account: name and time zone, password, codes, and where one is signed in."""

import time
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from markupsafe import Markup

from counterfoil.bootstrap import Product
from counterfoil.errors import BadRequest, NotThere
from counterfoil.lib import passwords, qr, totp
from counterfoil.store import Tx, audit, passkeys, sessions, users
from counterfoil.web import auth, forms
from counterfoil.web.auth import ProductOf, SignedInVisitor, Visitor, site_of
from counterfoil.web.render import page, see

router = APIRouter(include_in_schema=False)
Typed = Annotated[str, Form()]


@router.get("/account")
async def show(request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Show the page."""
    return await shown(request, visitor, product)


@router.post("/account/profile")
async def save_profile(
    request: Request, visitor: SignedInVisitor, product: ProductOf, name: Typed = "", timezone: Typed = ""
) -> Response:
    """Keep name and time zone."""
    try:
        name = forms.line(name, "name")
        if timezone not in forms.timezones():
            raise BadRequest(f"There is no time zone {timezone!r}.", remedy="Choose one like Europe/Berlin.")
    except BadRequest as problem:
        return await shown(request, visitor, product, problem)
    await product.db.run(users.set_profile, visitor.user.id, name=name, timezone=timezone)
    return see(request, "/account", "Saved.")


@router.post("/account/password")
async def change_password(
    request: Request, visitor: SignedInVisitor, product: ProductOf, current: Typed = "", password: Typed = ""
) -> Response:
    """Take a new password, and sign out everywhere else."""
    try:
        await prove(request, visitor, product, current)
        passwords.check_new(password, email=visitor.user.email)
    except BadRequest as problem:
        return await shown(request, visitor, product, problem)
    hashed = await passwords.hash_of(password)
    await product.db.run(_change_password, visitor, hashed, auth.address_of(request))
    return see(request, "/account", "The password is changed. Other browsers are signed out.")


@router.get("/account/codes")
async def begin_codes(request: Request, visitor: SignedInVisitor) -> Response:
    """Show a new secret to put into an authenticator app."""
    return _codes_page(request, visitor, totp.new_secret(), None)


@router.post("/account/codes")
async def use_codes(
    request: Request,
    visitor: SignedInVisitor,
    product: ProductOf,
    secret: Typed = "",
    code: Typed = "",
    current: Typed = "",
) -> Response:
    """Ask for codes from now on, once the app has shown a right one."""
    try:
        wanted = totp.unspelled(secret)
    except ValueError as error:
        raise BadRequest("That secret was altered.", remedy="Begin again.") from error
    try:
        await prove(request, visitor, product, current)
        step = totp.matching_step(wanted, code, time.time())
        if step is None:
            raise BadRequest("That code does not fit.", remedy="Check the phone's clock, then type the newest code.")
    except BadRequest as problem:
        return _codes_page(request, visitor, wanted, problem)
    await product.db.run(_set_codes, visitor, product, wanted, step, auth.address_of(request))
    return see(request, "/account", "From now on, signing in takes a code as well.")


@router.post("/account/codes/stop")
async def stop_codes(request: Request, visitor: SignedInVisitor, product: ProductOf, current: Typed = "") -> Response:
    """Ask for no codes any more."""
    try:
        await prove(request, visitor, product, current)
    except BadRequest as problem:
        return await shown(request, visitor, product, problem)
    await product.db.run(_set_codes, visitor, product, None, None, auth.address_of(request))
    return see(request, "/account", "Signing in takes the password alone.")


@router.post("/account/sessions/{session_id}/end")
async def end_session(session_id: str, request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Sign another browser out."""
    if not await product.db.run(sessions.close, visitor.user.id, session_id):
        raise NotThere("That browser is not signed in any more.", remedy="Nothing is left to do.")
    return see(request, "/account", "That browser is signed out.")


@router.post("/account/sessions/end-others")
async def end_others(request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Sign every other browser out."""
    await product.db.run(sessions.close_others, visitor.user.id, visitor.session_id)
    return see(request, "/account", "Every other browser is signed out.")


async def prove(request: Request, visitor: Visitor, product: Product, current: str) -> None:
    """Raise `BadRequest` where that is not the visitor's password, `TooMany` where it was guessed too often."""
    await auth.admit(request, visitor.user.email)
    lock = await product.db.read(users.lock_of_id, visitor.user.id)
    if not await passwords.fits(current, lock.password_hash):
        raise BadRequest("That is not your current password.", remedy="Type the password you signed in with.")
    await auth.forgive(request, visitor.user.email)


async def shown(request: Request, visitor: Visitor, product: Product, problem: BadRequest | None = None) -> Response:
    return page(
        request,
        "account.html",
        visitor,
        status=422 if problem else 200,
        problem=problem,
        sessions=await product.db.read(sessions.of_user, visitor.user.id),
        passkeys=await product.db.read(passkeys.of_user, visitor.user.id),
        no_passkeys=site_of(request, product).why_not,
        zones=forms.timezones(),
    )


def _codes_page(request: Request, visitor: Visitor, secret: bytes, problem: BadRequest | None) -> Response:
    address = totp.address(secret, visitor.user.email)
    return page(
        request,
        "account_codes.html",
        visitor,
        status=422 if problem else 200,
        problem=problem,
        secret=totp.spelled(secret),
        address=address,
        picture=Markup(qr.svg(address, "QR code with the key")),  # noqa: S704  # drawn here, and escaped
    )


def _change_password(tx: Tx, visitor: Visitor, hashed: str, address: str) -> None:
    users.set_password(tx, visitor.user.id, hashed)
    sessions.close_others(tx, visitor.user.id, visitor.session_id)
    audit.note(tx, visitor.workspace.id, "password.changed", user_id=visitor.user.id, address=address)


def _set_codes(
    tx: Tx, visitor: Visitor, product: Product, secret: bytes | None, step: int | None, address: str
) -> None:
    users.set_totp(tx, product.doors.vault, visitor.user.id, secret, step)
    act = "codes.stopped" if secret is None else "codes.started"
    audit.note(tx, visitor.workspace.id, act, user_id=visitor.user.id, address=address)
