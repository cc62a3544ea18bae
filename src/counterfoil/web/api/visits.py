"""Visits: a person is sent to the bank's or the vendor's page, and what comes of it becomes a connection."""

import datetime as dt
from typing import Annotated

from pydantic import Field, StringConstraints

from counterfoil.store import Tx
from counterfoil.store import connections as stored_connections
from counterfoil.store import visits as stored
from counterfoil.sync.visits import Begun
from counterfoil.web.api import routes
from counterfoil.web.api.callers import Reader, Works, Writer, note
from counterfoil.web.api.problems import no_such
from counterfoil.web.api.shapes import Flag, Order, Shape, Words

router = routes.router("connections")
Address = Annotated[str, StringConstraints(max_length=2000, pattern=r"^https?://[^\s\x00]+$")]


class Candidate(Shape):
    """What a visit brought."""

    id: str
    label: str
    state: str = Field(description="accepted, unwanted, connected or refused")
    connection_id: str | None
    message: str | None


class Visit(Shape):
    """One visit."""

    id: str
    provider: str
    purpose: str = Field(description="connect, repair or share")
    connection_id: str | None = Field(description="repair and share: whose")
    state: str = Field(description="open, done, left or expired")
    reason: str | None
    created_at: dt.datetime
    expires_at: dt.datetime


class VisitWithCandidates(Visit):
    """One visit and what came of it."""

    candidates: list[Candidate]


class VisitBegun(Visit):
    """A visit that has begun. The url is for the person alone, and is not shown again."""

    url: str


class NewVisit(Order):
    """Where a person is to be sent."""

    provider: Words
    choice: Words | None = Field(None, description="one of the provider's `choices`; the first without it")
    return_to: Address | None = Field(None, description="where the vendor's page sends the person afterwards")


class Repair(Order):
    """What a person is to do about a connection."""

    share: Flag = Field(False, description="share more accounts, in place of signing in again")
    return_to: Address | None = Field(None, description="where the vendor's page sends the person afterwards")


@router.post("/visits", status_code=201, dependencies=routes.REPEATABLE)
async def begin_visit(order: NewVisit, caller: Writer, product: Works) -> VisitBegun:
    """Begin a visit for a new connection; show its `url` to the person, then look how the visit stands."""
    if order.provider not in product.doors.providers:
        raise no_such("provider", order.provider, product.doors.providers)
    begun = await product.visits.begin(
        caller.workspace_id,
        order.provider,
        choice=order.choice,
        user=caller.workspace_id,
        return_to=order.return_to,
    )
    await note(product, caller, "visit.begun", order.provider)
    return _begun(begun)


@router.post("/connections/{connection_id}/repair", status_code=201, dependencies=routes.REPEATABLE)
async def repair_connection(
    connection_id: str, caller: Writer, product: Works, order: Repair | None = None
) -> VisitBegun:
    """Begin a visit that renews a connection's login, or lets the person share more accounts."""
    found = await product.db.read(stored_connections.find, caller.workspace_id, connection_id)
    asked = order or Repair()
    begun = await product.visits.repair(found, user=caller.workspace_id, return_to=asked.return_to, share=asked.share)
    await note(product, caller, "visit.begun", found.label)
    return _begun(begun)


@router.get("/visits/{visit_id}")
async def show_visit(visit_id: str, caller: Reader, product: Works) -> VisitWithCandidates:
    """Show how a visit stands, and which connections came of it."""
    return await product.db.read(_with_candidates, caller.workspace_id, visit_id)


def _with_candidates(tx: Tx, workspace_id: str, visit_id: str) -> VisitWithCandidates:
    found = Visit.model_validate(stored.find(tx, workspace_id, visit_id))
    candidates = [Candidate.model_validate(one) for one in stored.of_visit(tx, visit_id)]
    return VisitWithCandidates(**dict(found), candidates=candidates)


def _begun(begun: Begun) -> VisitBegun:
    return VisitBegun(**dict(Visit.model_validate(begun.visit)), url=begun.url)
