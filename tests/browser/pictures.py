"""Looks at what the journey shows on its way, and makes the guide's pictures of it where that is asked for."""

import base64
import os
import re
from pathlib import Path
from typing import Final

from playwright.sync_api import Page

from browser import looks

ASKED: Final = "PICTURES"  # the environment's name for yes: `make pictures`
DOCS: Final = Path(__file__).parents[2] / "docs"
FOLDER: Final = DOCS / "pictures"
_QUALITY: Final = 75  # of WebP: text stays sharp
_TALLEST: Final = 1100  # pixels; what is below is not what the picture is of
_PHONE: Final = "-phone"


class Album:
    """The moments of a journey."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._wanted = wanted() if os.environ.get(ASKED) else set()

    def keep(self, name: str) -> None:
        """Look at the page as it is in this moment, and make the pictures that the documents show of it."""
        found = looks.violations(self._page)
        assert found == [], f"{name}: {found}"
        if name in self._wanted:
            self._make(name)
        if name + _PHONE in self._wanted:
            size = self._page.viewport_size
            assert size is not None
            self._page.set_viewport_size({"width": 390, "height": looks.HEIGHTS[390]})
            self._make(name + _PHONE)
            self._page.set_viewport_size(size)

    def _make(self, name: str) -> None:
        width, height = self._page.evaluate("() => [innerWidth, document.documentElement.scrollHeight]")
        clip = {"x": 0, "y": 0, "width": width, "height": min(height, _TALLEST), "scale": 1}
        session = self._page.context.new_cdp_session(self._page)
        asked = {"format": "webp", "quality": _QUALITY, "clip": clip, "captureBeyondViewport": True}
        made = session.send("Page.captureScreenshot", asked)
        FOLDER.mkdir(exist_ok=True)
        (FOLDER / f"{name}.webp").write_bytes(base64.b64decode(made["data"]))


def wanted() -> set[str]:
    """Give the names of the pictures that the documents show."""
    texts = [file.read_text() for file in (DOCS.parent / "README.md", *DOCS.rglob("*.md"))]
    return {name for text in texts for name in re.findall(r"pictures/([\w-]+)\.webp", text)}
