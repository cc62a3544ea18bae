"""One connection: its accounts and state, and what can be done with it."""

from typing import Any

from fastapi import APIRouter, Request, Response

from counterfoil.bootstrap import Product
from counterfoil.errors import ActionRequired, BadRequest, NotThere
from counterfoil.store import Tx, audit, connections, figures, relinks, syncs
from counterfoil.store.connections import Connection
from counterfoil.sync.triggers import REFRESH
from counterfoil.web import auth, cookies, settings_form
from counterfoil.web.auth import ProductOf, SignedInVisitor, Visitor
from counterfoil.web.pages.visit import VISIT_COOKIE, VISIT_LIVES
from counterfoil.web.render import guide_of, page, see

router = APIRouter(include_in_schema=False)


@router.get("/connections/{connection_id}")
async def show(connection_id: str, request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Show the page."""
    one = await _find(product, visitor, connection_id)
    spec = product.doors.provider_spec(one.provider)
    return page(
        request,
        "connection.html",
        visitor,
        one=one,
        provider=spec.label,
        at_vendor=spec.connect is not None,
        **await product.db.read(_read, visitor.workspace.id, one.id),
    )


@router.post("/connections/{connection_id}/sync")
async def sync_now(connection_id: str, request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Ask the bank for news."""
    one = await _find(product, visitor, connection_id)
    await product.intake.request_sync(one.id, REFRESH)
    return see(request, f"/connections/{one.id}", "A sync was asked for.")


@router.post("/connections/{connection_id}/repair")
async def repair(connection_id: str, request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Begin a visit that renews the login, or ask for a new key where there is no such page."""
    return await _to_vendor(connection_id, request, visitor, product, share=False)


@router.post("/connections/{connection_id}/share")
async def share(connection_id: str, request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Begin a visit on which more accounts can be ticked."""
    return await _to_vendor(connection_id, request, visitor, product, share=True)


@router.get("/connections/{connection_id}/key")
async def show_key(connection_id: str, request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Show the form for a new key."""
    return _key_page(request, visitor, product, await _find(product, visitor, connection_id))


@router.post("/connections/{connection_id}/key")
async def replace_key(connection_id: str, request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Take a new key for the same account."""
    one = await _find(product, visitor, connection_id)
    spec = product.doors.provider_spec(one.provider)
    typed = {name: str(value) for name, value in (await request.form()).items()}
    try:
        settings = settings_form.read(spec.settings, typed)
        identity, _ = await product.doors.introduce(spec, settings)
        if identity.remote_id != one.remote_id:
            raise BadRequest(
                f"That key belongs to {identity.label}.", remedy=f"Use one of {one.label}, or connect the other anew."
            )
        await product.intake.connect(visitor.workspace.id, one.provider, settings)
    except (BadRequest, ActionRequired) as problem:
        return _key_page(request, visitor, product, one, problem)
    await _note(request, visitor, product, "connection.repaired", one)
    return see(request, f"/connections/{one.id}", "The new key works. A sync has begun.")


@router.post("/connections/{connection_id}/pause")
async def pause(connection_id: str, request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Read it no more until it is resumed."""
    one = await _find(product, visitor, connection_id)
    await product.upkeep.pause(one)
    await _note(request, visitor, product, "connection.paused", one)
    return see(request, f"/connections/{one.id}", f"{one.label} is paused. Its rows stay where they are.")


@router.post("/connections/{connection_id}/resume")
async def resume(connection_id: str, request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Go on reading it."""
    one = await _find(product, visitor, connection_id)
    await product.upkeep.resume(one)
    await _note(request, visitor, product, "connection.resumed", one)
    return see(request, f"/connections/{one.id}", f"{one.label} is read again.")


@router.get("/connections/{connection_id}/remove")
async def ask_removal(connection_id: str, request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Say what its removal will do, and ask."""
    one = await _find(product, visitor, connection_id)
    if one.state == "removed":
        return see(request, f"/connections/{one.id}", f"{one.label} was removed already.")
    told = await product.upkeep.consequences(one)
    return page(request, "connection_remove.html", visitor, one=one, consequences=told.in_words())


@router.post("/connections/{connection_id}/remove")
async def remove(connection_id: str, request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Remove it for good."""
    one = await _find(product, visitor, connection_id)
    await product.upkeep.remove(one)
    await _note(request, visitor, product, "connection.removed", one)
    return see(request, "/connections", f"{one.label} is being removed.")


@router.post("/relinks/{relink_id}/{answer}")
async def answer_relink(
    relink_id: str, answer: str, request: Request, visitor: SignedInVisitor, product: ProductOf
) -> Response:
    """Say whether the accounts of a bank linked anew are those that were there before."""
    if answer not in ("same", "other"):
        raise NotThere("There is no such answer.", remedy="Use the buttons on the connection's page.")
    relink = await product.relinks.answer(visitor.workspace.id, relink_id, same=answer == "same")
    said = "The rows pass on to the new connection." if answer == "same" else "The new connection has rows of its own."
    return see(request, f"/connections/{relink.new_id}", said)


async def _find(product: Product, visitor: Visitor, connection_id: str) -> Connection:
    return await product.db.read(connections.find, visitor.workspace.id, connection_id)


def _read(tx: Tx, workspace_id: str, connection_id: str) -> dict[str, Any]:
    known = {one.id: one.label for one in connections.of_workspace(tx, workspace_id, removed=True)}
    return {
        "accounts": [one for one in figures.accounts_of(tx, workspace_id) if one.connection_id == connection_id],
        "syncs": syncs.page(tx, workspace_id, before=None, limit=8, connection_id=connection_id),
        "relinks": relinks.waiting(tx, workspace_id, connection_id),
        "names": known,
    }


async def _to_vendor(
    connection_id: str, request: Request, visitor: Visitor, product: Product, *, share: bool
) -> Response:
    one = await _find(product, visitor, connection_id)
    if product.doors.provider_spec(one.provider).connect is None:
        return see(request, f"/connections/{one.id}/key")
    back = str(request.url_for("show_latest_visit"))
    begun = await product.visits.repair(one, user=visitor.user.id, return_to=back, share=share)
    response = page(request, "visit.html", visitor, visit=begun.visit, url=begun.url, candidates=())
    cookies.put(request, response, VISIT_COOKIE, begun.visit.id, VISIT_LIVES)
    return response


def _key_page(
    request: Request,
    visitor: Visitor,
    product: Product,
    one: Connection,
    problem: BadRequest | ActionRequired | None = None,
) -> Response:
    spec = product.doors.provider_spec(one.provider)
    if spec.connect is not None:
        raise NotThere("This connection has no key.", remedy="Repair it at the bank's own page.")
    return page(
        request,
        "connection_key.html",
        visitor,
        status=422 if problem else 200,
        action=f"/connections/{one.id}/key",
        title=f"A new key for {one.label}",
        guide=guide_of(spec.slug),
        fields=settings_form.fields_of(spec.settings),
        problem=problem,
        button="Try the key and use it",
    )


async def _note(request: Request, visitor: Visitor, product: Product, act: str, one: Connection) -> None:
    where = auth.address_of(request)
    await product.db.run(
        audit.note, visitor.workspace.id, act, user_id=visitor.user.id, subject=one.label, address=where
    )
