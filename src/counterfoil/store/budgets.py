"""Rate budgets of credentials that several processes share, kept in Postgres and measured by its clock."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from counterfoil.lib.budget import SKEW, Budget
from counterfoil.lib.ids import new_id
from counterfoil.store.database import Database
from counterfoil.store.schema import budget_pauses, budget_places

_NOW: Final = sa.func.extract("epoch", sa.func.clock_timestamp())
_HELD: Final = 300.0  # seconds that a place without a reply is held at most: its process may have died
_LONGEST_WAIT: Final = 0.5  # seconds after which a waiting process looks again: another may have freed its place


class SharedBudgets:
    """Sliding windows over all processes. Within one process first come, first served; among them no order."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._turns: dict[str, asyncio.Lock] = {}
        self._pauses: set[asyncio.Task[None]] = set()

    def place(self, budget: Budget, *, outer: bool = False) -> AbstractAsyncContextManager[None]:
        """Wait for a place and hold it while the request is on its way; an `outer` one is counted from the reply."""
        return self._place(budget, outer)

    @asynccontextmanager
    async def _place(self, budget: Budget, outer: bool) -> AsyncIterator[None]:
        place_id = new_id()
        async with self._turns.setdefault(budget.name, asyncio.Lock()):
            wait = await self._db.run(_take, budget, place_id, outer)
            while wait is not None:
                await asyncio.sleep(min(wait, _LONGEST_WAIT))
                wait = await self._db.run(_take, budget, place_id, outer)
        try:
            yield
        finally:
            await asyncio.shield(self._db.run(_free, budget, place_id))

    def pause(self, budget: Budget, seconds: float) -> None:
        """Let nothing pass for so long, in any process."""
        task = asyncio.ensure_future(self._db.run(_pause, budget.name, seconds))
        self._pauses.add(task)
        task.add_done_callback(self._pauses.discard)


def _take(tx: sa.Connection, budget: Budget, place_id: str, outer: bool) -> float | None:
    """Take a place; None where that succeeded, else the seconds until it may."""
    tx.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(budget.name, 4747))))
    now: float = tx.execute(sa.select(sa.cast(_NOW, sa.Double))).scalar_one()
    until: float | None = tx.execute(
        sa.select(budget_pauses.c.until).where(budget_pauses.c.name == budget.name)
    ).scalar()
    if until is not None and until > now:
        return until - now
    mine = budget_places.c.name == budget.name
    tx.execute(sa.delete(budget_places).where(mine, budget_places.c.free_at <= now))
    first: float
    taken, first = tx.execute(sa.select(sa.func.count(), sa.func.min(budget_places.c.free_at)).where(mine)).one()
    if taken >= budget.limit:
        return first - now
    free_at = now + (_HELD if outer or budget.strict else budget.window * (1 + SKEW))
    tx.execute(budget_places.insert().values(id=place_id, name=budget.name, free_at=free_at))
    return None


def _free(tx: sa.Connection, budget: Budget, place_id: str) -> None:
    earlier = sa.func.least(budget_places.c.free_at, _NOW + budget.window)
    tx.execute(sa.update(budget_places).where(budget_places.c.id == place_id).values(free_at=earlier))


def _pause(tx: sa.Connection, name: str, seconds: float) -> None:
    pause = insert(budget_pauses).values(name=name, until=_NOW + seconds)
    longer = sa.func.greatest(budget_pauses.c.until, pause.excluded.until)
    tx.execute(pause.on_conflict_do_update(index_elements=["name"], set_={"until": longer}))
