"""The generated business: its sums are right, and its past does not change."""

import datetime as dt

import pytest

from counterfoil.sandbox.merchant import HOME, Merchant, business_days_later, midnight, settles

START, TODAY = dt.date(2025, 3, 1), dt.date(2026, 3, 1)


@pytest.fixture(scope="module", params=["daily", "weekly"])
def merchant(request: pytest.FixtureRequest) -> Merchant:
    return Merchant(2, START, TODAY, paid_out=request.param)


def test_the_same_seed_gives_the_same_business_and_another_does_not(merchant: Merchant) -> None:
    again = Merchant(2, START, TODAY, paid_out=merchant.paid_out)
    assert again.books == merchant.books
    assert Merchant(3, START, TODAY).books.movements != merchant.books.movements


def test_a_later_day_continues_the_same_history(merchant: Merchant) -> None:
    earlier = Merchant(2, START, TODAY - dt.timedelta(days=30), paid_out=merchant.paid_out)
    known = {line.id: line for line in merchant.books.movements}
    for line in earlier.books.movements:
        assert (known[line.id].net, known[line.id].created) == (line.net, line.created)
    assert list(merchant.payouts())[: len(earlier.payouts())] == list(earlier.payouts())


def test_the_balance_is_what_came_in_less_what_was_paid_out(merchant: Merchant) -> None:
    lines = [line for line in merchant.books.movements if line.currency == HOME]
    earned = sum(line.net for line in lines if line.type != "payout")
    assert merchant.balance(HOME) == earned - sum(payout.amount for payout in merchant.payouts())


def test_a_payout_carries_exactly_what_had_settled(merchant: Merchant) -> None:
    for payout in merchant.payouts():
        carried = [line for line in merchant.books.movements if line.payout == payout.id and line.type != "payout"]
        assert sum(line.net for line in carried) == payout.amount > 0
        assert all(line.available_on <= payout.created for line in carried)


def test_payouts_arrive_on_the_next_working_day(merchant: Merchant) -> None:
    for payout in merchant.payouts():
        left = dt.datetime.fromtimestamp(payout.created, dt.UTC).date()
        assert payout.arrival_date == business_days_later(left, 1)
        assert payout.arrival_date.weekday() < 5


def test_every_currency_is_there_and_dinars_end_in_zero(merchant: Merchant) -> None:
    assert {line.currency for line in merchant.books.movements} == {"usd", "eur", "jpy", "kwd"}
    dinars = [line for line in merchant.books.movements if line.currency == "kwd"]
    assert dinars and all(line.amount % 10 == 0 and line.fee % 10 == 0 for line in dinars)


def test_sales_refunds_disputes_and_fees_all_happen(merchant: Merchant) -> None:
    found = {line.reporting_category for line in merchant.books.movements}
    assert {"charge", "refund", "dispute", "payout", "fee"} <= found
    assert all(midnight(START) <= line.created < midnight(TODAY) for line in merchant.books.movements)


def test_sales_settle_two_working_days_later() -> None:
    friday_noon = midnight(dt.date(2026, 2, 27)) + 43200
    assert settles(friday_noon) == midnight(dt.date(2026, 3, 3))
