"""What rows can be filtered by: as many parameters as the table has columns for."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any

from fastapi import Depends, Query

from counterfoil.model import columns
from counterfoil.store.browse import Direction, State, Wanted

Words = Annotated[str, Query(max_length=255, description="all of these words, anywhere in the texts, in any case")]
StateOf = Annotated[State, Query(description="live is all that is there and not hidden; all is everything")]
Connection = Annotated[str | None, Query(min_length=1, max_length=64, description="the id of a connection")]
Account = Annotated[str | None, Query(min_length=1, max_length=255, description="the key of an account")]
Category = Annotated[str | None, Query(min_length=1, max_length=255, description="the key of a category")]
Since = Annotated[dt.date | None, Query(description="from this day on")]
Until = Annotated[dt.date | None, Query(description="up to this day, it included")]
# SQLite compares larger amounts inexactly.
Amount = Annotated[Decimal | None, Query(ge=0, lt=10**15, description="without sign")]
Way = Annotated[Direction | None, Query(description="money in or money out")]


async def _of_names(words: Words = "", state: StateOf = State.LIVE, connection_id: Connection = None) -> Wanted:
    return Wanted(words=words, state=state, connection_id=connection_id)


async def _of_holdings(
    words: Words = "", state: StateOf = State.LIVE, connection_id: Connection = None, account: Account = None
) -> Wanted:
    return Wanted(words=words, state=state, connection_id=connection_id, account=account)


async def _of_trades(
    words: Words = "",
    state: StateOf = State.LIVE,
    connection_id: Connection = None,
    account: Account = None,
    since: Since = None,
    until: Until = None,
    least: Amount = None,
    most: Amount = None,
    direction: Way = None,
) -> Wanted:
    return Wanted(
        words=words,
        state=state,
        connection_id=connection_id,
        account=account,
        since=since,
        until=until,
        least=least,
        most=most,
        direction=direction,
    )


async def of_transactions(
    words: Words = "",
    state: StateOf = State.LIVE,
    connection_id: Connection = None,
    account: Account = None,
    category: Category = None,
    since: Since = None,
    until: Until = None,
    least: Amount = None,
    most: Amount = None,
    direction: Way = None,
) -> Wanted:
    """Read what transactions are asked for."""
    return Wanted(
        words=words,
        state=state,
        connection_id=connection_id,
        account=account,
        category=category,
        since=since,
        until=until,
        least=least,
        most=most,
        direction=direction,
    )


def of_table(table: str) -> Any:
    """Give the parameter that reads what rows of a table are asked for."""
    named = columns(table)
    read: Callable[..., Any] = _of_names
    if "category" in named:
        read = of_transactions
    elif "date" in named:
        read = _of_trades
    elif "account" in named:
        read = _of_holdings
    return Annotated[Wanted, Depends(read)]
