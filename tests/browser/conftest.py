"""One browser and one town for each module.

Playwright keeps an event loop in the thread of the tests, beside which no other test could have one: it ends with the
module.
"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from browser import chromium
from browser import town as towns


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start the browser, or fail and say how to get one."""
    with chromium.started() as started:
        yield started


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[towns.Town]:
    """Serve the product and its vendors; after the browser, which may be missing."""
    with towns.town(tmp_path_factory.mktemp("town")) as made:
        yield made
