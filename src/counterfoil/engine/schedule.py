"""Schedules: one event per tick, however many workers count the time."""

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable
from typing import Any
from zoneinfo import ZoneInfo

from croniter import croniter

from counterfoil.engine.events import Event, Tick
from counterfoil.engine.functions import Cron, Function

Send = Callable[[Event[Tick], list[Function[Any, Any]]], Awaitable[object]]


def next_tick(cron: Cron, after: dt.datetime) -> dt.datetime:
    """Give the first moment of the schedule after another."""
    return croniter(cron.schedule, after.astimezone(ZoneInfo(cron.timezone))).get_next(dt.datetime)  # type: ignore[no-any-return]


async def tick(function: Function[Any, Any], cron: Cron, send: Send) -> None:
    """Send the function an event at each tick; its id is the tick, so that several workers start one run."""
    last = dt.datetime.now(dt.UTC)
    while True:
        due = next_tick(cron, last)
        await asyncio.sleep(max(0, (due - dt.datetime.now(dt.UTC)).total_seconds()))
        at = due.isoformat()
        event = Event("engine/schedule.ticked", Tick(at), id=f"tick/{function.id}/{cron.schedule}/{at}")
        await send(event, [function])
        last = due
