"""A data directory with both databases, as a started installation leaves it."""

import datetime as dt
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from counterfoil.config import Settings, make_data_dir, open_vault
from counterfoil.lib.ids import new_id
from counterfoil.lib.sqlite import dbapi
from counterfoil.ports import Identity
from counterfoil.store import Database, connections, destinations, workspaces
from counterfoil.store.destinations import Selection, Target
from counterfoil.store.schema import attempts
from counterfoil.sync.mapping import default_mappings

_THEN: Final = dt.datetime(2026, 1, 5, tzinfo=dt.UTC)


@dataclass
class Place:
    """An installation's files, and what a test looks at in them."""

    settings: Settings
    db: Database
    connection_id: str
    destination_id: str

    def write_pair(self) -> None:
        """Write two rows in one transaction."""
        with self.db.begin() as tx:
            for _ in range(2):
                tx.execute(attempts.insert().values(id=new_id(), subject="pair", at=_THEN))

    def rows(self) -> list[Any]:
        with self.db.reading() as tx:
            return list(tx.execute(sa.select(attempts).order_by(attempts.c.id)))

    def count_rows(self) -> int:
        return len(self.rows())

    def count_pairs(self) -> int:
        return self.count_rows() // 2

    def target(self) -> Target:
        with self.db.reading() as tx:
            return destinations.targets(tx, self.destination_id)["accounts"]

    def close(self) -> None:
        self.db.close()


@contextmanager
def place(folder: Path, **settings: Any) -> Iterator[Place]:
    """Open a data directory; a new one gets a connection, and a destination whose accounts were looked at."""
    chosen = Settings(data_dir=folder, **settings)
    make_data_dir(chosen)
    is_new = not (folder / "counterfoil.db").exists()
    db = Database.open(folder / "counterfoil.db")
    try:
        if is_new:
            db.migrate()
            _furnish(db, chosen)
        with db.reading() as tx:
            workspace = workspaces.every(tx)[0].id
            [bank], [ledger] = connections.of_workspace(tx, workspace), destinations.of_workspace(tx, workspace)
        yield Place(chosen, db, bank.id, ledger.id)
    finally:
        db.close()


def _furnish(db: Database, settings: Settings) -> None:
    with closing(dbapi().connect(str(settings.data_dir / "engine.db"))) as engine:
        engine.execute("CREATE TABLE runs (id TEXT)")
    vault = open_vault(settings)
    who, secret = Identity("there", "There"), b'{"token": "secret"}'
    with db.begin() as tx:
        workspace = workspaces.create(tx, "Home").id
        connections.add(tx, vault, workspace_id=workspace, provider="bank", identity=who, credential=secret)
        ledger = destinations.add(
            tx,
            vault,
            workspace_id=workspace,
            kind="ledger",
            identity=who,
            credential=secret,
            selection=Selection(),
        )
        [mapping] = default_mappings(["accounts"])
        destinations.change_target(tx, ledger.id, mapping, enabled=True)
        destinations.set_adopted(tx, ledger.id, "accounts")
