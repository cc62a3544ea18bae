"""Pages of a list: a cursor says where the next one begins, so that rows added meanwhile shift nothing."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Annotated, Final, Generic, TypeVar

import msgspec
from fastapi import Query
from pydantic import BaseModel, Field

from counterfoil.web.api.problems import Refusal

T = TypeVar("T")
S = TypeVar("S", bound=BaseModel)

MOST: Final = 200
Limit = Annotated[int, Query(ge=1, le=MOST, description="how many at most")]
Cursor = Annotated[str | None, Query(max_length=1500, description="`next` of the page before")]


class Page(BaseModel, Generic[S]):
    """A part of a list."""

    results: list[S]
    next: str | None = Field(description="the cursor of the next page; null on the last one")


def position(cursor: str | None, parts: int) -> tuple[str, ...] | None:
    """Read a cursor that `next_after` wrote with so many parts. Raises `Refusal`."""
    if cursor is None:
        return None
    try:
        raw = base64.b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True)
        found = msgspec.json.decode(raw, type=list[str])
    except (UnicodeEncodeError, binascii.Error, msgspec.DecodeError):
        found = []
    if len(found) != parts or any("\0" in part for part in found):
        raise foreign()
    return tuple(found)


def single(cursor: str | None) -> str | None:
    """Read a cursor of one part. Raises `Refusal`."""
    found = position(cursor, 1)
    return None if found is None else found[0]


def pair(cursor: str | None) -> tuple[str, str] | None:
    """Read a cursor of two parts. Raises `Refusal`."""
    found = position(cursor, 2)
    return None if found is None else (found[0], found[1])


def foreign() -> Refusal:
    """Give the error for a cursor that no list of ours wrote."""
    remedy = "Take `next` of the page before, unchanged."
    return Refusal(400, "bad_cursor", "The cursor is not one of this list.", remedy=remedy)


def next_after(*parts: str) -> str:
    """Write the cursor of the page that follows an entry."""
    return base64.urlsafe_b64encode(msgspec.json.encode(list(parts))).decode()


def part_of(
    every: Sequence[T], limit: int, cursor: str | None, shape: Callable[[T], S], name: Callable[[T], str]
) -> Page[S]:
    """Make a page of a list that is always the same. Raises `Refusal`."""
    after = single(cursor)
    names = [name(one) for one in every]
    if after is not None and after not in names:
        raise foreign()
    begin = 0 if after is None else names.index(after) + 1
    return page_of(every[begin : begin + limit + 1], limit, shape, lambda one: (name(one),))


def page_of(found: Sequence[T], limit: int, shape: Callable[[T], S], place: Callable[[T], Sequence[str]]) -> Page[S]:
    """Make a page of what was found where one more than `limit` was asked for; `place` gives an entry's cursor."""
    shown = found[:limit]
    more = len(found) > limit
    return Page(results=[shape(one) for one in shown], next=next_after(*place(shown[-1])) if more else None)
