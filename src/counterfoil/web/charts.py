"""Where lines and bars of a chart go; templates/charts.html draws them as SVG."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Final

from counterfoil.web.figures import Month

WIDTH: Final = 360
HEIGHT: Final = 170
_LEFT: Final = 40  # room for the scale
_BOTTOM: Final = 18
_TOP: Final = 8


@dataclass(frozen=True, slots=True)
class Tick:
    """A label and where it stands."""

    at: float
    text: str
    is_zero: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A line over time: an SVG path, the same closed to the ground, and both scales."""

    path: str
    area: str
    levels: Sequence[Tick]
    days: Sequence[Tick]


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar, in the view box's units."""

    x: float
    y: float
    width: float
    height: float
    kind: str  # in | out
    title: str


@dataclass(frozen=True, slots=True)
class Bars:
    """Two bars for each month, and both scales."""

    bars: Sequence[Bar]
    levels: Sequence[Tick]
    months: Sequence[Tick]


def line(points: Sequence[tuple[dt.date, Decimal]]) -> Line:
    """Place a line through values over time (at least one)."""
    low, high = min(value for _, value in points), max(value for _, value in points)
    levels = nice_levels(low, high)
    first, last = points[0][0], points[-1][0]
    span = max(1, (last - first).days)

    def x(day: dt.date) -> float:
        return round(_LEFT + (WIDTH - _LEFT) * (day - first).days / span, 1)

    placed = [(x(day), _y(value, levels)) for day, value in points]
    if len(placed) == 1:
        placed = [(float(_LEFT), placed[0][1]), (float(WIDTH), placed[0][1])]
    path = "M" + "L".join(f"{x},{y}" for x, y in placed)
    ground = HEIGHT - _BOTTOM
    area = f"{path}L{placed[-1][0]},{ground}L{placed[0][0]},{ground}Z"
    firsts = [day for day, _ in points if day.day <= 7]
    shown = firsts[:: max(1, len(firsts) // 5)]
    days = [Tick(x(day), f"{day:%b}") for day in shown if _LEFT + 8 < x(day) < WIDTH - 10]
    return Line(path, area, _ticks(levels), days)


def bars(months: Sequence[Month], currency: str) -> Bars:
    """Place what came in and went out, side by side for each month."""
    high = max((max(month.inflow, month.outflow) for month in months), default=Decimal())
    levels = nice_levels(Decimal(), high)
    slot = (WIDTH - _LEFT) / max(1, len(months))
    width = round(min(11.0, slot * 0.36), 1)
    placed, labels = [], []
    for number, month in enumerate(months):
        middle = _LEFT + slot * (number + 0.5)
        for kind, amount, left in (("in", month.inflow, middle - width - 0.5), ("out", month.outflow, middle + 0.5)):
            y = _y(amount, levels)
            height = round(HEIGHT - _BOTTOM - y, 1)
            title = f"{month.first:%B %Y}: {amount:,.0f} {currency} {kind}"
            placed.append(Bar(round(left, 1), y, width, height, kind, title))
        if (len(months) - number) % 2 or len(months) < 7:
            labels.append(Tick(round(middle, 1), f"{month.first:%b}"))
    return Bars(placed, _ticks(levels), labels)


def nice_levels(low: Decimal, high: Decimal) -> list[Decimal]:
    """Give three to six round levels that enclose the values."""
    if low == high:
        high = low + (abs(low) / 10 or Decimal(1))
    raw = (high - low) / 4
    unit = Decimal(10) ** raw.adjusted()
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= raw)
    bottom = (low / step).to_integral_value(ROUND_FLOOR)
    top = (high / step).to_integral_value(ROUND_CEILING)
    return [step * number for number in range(int(bottom), int(top) + 1)]


def short(value: Decimal) -> str:
    """Write a level briefly: 1.5M, 20k, −500."""
    for size, letter in ((Decimal(10) ** 9, "B"), (Decimal(10) ** 6, "M"), (Decimal(1000), "k")):
        if abs(value) >= size:
            return f"{value / size:.10g}{letter}".replace("-", "−")
    return f"{value:.10g}".replace("-", "−")


def _y(value: Decimal, levels: Sequence[Decimal]) -> float:
    share = (value - levels[0]) / (levels[-1] - levels[0])
    return round(HEIGHT - _BOTTOM - int(share * 10_000) * (HEIGHT - _BOTTOM - _TOP) / 10_000, 1)


def _ticks(levels: Sequence[Decimal]) -> list[Tick]:
    return [Tick(_y(level, levels), short(level), level == 0) for level in levels]
