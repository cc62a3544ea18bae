"""Reads what people type into forms; what cannot be used is a `BadRequest` that says how to mend it."""

import re
from functools import cache
from typing import Final
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from counterfoil.errors import BadRequest

_EMAIL: Final = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")


def email(text: str) -> str:
    """Read an e-mail address, in lower case."""
    found = text.strip().lower()
    if len(found) > 254 or not _EMAIL.fullmatch(found):
        raise BadRequest("That is no e-mail address.", remedy="Write it like ada@example.com.")
    return found


def line(text: str, what: str, longest: int = 200) -> str:
    """Read a line that may not be empty."""
    found = " ".join(text.split())
    if not found:
        raise BadRequest(f"The {what} is missing.", remedy=f"Type a {what}.")
    if len(found) > longest:
        raise BadRequest(f"The {what} is too long.", remedy=f"Use at most {longest} characters.")
    return found


@cache
def timezones() -> tuple[str, ...]:
    """Give the names of all time zones; found once, since that reads the disk."""
    return tuple(sorted(available_timezones()))


def own_path(text: str) -> str:
    """Give a path of this site to go on to, "/" for anything else: a link never leads people elsewhere by our hand."""
    parts = urlsplit(text)
    if parts.scheme or parts.netloc or not text.startswith("/") or text.startswith(("//", "/\\")):
        return "/"
    return text
