"""What was done in the workspace, by whom, and from where."""

from typing import Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response

from counterfoil.store import Tx
from counterfoil.store import audit as stored
from counterfoil.web.auth import ProductOf, SignedInVisitor
from counterfoil.web.render import page

router = APIRouter(include_in_schema=False)
_PATH: Final = "/settings/audit"
_SHOWN: Final = 50


@router.get(_PATH)
async def show(
    request: Request, visitor: SignedInVisitor, product: ProductOf, act: str = "", by: str = "", before: str = ""
) -> Response:
    """Show the log: all of it, one act, or what one person did."""
    found, acts, people = await product.db.read(_read, visitor.workspace.id, act, by, before)
    asked = {name: value for name, value in (("act", act), ("by", by)) if value}
    more = {**asked, "before": found[_SHOWN - 1].id} if len(found) > _SHOWN else None
    return page(
        request,
        "audit.html",
        visitor,
        entries=found[:_SHOWN],
        act=act,
        by=by,
        acts=[("", "Everything"), *((one, in_words(one)) for one in acts)],
        people=[("", "Anybody"), *((one, one) for one in people)],
        in_words=in_words,
        older=f"{_PATH}?{urlencode(more)}" if more else None,
        newest=f"{_PATH}?{urlencode(asked)}" if before else None,
    )


def in_words(act: str) -> str:
    """Give an act as people read it: "connection.removed" → "Connection removed"."""
    return act.replace(".", " ").replace("_", " ").capitalize()


def _read(tx: Tx, workspace_id: str, act: str, by: str, before: str) -> tuple[list[stored.Entry], list[str], list[str]]:
    found = stored.of_workspace(
        tx, workspace_id, before=before or None, limit=_SHOWN + 1, act=act or None, by=by or None
    )
    return found, stored.acts(tx, workspace_id), stored.people(tx, workspace_id)
