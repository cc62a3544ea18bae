"""Pairs: two transactions that look like one movement between own accounts, and the user's answers."""

import datetime as dt
from typing import Annotated, Literal

from fastapi import Query
from pydantic import BaseModel, Field

from counterfoil.store import pairs as stored
from counterfoil.web.api import paging, routes
from counterfoil.web.api.callers import Reader, Works, Writer, note
from counterfoil.web.api.paging import Cursor, Limit, Page
from counterfoil.web.api.shapes import Exact, Order, Shape

router = routes.router("pairs")
State = Literal["open", "confirmed", "declined"]


class Half(Shape):
    """One side of a pair."""

    key: str
    connection_id: str
    date: dt.date
    amount: Exact
    currency: str
    account: str
    account_name: str
    summary: str


class Pair(Shape):
    """A proposal that two transactions are one movement, or what became of it."""

    id: str
    kind: Literal["transfer", "payout"]
    state: State
    sure: bool = Field(description="more than amount and day speaks for it")
    out: Half
    into: Half


class Answer(Order):
    """What a person says to pairs."""

    ids: list[Annotated[str, Field(min_length=1, max_length=36, pattern=r"^[^\x00]*$")]] = Field(
        min_length=1, max_length=paging.MOST
    )
    state: State = Field(description="confirmed marks both rows; declined is not proposed again; open takes it back")


class Answered(BaseModel):
    """How many pairs have changed; the others had that answer already, or are not there."""

    changed: int


@router.get("/pairs")
async def list_pairs(
    caller: Reader,
    product: Works,
    state: Annotated[State, Query(description="what became of them")] = "open",
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[Pair]:
    """List the pairs in a state, those found last first."""
    after = paging.single(cursor)
    found = await product.db.read(stored.page, caller.workspace_id, state, after=after, limit=limit + 1)
    return paging.page_of(found, limit, Pair.model_validate, lambda one: (one.id,))


@router.post("/pairs/answer", dependencies=routes.REPEATABLE)
async def answer_pairs(order: Answer, caller: Writer, product: Works) -> Answered:
    """Confirm pairs, decline them, or take an answer back."""
    changed = await product.rulings.decide(caller.workspace_id, order.ids, order.state)
    if changed:
        await note(product, caller, f"pairs.{order.state}", f"{changed} pairs")
    return Answered(changed=changed)
