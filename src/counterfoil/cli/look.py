"""Commands that show what there is."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from counterfoil.cli.common import AsJson, print_lines, with_product

if TYPE_CHECKING:
    from counterfoil.bootstrap import Product


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
        print_lines(lines, as_json, ("id", "cause", "state", "started", "note"))

    with_product(run, worker=False)


def connections(as_json: AsJson = False) -> None:
    """List the connections and what they need."""
    from counterfoil.store import connections as stored

    _list(stored.of_workspace, "provider", as_json)


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
        print_lines(lines, as_json, ("id", kind, "label", "state", "problem", "remedy"))

    with_product(run, worker=False)
