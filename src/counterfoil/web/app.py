"""The ASGI application: which handlers there are and how errors are answered."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from counterfoil import __version__
from counterfoil.bootstrap import Product, running
from counterfoil.config import Settings
from counterfoil.errors import BadRequest, Forged
from counterfoil.web import health, webhooks


def create_app(settings: Settings, environ: Mapping[str, str], *, worker: bool = True) -> FastAPI:
    """Make the application; the product starts and stops with it."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with running(settings, environ, worker=worker) as product:
            app.state.product = product
            yield

    return _application(lifespan)


def create_app_for(product: Product) -> FastAPI:
    """Make the application for a product that somebody else started and will stop."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.product = product
        yield

    return _application(lifespan)


def _application(lifespan: object) -> FastAPI:
    app = FastAPI(title="Counterfoil", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None)  # type: ignore[arg-type]
    app.include_router(health.router)
    app.include_router(webhooks.router)
    app.add_exception_handler(BadRequest, _answer_bad_request)
    return app


async def _answer_bad_request(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, BadRequest)
    status = 401 if isinstance(error, Forged) else 400
    body = {"type": "about:blank", "title": str(error), "status": status, "remedy": error.remedy}
    return JSONResponse(body, status, media_type="application/problem+json")
