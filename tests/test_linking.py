"""Which accounts are the same when a bank is linked again."""

import datetime as dt
from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from counterfoil.linking import AccountMark, AccountMatch, RowMark, is_same_login, match_accounts, match_rows

CHECKING = AccountMark("old-1", "ins_1", "Everyday", "depository", "checking", "0042")
SAVINGS = AccountMark("old-2", "ins_1", "Rainy day", "depository", "savings", "0043")


def again(mark: AccountMark, key: str, **changes: str | None) -> AccountMark:
    return replace(mark, key=key, **changes)  # type: ignore[arg-type]


def test_accounts_match_by_institution_kind_name_and_last_digits() -> None:
    new = [again(SAVINGS, "new-2"), again(CHECKING, "new-1", name="EVERYDAY ")]
    assert match_accounts([CHECKING, SAVINGS], new) == [
        AccountMatch("old-1", "new-1", sure=False),
        AccountMatch("old-2", "new-2", sure=False),
    ]


def test_a_persistent_id_decides_over_the_name() -> None:
    old = [replace(CHECKING, persistent_id="p-1"), replace(SAVINGS, persistent_id="p-2")]
    new = [
        again(SAVINGS, "new-1", persistent_id="p-1"),
        again(CHECKING, "new-2", persistent_id="p-3"),
    ]
    assert match_accounts(old, new) == [AccountMatch("old-1", "new-1", sure=True)]


def test_another_bank_or_other_digits_are_no_match() -> None:
    for change in ({"institution": "ins_2"}, {"mask": "9999"}, {"type": "credit"}, {"institution": None}):
        assert match_accounts([CHECKING], [again(CHECKING, "new-1", **change)]) == []


def test_two_accounts_that_look_alike_are_left_to_the_person() -> None:
    twins = [again(CHECKING, "new-1"), again(CHECKING, "new-2")]
    assert match_accounts([CHECKING], twins) == []


def test_a_login_with_nothing_new_is_the_same_login() -> None:
    new = [again(CHECKING, "new-1")]
    assert is_same_login([CHECKING, SAVINGS], new)
    assert not is_same_login([SAVINGS], new)
    assert not is_same_login([CHECKING], [*new, again(SAVINGS, "new-2")])
    assert not is_same_login([CHECKING], [])


marks = st.lists(
    st.builds(
        AccountMark,
        key=st.text("abc", min_size=1, max_size=3),
        institution=st.sampled_from(["ins_1", None]),
        name=st.sampled_from(["Everyday", "Savings"]),
        type=st.just("depository"),
        subtype=st.none(),
        mask=st.sampled_from(["1", "2", None]),
        persistent_id=st.sampled_from([None, None, "p-1", "p-2"]),
    ),
    max_size=5,
    unique_by=lambda mark: mark.key,
)


@given(marks, marks)
def test_no_account_is_paired_twice(old: list[AccountMark], new: list[AccountMark]) -> None:
    matches = match_accounts(old, new)
    assert len({match.old for match in matches}) == len({match.new for match in matches}) == len(matches)


# --- rows ------------------------------------------------------------------------------------------------


def row(key: str, name: str = "Coffee", amount: str = "-3.50", day: int = 4, account: str = "a") -> RowMark:
    return RowMark(key, account, dt.date(2026, 3, day), Decimal(amount), name)


def test_rows_are_the_same_by_account_day_amount_and_name() -> None:
    old = [row("o1"), row("o2", day=5), row("o3", amount="-4"), row("o4", account="b")]
    new = [row("n4", account="b"), row("n3", amount="-4.00"), row("n1", " COFFEE "), row("n9", day=9)]
    assert set(match_rows(old, new)) == {("o1", "n1"), ("o3", "n3"), ("o4", "n4")}


def test_two_coffees_of_one_day_are_paired_with_two_and_the_third_is_left() -> None:
    pairs = match_rows([row("o1"), row("o2"), row("o3")], [row("n1"), row("n2")])
    assert pairs == [("o1", "n1"), ("o2", "n2")]


def test_a_changed_name_is_forgiven_where_day_and_amount_leave_no_doubt() -> None:
    assert match_rows([row("o1", "SQ *COFFEE")], [row("n1", "Coffee")]) == [("o1", "n1")]
    assert match_rows([row("o1", "Tea"), row("o2", "Cake")], [row("n1", "Coffee")]) == []


def test_rows_without_an_amount_are_the_same_by_account_and_day_alone() -> None:
    old = RowMark("o", "a", dt.date(2026, 3, 4))
    assert match_rows([old], [RowMark("n", "a", dt.date(2026, 3, 4))]) == [("o", "n")]
    assert match_rows([old], [RowMark("n", "a", dt.date(2026, 3, 5))]) == []
