"""An empty store on both databases."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from counterfoil.store import Database


@pytest.fixture(params=["sqlite", "postgres"])
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    where: Path | str = tmp_path / "store.db"
    if request.param == "postgres":
        where = request.getfixturevalue("postgres_url")
    made = Database.open(where)
    made.migrate()
    yield made
    made.close()
