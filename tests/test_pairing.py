"""Pairing: two transactions that are one movement between own accounts are found, and others are not."""

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.pairing import LATE, PairKind, Side, propose, words_of

DAY = dt.date(2026, 3, 10)


def side(key: str, amount: str, account: str, days: int = 0, text: str = "", **more: object) -> Side:
    made = Side("bank", key, account, DAY + dt.timedelta(days), Decimal(amount), "USD", text)
    return Side(**{name: more.get(name, getattr(made, name)) for name in Side.__dataclass_fields__})  # type: ignore[arg-type]


def found(*sides: Side, declined: frozenset[tuple[str, str]] = frozenset()) -> list[tuple[str, str]]:
    return [(one.out.key, one.into.key) for one in propose(sides, declined)]


def test_the_same_amount_in_another_account_on_the_same_day_is_a_pair() -> None:
    assert found(side("o", "-350", "checking"), side("i", "350.00", "savings")) == [("o", "i")]


@pytest.mark.parametrize(
    "other",
    [
        side("i", "350", "checking"),
        side("i", "349.99", "savings"),
        side("i", "350", "savings", currency="EUR"),
        side("i", "-350", "savings"),
        side("i", "350", "savings", days=2),
        side("i", "350", "savings", days=LATE + 1, text="transfer"),
    ],
    ids=["same account", "another amount", "another currency", "same direction", "days apart", "too late"],
)
def test_anything_else_is_none(other: Side) -> None:
    assert found(side("o", "-350", "checking"), other) == []


def test_a_text_that_speaks_of_a_transfer_gives_it_days() -> None:
    apart = side("o", "-350", "checking", text="online transfer to savings"), side("i", "350", "savings", days=4)
    assert found(*apart) == [("o", "i")]
    [one] = propose([*apart])
    assert not one.sure and one.kind is PairKind.TRANSFER
    both = apart[0], side("i", "350", "savings", days=4, text="transfer from checking")
    assert propose(both)[0].sure


def test_each_side_belongs_to_one_pair_and_the_likeliest_wins() -> None:
    out = side("o", "-350", "checking", text="transfer")
    near, far = side("i1", "350", "savings", days=1), side("i2", "350", "savings", days=3, text="transfer")
    assert found(out, near, far) == [("o", "i2")]
    assert found(out, side("o2", "-350", "checking", days=1), near, far) == [("o", "i2"), ("o2", "i1")]


def test_what_was_declined_is_not_proposed_again_and_the_next_likeliest_is() -> None:
    sides = side("o", "-350", "checking"), side("i1", "350", "savings"), side("i2", "350", "card", days=1)
    assert found(*sides) == [("o", "i1")]
    assert found(*sides, declined=frozenset({("o", "i1")})) == [("o", "i2")]


def test_a_payout_is_paired_with_the_deposit_that_names_the_provider() -> None:
    names = words_of("Harbour Lane, Stripe USD", "Stripe")
    payout = side("p", "-2341.42", "balance", names=names, payout=True)
    deposit = side("d", "2341.42", "checking", days=3, text="stripe transfer st-k1l2")
    [one] = propose([payout, deposit, side("x", "2341.42", "savings", days=3, text="rent")])
    assert (one.into.key, one.kind, one.sure) == ("d", PairKind.PAYOUT, True)


def test_words_that_many_accounts_share_name_none() -> None:
    assert words_of("Everyday Checking", "First Bank", None, "4417") == {"everyday", "first", "4417"}


_sides = st.lists(
    st.builds(
        side,
        key=st.uuids().map(str),
        amount=st.sampled_from(["-10", "10", "-20", "20.00"]),
        account=st.sampled_from("abc"),
        days=st.integers(0, 9),
        text=st.sampled_from(["", "transfer", "coffee"]),
    ),
    max_size=12,
)


@given(_sides)
def test_pairs_are_one_to_one_whatever_lies_around_and_do_not_depend_on_the_order(sides: list[Side]) -> None:
    pairs = found(*sides)
    keys = [key for pair in pairs for key in pair]
    assert len(keys) == len(set(keys))
    assert found(*reversed(sides)) == pairs
