"""Counters at which people connect their banks."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from contracts.provider_hooks import Street
from counterfoil.sandbox.server import serving
from sync.counter import Counter, counter


@pytest.fixture(scope="module")
def street() -> Iterator[Street]:
    """Serve Plaid's emulators, one after the other."""
    stage = Street("plaid", routes=(), credentials=lambda url: {})
    with serving(stage) as served:
        stage.url = served.urls["plaid"]
        yield stage


@pytest.fixture
async def desk(tmp_path: Path, street: Street) -> AsyncIterator[Counter]:
    """Give a product that webhooks do not reach."""
    async with counter(tmp_path, street, seed=5) as made:
        yield made


@pytest.fixture
async def hearing(tmp_path: Path, street: Street) -> AsyncIterator[Counter]:
    """Give a product that hears of everything by webhook, and asks for nothing by itself."""
    async with counter(tmp_path, street, seed=5, webhooks=True) as made:
        yield made
