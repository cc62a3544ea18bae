"""The store on both databases, migrated once and then emptied between tests."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from counterfoil.lib.secrets import Vault, new_key
from counterfoil.ports import Identity
from counterfoil.store import Database, connections, destinations, workspaces
from counterfoil.store.destinations import Selection
from counterfoil.store.schema import metadata


@dataclass
class Home:
    """A workspace with two connections and a destination."""

    db: Database
    vault: Vault
    workspace_id: str
    first: str
    second: str
    destination: str


@pytest.fixture(scope="session", params=["sqlite", "postgres"])
def migrated(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    where: Path | str = tmp_path_factory.mktemp("store") / "store.db"
    if request.param == "postgres":
        where = request.getfixturevalue("postgres_server")
    db = Database.open(where)
    db.migrate()
    yield db
    db.close()


@pytest.fixture
def db(migrated: Database) -> Iterator[Database]:
    yield migrated
    with migrated.begin() as tx:
        for table in reversed(metadata.sorted_tables):
            tx.execute(sa.delete(table))


@pytest.fixture
def home(db: Database) -> Home:
    vault = Vault.of(new_key())
    with db.begin() as tx:
        workspace = workspaces.create(tx, "Home").id
        banks = [
            connections.add(
                tx, vault, workspace_id=workspace, provider="bank", identity=Identity(name, name), credential=b"{}"
            ).id
            for name in ("first", "second")
        ]
        place = destinations.add(
            tx,
            vault,
            workspace_id=workspace,
            kind="ledger",
            identity=Identity("place", "Place"),
            credential=b'{"token": "secret"}',
            selection=Selection(),
        ).id
    return Home(db, vault, workspace, banks[0], banks[1], place)
