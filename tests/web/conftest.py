"""Fixtures of the pages' tests."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from web.site import Site, site


@pytest.fixture(scope="session")
def fresh_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder that keeps the databases of a new installation, once some test has made them."""
    return tmp_path_factory.mktemp("fresh")


@pytest.fixture
async def started(tmp_path: Path, fresh_data: Path) -> AsyncIterator[Site]:
    """Give a new installation that nobody has claimed."""
    made = list(fresh_data.iterdir())
    for file in made:
        shutil.copy(file, tmp_path)
    if not made:
        async with site(tmp_path):
            pass
        for file in tmp_path.glob("*.db"):
            shutil.copy(file, fresh_data)
    async with site(tmp_path) as running:
        yield running
