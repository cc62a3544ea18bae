"""Consents: a person authorises a destination on the app's own page, and chooses the place that takes the tables."""

import datetime as dt
from typing import Any

from pydantic import Field, ValidationError

from counterfoil.model import TABLES
from counterfoil.store import consents as stored
from counterfoil.store import destinations as stored_destinations
from counterfoil.sync.consents import Begun
from counterfoil.web.api import routes
from counterfoil.web.api.callers import Reader, Works, Writer, note
from counterfoil.web.api.destinations import Destination, shape_of
from counterfoil.web.api.problems import invalid, no_such
from counterfoil.web.api.shapes import Flag, Order, Shape, Words

router = routes.router("destinations")


class Consent(Shape):
    """One consent."""

    id: str
    kind: str
    state: str = Field(
        validation_alias="stands",
        description="open, taken (the answer is being looked at), granted (a place is to be chosen), done, declined, "
        "failed or expired",
    )
    reason: str | None = Field(description="why it was declined or failed, in plain words")
    destination_id: str | None = Field(description="which destination was made of it, or is authorised anew")
    created_at: dt.datetime
    expires_at: dt.datetime


class ConsentBegun(Consent):
    """A consent that has begun. The url is for the person alone, and is not shown again."""

    state: str
    url: str = Field(description="to be opened in a browser that is signed in here: it comes back to this installation")


class NewConsent(Order):
    """Which app a person is to authorise."""

    kind: Words = Field(description="a kind whose `consent` is true; see `GET /v1/destination-kinds`")


class Place(Shape):
    """A place that the person let us see."""

    id: str
    label: str


class Places(Shape):
    """The places to choose from, the likeliest first."""

    results: list[Place]


class Chosen(Order):
    """The place that takes the tables."""

    place: Words = Field(description="the id of one of the `places`, or the link or id of another that was shared")
    settings: dict[str, Any] = Field(default_factory=dict, description="further settings of the kind, as far as asked")
    tables: list[Words] = Field(list(TABLES), max_length=50, description="which of ours")
    start: Flag = Field(True, description="false: it stays paused, to be mapped before anything is made there")


@router.post("/consents", status_code=201, dependencies=routes.REPEATABLE)
async def begin_consent(order: NewConsent, caller: Writer, product: Works) -> ConsentBegun:
    """Begin a consent for a new destination; show its `url` to the person, then look how it stands."""
    if order.kind not in product.doors.destinations:
        raise no_such("kind", order.kind, product.doors.destinations)
    begun = await product.consents.begin(caller.workspace_id, order.kind)
    await note(product, caller, "consent.begun", order.kind)
    return _begun(begun)


@router.post("/destinations/{destination_id}/consent", status_code=201, dependencies=routes.REPEATABLE)
async def renew_consent(destination_id: str, caller: Writer, product: Works) -> ConsentBegun:
    """Begin a consent whose credential takes the place of the destination's; its tables and rows stay as they are."""
    found = await product.db.read(stored_destinations.find, caller.workspace_id, destination_id)
    begun = await product.consents.renew(found)
    await note(product, caller, "consent.begun", found.label)
    return _begun(begun)


@router.get("/consents/{consent_id}")
async def show_consent(consent_id: str, caller: Reader, product: Works) -> Consent:
    """Show how a consent stands, and which destination came of it."""
    return Consent.model_validate(await product.db.read(stored.find, caller.workspace_id, consent_id))


@router.get("/consents/{consent_id}/places")
async def list_consent_places(consent_id: str, caller: Reader, product: Works) -> Places:
    """List the places that a granted consent opens, as the app tells them now."""
    found = await product.consents.places(caller.workspace_id, consent_id)
    return Places(results=[Place.model_validate(place) for place in found])


@router.post("/consents/{consent_id}/place", status_code=201, dependencies=routes.REPEATABLE)
async def choose_consent_place(consent_id: str, order: Chosen, caller: Writer, product: Works) -> Destination:
    """Add a destination for the chosen place; its first sync begins at once, or when it is resumed."""
    if unknown := set(order.tables) - set(TABLES):
        raise no_such("table", min(unknown), TABLES)
    try:
        added = await product.consents.settle(
            caller.workspace_id, consent_id, order.place, asked=order.settings, tables=order.tables, start=order.start
        )
    except ValidationError as error:
        raise invalid(error, "body") from None
    await note(product, caller, "destination.added", added.label)
    return shape_of(added)


def _begun(begun: Begun) -> ConsentBegun:
    return ConsentBegun.model_validate(dict(Consent.model_validate(begun.consent)) | {"url": begun.url})
