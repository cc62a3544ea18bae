"""Proof that a form came from our own page: a token made from the browser's cookie, masked anew in every page."""

import base64
import hmac
import secrets
from hashlib import blake2b
from typing import Final

from fastapi import Request

from counterfoil.errors import BadRequest
from counterfoil.web import cookies

FIELD: Final = "csrf"
HEADER: Final = "x-csrf-token"
_SAFE: Final = ("GET", "HEAD", "OPTIONS")
_LENGTH: Final = 16


class Foreign(BadRequest):
    """A request that changes something did not come from one of our pages."""


def token(secret: str) -> str:
    """Give a token for a page. Masked with fresh bits: compression then says nothing about it (BREACH)."""
    mask = secrets.token_bytes(_LENGTH)
    return base64.urlsafe_b64encode(mask + _xor(mask, _core(secret))).decode()


def fits(typed: str, secret: str) -> bool:
    """Say whether a token was made from the secret."""
    try:
        raw = base64.urlsafe_b64decode(typed.encode())
    except ValueError:
        return False
    if len(raw) != 2 * _LENGTH:
        return False
    return hmac.compare_digest(_xor(raw[:_LENGTH], raw[_LENGTH:]), _core(secret))


async def check(request: Request) -> None:
    """Raise `Foreign` for a request that changes something and does not carry the token of its browser."""
    if request.method in _SAFE:
        return
    # Every current browser says where a request comes from; the token covers the others.
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise _foreign()
    typed = request.headers.get(HEADER)
    if typed is None:
        typed = str((await request.form()).get(FIELD, ""))
    secrets_ = [request.cookies[name] for name in _cookies(request) if name in request.cookies]
    if not any(fits(typed, secret) for secret in secrets_):
        raise _foreign()


def secret_of(request: Request) -> str | None:
    """Give what the browser's tokens are made from: its session, else its guest cookie."""
    for name in _cookies(request):
        if name in request.cookies:
            return request.cookies[name]
    return None


def _cookies(request: Request) -> tuple[str, str]:
    return cookies.session_name(request), cookies.guest_name(request)


def _core(secret: str) -> bytes:
    return blake2b(secret.encode(), digest_size=_LENGTH, person=b"cf-csrf").digest()


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def _foreign() -> Foreign:
    return Foreign("This form is too old, or it came from another page.", remedy="Go back, reload the page, try again.")
