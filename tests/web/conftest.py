"""Fixtures of the pages' tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from web.site import Site, site


@pytest.fixture
async def started(tmp_path: Path) -> AsyncIterator[Site]:
    """Give a new installation that nobody has claimed."""
    async with site(tmp_path) as made:
        yield made
