"""Pairs: looked for near what has changed, answered, marked, and given up when a side goes."""

import datetime as dt
from decimal import Decimal

import pytest

from counterfoil.errors import BadRequest
from counterfoil.model import Account, Transaction
from counterfoil.ports import Landing
from counterfoil.rules import Then, When
from counterfoil.store import figures, pairs, rules, saying
from counterfoil.store.pairs import CONFIRMED, DECLINED, OPEN, Pair
from store.conftest import Home
from store.test_rows import changed, land, transaction

ACCOUNTS = Landing([Account(key=key, name=key.capitalize(), currency="USD") for key in ("checking", "savings")])


def side(key: str, amount: str, account: str, day: int = 5, **more: object) -> Transaction:
    return transaction(key, amount, account=account, date=dt.date(2026, 1, day), summary="Transfer", **more)


OUT, INTO = side("o", "-350", "checking"), side("i", "350.00", "savings", 6)


def look(home: Home) -> None:
    with home.db.begin() as tx:
        while pairs.look(tx, home.workspace_id, limit=2):
            pass


def listed(home: Home, state: str = OPEN) -> list[Pair]:
    with home.db.reading() as tx:
        return pairs.page(tx, home.workspace_id, state, limit=9)


def decide(home: Home, pair: Pair, state: str) -> int:
    with home.db.begin() as tx:
        return pairs.decide(tx, home.workspace_id, [pair.id], state)


def marks(home: Home) -> dict[str, object]:
    return {row.key: row.cells["transfer"] for row in changed(home)}


def test_a_side_that_comes_later_finds_the_one_that_waits(home: Home) -> None:
    land(home, ACCOUNTS, Landing([OUT, side("x", "-10", "checking")]))
    look(home)
    assert listed(home) == []
    land(home, Landing([INTO]), connection=home.second)
    look(home)
    [pair] = listed(home)
    assert (pair.out.key, pair.into.key, pair.kind, pair.sure) == ("o", "i", "transfer", True)
    assert (pair.out.account_name, pair.into.account_name) == ("Checking", "Savings")
    assert (pair.into.amount, pair.into.connection_id) == (Decimal("350.00"), home.second)


def test_amounts_are_the_same_however_banks_write_them(home: Home) -> None:
    land(home, ACCOUNTS, Landing([side("o", "-12.500", "checking")]))
    look(home)
    land(home, Landing([side("i", "12.5", "savings")]))
    look(home)
    assert len(listed(home)) == 1


def test_pending_rows_wait_until_they_post(home: Home) -> None:
    land(home, ACCOUNTS, Landing([OUT, side("i", "350", "savings", pending=True)]))
    look(home)
    assert listed(home) == []


def test_a_confirmed_pair_marks_both_rows_and_counts_as_neither_income_nor_spending(home: Home) -> None:
    land(home, ACCOUNTS, Landing([OUT, INTO]))
    look(home)
    [pair] = listed(home)
    assert decide(home, pair, CONFIRMED) == 1 and decide(home, pair, CONFIRMED) == 0
    assert marks(home) == {"o": "Transfer to Savings", "i": "Transfer from Checking"}
    with home.db.reading() as tx:
        assert all(flow.aside for flow in figures.flows(tx, home.workspace_id, dt.date(2026, 1, 1)))
    assert decide(home, pair, OPEN) == 1
    assert marks(home) == {"o": None, "i": None}


def test_a_declined_pair_does_not_come_back(home: Home) -> None:
    land(home, ACCOUNTS, Landing([OUT, INTO]))
    look(home)
    decide(home, listed(home)[0], DECLINED)
    land(home, Landing([side("o", "-350", "checking", original_text="new"), INTO]))
    look(home)
    assert listed(home) == [] and len(listed(home, DECLINED)) == 1


def test_a_row_is_one_side_of_one_confirmed_pair(home: Home) -> None:
    land(home, ACCOUNTS, Landing([OUT, INTO]))
    look(home)
    [first] = listed(home)
    decide(home, first, DECLINED)
    land(home, Landing([side("i2", "350", "savings", 6)]))
    look(home)
    [second] = listed(home)
    decide(home, second, CONFIRMED)
    with pytest.raises(BadRequest, match="another transfer"):
        decide(home, first, CONFIRMED)


def test_a_pair_whose_side_goes_or_changes_is_given_up(home: Home) -> None:
    land(home, ACCOUNTS, Landing([OUT, INTO]))
    look(home)
    decide(home, listed(home)[0], CONFIRMED)
    land(home, Landing([side("i", "300", "savings", 6)]))
    look(home)
    assert marks(home) == {"o": None, "i": None}
    assert listed(home) == listed(home, CONFIRMED) == []
    land(home, Landing([INTO]))
    look(home)
    [again] = listed(home)
    land(home, Landing([], [("transactions", again.out.key)]))
    look(home)
    assert listed(home) == []


def test_nothing_is_looked_at_where_nothing_has_changed(home: Home) -> None:
    land(home, ACCOUNTS, Landing([OUT]))
    look(home)
    with home.db.reading() as tx:  # which could not write
        assert not pairs.look(tx, home.workspace_id, limit=9)


def test_rows_of_a_bank_linked_anew_take_over_the_pairs_and_what_was_said(home: Home) -> None:
    land(home, ACCOUNTS, Landing([OUT, INTO]))
    look(home)
    decide(home, listed(home)[0], CONFIRMED)
    land(home, Landing([side("o2", "-350", "checking")]), connection=home.second)
    heirs = {(home.first, "o"): (home.second, "o2")}
    with home.db.begin() as tx:
        saying.edit(tx, home.workspace_id, "o", {"summary": "To savings"})
        saying.inherit(tx, heirs.items())
        pairs.carry(tx, home.workspace_id, heirs)
    [pair] = listed(home, CONFIRMED)
    assert (pair.out.connection_id, pair.out.key, pair.out.summary) == (home.second, "o2", "To savings")
    assert marks(home)["o2"] == "Transfer to Savings"


def test_a_rule_follows_an_account_to_its_new_link(home: Home) -> None:
    with home.db.begin() as tx:
        made = rules.add(
            tx, home.workspace_id, name="Here", when=When(accounts=("old", "other")), then=Then(tags=("a",))
        )
        rules.rename_account(tx, home.workspace_id, "old", "new")
        assert rules.find(tx, home.workspace_id, made.id).when.accounts == ("new", "other")
