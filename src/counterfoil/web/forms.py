"""Reads what people type into forms; what cannot be used is a `BadRequest` that says how to mend it."""

from functools import cache
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from counterfoil.errors import BadRequest
from counterfoil.lib import mail


def email(text: str) -> str:
    """Read an e-mail address, in lower case."""
    return mail.read_address(text)


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
