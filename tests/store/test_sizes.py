"""On SQLite rows are found by an index from the first one on, although nothing is known of the tables yet."""

from typing import Any

import pytest
import sqlalchemy as sa

from counterfoil.store import Database
from counterfoil.store.schema import mirror, rows

_c = rows["transactions"].c
_mine = _c.workspace_id == "w"
_place = (mirror.c.destination_id == "d") & (mirror.c.name == "t")


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Database:
    db = Database.open(tmp_path_factory.mktemp("sizes") / "store.db")
    db.migrate()
    return db


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (sa.select(_c.summary).where(_mine, _c.key.in_(["a", "b"])), "sqlite_autoindex_transactions_1 (key=?"),
        (sa.select(_c.summary).where(_mine).order_by(_c.key).limit(50), "sqlite_autoindex_transactions_1"),
        (sa.select(_c.summary).where(_mine, _c.version > 7), "version>?"),
        (sa.select(sa.func.count()).where(_c.connection_id == "c"), "connection_id=?"),
        (sa.select(mirror.c.state).where(_place, mirror.c.key == "k"), "key=?"),
    ],
)
def test_a_look_takes_the_index_that_leads_to_its_rows(fresh: Database, query: sa.Select[Any], index: str) -> None:
    text = query.compile(fresh.engine, compile_kwargs={"literal_binds": True})
    with fresh.reading() as tx:
        [plan] = [
            row[3] for row in tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}")
        ]  # no other line: nothing is sorted
    assert index in plan
