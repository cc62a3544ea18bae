"""Databases for the engine's tests."""

from pathlib import Path

import pytest


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Give a database that nobody used."""
    return tmp_path / "engine.db"
