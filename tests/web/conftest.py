"""Fixtures of the pages' tests."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from web.api.desk import Desk, desk
from web.site import Site, site
from web.vendor_pages import HOME, Vendors, consent_vendors, registered


@pytest.fixture(scope="session")
def new_databases(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Make the databases of a new installation once, for every test to begin with."""
    folder = tmp_path_factory.mktemp("fresh")

    async def start_and_stop() -> None:
        async with site(folder):
            pass

    asyncio.run(start_and_stop())
    return list(folder.glob("*.db"))


@pytest.fixture
async def started(tmp_path: Path, new_databases: list[Path]) -> AsyncIterator[Site]:
    """Give a new installation that nobody has claimed."""
    for file in new_databases:
        shutil.copy(file, tmp_path)
    async with site(tmp_path) as running:
        yield running


@pytest.fixture
async def at(tmp_path: Path, new_databases: list[Path]) -> AsyncIterator[Desk]:
    """Give a product with a bank, a ledger, and callers of every scope."""
    for file in new_databases:
        shutil.copy(file, tmp_path)
    async with desk(tmp_path) as made:
        yield made


@pytest.fixture
def there() -> Iterator[Vendors]:
    """Serve the vendors that have a consent page."""
    with consent_vendors() as served:
        yield served


@pytest.fixture
async def known(tmp_path: Path, there: Vendors) -> AsyncIterator[Site]:
    """Give an installation that those vendors know."""
    async with registered(tmp_path, there.environ, public_url=HOME) as running:
        yield running
