"""What one block of reads sees, and what only one block at a time may do."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from counterfoil.store import Database, workspaces

pytestmark = pytest.mark.anyio


def test_a_block_of_reads_sees_what_was_there_when_it_began(db: Database) -> None:
    with db.reading() as tx:
        before = workspaces.every(tx)
        with db.begin() as other:
            workspaces.create(other, "Meanwhile")
        assert workspaces.every(tx) == before
    with db.reading() as tx:
        assert len(workspaces.every(tx)) == len(before) + 1


@pytest.fixture
def processes(db: Database) -> Iterator[tuple[Database, Database]]:
    """Give the database as two processes have it; SQLite serves one that works."""
    where = db.engine.url.render_as_string(hide_password=False)
    file = Path(db.engine.url.database or "")
    first = Database.open(file if db.engine.dialect.name == "sqlite" else where)
    second = first if db.engine.dialect.name == "sqlite" else Database.open(where)
    yield first, second
    first.close()
    second.close()


async def test_a_name_is_held_by_one_block_at_a_time_whatever_its_process(processes: tuple[Database, Database]) -> None:
    inside: list[str] = []

    async def hold(where: Database, name: str) -> None:
        async with where.alone(name):
            assert name not in inside
            inside.append(name)
            await asyncio.sleep(0.05)
            inside.remove(name)

    await asyncio.gather(*(hold(where, name) for where in processes * 3 for name in "ab"))


async def test_names_do_not_wait_for_each_other(processes: tuple[Database, Database]) -> None:
    first, second = processes
    async with asyncio.timeout(5), first.alone("a"), second.alone("b"):
        pass


async def test_who_stops_waiting_for_a_name_leaves_it_free(processes: tuple[Database, Database]) -> None:
    first, second = processes
    async with first.alone("a"):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3), second.alone("a"):
                pass
    async with asyncio.timeout(5), second.alone("a"):
        pass


async def test_many_who_hold_a_name_of_their_own_can_all_read(processes: tuple[Database, Database]) -> None:
    first, _ = processes

    async def hold(name: str) -> None:
        async with first.alone(name):
            await asyncio.sleep(0.05)
            await first.read(workspaces.every)

    async with asyncio.timeout(20):
        await asyncio.gather(*(hold(f"name {n}") for n in range(30)))
