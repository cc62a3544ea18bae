"""Passkeys: adding and removing one's own, and signing in with one."""

import datetime as dt
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import JSONResponse

from counterfoil.bootstrap import Product
from counterfoil.errors import BadRequest, NotThere
from counterfoil.lib import passkeys as keys
from counterfoil.store import Tx, audit, passkeys, users
from counterfoil.web import auth, forms
from counterfoil.web.auth import ProductOf, SignedInVisitor, Visitor, site_of
from counterfoil.web.pages import account, sign_in
from counterfoil.web.render import see

router = APIRouter(include_in_schema=False)
guests = APIRouter(include_in_schema=False, dependencies=[Depends(auth.guest)])
Typed = Annotated[str, Form()]
_LIVES: Final = dt.timedelta(seconds=keys.TIMEOUT)


# --- one's own -------------------------------------------------------------------------------------------


@router.post("/account/passkeys/options")
async def ask_for_new(
    request: Request, visitor: SignedInVisitor, product: ProductOf, current: Typed = "", label: Typed = ""
) -> Response:
    """Give the script what the browser is to be asked, to whoever knows the password."""
    try:
        forms.line(label, "name", 60)
        site = _possible(site_of(request, product))
        await account.prove(request, visitor, product, current)
    except BadRequest as problem:
        return _problem(problem)
    challenge = keys.new_challenge()
    known = await product.db.run(_begin_adding, visitor.user.id, challenge)
    user = visitor.user
    options = keys.creation_options(site, user_id=user.id, email=user.email, challenge=challenge, known=known)
    return Response(options, media_type="application/json")


@router.post("/account/passkeys")
async def add(
    request: Request, visitor: SignedInVisitor, product: ProductOf, label: Typed = "", answer: Typed = ""
) -> Response:
    """Keep the passkey that the browser has made."""
    try:
        label = forms.line(label, "name", 60)
        challenge = keys.claim_of(answer).challenge
        if not await product.db.run(_take, challenge, visitor.user.id):
            raise _stale()
        key = keys.made(site_of(request, product), answer, challenge)
        await product.db.run(_add, visitor, label, key, auth.address_of(request))
    except BadRequest as problem:
        return await account.shown(request, visitor, product, problem)
    return see(request, "/account", f"The passkey {label} is added: it signs you in from now on.")


@router.post("/account/passkeys/{passkey_id}/remove")
async def remove(passkey_id: str, request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Take a passkey's word no more."""
    label = await product.db.run(_remove, visitor, passkey_id, auth.address_of(request))
    if label is None:
        raise NotThere("That passkey is not there any more.", remedy="Nothing is left to do.")
    return see(request, "/account", f"The passkey {label} signs nobody in any more. Delete it on the device too.")


# --- signing in ------------------------------------------------------------------------------------------


@guests.post("/sign-in/passkey/options")
async def ask_for_one(request: Request, product: ProductOf) -> Response:
    """Give the script what the browser is to be asked; which user it is, the passkey says."""
    try:
        site = _possible(site_of(request, product))
        await auth.admit_network(request)
    except BadRequest as problem:
        return _problem(problem)
    challenge = keys.new_challenge()
    await product.db.run(_begin, challenge)
    return Response(keys.request_options(site, challenge), media_type="application/json")


@guests.post("/sign-in/passkey")
async def sign_in_with_one(request: Request, product: ProductOf, answer: Typed = "") -> Response:
    """Sign in with a passkey. The device has checked finger, face or PIN: no code is asked besides."""
    try:
        passkey, claim = await _claimed(product, answer)
        count = keys.used(site_of(request, product), answer, claim.challenge, passkey.key)
        if not await product.db.run(passkeys.note_use, passkey, count):
            raise _stale()
        user = await product.db.read(users.get, passkey.user_id)
    except BadRequest as problem:
        return sign_in.shown(request, product, problem)
    return await sign_in.begin(request, user.id, user.email)


async def _claimed(product: Product, answer: str) -> tuple[passkeys.Passkey, keys.Claim]:
    claim = keys.claim_of(answer)
    if not await product.db.run(_take, claim.challenge, None):
        raise _stale()
    passkey = await product.db.read(passkeys.by_credential, claim.credential_id)
    if passkey is None or claim.user_handle not in (None, passkey.user_id.encode()):
        raise BadRequest(
            "That passkey is not known here.", remedy="Choose another one, or sign in with your password and add it."
        )
    return passkey, claim


# --- both ------------------------------------------------------------------------------------------------


def _possible(site: keys.Site) -> keys.Site:
    if site.why_not is not None:
        raise BadRequest(site.why_not, remedy="See “Passkeys” in docs/self-hosting.md, or use your password.")
    return site


def _problem(problem: BadRequest) -> JSONResponse:
    return JSONResponse({"message": str(problem), "remedy": problem.remedy}, 422)


def _stale() -> BadRequest:
    return BadRequest("That took too long, or was answered before.", remedy="Try again.")


def _begin(tx: Tx, challenge: bytes) -> None:
    passkeys.issue(tx, challenge, lives=_LIVES)


def _begin_adding(tx: Tx, user_id: str, challenge: bytes) -> list[bytes]:
    passkeys.issue(tx, challenge, lives=_LIVES, user_id=user_id)
    return [passkey.key.credential_id for passkey in passkeys.of_user(tx, user_id)]


def _take(tx: Tx, challenge: bytes, user_id: str | None) -> bool:
    return passkeys.take(tx, challenge, user_id=user_id)


def _add(tx: Tx, visitor: Visitor, label: str, key: keys.KeyMade, address: str) -> None:
    passkeys.add(tx, visitor.user.id, label, key)
    _note(tx, visitor, "passkey.added", label, address)


def _remove(tx: Tx, visitor: Visitor, passkey_id: str, address: str) -> str | None:
    label = passkeys.remove(tx, visitor.user.id, passkey_id)
    if label is not None:
        _note(tx, visitor, "passkey.removed", label, address)
    return label


def _note(tx: Tx, visitor: Visitor, act: str, label: str, address: str) -> None:
    audit.note(tx, visitor.workspace.id, act, user_id=visitor.user.id, subject=label, address=address)
