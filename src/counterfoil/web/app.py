"""The ASGI application: which handlers there are and what every request passes through."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext

from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware

from counterfoil import __version__
from counterfoil.bootstrap import Product, running
from counterfoil.config import Settings
from counterfoil.web import api, errors, health, metrics, pages, static_files, stream, webhooks
from counterfoil.web.figures import FigureCache
from counterfoil.web.headers import SecurityHeaders
from counterfoil.web.overview import Tally


def create_app(settings: Settings, environ: Mapping[str, str], *, worker: bool = True) -> FastAPI:
    """Make the application; the product starts and stops with it."""
    return _application(running(settings, environ, worker=worker))


def create_app_for(product: Product) -> FastAPI:
    """Make the application for a product that somebody else started and will stop."""
    return _application(nullcontext(product))


def _application(product: AbstractAsyncContextManager[Product]) -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with product as started:
            app.state.product = started
            app.state.pulse = stream.Pulse(started.db)
            app.state.figures = FigureCache(started.db)
            app.state.tally = Tally()
            try:
                yield
            finally:
                await app.state.pulse.aclose()

    app = FastAPI(title="Counterfoil", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None)
    for router in (health.router, metrics.router, webhooks.router, static_files.router, stream.router, *pages.ROUTERS):
        app.include_router(router)
    app.mount("/api", api.Api(app.state))
    errors.install(app)
    # The last one added is the outermost.
    app.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=5)
    app.add_middleware(SecurityHeaders)
    return app
