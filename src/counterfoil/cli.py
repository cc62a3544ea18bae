"""The command line: serve, sync, look, and play with the sandbox."""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from counterfoil.errors import ActionRequired, BadRequest, CounterfoilError

if TYPE_CHECKING:
    from counterfoil.bootstrap import Product
    from counterfoil.demo.run import Demo

# What a command needs is imported inside it: `counterfoil --help` must answer at once.

app = typer.Typer(
    help="Keeps your banks, brokers and Stripe up to date in Notion, Airtable, Coda and Google Sheets.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
R = TypeVar("R")
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object, for scripts.")]


def main() -> None:
    """Run the command line; an error of ours is printed with its remedy, and ends with status 1."""
    try:
        app()
    except CounterfoilError as error:
        typer.secho(f"Error: {error}", fg="red", err=True)
        if isinstance(error, BadRequest | ActionRequired):
            typer.echo(f"What to do: {error.remedy}", err=True)
        raise SystemExit(1) from None


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; else COUNTERFOIL_HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; else COUNTERFOIL_PORT.")] = None,
    worker: Annotated[bool, typer.Option(help="Run syncs in this process too.")] = True,
) -> None:
    """Run web server and worker in one process."""
    import uvicorn

    from counterfoil.bootstrap import configure_logs, read_settings
    from counterfoil.config import make_data_dir
    from counterfoil.web.app import create_app

    settings = read_settings()
    configure_logs(settings)
    make_data_dir(settings)
    where = host or settings.host, port or settings.port
    typer.echo(f"Counterfoil listens on http://{where[0]}:{where[1]}", err=True)
    uvicorn.run(
        create_app(settings, os.environ, worker=worker),
        host=where[0],
        port=where[1],
        access_log=False,
        log_level="warning",
    )


@app.command()
def sandbox(
    port: Annotated[int, typer.Option(help="Plaid's port; Stripe, Notion, Airtable, Coda and Google follow.")] = 4010,
    as_json: AsJson = False,
    seed: Annotated[int, typer.Option(help="The world behind the banks: the same seed gives the same world.")] = 1,
    rate_scale: Annotated[str, typer.Option(help="Multiply the vendors' rate limits, or 'off'.")] = "1",
) -> None:
    """Serve emulators of the six vendors on loopback until interrupted."""
    from counterfoil.demo.vendors import credentials, emulators
    from counterfoil.sandbox.server import Served

    served = Served(emulators(seed, _scale(rate_scale)), port)

    async def run() -> None:
        ready = asyncio.Event()
        serving = asyncio.create_task(served.run(ready=ready))
        await asyncio.wait({serving, asyncio.create_task(ready.wait())}, return_when=asyncio.FIRST_COMPLETED)
        found = credentials(served)
        if as_json:
            typer.echo(json.dumps(found))
        else:
            for slug, vendor in found.items():
                typer.echo(f"{slug:10} {vendor['url']}")
            typer.echo("Credentials: counterfoil sandbox --json. Tables as pages: <url>/_sandbox/view")
        sys.stdout.flush()
        await serving

    _until_interrupted(run)


@app.command()
def demo(
    once: Annotated[bool, typer.Option("--once", help="End after the first full sync.")] = False,
    as_json: AsJson = False,
    seed: Annotated[int, typer.Option(help="The world behind the banks.")] = 1,
    rate_scale: Annotated[
        str, typer.Option(help="Multiply the vendors' rate limits, and our pace with them; 1 is the real pace.")
    ] = "50",
    every: Annotated[float, typer.Option(help="Seconds between two things that happen at the banks.")] = 5.0,
    data_dir: Annotated[Path | None, typer.Option(help="Keep the product's data here.")] = None,
) -> None:
    """Show it all on loopback: sandbox, product, two banks, every destination."""
    from counterfoil.demo.run import demonstration
    from counterfoil.demo.show import print_summary, print_sync, progress_bar

    async def run() -> None:
        async with AsyncExitStack() as stack:
            folder = data_dir or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="counterfoil-demo-")))
            shown = await stack.enter_async_context(
                demonstration(folder, seed=seed, rate_scale=_scale(rate_scale), environ=os.environ)
            )
            with progress_bar(visible=not as_json) as tell:
                await shown.connect_all()
                await shown.settled(tell)
            summary = await shown.summary()
            if as_json:
                typer.echo(json.dumps(summary))
            else:
                print_summary(summary)
            if not once:
                _say_where(shown)
                await shown.live_on(every, print_sync)

    _quiet_logs()
    _until_interrupted(run)


