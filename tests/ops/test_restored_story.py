"""What happens at the destinations after a restore: rows written since the backup stand there already."""

from pathlib import Path

import pytest

from counterfoil.ports import Landing
from counterfoil.store.backup import copy_file, make_current, retire
from sync.test_story import World, account, product, transaction

pytestmark = pytest.mark.anyio


def go_back(world: World, saved: Path, store: Path) -> None:
    """Put the store back as `restore` does."""
    world.db.close()
    retire(store)
    make_current(saved)
    saved.replace(store)


async def test_rows_written_after_the_backup_are_found_and_not_made_twice(tmp_path: Path) -> None:
    async with product(tmp_path) as world:
        world.bank.add("accounts", Landing([account()]))
        world.bank.add("transactions", Landing([transaction("t1")]))
        await world.add("one")
        await world.connect()
        copy_file(tmp_path / "store.db", tmp_path / "saved.db")
        world.bank.add("transactions", Landing([transaction("t2"), transaction("t3")]))
        await world.sync()
        ledger = world.ledgers["one"]
        [noted] = [row for row in ledger.tables["transactions"] if row.key == "t2"]
        noted.cells["summary"] = "The user's own words"
        go_back(world, tmp_path / "saved.db", tmp_path / "store.db")
        await world.sync()
        assert set(ledger.rows("transactions")) == {"t1", "t2", "t3"}  # `rows` fails for a key that stands twice
        assert ledger.rows("transactions")["t2"]["summary"] == "The user's own words"
        assert ledger.made == 4


async def test_rows_the_bank_took_back_before_the_backup_was_restored_go_as_ever(tmp_path: Path) -> None:
    async with product(tmp_path) as world:
        world.bank.add("transactions", Landing([transaction("t1"), transaction("t2")]))
        await world.add("one")
        await world.connect()
        copy_file(tmp_path / "store.db", tmp_path / "saved.db")
        world.bank.add("transactions", Landing(removed=[("transactions", "t1")]))
        await world.sync()
        go_back(world, tmp_path / "saved.db", tmp_path / "store.db")
        await world.sync()
        assert set(world.ledgers["one"].rows("transactions")) == {"t2"}
