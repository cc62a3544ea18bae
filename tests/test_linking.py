"""Which accounts are the same when a bank is linked again."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from counterfoil.linking import AccountMark, AccountMatch, is_same_login, match_accounts

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
