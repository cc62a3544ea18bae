"""Authorising on a vendor's consent page: the way there, the way back, and the choice of the place."""

from fastapi import APIRouter, Request, Response
from pydantic import ValidationError

from counterfoil.bootstrap import Product
from counterfoil.consenting import OfferedPlace
from counterfoil.errors import ActionRequired, BadRequest, CounterfoilError, NotThere, RetryLater
from counterfoil.ports import DestinationSpec
from counterfoil.store import Tx, audit, consents, destinations
from counterfoil.store.consents import Consent
from counterfoil.sync.consents import CALLBACK, Answer, Begun
from counterfoil.web import auth, settings_form
from counterfoil.web.auth import ProductOf, SignedInVisitor, Visitor
from counterfoil.web.render import guide_of, page, see

router = APIRouter(include_in_schema=False)


@router.post("/destinations/new/{kind}/consent")
async def begin(kind: str, request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Begin a consent for a new destination, and show the way to the vendor's page."""
    if kind not in product.doors.destinations:
        raise NotThere("There is no such app.", remedy="Choose one from the list.")
    begun = await product.consents.begin(visitor.workspace.id, kind, session_id=visitor.session_id)
    return await _way_there(request, visitor, product, begun)


@router.post("/destinations/{destination_id}/consent")
async def renew(destination_id: str, request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Begin a consent whose credential takes the place of the destination's."""
    found = await product.db.read(destinations.find, visitor.workspace.id, destination_id)
    begun = await product.consents.renew(found, session_id=visitor.session_id)
    return await _way_there(request, visitor, product, begun)


@router.get(CALLBACK)
async def come_back(request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Take what the vendor's page sent back."""
    query = request.query_params
    answer = Answer(query.get("state", ""), query.get("code", ""), query.get("error", ""))
    consent = await product.consents.finish(answer, workspace_id=visitor.workspace.id, session_id=visitor.session_id)
    if consent.state == "done" and consent.destination_id is not None:
        await product.db.run(_note_renewed, visitor, consent.destination_id, auth.address_of(request))
        return see(request, f"/destinations/{consent.destination_id}", "It is authorised again, and goes on.")
    return see(request, f"/destinations/consent/{consent.id}")


@router.get("/destinations/consent/{consent_id}")
async def show(consent_id: str, request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Show what became of a consent; where it was given, the places to choose from."""
    consent = await product.db.read(consents.find, visitor.workspace.id, consent_id)
    if consent.stands == "granted":
        return await _choice(request, visitor, product, consent)
    return _told(request, visitor, product, consent)


@router.post("/destinations/consent/{consent_id}")
async def choose(consent_id: str, request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Add a destination for the chosen place; nothing is written before the last step of the wizard."""
    consent = await product.db.read(consents.find, visitor.workspace.id, consent_id)
    if consent.stands != "granted":
        return see(request, f"/destinations/consent/{consent.id}")
    spec = product.doors.destination_spec(consent.kind)
    typed = {name: str(value).strip() for name, value in (await request.form()).items()}
    place = typed.get("another") or typed.get("place", "")
    try:
        asked = settings_form.read_some(typed, spec.consent.asks if spec.consent else ())
        added = await product.consents.settle(visitor.workspace.id, consent.id, place, asked=asked, start=False)
    except ValidationError as error:
        return await _choice(request, visitor, product, consent, typed, settings_form.said(spec.settings, error))
    except (BadRequest, ActionRequired, RetryLater) as problem:
        return await _choice(request, visitor, product, consent, typed, problem)
    await product.db.run(_note_added, visitor, added.label, auth.address_of(request))
    if added.state == "active":
        return see(request, f"/destinations/{added.id}", f"{added.label} was connected already: it has a new key now.")
    return see(request, f"/destinations/{added.id}/tables?setup=1")


async def _way_there(request: Request, visitor: Visitor, product: Product, begun: Begun) -> Response:
    # A link and no redirect: browsers let a form lead to our own pages only (form-action), redirects included.
    return _told(request, visitor, product, begun.consent, begun.url)


async def _choice(
    request: Request,
    visitor: Visitor,
    product: Product,
    consent: Consent,
    typed: dict[str, str] | None = None,
    problem: CounterfoilError | None = None,
) -> Response:
    spec = product.doors.destination_spec(consent.kind)
    places: list[OfferedPlace] = []
    try:
        places = list(await product.consents.places(visitor.workspace.id, consent.id))
    except (BadRequest, ActionRequired, RetryLater) as error:
        problem = problem or error
    return page(
        request,
        "consent_place.html",
        visitor,
        status=422 if typed is not None else 200,
        spec=spec,
        consent=consent,
        places=places,
        offered=[(place.id, place.label) for place in places],
        typed=typed or {},
        fields=settings_form.fields_of(spec.settings, typed, spec.consent.asks if spec.consent else ()),
        problem=problem,
        remedy=getattr(problem, "remedy", "Wait a moment, then reload this page."),
    )


def _told(request: Request, visitor: Visitor, product: Product, consent: Consent, url: str | None = None) -> Response:
    spec: DestinationSpec = product.doors.destination_spec(consent.kind)
    guide = guide_of(f"{spec.slug}_consent")
    return page(request, "consent.html", visitor, spec=spec, consent=consent, url=url, guide=guide)


def _note_renewed(tx: Tx, visitor: Visitor, destination_id: str, address: str) -> None:
    label = destinations.find(tx, visitor.workspace.id, destination_id).label
    _note(tx, visitor, "destination.reauthorised", label, address)


def _note_added(tx: Tx, visitor: Visitor, label: str, address: str) -> None:
    _note(tx, visitor, "destination.added", label, address)


def _note(tx: Tx, visitor: Visitor, act: str, subject: str, address: str) -> None:
    audit.note(tx, visitor.workspace.id, act, user_id=visitor.user.id, subject=subject, address=address)
