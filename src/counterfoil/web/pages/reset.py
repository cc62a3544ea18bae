"""A forgotten password: a letter with a link that is good once, and the choice of a new one."""

import secrets
from hashlib import blake2b
from typing import Annotated, Final

import structlog
from fastapi import APIRouter, Depends, Form, Request, Response
from starlette.background import BackgroundTask

from counterfoil.bootstrap import Product
from counterfoil.errors import ActionRequired, BadRequest, NotThere, RetryLater
from counterfoil.lib import mail, passwords
from counterfoil.store import Tx, attempts, resets, users
from counterfoil.web import auth, forms
from counterfoil.web.auth import ProductOf
from counterfoil.web.render import page, see

log = structlog.get_logger()
router = APIRouter(include_in_schema=False, dependencies=[Depends(auth.guest)])
Typed = Annotated[str, Form()]
PER_ACCOUNT: Final = 3  # letters to one address within `auth.WINDOW`


@router.get("/reset")
async def show(request: Request, product: ProductOf) -> Response:
    """Ask for the address; where no e-mail is sent, say what helps instead."""
    return page(request, "reset.html", offered=_offered(product), problem=None, email="")


@router.post("/reset")
async def send(request: Request, product: ProductOf, email: Typed = "") -> Response:
    """Send a letter, where the address has an account; the answer is the same where it has none."""
    if not _offered(product):
        raise NotThere("This installation sends no e-mail.", remedy="Ask whoever runs it for a new password.")
    await auth.admit_network(request)
    try:
        email = forms.email(email)
    except BadRequest as problem:
        return page(request, "reset.html", status=422, offered=True, problem=problem, email=email)
    response = see(request, "/sign-in", "If that address has an account, a letter is on its way to it.")
    # Looked up after the answer: neither its words nor its time tell who has an account.
    response.background = BackgroundTask(_write, product, email)
    return response


@router.get("/reset/{token}")
async def show_choice(token: str, request: Request, product: ProductOf) -> Response:
    """Ask for the new password."""
    email = await _email_of(product, token)
    return page(request, "reset_password.html", token=token, email=email, problem=None)


@router.post("/reset/{token}")
async def choose(token: str, request: Request, product: ProductOf, password: Typed = "") -> Response:
    """Take the new password and end every session; signing in asks for a code as before."""
    await auth.admit_network(request)
    email = await _email_of(product, token)
    try:
        passwords.check_new(password, email=email)
    except BadRequest as problem:
        return page(request, "reset_password.html", status=422, token=token, email=email, problem=problem)
    hashed = await passwords.hash_of(password)
    if not await product.db.run(resets.use, token, hashed, address=auth.address_of(request)):
        raise _gone()
    return see(request, "/sign-in", "The password is changed. Sign in with it.")


def _offered(product: Product) -> bool:
    return product.settings.mail_server is not None and product.settings.public_url is not None


async def _write(product: Product, email: str) -> None:
    server, home = product.settings.mail_server, product.settings.public_url
    assert server is not None and home is not None
    token = secrets.token_urlsafe(32)
    if not await product.db.run(_make, email, token):
        return
    minutes = round(resets.LIVES.total_seconds() / 60)
    text = (
        f"Somebody, most likely you, has forgotten the password of {email} at {home}.\n\n"
        f"Choose a new one here within {minutes} minutes:\n\n{home}/reset/{token}\n\n"
        "It signs you out everywhere. If it was not you, do nothing: your password stays as it is.\n"
    )
    try:
        await mail.send(server, mail.Letter(email, "Choose a new password for Counterfoil", text))
    except (RetryLater, ActionRequired) as error:
        log.warning("reset_letter_not_sent", why=str(error))


def _make(tx: Tx, email: str, token: str) -> bool:
    subject = f"reset:{blake2b(email.encode(), digest_size=16).hexdigest()}"
    if attempts.note(tx, subject, limit=PER_ACCOUNT, within=auth.WINDOW):
        return False
    return resets.make(tx, email, token=token) is not None


async def _email_of(product: Product, token: str) -> str:
    user_id = await product.db.read(resets.find, token)
    if user_id is None:
        raise _gone()
    return (await product.db.read(users.get, user_id)).email


def _gone() -> NotThere:
    return NotThere("This link was used, or is too old.", remedy="Ask for another one where you sign in.")