@app.command()
def sync(
    connection: Annotated[str | None, typer.Argument(help="A connection's id; all of them without it.")] = None,
    as_json: AsJson = False,
) -> None:
    """Ask for a sync now and follow it to its end."""
    from counterfoil.sync.follow import follow

    def show(lines: Sequence[dict[str, Any]]) -> None:
        _print(lines, as_json, ("connection", "state", "created", "updated", "deleted", "rejected", "note"))

    async def run(product: "Product") -> None:
        show(await follow(product.intake, product.db, connection))

    _with_product(run, worker=None)


@app.command()
def syncs(limit: Annotated[int, typer.Option(help="How many, newest first.")] = 20, as_json: AsJson = False) -> None:
    """List the latest syncs."""
    from counterfoil.store import syncs as stored
    from counterfoil.store import workspaces

    async def run(product: "Product") -> None:
        workspace = await product.db.run(workspaces.first)
        found = await product.db.read(stored.of_workspace, workspace.id, limit)
        lines = [
            {"id": s.id, "cause": s.cause, "state": s.state, "started": s.started_at.isoformat(), "note": s.note or ""}
            for s in found
        ]
        _print(lines, as_json, ("id", "cause", "state", "started", "note"))

    _with_product(run, worker=False)


@app.command()
def connections(as_json: AsJson = False) -> None:
    """List the connections and what they need."""
    from counterfoil.store import connections as stored

    _list(stored.of_workspace, "provider", as_json)


@app.command()
def destinations(as_json: AsJson = False) -> None:
    """List the destinations and what they need."""
    from counterfoil.store import destinations as stored

    _list(stored.of_workspace, "kind", as_json)


def _list(of_workspace: Callable[..., Sequence[Any]], kind: str, as_json: bool) -> None:
    from counterfoil.store import workspaces

    async def run(product: "Product") -> None:
        workspace = await product.db.run(workspaces.first)
        lines = [
            {
                "id": one.id,
                kind: getattr(one, kind),
                "label": one.label,
                "state": one.state,
                "problem": one.problem.message if one.problem else "",
                "remedy": one.problem.remedy if one.problem else "",
            }
            for one in await product.db.read(of_workspace, workspace.id)
        ]
        _print(lines, as_json, ("id", kind, "label", "state", "problem", "remedy"))

    _with_product(run, worker=False)


def _with_product(act: Callable[["Product"], Awaitable[R]], *, worker: bool | None) -> R:
    """Run an act on the local data directory; with `worker` None, work where no other process does."""
    from counterfoil.bootstrap import configure_logs, read_settings, running

    settings = read_settings()
    configure_logs(settings)

    async def run() -> R:
        async with running(settings, os.environ, worker=worker) as product:
            return await act(product)

    return asyncio.run(run())


def _print(lines: Sequence[dict[str, Any]], as_json: bool, names: Sequence[str]) -> None:
    if as_json:
        typer.echo(json.dumps(lines, default=str))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold")
    for name in names:
        table.add_column(name.title(), overflow="fold")
    for line in lines:
        table.add_row(*(str(line.get(name, "")) for name in names))
    Console().print(table if lines else "There are none yet.")


def _say_where(shown: "Demo") -> None:
    typer.echo("\nThe destinations, live:")
    for slug, emulator in shown.served.emulators.items():
        if "tables" in emulator.actions:
            typer.echo(f"  {slug:9} {shown.served.urls[slug]}/_sandbox/view")
    typer.echo("New bank activity every few seconds; Ctrl-C ends it.\n")


def _scale(text: str) -> float | None:
    if text == "off":
        return None
    try:
        scale = float(text)
    except ValueError:
        scale = 0.0
    if scale <= 0:
        raise BadRequest(
            f"--rate-scale {text} is no number above 0.", remedy="Give a number such as 1 or 10, or 'off'."
        )
    return scale


def _quiet_logs() -> None:
    from counterfoil.bootstrap import configure_logs
    from counterfoil.config import Settings

    configure_logs(Settings(log_level="error"))


def _until_interrupted(run: Callable[[], Awaitable[None]]) -> None:
    async def guarded() -> None:
        await run()

    try:
        asyncio.run(guarded())
    except KeyboardInterrupt:
        typer.echo("", err=True)
