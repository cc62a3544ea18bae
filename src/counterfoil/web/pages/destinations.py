"""Destinations: the list, and the first steps of adding one: which app, and the credential for it."""

from fastapi import APIRouter, Request, Response

from counterfoil.bootstrap import Product
from counterfoil.errors import ActionRequired, BadRequest, NotThere
from counterfoil.ports import DestinationSpec
from counterfoil.store import audit
from counterfoil.sync.arrange import Arrangements
from counterfoil.web import auth, overview, settings_form
from counterfoil.web.auth import ProductOf, SignedInVisitor, Visitor
from counterfoil.web.render import guide_of, page, see

router = APIRouter(include_in_schema=False)


@router.get("/destinations")
async def show(request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Show the list."""
    seen = await product.db.read(overview.read, visitor.workspace.id, request.app.state.tally)
    return page(
        request,
        "destinations.html",
        visitor,
        places=seen.places,
        kinds={slug: spec.label for slug, spec in product.doors.destinations.items()},
        place_state=overview.place_state,
    )


@router.get("/destinations/new")
async def choose(request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Show which apps there are."""
    return page(request, "destination_new.html", visitor, kinds=product.doors.destinations.values())


@router.get("/destinations/new/{kind}")
async def show_form(kind: str, request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Show the form for the credential."""
    return _form(request, visitor, product, _spec(product, kind))


@router.post("/destinations/new/{kind}")
async def add(kind: str, request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Try the credential and keep it; nothing is written before the last step."""
    spec = _spec(product, kind)
    typed = {name: str(value) for name, value in (await request.form()).items()}
    try:
        settings = settings_form.read(spec.settings, typed)
        added = await Arrangements(product.doors, product.engine).add(visitor.workspace.id, kind, settings, start=False)
    except (BadRequest, ActionRequired) as problem:
        return _form(request, visitor, product, spec, typed, problem)
    await product.db.run(
        audit.note,
        visitor.workspace.id,
        "destination.added",
        user_id=visitor.user.id,
        subject=added.label,
        address=auth.address_of(request),
    )
    if added.state == "active":
        return see(request, f"/destinations/{added.id}", f"{added.label} was connected already: it has a new key now.")
    return see(request, f"/destinations/{added.id}/tables?setup=1")


def _spec(product: Product, kind: str) -> DestinationSpec:
    spec = product.doors.destinations.get(kind)
    if spec is None:
        raise NotThere("There is no such app.", remedy="Choose one from the list.")
    return spec


def _form(
    request: Request,
    visitor: Visitor,
    product: Product,
    spec: DestinationSpec,
    typed: dict[str, str] | None = None,
    problem: BadRequest | ActionRequired | None = None,
) -> Response:
    return page(
        request,
        "destination_key.html",
        visitor,
        status=422 if problem else 200,
        spec=spec,
        guide=guide_of(spec.slug),
        consents=product.consents.offers(spec.slug),
        fields=settings_form.fields_of(spec.settings, typed),
        problem=problem,
    )
