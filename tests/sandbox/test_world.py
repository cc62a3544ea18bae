"""The world behind the banks: the same for the same seed, and its sums add up."""

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterator
from decimal import Decimal

import pytest

from counterfoil.money import from_minor
from counterfoil.sandbox.world import HISTORY, Bank, World
from counterfoil.sandbox.world.ledger import OWING, Act, Movement

TODAY = dt.date(2026, 3, 18)
NOW = dt.datetime(2026, 3, 18, 12, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def world() -> World:
    return World(5, TODAY)


def assert_sums(bank: Bank) -> None:
    for account in bank.accounts.values():
        lines = [line for line in bank.movements.values() if line.account == account.id]
        posted = sum((line.amount for line in lines if not line.pending), Decimal(0))
        pending = sum((line.amount for line in lines if line.pending), Decimal(0))
        assert (account.posted, account.waiting) == (posted, pending), account.name
        current, _ = bank.balance(account)
        if account.type == "investment":
            held = [one for one in bank.positions.values() if one.account == account.id]
            assert current == sum(one.value for one in held)
        else:
            assert current == (account.opening + posted) * (-1 if account.type in OWING else 1)


def test_the_same_seed_and_day_give_the_same_world(world: World) -> None:
    again = World(5, TODAY)
    for name, bank in world.banks.items():
        other = again.banks[name]
        assert bank.movements == other.movements
        assert bank.trades == other.trades
        assert bank.positions == other.positions
        assert bank.accounts == other.accounts


def test_the_same_calls_bring_the_same_future() -> None:
    first, second = World(9, TODAY), World(9, TODAY)
    for count in (1, 5, 12):
        assert first.live(first.first, NOW, count) == second.live(second.first, NOW, count)
        assert first.live(first.broker, NOW, count) == second.live(second.broker, NOW, count)


def test_another_seed_gives_another_world(world: World) -> None:
    assert World(6, TODAY).first.movements != world.first.movements


def test_the_banks_have_the_promised_size(world: World) -> None:
    assert len(world.first.accounts) >= 5
    assert len(world.first.movements) >= 2_000
    days = [line.date for line in world.first.movements.values()]
    assert (max(days) - min(days)).days > HISTORY - 7
    assert max(days) <= TODAY
    assert 300 < len(world.second.movements) < len(world.first.movements)
    assert {account.type for account in world.broker.accounts.values()} == {"investment", "depository"}


def test_balances_are_the_opening_plus_the_posted_movements(world: World) -> None:
    for bank in world.banks.values():
        assert_sums(bank)


def test_something_is_owed_on_a_card_and_a_loan_on_every_day_of_the_month() -> None:
    for day in range(31):
        world = World(1, TODAY + dt.timedelta(days=day))
        for bank in (world.bank("first"), world.bank("second")):
            for account in bank.accounts.values():
                if account.type in OWING:
                    assert account.holds < 0, (bank.id, account.id, world.today)


def test_balances_still_add_up_after_much_activity() -> None:
    world = World(5, TODAY)
    for bank in world.banks.values():
        acts = Counter(change.act for change in world.live(bank, NOW, 200).changes)
        assert set(acts) == set(Act)
        assert_sums(bank)


def test_holdings_follow_from_the_trades(world: World) -> None:
    bank = world.broker
    quantities: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    cash: defaultdict[str, Decimal] = defaultdict(Decimal)
    for trade in bank.trades:
        cash[trade.account] += trade.amount
        if trade.security:
            quantities[trade.account, trade.security] += trade.quantity
    held = {key: one.quantity for key, one in bank.positions.items() if one.security != "cash"}
    assert held == {key: quantity for key, quantity in quantities.items() if quantity}
    for account, amount in cash.items():
        assert bank.positions[account, "cash"].quantity == amount > 0


def test_the_broker_has_dividends_sales_fees_and_a_split(world: World) -> None:
    kinds = Counter((trade.type, trade.subtype) for trade in world.broker.trades)
    assert kinds[("transfer", "split")] == 1
    for kind in (("cash", "dividend"), ("sell", "sell"), ("fee", "account fee"), ("buy", "buy")):
        assert kinds[kind] >= 2, kind
    (split,) = (trade for trade in world.broker.trades if trade.subtype == "split")
    assert split.quantity > 0 and split.amount == 0


def test_transfers_between_own_accounts_leave_one_and_arrive_in_the_other(world: World) -> None:
    for bank in (world.first, world.second):
        moves = [line for line in bank.movements.values() if line.text.startswith("TRANSFER ")]
        assert len(moves) > 40
        assert sum(line.amount for line in moves) == 0


def test_every_payout_of_the_merchant_arrives_in_its_bank(world: World) -> None:
    arrived = [
        (line.date, line.amount) for line in world.second.movements.values() if line.text.startswith("STRIPE TRANSFER")
    ]
    paid = [(one.arrival_date, from_minor(one.amount, 2)) for one in world.merchant.payouts()]
    assert Counter(arrived) == Counter(payout for payout in paid if payout[0] <= TODAY)
    assert len(arrived) > 90


def test_people_get_refunds_pay_in_other_currencies_and_have_payments_pending(world: World) -> None:
    lines = world.first.movements.values()
    assert {line.currency for line in lines} == {"USD", "EUR", "USDC"}
    assert sum(line.text.startswith("RETURN ") for line in lines) > 10
    assert any(line.pending for line in lines)
    assert any(line.category is None for line in lines)
    assert any(line.amount != round(line.amount, 2) for line in lines if line.currency == "USDC")


def test_a_tip_changes_the_amount_when_a_payment_posts() -> None:
    world = World(5, TODAY)
    bank = world.first
    waiting = next(line for line in _activity_until_tip(world) if line.settles != line.amount)
    gone, added = bank.post(waiting.id, TODAY)
    assert gone.movement == waiting
    assert added.movement.replaces == waiting.id
    assert added.movement.amount == waiting.settles
    assert added.movement.amount < waiting.amount < 0


def _activity_until_tip(world: World) -> Iterator[Movement]:
    while True:
        for change in world.live(world.first, NOW).changes:
            if change.movement.pending:
                yield change.movement
