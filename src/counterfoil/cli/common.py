"""What every command needs: the product on the local data directory, tables for people, JSON for scripts."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    from counterfoil.bootstrap import Product

R = TypeVar("R")
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


def with_product(act: Callable[["Product"], Awaitable[R]], *, worker: bool | None) -> R:
    """Run an act on the local data directory; with `worker` None, work where no other process does."""
    from counterfoil.bootstrap import configure_logs, read_settings, running

    settings = read_settings()
    configure_logs(settings)

    async def run() -> R:
        async with running(settings, os.environ, worker=worker) as product:
            return await act(product)

    return asyncio.run(run())


def print_lines(lines: Sequence[dict[str, Any]], as_json: bool, names: Sequence[str]) -> None:
    """Print one line each, as a table of the named columns or as JSON with all there is."""
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


def until_interrupted(run: Callable[[], Awaitable[None]]) -> None:
    """Run until done or until Ctrl-C."""

    async def guarded() -> None:
        await run()

    try:
        asyncio.run(guarded())
    except KeyboardInterrupt:
        typer.echo("", err=True)
