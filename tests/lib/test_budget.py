"""Rate budgets, watched with a limiter that counts as the vendors do."""

import asyncio
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterfoil.lib.budget import Budget, LocalBudgets
from counterfoil.sandbox.limits import Limits

pytestmark = pytest.mark.anyio


async def arrivals(budgets: LocalBudgets, budget: Budget, count: int, latency: float = 0.002) -> list[float]:
    """Send that many requests at once; give when each arrived."""
    arrived: list[float] = []

    async def one() -> None:
        async with budgets.place(budget):
            arrived.append(time.monotonic())
            await asyncio.sleep(latency)

    await asyncio.gather(*(one() for _ in range(count)))
    return arrived


@settings(max_examples=8, deadline=None)
@given(st.integers(1, 5), st.sampled_from([0.05, 0.1]))
def test_no_window_ever_holds_more_than_the_limit(limit: int, window: float) -> None:
    moments = asyncio.run(arrivals(LocalBudgets(), Budget("b", limit, window), limit * 3))
    for place, moment in enumerate(moments[limit:]):
        assert moment - moments[place] >= window


async def test_a_saturating_caller_is_never_refused() -> None:
    budgets, limits, budget = LocalBudgets(), Limits(), Budget("b", 5, 0.1)
    refused: list[float | None] = []

    async def one() -> None:
        async with budgets.place(budget):
            refused.append(limits.take("b", 5, 0.1))

    await asyncio.gather(*(one() for _ in range(25)))
    assert refused == [None] * 25


async def test_a_request_that_was_long_on_its_way_is_counted_from_its_reply() -> None:
    budgets, budget = LocalBudgets(), Budget("b", 1, 0.1)
    async with budgets.place(budget):
        await asyncio.sleep(0.01)  # it may have arrived only now
        replied = time.monotonic()
    [moment] = await arrivals(budgets, budget, 1)
    assert moment - replied >= 0.1


async def test_places_are_given_in_the_order_they_were_asked_for() -> None:
    budgets, budget, order = LocalBudgets(), Budget("b", 1, 0.01), list[int]()

    async def one(number: int) -> None:
        async with budgets.place(budget):
            order.append(number)

    await asyncio.gather(*(one(number) for number in range(8)))
    assert order == list(range(8))


async def test_a_pause_lets_nothing_pass() -> None:
    budgets, budget = LocalBudgets(), Budget("b", 100, 1.0)
    budgets.pause(budget, 0.1)
    began = time.monotonic()
    [moment] = await arrivals(budgets, budget, 1)
    assert moment - began >= 0.1


async def test_budgets_of_other_credentials_do_not_wait() -> None:
    budgets = LocalBudgets()
    budgets.pause(Budget("one", 1, 1.0), 60)
    async with asyncio.timeout(5):
        await arrivals(budgets, Budget("other", 1, 1.0), 1)


async def test_a_place_that_waits_for_another_budget_is_counted_from_when_the_request_really_left() -> None:
    budgets, limits = LocalBudgets(), Limits()
    shared, narrow = Budget("of all", 4, 0.2), [Budget(f"of one {number}", 1, 0.15) for number in range(3)]
    refused: list[float | None] = []

    async def one(budget: Budget) -> None:
        async with budgets.place(shared, outer=True), budgets.place(budget):
            refused.append(limits.take("of all", 4, 0.2))

    await asyncio.gather(*(one(budget) for _ in range(4) for budget in narrow))
    assert refused == [None] * 12


async def test_a_strict_budget_waits_for_a_late_reply_too() -> None:
    budgets, budget = LocalBudgets(), Budget("b", 1, 0.1, strict=True)
    moments: list[float] = []

    async def late() -> None:
        async with budgets.place(budget):
            await asyncio.sleep(0.2)  # longer than the window and its skew
            moments.append(time.monotonic())

    _, [moment] = await asyncio.gather(late(), arrivals(budgets, budget, 1))
    assert moment - moments[0] >= 0.1
