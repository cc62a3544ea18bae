"""Passwords: argon2id, and the same time whether or not there is such a user."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from counterfoil.errors import BadRequest

SHORTEST: Final = 10
LONGEST: Final = 200  # more only costs time
# 19 MiB, two passes: the OWASP Password Storage Cheat Sheet's figure for argon2id.
_hasher: Final = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
# Each check takes memory and a core: many at once wait here, and do not take the machine from the syncs.
_threads: Final = ThreadPoolExecutor(2, "passwords")


def check_new(password: str, *, email: str) -> None:
    """Raise `BadRequest` for a password that is too easy to guess."""
    if len(password) < SHORTEST:
        raise BadRequest(f"A password has at least {SHORTEST} characters.", remedy="Three words in a row do well.")
    if len(password) > LONGEST:
        raise BadRequest(f"A password has at most {LONGEST} characters.", remedy="Choose a shorter one.")
    plain = password.casefold()
    if len(set(plain)) < 5 or plain in _COMMON or plain == email.casefold():
        raise BadRequest("That password is among the first that anybody would guess.", remedy="Choose another one.")


async def hash_of(password: str) -> str:
    """Give the hash to store; takes tens of milliseconds, in a thread."""
    return await asyncio.get_running_loop().run_in_executor(_threads, _hasher.hash, password)


async def fits(password: str, hashed: str | None) -> bool:
    """Say whether a password fits a stored hash; without one, take as long and say no."""
    loop = asyncio.get_running_loop()
    right = await loop.run_in_executor(_threads, _verify, password[: LONGEST + 1], hashed)
    return right and hashed is not None


def _verify(password: str, hashed: str | None) -> bool:
    try:
        return _hasher.verify(hashed or _nobody(), password)
    except (VerificationError, InvalidHashError):
        return False


@cache
def _nobody() -> str:
    return _hasher.hash("no password is this one")


_COMMON: Final = frozenset(
    "1234567890 0123456789 12345678910 password12 password123 password1234 qwertyuiop qwerty12345 1q2w3e4r5t "
    "iloveyou123 letmein1234 counterfoil changeme123 administrator".split()
)
