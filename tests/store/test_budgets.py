"""Budgets that processes share hold over all of them."""

import asyncio
import time

import pytest

from counterfoil.lib.budget import Budget
from counterfoil.sandbox.limits import Limits
from counterfoil.store import Database
from counterfoil.store.budgets import SharedBudgets

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def two(postgres_server: str) -> tuple[SharedBudgets, SharedBudgets]:
    """Two processes' budgets, each with its own connections."""
    first, second = Database.open(postgres_server), Database.open(postgres_server)
    first.migrate()
    return SharedBudgets(first), SharedBudgets(second)


async def test_two_processes_together_keep_within_one_limit(two: tuple[SharedBudgets, SharedBudgets]) -> None:
    limits, budget = Limits(), Budget("one credential", 4, 0.4)
    refused: list[float | None] = []

    async def one(budgets: SharedBudgets) -> None:
        async with budgets.place(budget):
            refused.append(limits.take("one credential", 4, 0.4))

    await asyncio.gather(*(one(budgets) for budgets in two for _ in range(6)))
    assert refused == [None] * 12


async def test_a_pause_holds_for_the_other_process_too(two: tuple[SharedBudgets, SharedBudgets]) -> None:
    budget = Budget("another credential", 5, 1.0)
    two[0].pause(budget, 0.4)
    await asyncio.sleep(0.1)
    began = time.monotonic()
    async with two[1].place(budget):
        assert time.monotonic() - began >= 0.2
