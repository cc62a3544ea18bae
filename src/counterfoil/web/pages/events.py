"""Events: what came in, and what it started."""

from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response

from counterfoil.engine import EventView
from counterfoil.web import reaching
from counterfoil.web.api import reach
from counterfoil.web.auth import ProductOf, SignedInVisitor
from counterfoil.web.render import page

router = APIRouter(include_in_schema=False)
_SHOWN = 50


@router.get("/events")
async def show(
    request: Request, visitor: SignedInVisitor, product: ProductOf, name: str = "", before: str = ""
) -> Response:
    """Show the list, of one name where one is asked for."""

    async def read(last: str | None, most: int) -> list[EventView]:
        return await product.engine.events(name=name.strip() or None, before=last, limit=most)

    caller = await reaching.caller_of(product, visitor)
    found = await reach.page(product.db, caller, before or None, _SHOWN + 1, read)
    asked = {"name": name}
    older = "/events?" + urlencode(asked | {"before": found[_SHOWN - 1].id}) if len(found) > _SHOWN else None
    names = sorted({event for function in await product.engine.functions() for event in function.on})
    return page(
        request,
        "events.html",
        visitor,
        events=found[:_SHOWN],
        name=name,
        names=names,
        older=older,
        newest="/events?" + urlencode(asked) if before else None,
    )
