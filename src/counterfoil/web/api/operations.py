"""All operations of the API, put together."""

from typing import Any, Final

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.datastructures import State
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from counterfoil import __version__
from counterfoil.web.api import (
    arranging,
    audit,
    categories,
    channels,
    connections,
    consents,
    destinations,
    events,
    functions,
    health,
    page,
    pairs,
    problems,
    relinks,
    rows,
    rules,
    runs,
    said,
    syncs,
    tokens,
    transactions,
    triggers,
    visits,
    workspace,
)
from counterfoil.web.api.callers import Caller, Known

ROUTERS: Final[tuple[APIRouter, ...]] = (
    health.router,
    connections.router,
    visits.router,
    relinks.router,
    destinations.router,
    consents.router,
    arranging.router,
    syncs.router,
    rows.router,
    transactions.router,
    said.router,
    rules.router,
    categories.router,
    pairs.router,
    events.router,
    triggers.router,
    functions.router,
    runs.router,
    tokens.router,
    channels.router,
    audit.router,
    workspace.router,
)
ABOUT: Final = """
Everything that the pages can do. Send an API token with every request: `Authorization: Bearer cft_…`.

* Lists come in pages: pass `next` of one as `cursor` of the following.
* A `POST` with an `Idempotency-Key` acts once within 24 hours; its repeat gets the same answer.
* Amounts are text with all their digits; money that comes in is positive.
* What cannot be answered says why, and what to do, as `application/problem+json`.
"""


def application(state: State, caller: Caller | None = None) -> FastAPI:
    """Make the API for the product in `state.product`; with a `caller`, for that one alone and without tokens."""
    app = FastAPI(
        title="Counterfoil",
        version=__version__,
        description=ABOUT,
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=_name,
    )
    app.state = state
    for router in ROUTERS:
        app.include_router(router, prefix="/v1")
    app.include_router(page.router)
    problems.install(app)
    app.openapi = lambda: _described(app)  # type: ignore[method-assign]
    app.add_middleware(_PlainText)
    if caller is not None:
        app.add_middleware(Known, caller=caller)
    return app


def _name(route: APIRoute) -> str:
    return route.name


def _described(app: FastAPI) -> dict[str, Any]:
    """Describe the API; the shape of problems is named by every operation and defined once."""
    if app.openapi_schema is None:
        described = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
            servers=[{"url": "/api"}],
        )
        shape = problems.Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas = described.setdefault("components", {}).setdefault("schemas", {})
        schemas.update(shape.pop("$defs", {}))
        schemas["Problem"] = shape
        app.openapi_schema = described
    return app.openapi_schema


class _PlainText:
    """Refuses addresses with a NUL: no text of ours has one, and Postgres cannot compare with it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and ("\0" in scope["path"] or b"%00" in scope["query_string"]):
            refused: JSONResponse = problems.answer(
                400, "bad_address", "The address holds a character that no text has.", "Leave out %00."
            )
            await refused(scope, receive, send)
            return
        await self._app(scope, receive, send)
