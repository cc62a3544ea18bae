"""The sync log: what ran, newest first."""

import datetime as dt
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response

from counterfoil.errors import BadRequest
from counterfoil.store import connections
from counterfoil.store import syncs as stored
from counterfoil.store.syncs import Sync
from counterfoil.web import overview, words
from counterfoil.web.auth import ProductOf, SignedInVisitor
from counterfoil.web.render import page

router = APIRouter(include_in_schema=False)
_SHOWN = 50


@router.get("/syncs")
async def show(
    request: Request,
    visitor: SignedInVisitor,
    product: ProductOf,
    state: str = "",
    connection: str = "",
    before: str = "",
) -> Response:
    """Show the list, filtered by state and connection."""
    workspace_id = visitor.workspace.id
    found = await product.db.read(
        stored.page,
        workspace_id,
        before=_cursor(before),
        limit=_SHOWN + 1,
        connection_id=connection or None,
        state=state or None,
    )
    known = await product.db.read(connections.of_workspace, workspace_id)
    names = await product.db.read(overview.names_of, workspace_id, found)
    asked = {"state": state, "connection": connection}
    return page(
        request,
        "syncs.html",
        visitor,
        syncs=found[:_SHOWN],
        connections=[("", "Any"), *((one.id, one.label) for one in known)],
        names=names,
        states=[("", "Any"), *((name, word) for name, (word, _) in words.SYNC_STATES.items())],
        asked=asked,
        older=_older(found, asked),
        newest="/syncs?" + urlencode(asked) if before else None,
    )


def _older(found: list[Sync], asked: dict[str, str]) -> str | None:
    if len(found) <= _SHOWN:
        return None
    last = found[_SHOWN - 1]
    return "/syncs?" + urlencode(asked | {"before": f"{last.started_at.isoformat()}~{last.id}"})


def _cursor(before: str) -> tuple[dt.datetime, str] | None:
    if not before:
        return None
    moment, _, sync_id = before.partition("~")
    try:
        started_at = dt.datetime.fromisoformat(moment)
    except ValueError as error:
        raise BadRequest("That page of the list does not exist.", remedy="Begin with the newest.") from error
    return started_at if started_at.tzinfo else started_at.replace(tzinfo=dt.UTC), sync_id
