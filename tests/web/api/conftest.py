"""Fixtures of the API's tests: one product for each test, one for the tests that only look."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from web.api.desk import Desk, desk


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Desk]:
    """Give a product with a bank, a ledger, and callers of every scope."""
    async with desk(tmp_path) as made:
        yield made
