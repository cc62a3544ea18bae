"""Triggers: which event fetches and syncs what."""

from typing import Literal

from pydantic import BaseModel, Field

from counterfoil.sync.triggers import DESTINATION_TRIGGERS, EVERYTHING, TRIGGERS, VISIT_TRIGGERS
from counterfoil.web.api import paging, routes
from counterfoil.web.api.callers import Reader
from counterfoil.web.api.paging import Cursor, Limit, Page

router = routes.router("events")


class Trigger(BaseModel):
    """What an event causes."""

    event: str
    concerns: Literal["connection", "destination", "visit"]
    why: str
    streams: list[str] | None = Field(description="what is fetched; null for all that the provider has")
    reads_back: bool = Field(description="the destination is read in full first")


@router.get("/triggers")
async def list_triggers(caller: Reader, limit: Limit = 50, cursor: Cursor = None) -> Page[Trigger]:
    """List every event that starts a sync, and what it causes."""
    found = [
        Trigger(
            event=one.event,
            concerns="connection",
            why=one.why,
            streams=None if EVERYTHING in one.streams else list(one.streams),
            reads_back=False,
        )
        for one in TRIGGERS.values()
    ]
    found += [
        Trigger(
            event=place.event,
            concerns="destination",
            why=place.why,
            streams=None if place.fetches else [],
            reads_back=place.reads_back,
        )
        for place in DESTINATION_TRIGGERS.values()
    ]
    found += [
        Trigger(event=event, concerns="visit", why=why, streams=[], reads_back=False)
        for event, why in VISIT_TRIGGERS.items()
    ]
    return paging.part_of(found, limit, cursor, lambda trigger: trigger, lambda trigger: trigger.event)
