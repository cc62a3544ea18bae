"""Re-links: a bank was connected a second time, and the user says whether its accounts are those of before."""

import datetime as dt

from pydantic import Field

from counterfoil.store import relinks as stored
from counterfoil.web.api import paging, routes
from counterfoil.web.api.callers import Reader, Works, Writer, note
from counterfoil.web.api.paging import Cursor, Limit, Page
from counterfoil.web.api.shapes import Flag, Order, Shape

router = routes.router("connections")


class Pair(Shape):
    """An account of the old connection and the same one of the new."""

    old: str
    new: str
    name: str = Field(description="the account, as the user knows it")
    sure: bool = Field(description="by the bank's own id; else by institution, type, name and last digits")


class Relink(Shape):
    """A proposal that accounts of a new connection are those of an old one."""

    id: str
    old_id: str
    new_id: str
    pairs: list[Pair]
    state: str = Field(description="open, confirmed or declined")
    created_at: dt.datetime
    decided_at: dt.datetime | None


class RelinkAnswer(Order):
    """The user's answer."""

    same: Flag = Field(description="true: rows keep their places, and the old connection is removed")


@router.get("/relinks")
async def list_relinks(caller: Reader, product: Works, limit: Limit = 50, cursor: Cursor = None) -> Page[Relink]:
    """List the proposals that wait for an answer, oldest first."""
    after = paging.single(cursor)
    every = await product.db.read(stored.waiting, caller.workspace_id)
    found = [one for one in every if after is None or one.id > after]
    return paging.page_of(found, limit, Relink.model_validate, lambda one: (one.id,))


@router.post("/relinks/{relink_id}/answer", dependencies=routes.REPEATABLE)
async def answer_relink(relink_id: str, order: RelinkAnswer, caller: Writer, product: Works) -> Relink:
    """Say whether the accounts are the same; the new connection's first sync begins after that."""
    answered = await product.relinks.answer(caller.workspace_id, relink_id, same=order.same)
    await note(product, caller, "relink.answered", "the same" if order.same else "others")
    return Relink.model_validate(answered)
