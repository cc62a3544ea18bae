"""Commands to play with: the vendors' emulators, and the demonstration."""

import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from counterfoil.cli.show import AsJson
from counterfoil.errors import BadRequest

if TYPE_CHECKING:
    from counterfoil.demo.run import Demo


def sandbox(
    port: Annotated[int, typer.Option(help="Plaid's port; Stripe, Notion, Airtable, Coda and Google follow.")] = 4010,
    as_json: AsJson = False,
    seed: Annotated[int, typer.Option(help="The world behind the banks: the same seed gives the same world.")] = 1,
    rate_scale: Annotated[str, typer.Option(help="Multiply the vendors' rate limits, or 'off'.")] = "1",
) -> None:
    """Serve emulators of the six vendors on loopback until interrupted."""
    import asyncio

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

    until_interrupted(run)


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
    import tempfile
    from contextlib import AsyncExitStack

    from counterfoil.demo.run import demonstration
    from counterfoil.demo.show import print_summary, print_sync, progress_bar

    async def run() -> None:
        async with AsyncExitStack() as stack:
            folder = data_dir or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="counterfoil-demo-")))
            shown = await stack.enter_async_context(
                demonstration(folder, seed=seed, rate_scale=_scale(rate_scale), environ=os.environ)
            )
            if not once:
                _say_pages(shown)
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
    until_interrupted(run)


def until_interrupted(run: Callable[[], Awaitable[None]]) -> None:
    """Run until done or until Ctrl-C."""
    import asyncio

    async def guarded() -> None:
        await run()

    try:
        asyncio.run(guarded())
    except KeyboardInterrupt:
        typer.echo("", err=True)


def _say_pages(shown: "Demo") -> None:
    user = shown.user
    typer.echo(f"The pages: {user.url}  (sign in as {user.email}, password {user.password})\n", err=True)


def _say_where(shown: "Demo") -> None:
    typer.echo("")
    _say_pages(shown)
    typer.echo("The destinations, live:")
    for slug in shown.sandbox.viewable:
        typer.echo(f"  {slug:9} {shown.sandbox.credentials[slug]['url']}/_sandbox/view")
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
