"""Connections: the list, and adding one by a key or at the vendor's own page."""

from collections import Counter
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from counterfoil.bootstrap import Product
from counterfoil.errors import ActionRequired, BadRequest, NotThere
from counterfoil.ports import ProviderSpec
from counterfoil.store import Tx, audit, connections, figures
from counterfoil.web import auth, cookies, settings_form
from counterfoil.web.auth import ProductOf, SignedInVisitor, Visitor
from counterfoil.web.pages.visit import VISIT_COOKIE, VISIT_LIVES
from counterfoil.web.render import guide_of, page, see

router = APIRouter(include_in_schema=False)


@router.get("/connections")
async def show(request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Show the list."""
    known = await product.db.read(connections.of_workspace, visitor.workspace.id)
    accounts = await product.db.read(figures.accounts_of, visitor.workspace.id)
    return page(
        request,
        "connections.html",
        visitor,
        connections=known,
        providers={slug: spec.label for slug, spec in product.doors.providers.items()},
        accounts=Counter(account.connection_id for account in accounts),
    )


@router.get("/connections/new")
async def choose(request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Show what can be connected."""
    return page(request, "connection_new.html", visitor, providers=product.doors.providers.values(), problem=None)


@router.get("/connections/new/{provider}")
async def show_form(provider: str, request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Show the form for a key."""
    return _key_page(request, visitor, _by_key(product, provider))


@router.post("/connections/new/{provider}")
async def connect(provider: str, request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Try the key, keep it, and begin to read."""
    spec = _by_key(product, provider)
    typed = {name: str(value) for name, value in (await request.form()).items()}
    try:
        settings = settings_form.read(spec.settings, typed)
        added = await product.intake.connect(visitor.workspace.id, provider, settings)
    except (BadRequest, ActionRequired) as problem:
        return _key_page(request, visitor, spec, typed, problem)
    await product.db.run(_note, visitor, "connection.added", added.label, auth.address_of(request))
    return see(request, f"/connections/{added.id}", f"{added.label} is connected. The first sync has begun.")


@router.post("/connections/visits")
async def begin_visit(
    request: Request,
    visitor: SignedInVisitor,
    product: ProductOf,
    provider: Annotated[str, Form()] = "",
    choice: Annotated[str, Form()] = "",
) -> Response:
    """Begin a visit to the vendor's page, and show the way there."""
    if provider not in product.doors.providers:
        raise NotThere("There is no such provider.", remedy="Choose one from the list.")
    try:
        begun = await product.visits.begin(
            visitor.workspace.id,
            provider,
            choice=choice or None,
            user=visitor.user.id,
            return_to=str(request.url_for("show_latest_visit")),
        )
    except (BadRequest, ActionRequired) as problem:
        known = product.doors.providers.values()
        return page(request, "connection_new.html", visitor, status=422, providers=known, problem=problem)
    response = page(request, "visit.html", visitor, visit=begun.visit, url=begun.url, candidates=())
    cookies.put(request, response, VISIT_COOKIE, begun.visit.id, VISIT_LIVES)
    return response


def _by_key(product: Product, provider: str) -> ProviderSpec:
    spec = product.doors.providers.get(provider)
    if spec is None or spec.connect is not None:
        raise NotThere("There is no such form.", remedy="Choose from the list of what can be connected.")
    return spec


def _key_page(
    request: Request,
    visitor: Visitor,
    spec: ProviderSpec,
    typed: dict[str, str] | None = None,
    problem: BadRequest | ActionRequired | None = None,
) -> Response:
    return page(
        request,
        "connection_key.html",
        visitor,
        status=422 if problem else 200,
        action=f"/connections/new/{spec.slug}",
        title=f"Connect {spec.label}",
        guide=guide_of(spec.slug),
        fields=settings_form.fields_of(spec.settings, typed),
        problem=problem,
        button="Try the key and connect",
    )


def _note(tx: Tx, visitor: Visitor, act: str, subject: str, address: str) -> None:
    audit.note(tx, visitor.workspace.id, act, user_id=visitor.user.id, subject=subject, address=address)
