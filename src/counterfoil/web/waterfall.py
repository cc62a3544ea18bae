"""The timeline of a run: its steps, and those of the runs that it invoked, one bar each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from counterfoil.bootstrap import Product
from counterfoil.engine import RunView, StepView
from counterfoil.errors import BadRequest
from counterfoil.web import words

WIDTH: Final = 1000.0  # of the view box
_NOWHERE: Final[Mapping[str, str]] = {}
_CHILDREN: Final = 40  # invoked runs that are shown with their own steps


@dataclass(frozen=True, slots=True)
class Bar:
    """One line: how deep it is, when it ran within the whole, and how it ended."""

    depth: int
    name: str
    tone: str  # good | bad | busy | warn
    x: float
    width: float
    took: str
    said: str | None
    run: str | None = None  # the invoked run


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when, in milliseconds since 1970; `end` is now for what still runs."""

    begin: int
    end: int

    @property
    def length(self) -> int:
        """Milliseconds, at least one."""
        return max(1, self.end - self.begin)


async def of(product: Product, run: RunView, now: int, places: Mapping[str, str]) -> list[Bar]:
    """Read what a run invoked and lay it all out; `places` names destinations by id."""
    children: dict[str, RunView] = {}
    for step in run.steps:
        if step.child is not None and len(children) < _CHILDREN:
            try:
                children[step.child] = await product.engine.run(step.child)
            except BadRequest:
                continue  # past its age
    return lay_out(run, children, now, places)


def lay_out(run: RunView, children: Mapping[str, RunView], now: int, places: Mapping[str, str] = _NOWHERE) -> list[Bar]:
    """Place a run's steps, and below each invocation the steps of the run that it invoked."""
    span = _span(run, now)
    bars = []
    for step in run.steps:
        child = children.get(step.child or "")
        if child is None or child.started_at is None:
            bars.append(_of_step(step, span, 0, places))
            continue
        bars.append(_of_run(step, child, span, now, places))
        bars += [_of_step(inner, span, 1, places) for inner in child.steps]
    return bars


def _of_run(step: StepView, run: RunView, whole: Span, now: int, places: Mapping[str, str]) -> Bar:
    x, width, took = _place(_span(run, now), whole)
    tone = words.RUN_STATES[run.status][1]
    return Bar(0, _plain(step.name, places), tone, x, width, took, run.failure.message if run.failure else None, run.id)


def _of_step(step: StepView, whole: Span, depth: int, places: Mapping[str, str]) -> Bar:
    x, width, took = _place(Span(step.started_at, step.ended_at or step.started_at), whole)
    tone = "warn" if step.kind == "retry" else "bad" if step.failure else "good"
    name = _plain(step.name, places) + (", failed attempt" if step.kind == "retry" else "")
    return Bar(depth, name, tone, x, width, took, step.failure.message if step.failure else None, step.child)


def _place(part: Span, whole: Span) -> tuple[float, float, str]:
    x = WIDTH * (part.begin - whole.begin) / whole.length
    width = WIDTH * (part.end - part.begin) / whole.length
    x = min(max(0.0, x), WIDTH - 3)
    return round(x, 1), round(min(max(3.0, width), WIDTH - x), 1), words.lasted((part.end - part.begin) / 1000)


def _span(run: RunView, now: int) -> Span:
    begin = run.started_at or run.queued_at
    ends = [step.ended_at for step in run.steps if step.ended_at]
    return Span(begin, max([run.ended_at or now, *ends]))


def _plain(name: str, places: Mapping[str, str]) -> str:
    """Give "transactions, Household" for the step "transactions@<id>"."""
    what, _, whose = name.partition("#")[0].partition("@")
    label = places.get(whose)
    return what.replace("-", " ").replace("_", " ") + (f", {label}" if label else "")
