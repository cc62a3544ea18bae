"""One destination: how it stands, and what can be done with it."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response

from counterfoil.bootstrap import Product
from counterfoil.plan import State
from counterfoil.store import Tx, audit, destinations, mirror, rows, syncs
from counterfoil.store.destinations import Target
from counterfoil.sync.arrange import Arrangements
from counterfoil.sync.permissions import Fate, fate_of
from counterfoil.sync.triggers import in_order
from counterfoil.web import auth, overview, progress
from counterfoil.web.auth import ProductOf, SignedInVisitor, Visitor
from counterfoil.web.overview import Place, Tally
from counterfoil.web.render import page, see

router = APIRouter(include_in_schema=False)
_REFUSED = 100


@dataclass(frozen=True, slots=True)
class TableLine:
    """One table of ours at the destination."""

    label: str
    enabled: bool
    has_problem: bool
    standing: int
    refused: int
    deleted_there: int  # rows that the user deleted: they can be brought back


@router.get("/destinations/{destination_id}")
async def show(destination_id: str, request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Show the page."""
    seen = await product.db.read(_read, visitor.workspace.id, destination_id, product, request.app.state.tally)
    return page(request, "destination.html", visitor, place_state=overview.place_state, **seen)


@router.get("/destinations/{destination_id}/refused")
async def show_refused(destination_id: str, request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Show the rows that it refuses, with its reasons."""
    seen = await product.db.read(_refused, visitor.workspace.id, destination_id)
    return page(request, "destination_refused.html", visitor, **seen)


@router.post("/destinations/{destination_id}/sync")
async def sync_now(destination_id: str, request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Bring it up to date, and ask its connections for news."""
    await _acts(product).sync(visitor.workspace.id, destination_id)
    return see(request, f"/destinations/{destination_id}", "A sync was asked for.")


@router.post("/destinations/{destination_id}/reconcile")
async def reconcile(destination_id: str, request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Read it in full and put right what drifted."""
    await _acts(product).reconcile(visitor.workspace.id, destination_id)
    return see(request, f"/destinations/{destination_id}", "It is read in full and compared; see its latest sync.")


@router.post("/destinations/{destination_id}/pause")
async def pause(destination_id: str, request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Write nothing there until it is resumed."""
    await _acts(product).pause(visitor.workspace.id, destination_id)
    await _note(request, visitor, product, "destination.paused", destination_id)
    return see(request, f"/destinations/{destination_id}", "Paused. What stands there stays.")


@router.post("/destinations/{destination_id}/resume")
async def resume(destination_id: str, request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Go on, or begin: everything that is missing there is written."""
    await _acts(product).resume(visitor.workspace.id, destination_id)
    await _note(request, visitor, product, "destination.resumed", destination_id)
    return see(request, f"/destinations/{destination_id}", "It has begun. This page shows how far it is.")


@router.post("/destinations/{destination_id}/restore")
async def restore(destination_id: str, request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Bring back the rows that the user deleted there."""
    count = await _acts(product).restore(visitor.workspace.id, destination_id)
    said = f"{count:,} deleted rows come back." if count else "There was nothing to bring back."
    return see(request, f"/destinations/{destination_id}", said)


@router.post("/destinations/{destination_id}/retry")
async def retry(destination_id: str, request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Try the refused rows again."""
    count = await _acts(product).retry(visitor.workspace.id, destination_id)
    return see(request, f"/destinations/{destination_id}", f"{count:,} rows are tried again.")


@router.post("/destinations/{destination_id}/remove")
async def remove(destination_id: str, request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Forget it; what stands there stays."""
    found = await product.db.read(destinations.find, visitor.workspace.id, destination_id)
    fate = await _acts(product).fate(visitor.workspace.id, destination_id)
    await _note(request, visitor, product, "destination.removed", destination_id)
    await _acts(product).remove(visitor.workspace.id, destination_id)
    left_to_do = fate.in_words(product.doors.destination_spec(found.kind)) if fate is Fate.BY_HAND else ""
    return see(request, "/destinations", f"Removed. What stood there stays, and is yours. {left_to_do}".rstrip())


def _acts(product: Product) -> Arrangements:
    return Arrangements(product.doors, product.engine)


def _read(tx: Tx, workspace_id: str, destination_id: str, product: Product, tally: Tally) -> dict[str, Any]:
    found = destinations.find(tx, workspace_id, destination_id)
    [place] = overview.places_of(tx, workspace_id, [found], tally)
    latest = syncs.of_destination(tx, workspace_id, destination_id, 6)
    spec = product.doors.destination_spec(found.kind)
    targets = destinations.targets(tx, destination_id)
    return {
        "one": found,
        "kind": spec.label,
        "consents": product.consents.offers(found.kind),
        "fate": fate_of(tx, product.doors, found).in_words(spec),
        "place": place,
        "tables": [_line(targets[table], place) for table in in_order(targets)],
        "progress": progress.read(tx, place, spec.pace, dt.datetime.now(dt.UTC)),
        "syncs": latest,
        "names": overview.names_of(tx, workspace_id, latest),
    }


def _line(target: Target, place: Place) -> TableLine:
    counted = [place.counts.get((target.table, state), 0) for state in (State.SYNCED, State.REJECTED, State.TOMBSTONE)]
    return TableLine(target.mapping.label, target.enabled, target.problem is not None, *counted)


def _refused(tx: Tx, workspace_id: str, destination_id: str) -> dict[str, Any]:
    found = destinations.find(tx, workspace_id, destination_id)
    refused = mirror.refused(tx, destination_id, _REFUSED)
    names: dict[str, dict[str, str]] = {}
    for table in {row.table for row in refused}:
        keys = [row.key for row in refused if row.table == table]
        names[table] = rows.titles(tx, workspace_id, table, keys)
    return {"destination": found, "refused": refused, "names": names, "shown": _REFUSED}


async def _note(request: Request, visitor: Visitor, product: Product, act: str, destination_id: str) -> None:
    found = await product.db.read(destinations.find, visitor.workspace.id, destination_id)
    await product.db.run(
        audit.note,
        visitor.workspace.id,
        act,
        user_id=visitor.user.id,
        subject=found.label,
        address=auth.address_of(request),
    )
