"""One sync, while it runs and afterwards: its timeline, what it did to each table, which rows were refused."""

import time
from dataclasses import dataclass

from fastapi import APIRouter, Request, Response

from counterfoil.engine import RunView
from counterfoil.errors import BadRequest
from counterfoil.model import TABLES
from counterfoil.store import Tx, audit, connections, destinations, mirror, syncs
from counterfoil.store.mirror import Refused
from counterfoil.store.syncs import Sync, TableLine
from counterfoil.sync.triggers import REFRESH
from counterfoil.web import waterfall
from counterfoil.web.auth import ProductOf, SignedInVisitor, Visitor, address_of
from counterfoil.web.render import page, see

router = APIRouter(include_in_schema=False)
_REFUSED = 100  # refused rows shown for each destination


@dataclass(frozen=True, slots=True)
class Seen:
    """What the page shows of the store."""

    sync: Sync
    what: str
    lines: list[TableLine]
    places: dict[str, str]  # destination id -> label
    refused: dict[str, list[Refused]]


@router.get("/syncs/{sync_id}")
async def show(sync_id: str, request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Show the page."""
    seen = await product.db.read(_read, visitor.workspace.id, sync_id)
    run: RunView | None
    try:
        run = await product.engine.run(seen.sync.run_id)
    except BadRequest:  # past its age; the log stays
        run = None
    bars = await waterfall.of(product, run, round(time.time() * 1000), seen.places) if run else []
    labels = {name: record.label for name, record in TABLES.items()}
    return page(request, "sync.html", visitor, seen=seen, run=run, bars=bars, labels=labels)


@router.post("/syncs/{sync_id}/retry")
async def retry(sync_id: str, request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Ask for the same connection, or the same destinations, to be synced again."""
    seen = await product.db.read(_read, visitor.workspace.id, sync_id)
    if seen.sync.connection_id is not None:
        await product.intake.request_sync(seen.sync.connection_id, REFRESH)
    else:
        for destination_id in {line.destination_id for line in seen.lines}:
            await product.intake.request_destination_sync(destination_id, "app/destination.sync.requested")
    return see(request, "/syncs", "A new sync was asked for.")


@router.post("/syncs/{sync_id}/cancel")
async def cancel(sync_id: str, request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Stop a sync that runs: a batch on its way is finished first."""
    sync = await product.db.read(syncs.find, visitor.workspace.id, sync_id)
    if sync.finished_at is None:
        await product.engine.cancel(sync.run_id)
        await product.db.run(_note_cancelled, visitor, sync_id, address_of(request))
    return see(request, f"/syncs/{sync_id}", "The sync was cancelled. What it had written stays.")


@router.post("/syncs/{sync_id}/replay")
async def replay(sync_id: str, request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Run the same event again, as a new run."""
    sync = await product.db.read(syncs.find, visitor.workspace.id, sync_id)
    run_id = await product.engine.replay(sync.run_id)
    return see(request, f"/runs/{run_id}", "The same event runs again.")


def _read(tx: Tx, workspace_id: str, sync_id: str) -> Seen:
    sync = syncs.find(tx, workspace_id, sync_id)
    places = {one.id: one.label for one in destinations.of_workspace(tx, workspace_id)}
    lines = sorted(
        syncs.lines(tx, sync_id), key=lambda line: (line.destination_id, [*TABLES, line.table].index(line.table))
    )
    what = "Destination"
    if sync.connection_id is not None:
        what = connections.find(tx, workspace_id, sync.connection_id).label
    elif lines:
        what = places.get(lines[0].destination_id, what)
    rejecting = {line.destination_id for line in lines if line.counts.rejected}
    refused = {one: mirror.refused(tx, one, _REFUSED) for one in sorted(rejecting)}
    return Seen(sync, what, lines, places, refused)


def _note_cancelled(tx: Tx, visitor: Visitor, sync_id: str, address: str) -> None:
    syncs.finish(tx, sync_id, "cancelled", f"Cancelled by {visitor.user.name}.")
    audit.note(tx, visitor.workspace.id, "sync.cancelled", user_id=visitor.user.id, subject=sync_id, address=address)
