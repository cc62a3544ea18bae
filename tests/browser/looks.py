"""How a page looks: at two widths, by day and by night. What keeps people out of it, axe-core says."""

from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, Literal

from playwright.sync_api import Page

Scheme = Literal["light", "dark"]
Way = tuple[int, Scheme]
HEIGHTS: Final = {390: 844, 1280: 900}  # by width, in pixels: a phone, a window on a desk
EVERY: Final[Sequence[Way]] = ((1280, "dark"), (1280, "light"), (390, "dark"), (390, "light"))
FEW: Final = (EVERY[0], EVERY[-1])
_AXE: Final = """async () => {
  const found = await axe.run(document, {resultTypes: ["violations"]});
  return found.violations.map(one => ({rule: one.id, help: one.help, where: one.nodes.map(node => node.html)}));
}"""
_WIDTH: Final = "() => document.documentElement.scrollWidth"
_UNFOLD: Final = "() => document.querySelectorAll('details').forEach(one => { one.open = true; })"
# What a button at once does that cannot be taken back; what asks first is marked as such.
_UNASKED: Final = """() => [...document.querySelectorAll("form[method=post] button")]
  .filter(one => !one.closest(".ask, [data-asks]") && !one.form.querySelector("input:not([type=hidden])"))
  .filter(one => /^(Remove|Delete|Revoke|Cancel|Forget|Erase)/.test(one.textContent.trim()))
  .map(one => one.textContent.trim())"""


def look(page: Page, folder: Path, name: str, ways: Sequence[Way] = EVERY) -> Iterator[str]:
    """Look at the page that is open in these ways, and keep its pictures; give what is wrong.

    axe-core goes over it in the first way, and in the last with all that is folded open.
    """
    for width, scheme in ways:
        page.set_viewport_size({"width": width, "height": HEIGHTS[width]})
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        where = f"{name}, {width} px, {scheme}"
        page.screenshot(path=folder / f"{name}-{width}-{scheme}.png", full_page=True, animations="disabled")
        yield from (f"{where}: {wrong}" for wrong in _overflow(page, width))
        if (width, scheme) == ways[0]:
            yield from (f"{where}: {wrong}" for wrong in violations(page))
    yield from (f"{name}: “{button}” does it at once and does not ask" for button in page.evaluate(_UNASKED))
    page.evaluate(_UNFOLD)
    yield from (f"{where}, unfolded: {wrong}" for wrong in [*violations(page), *_overflow(page, width)])


def plainly(page: Page) -> None:
    """Show pages again as the journey has them: in a window on a desk, by day."""
    page.set_viewport_size({"width": 1280, "height": HEIGHTS[1280]})
    page.emulate_media(color_scheme="light")


def name_of(address: str) -> str:
    """Give the name of an address' pictures; ids are left out."""
    return "-".join(part for part in address.split("/") if part and len(part) < 16) or "home"


def violations(page: Page) -> list[str]:
    """Give what axe-core finds on the page as it is now."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(_axe())
    found: list[dict[str, Any]] = page.evaluate(_AXE)
    return [f"{one['rule']}: {one['help']}: {' | '.join(one['where'][:3])}" for one in found]


def _overflow(page: Page, width: int) -> list[str]:
    needed = page.evaluate(_WIDTH)
    return [f"the page is {needed} px wide and scrolls sideways"] if needed > width else []


@cache
def _axe() -> str:
    return (files("axe_playwright_python") / "axe.min.js").read_text()
