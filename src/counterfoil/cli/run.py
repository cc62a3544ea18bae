"""Commands that work: serve, worker."""

import os
from typing import Annotated

import typer


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; else COUNTERFOIL_HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; else COUNTERFOIL_PORT.")] = None,
    worker: Annotated[bool, typer.Option(help="Run syncs in this process too.")] = True,
) -> None:
    """Run web server and worker in one process."""
    import uvicorn

    from counterfoil.bootstrap import configure_logs, read_settings, spare_the_collector
    from counterfoil.config import make_data_dir
    from counterfoil.web.app import create_app

    settings = read_settings()
    configure_logs(settings)
    make_data_dir(settings)
    where = host or settings.host, port or settings.port
    typer.echo(f"Counterfoil listens on http://{where[0]}:{where[1]}", err=True)
    app = create_app(settings, os.environ, worker=worker)
    spare_the_collector()
    uvicorn.run(
        app,
        host=where[0],
        port=where[1],
        proxy_headers=True,
        forwarded_allow_ips=",".join(settings.trusted_proxies),
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=5,  # open pages listen for news and would hold the server up
    )


def worker() -> None:
    """Run syncs without a web server, beside other workers on Postgres; SIGTERM finishes the present steps first."""
    import asyncio
    import signal

    from counterfoil.bootstrap import configure_logs, read_settings, running, spare_the_collector

    settings = read_settings()
    configure_logs(settings)
    spare_the_collector()

    async def run() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        async with running(settings, os.environ):
            typer.echo("Counterfoil works.", err=True)
            await stop.wait()

    asyncio.run(run())
