"""Home: whether all is well, what needs somebody, and what the money did."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Request, Response

from counterfoil.store import pairs
from counterfoil.web import charts, overview, words
from counterfoil.web.auth import ProductOf, SignedInVisitor
from counterfoil.web.figures import FigureCache
from counterfoil.web.overview import Overview, Place
from counterfoil.web.render import page

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Need:
    """Something that waits for a person: what is wrong, the remedy, and the button that applies it."""

    title: str
    text: str
    link: str
    act: str | None = None
    label: str | None = None
    tone: str = "bad"


@router.get("/")
async def show(request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Show the page."""
    workspace_id = visitor.workspace.id
    seen = await product.db.read(overview.read, workspace_id, request.app.state.tally)
    cache: FigureCache = request.app.state.figures
    figures = await cache.of(workspace_id, visitor.workspace.display.currency)
    return page(
        request,
        "home.html",
        visitor,
        seen=seen,
        health=overview.health(seen),
        needs=[*needs_of(seen), *_pairs_that_wait(await product.db.read(pairs.counts, workspace_id))],
        figures=figures,
        line=charts.line(figures.history) if figures else None,
        bars=charts.bars(figures.months, figures.currency) if figures else None,
        names=seen.names,
        kinds={slug: spec.label for slug, spec in product.doors.destinations.items()},
        place_state=overview.place_state,
    )


def _pairs_that_wait(counts: Mapping[str, int]) -> list[Need]:
    waiting = counts[pairs.OPEN]
    if not waiting:
        return []
    title = f"{words.count(waiting, 'movement')} between your accounts may count twice."
    return [Need(title, "Say which are transfers: they are neither income nor spending.", "/transfers", tone="warn")]


def needs_of(seen: Overview) -> Sequence[Need]:
    """List what waits for a person, the worst first."""
    needs = [
        Need(
            f"{one.label}: {one.problem.message}",
            one.problem.remedy,
            f"/connections/{one.id}",
            f"/connections/{one.id}/repair",
            "Repair",
        )
        for one in seen.connections
        if one.state == "action_required" and one.problem is not None
    ]
    for place in seen.places:
        needs += _needs_of_place(place)
    return needs


def _needs_of_place(place: Place) -> list[Need]:
    destination = place.destination
    link, retry = f"/destinations/{destination.id}", f"/destinations/{destination.id}/sync"
    needs = []
    if destination.state == "action_required" and destination.problem is not None:
        told = destination.problem
        needs.append(Need(f"{destination.label}: {told.message}", told.remedy, link, retry, "Try again"))
    for label, problem in place.table_problems:
        needs.append(Need(f"{destination.label}, {label}: {problem.message}", problem.remedy, link, retry, "Try again"))
    if place.refused:
        rows = "1 row was" if place.refused == 1 else f"{place.refused:,} rows were"
        needs.append(
            Need(f"{destination.label}: {rows} refused.", "The others went on.", f"{link}/refused", tone="warn")
        )
    return needs
