"""Reads from an address what rows are asked for, and writes it into one."""

import datetime as dt
import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final, TypeVar
from urllib.parse import urlencode

from counterfoil.errors import BadRequest
from counterfoil.store.browse import Direction, Position, State, Wanted
from counterfoil.web.api import paging

E = TypeVar("E", bound=enum.Enum)
_LONGEST: Final = 255  # characters, as many as a key has
_THOUSANDS: Final = re.compile(r"[-−]?\d{1,3}(,\d{3})+(\.\d+)?")
_MOST: Final = Decimal(10) ** 15  # SQLite compares larger amounts inexactly


@dataclass(frozen=True, slots=True)
class Asked:
    """What an address asks for: which rows, and from where in their order. `texts` are as typed."""

    wanted: Wanted
    texts: Mapping[str, str]
    after: Position | None
    backwards: bool  # what comes before `after`; without it, the end of the list

    def address(self, path: str, **more: str) -> str:
        """Give the address of the same rows, with more or without what is given as ""."""
        given = {name: text for name, text in (*self.texts.items(), *more.items()) if text}
        return f"{path}?{urlencode(given)}" if given else path


def read(params: Mapping[str, str]) -> Asked:
    """Read an address's parameters; empty ones ask for nothing. Raises `BadRequest`."""
    texts = {name: _text(params[name]) for name in _NAMES if params.get(name, "").strip()}
    before, after = params.get("before"), params.get("after")
    place = paging.position(before or after, 3)
    wanted = Wanted(
        words=texts.get("words", ""),
        state=_choice(State, texts.get("state")) or State.LIVE,
        connection_id=texts.get("connection"),
        account=texts.get("account"),
        category=texts.get("category"),
        since=day(texts.get("since")),
        until=day(texts.get("until")),
        least=amount(texts.get("least")),
        most=amount(texts.get("most")),
        direction=_choice(Direction, texts.get("direction")),
    )
    backwards = bool(before) or params.get("end") == "1"
    return Asked(wanted, texts, None if place is None else Position(*place), backwards)


_NAMES: Final = (
    "words", "state", "connection", "account", "category", "since", "until", "least", "most", "direction",
)  # fmt: skip


def cursor(place: Position) -> str:
    """Write a place in the order."""
    return paging.next_after(place.by, place.key, place.connection_id)


def day(text: str | None) -> dt.date | None:
    """Read a day, None for nothing. Raises `BadRequest`."""
    if not text:
        return None
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise BadRequest(f"{text} is no day.", remedy="Write it like 2026-01-31.") from None


def amount(text: str | None) -> Decimal | None:
    """Read an amount without sign, None for nothing. Raises `BadRequest`."""
    if not text:
        return None
    try:
        found = abs(Decimal(_plain(text)))
    except InvalidOperation:
        found = None
    if found is None or not found.is_finite() or found >= _MOST:
        raise BadRequest(f"{text} is no amount.", remedy="Write it like 12.50.")
    return found


def _plain(text: str) -> str:
    """Take "1,234.50", "12,50" and "−3" for what people mean by them."""
    if _THOUSANDS.fullmatch(text):
        text = text.replace(",", "")
    return text.replace(",", ".").replace("−", "-")


def _choice(kind: type[E], text: str | None) -> E | None:
    try:
        return kind(text) if text else None
    except ValueError:
        there = ", ".join(one.value for one in kind)
        raise BadRequest(f"Rows are not listed by “{text}”.", remedy=f"There are: {there}.") from None


def _text(given: str) -> str:
    text = given.strip()
    if len(text) > _LONGEST or "\0" in text:
        raise BadRequest("That is too long to look for.", remedy=f"Use at most {_LONGEST} characters.")
    return text
