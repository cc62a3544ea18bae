"""Functions: what they listen to, their limits, their latest runs; pause and resume."""

from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response

from counterfoil.bootstrap import Product
from counterfoil.engine import FunctionView, RunView
from counterfoil.store import audit
from counterfoil.web import reaching, words
from counterfoil.web.api import reach
from counterfoil.web.auth import NotAllowed, ProductOf, SignedInVisitor, Visitor, address_of
from counterfoil.web.render import page, see

router = APIRouter(include_in_schema=False)
_SHOWN = 30


@router.get("/functions")
async def show(request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Show them all."""
    may = visitor.is_owner and (await reaching.caller_of(product, visitor)).operates
    return page(request, "functions.html", visitor, functions=await product.engine.functions(), may_pause=may)


@router.get("/functions/{function_id}")
async def show_one(
    function_id: str,
    request: Request,
    visitor: SignedInVisitor,
    product: ProductOf,
    status: str = "",
    before: str = "",
) -> Response:
    """Show one with its runs."""
    function = await _function(product, function_id)
    caller = await reaching.caller_of(product, visitor)

    async def read(last: str | None, most: int) -> list[RunView]:
        return await product.engine.runs(function=function_id, status=status or None, before=last, limit=most)

    runs = await reach.page(product.db, caller, before or None, _SHOWN + 1, read)
    asked, here = {"status": status}, f"/functions/{function_id}?"
    return page(
        request,
        "function.html",
        visitor,
        function=function,
        runs=runs[:_SHOWN],
        wanted=status,
        states=[("", "Any"), *((name, word) for name, (word, _) in words.RUN_STATES.items())],
        may_pause=visitor.is_owner and caller.operates,
        older=here + urlencode(asked | {"before": runs[_SHOWN - 1].id}) if len(runs) > _SHOWN else None,
        newest=here + urlencode(asked) if before else None,
    )


@router.post("/functions/{function_id}/pause")
async def pause(function_id: str, request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Let no run of it begin; those that run go on."""
    await _must_operate(request, visitor, product, "function.paused", function_id)
    await product.engine.pause(product.engine.declared(function_id))
    return see(request, f"/functions/{function_id}", "Paused. What comes in waits.")


@router.post("/functions/{function_id}/resume")
async def resume(function_id: str, request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Let its runs begin again."""
    await _must_operate(request, visitor, product, "function.resumed", function_id)
    await product.engine.resume(product.engine.declared(function_id))
    return see(request, f"/functions/{function_id}", "Resumed. What has waited runs now.")


async def _function(product: Product, function_id: str) -> FunctionView:
    product.engine.declared(function_id)
    return next(one for one in await product.engine.functions() if one.id == function_id)


async def _must_operate(request: Request, visitor: Visitor, product: Product, act: str, function_id: str) -> None:
    product.engine.declared(function_id)
    visitor.must_own()
    if not (await reaching.caller_of(product, visitor)).operates:
        raise NotAllowed("Functions serve every workspace here.", remedy="Use the command line on the server.")
    await product.db.run(
        audit.note,
        visitor.workspace.id,
        act,
        user_id=visitor.user.id,
        subject=function_id,
        address=address_of(request),
    )
