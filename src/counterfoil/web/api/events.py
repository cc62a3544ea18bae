"""Events: what came in, and which runs it started."""

import datetime as dt
from typing import Any

from pydantic import BaseModel, Field

from counterfoil.engine import EventView
from counterfoil.web.api import paging, reach, routes
from counterfoil.web.api.callers import Reader, Works
from counterfoil.web.api.paging import Cursor, Limit, Page
from counterfoil.web.api.shapes import moment

router = routes.router("events")


class Event(BaseModel):
    """A named fact."""

    id: str
    name: str = Field(examples=["plaid/transactions.sync_updates_available"])
    data: Any = Field(description="ids and counts")
    ts: dt.datetime = Field(description="when it happened")
    received_at: dt.datetime
    runs: list[str] = Field(description="the runs that it started or joined")


@router.get("/events")
async def list_events(
    caller: Reader, product: Works, limit: Limit = 50, cursor: Cursor = None, name: str | None = None
) -> Page[Event]:
    """List the events, newest first."""

    async def read(before: str | None, most: int) -> list[EventView]:
        return await product.engine.events(name=name, before=before, limit=most)

    after = paging.single(cursor)
    found = await reach.page(product.db, caller, after, limit + 1, read)
    return paging.page_of(found, limit, _shape, lambda event: (event.id,))


@router.get("/events/{event_id:path}")
async def show_event(event_id: str, caller: Reader, product: Works) -> Event:
    """Show one event and which runs it started."""
    return _shape(await reach.must_see(product.db, caller, await product.engine.event(event_id)))


def _shape(event: EventView) -> Event:
    return Event(
        id=event.id,
        name=event.name,
        data=event.data,
        ts=moment(event.ts),
        received_at=moment(event.received_at),
        runs=list(event.runs),
    )
