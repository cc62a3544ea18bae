"""Where reading Stripe's ledger stands: windows, overlap, and pending rows that come due."""

from itertools import pairwise

from msgspec.structs import replace

from counterfoil.providers.stripe import marks as m
from counterfoil.providers.stripe.marks import Loop, Marks
from counterfoil.providers.stripe.wire import BalanceTransaction, BankAccount, Refresh

NOW = 1_790_000_000
DAY = 86400


def line(key: str, created: int, available_on: int = 0, status: str = "available") -> BalanceTransaction:
    return BalanceTransaction(
        id=key, amount=1, fee=0, net=1, currency="usd", created=created, available_on=available_on, status=status,
        type="charge", reporting_category="charge",
    )  # fmt: skip


def marks(**changes: object) -> Marks:
    return m.Marks(account="acct_1", business="Shop", **changes)  # type: ignore[arg-type]


def settled(before: Marks, *rows: BalanceTransaction) -> Marks:
    """Read one page of the ledger to its end."""
    loop = m.begin_ledger(before, NOW)
    while loop.phase == "ledger":
        loop = m.after_movements(loop, rows if loop.end is None else (), has_more=False)
    return m.finish_ledger(before, loop)


def test_the_first_load_reads_the_oldest_window_first_and_leaves_no_gap() -> None:
    loop = m.begin_ledger(marks(), NOW)
    windows = []
    while loop.phase == "ledger":
        windows.append((loop.start, loop.end))
        loop = m.after_movements(loop, (), has_more=False)
    assert windows[0][0] < 1_300_000_000
    assert all(earlier[1] == later[0] for earlier, later in pairwise(windows))
    assert windows[-1][1] is None, "rows written while the last window is read belong to it"


def test_a_window_goes_on_after_its_last_row_until_there_is_no_more() -> None:
    loop = m.begin_ledger(marks(), NOW)
    next_page = m.after_movements(loop, [line("b", 20), line("a", 10)], has_more=True)
    assert (next_page.start, next_page.end, next_page.after, next_page.high) == (loop.start, loop.end, "a", 20)
    next_window = m.after_movements(next_page, [line("z", 5)], has_more=False)
    assert (next_window.start, next_window.after, next_window.high) == (loop.end, None, 20)


def test_later_loads_go_back_by_the_overlap() -> None:
    loop = m.begin_ledger(marks(high=NOW - 60), NOW)
    assert (loop.start, loop.end) == (NOW - 60 - m.OVERLAP, None)


def test_an_account_without_any_rows_is_not_searched_from_the_beginning_again() -> None:
    assert settled(marks()).high == NOW


def test_rows_that_are_due_are_read_again_from_the_oldest_of_them() -> None:
    before = settled(
        marks(high=1), line("old", NOW - 5 * DAY, NOW + DAY, "pending"), line("new", NOW, NOW + 2 * DAY, "pending")
    )
    assert before.due == {NOW + DAY: NOW - 5 * DAY, NOW + 2 * DAY: NOW}
    assert m.begin_ledger(before, NOW + DAY - 1).start == NOW - m.OVERLAP
    assert m.begin_ledger(before, NOW + DAY).start == NOW - 5 * DAY


def test_a_row_that_has_settled_is_not_read_again_and_the_others_still_are() -> None:
    before = marks(high=NOW - DAY, due={NOW - 1: NOW - 3 * DAY, NOW + DAY: NOW - 4 * DAY})
    after = settled(before, line("settled", NOW - 3 * DAY))
    assert after.due == {NOW + DAY: NOW - 4 * DAY}, "the older group was not read again"


def test_a_row_that_should_have_settled_and_has_not_is_looked_at_an_hour_later() -> None:
    after = settled(
        marks(high=NOW - DAY, due={NOW - 1: NOW - 3 * DAY}), line("late", NOW - 3 * DAY, NOW - 1, "pending")
    )
    assert list(after.due.values()) == [NOW - 3 * DAY]
    (again,) = after.due
    assert NOW < again <= NOW + 3600


def test_marks_move_only_with_the_last_page() -> None:
    before = marks(high=NOW - DAY, due={NOW - 1: NOW - 3 * DAY})
    loop = m.after_movements(m.begin_ledger(before, NOW), [line("a", NOW)], has_more=True)
    staged = m.parse(replace(before, loop=loop).dump())
    assert staged is not None and (staged.high, staged.due) == (before.high, before.due)


def test_a_cursor_comes_back_as_it_was_and_an_unreadable_one_starts_over() -> None:
    full = marks(high=3, due={5: 4}, banks={"fca_1": "r1"}, loop=Loop(started=1, phase="ledger", queue=(("a", "b"),)))
    assert m.parse(full.dump()) == full
    assert m.parse(b"[1]") is None
    assert m.parse(None) is None


def test_payouts_are_read_again_from_before_the_last_look_at_them() -> None:
    assert m.begin_payouts(marks(), NOW).start == NOW - m.LOOK_BACK
    assert m.begin_payouts(marks(at=NOW - 40 * DAY), NOW).start == NOW - 40 * DAY - m.LOOK_BACK


def bank(key: str, refresh: str | None, status: str = "succeeded", state: str = "active") -> BankAccount:
    return BankAccount(
        id=key, institution_name="Bank", category="cash", status=state,
        transaction_refresh=Refresh(status, refresh) if refresh else None,
    )  # fmt: skip


def test_only_outside_accounts_with_a_new_finished_refresh_are_read() -> None:
    before = marks(banks={"same": "r1", "new": "r1", "gone": "r1"})
    found = [
        bank("same", "r1"),
        bank("new", "r2"),
        bank("first", "r1"),
        bank("never", None),
        bank("running", "r2", "pending"),
        bank("failed", "r2", "failed"),
        bank("left", "r2", state="disconnected"),
    ]
    loop = m.queue_banks(before, Loop(started=NOW, phase="banks"), found)
    assert loop.queue == (("new", "r2"), ("first", "r1"))
    loop = m.after_bank_rows(loop, "row 100")
    assert (loop.queue[0], loop.after) == (("new", "r2"), "row 100")
    loop = m.after_bank_rows(m.after_bank_rows(loop, None), None)
    assert m.finish_ledger(before, loop).banks == {"same": "r1", "new": "r2", "first": "r1"}
