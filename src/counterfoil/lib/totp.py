"""Codes of six digits that change every 30 seconds (RFC 6238, with HMAC-SHA-1 as every app expects)."""

import base64
import hmac
import os
from typing import Final
from urllib.parse import quote

PERIOD: Final = 30  # seconds
_DRIFT: Final = (0, -1, 1)  # steps that the phone's clock may be off


def new_secret() -> bytes:
    """Give 160 random bits."""
    return os.urandom(20)


def spelled(secret: bytes) -> str:
    """Write a secret as people type it into their app."""
    return base64.b32encode(secret).decode()


def unspelled(text: str) -> bytes:
    """Read what `spelled` wrote. Raises `ValueError`."""
    return base64.b32decode(text)


def address(secret: bytes, account: str) -> str:
    """Give the otpauth address that an authenticator app takes."""
    return f"otpauth://totp/Counterfoil:{quote(account)}?secret={spelled(secret)}&issuer=Counterfoil"


def code(secret: bytes, step: int) -> str:
    """Give the code of a step: that many periods after 1970."""
    digest = hmac.digest(secret, step.to_bytes(8), "sha1")
    start = digest[-1] & 0xF
    number = int.from_bytes(digest[start : start + 4]) & 0x7FFF_FFFF
    return f"{number % 1_000_000:06d}"


def matching_step(secret: bytes, typed: str, now: float) -> int | None:
    """Give the step whose code was typed, None where it fits none near `now` (seconds since 1970)."""
    digits = "".join(typed.split())
    for drift in _DRIFT:
        step = int(now) // PERIOD + drift
        if hmac.compare_digest(code(secret, step).encode(), digits.encode()):
            return step
    return None
