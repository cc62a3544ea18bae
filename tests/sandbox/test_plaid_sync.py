"""The Plaid emulator's /transactions/sync: cursors, loops, what moves between two pages, and a history not yet read."""

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal

import pytest

from counterfoil.providers.plaid.sandbox import Timing
from sandbox.plaid_desk import Desk, open_desk, until

MUTATED = (400, "TRANSACTIONS_ERROR", "TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION")
CHECKING = {
    "type": "depository",
    "subtype": "checking",
    "starting_balance": 100,
    "transactions": [
        {"date_transacted": f"2026-01-{day:02}", "date_posted": f"2026-01-{day:02}", "amount": day, "description": "x"}
        for day in range(1, 13)
    ],
}


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    with open_desk() as desk:
        desk.emulator.limits.scale = None
        yield desk


def test_pages_of_any_size_bring_the_same_rows_in_the_same_order(desk: Desk) -> None:
    token = desk.connect()
    whole = [row["transaction_id"] for row in desk.rows(token)]
    assert len(whole) == len(set(whole)) >= 2_000
    odd = [row["transaction_id"] for page in desk.pages(token, count=333) for row in page["added"]]
    assert odd == whole


def test_a_cursor_that_was_not_advanced_gives_the_same_again(desk: Desk) -> None:
    token = desk.custom(CHECKING)
    first = desk.call("/transactions/sync", access_token=token, count=5)
    second = desk.call("/transactions/sync", access_token=token, count=5, cursor=first["next_cursor"])
    for cursor, page in (({}, first), ({"cursor": first["next_cursor"]}, second)):
        again = desk.call("/transactions/sync", access_token=token, count=5, **cursor)
        assert {**again, "request_id": ""} == {**page, "request_id": ""}


def test_with_nothing_new_the_cursor_stays(desk: Desk) -> None:
    token = desk.custom(CHECKING)
    cursor = desk.pages(token)[-1]["next_cursor"]
    page = desk.call("/transactions/sync", access_token=token, cursor=cursor)
    assert (page["added"], page["modified"], page["removed"]) == ([], [], [])
    assert (page["next_cursor"], page["has_more"]) == (cursor, False)


def test_now_skips_to_the_present(desk: Desk) -> None:
    token = desk.custom(CHECKING)
    page = desk.call("/transactions/sync", access_token=token, cursor="now")
    assert page["added"] == []
    (new,) = desk.act("transactions", item=token, added=[{"amount": 3}])["added"]
    page = desk.call("/transactions/sync", access_token=token, cursor=page["next_cursor"])
    assert [row["transaction_id"] for row in page["added"]] == [new]


def test_a_change_between_two_pages_fails_the_loop_until_it_starts_anew(desk: Desk) -> None:
    token = desk.custom(CHECKING)
    desk.act("mutate", item=token, pages=2)
    first = desk.call("/transactions/sync", access_token=token, count=4)
    second = desk.call("/transactions/sync", access_token=token, count=4, cursor=first["next_cursor"])
    ask = {"access_token": token, "count": 4, "cursor": second["next_cursor"]}
    assert desk.refused("/transactions/sync", **ask) == MUTATED
    assert desk.refused("/transactions/sync", **ask) == MUTATED
    assert len(desk.rows(token)) == 13


def test_a_row_that_vanished_between_two_pages_is_never_told_of_again(desk: Desk) -> None:
    token = desk.custom(CHECKING)
    desk.act("mutate", item=token, remove_served=True)
    first = desk.call("/transactions/sync", access_token=token, count=4)
    served = {row["transaction_id"] for row in first["added"]}
    assert desk.refused("/transactions/sync", access_token=token, count=4, cursor=first["next_cursor"]) == MUTATED
    (page,) = desk.pages(token)
    (gone,) = served - {row["transaction_id"] for row in page["added"]}
    assert gone not in {row["transaction_id"] for row in page["removed"]}


def test_a_pending_row_posts_as_a_removal_and_an_addition_that_names_it(desk: Desk) -> None:
    token = desk.custom(CHECKING)
    (pending,) = desk.act("transactions", item=token, added=[{"amount": "20.00", "pending": True}])["added"]
    cursor = desk.pages(token)[-1]["next_cursor"]
    posted = {"amount": "23.60", "pending_transaction_id": pending}
    (posted_id,) = desk.act("transactions", item=token, added=[posted])["added"]
    (page,) = desk.pages(token, cursor)
    assert [row["transaction_id"] for row in page["removed"]] == [pending]
    (row,) = page["added"]
    assert (row["transaction_id"], row["pending_transaction_id"]) == (posted_id, pending)
    assert (row["amount"], row["pending"]) == (Decimal("23.6"), False)


def test_posting_can_be_split_over_two_pages(desk: Desk) -> None:
    token = desk.custom(CHECKING)
    (pending,) = desk.act("transactions", item=token, added=[{"amount": 20, "pending": True}])["added"]
    cursor = desk.pages(token)[-1]["next_cursor"]
    desk.act("split_pending", on=True)
    desk.act("transactions", item=token, added=[{"amount": 21, "pending_transaction_id": pending}])
    desk.act("split_pending", on=False)
    first, second = desk.pages(token, cursor)
    assert (len(first["added"]), first["removed"], first["has_more"]) == (1, [], True)
    assert (second["added"], [row["transaction_id"] for row in second["removed"]]) == ([], [pending])


def test_unchanged_rows_can_come_again_as_modified(desk: Desk) -> None:
    token = desk.custom(CHECKING)
    (page,) = desk.pages(token)
    desk.act("resend_unchanged", item=token, count=3)
    (again,) = desk.pages(token, page["next_cursor"])
    assert again["modified"] == page["added"][-3:]


def test_rows_can_be_modified_in_the_api_s_own_fields(desk: Desk) -> None:
    token = desk.custom(CHECKING)
    (page,) = desk.pages(token)
    changed = {"transaction_id": page["added"][0]["transaction_id"], "amount": "1.0000001", "merchant_name": "Né"}
    desk.act("transactions", item=token, modified=[changed | {"personal_finance_category": None}])
    ((row,),) = (one["modified"] for one in desk.pages(token, page["next_cursor"]))
    assert (row["amount"], row["merchant_name"]) == (Decimal("1.0000001"), "Né")
    assert row["personal_finance_category"] is None


def test_one_account_s_stream_has_its_own_cursor(desk: Desk) -> None:
    token = desk.custom(CHECKING, CHECKING | {"subtype": "savings"})
    accounts = desk.call("/accounts/get", access_token=token)["accounts"]
    options = {"account_id": accounts[1]["account_id"]}
    page = desk.call("/transactions/sync", access_token=token, options=options)
    assert {row["account_id"] for row in page["added"]} == {options["account_id"]}
    assert len(page["added"]) == 12
    mixed = desk.refused("/transactions/sync", access_token=token, cursor=page["next_cursor"])
    assert mixed == (400, "INVALID_REQUEST", "INVALID_FIELD")


def test_a_cursor_of_another_item_is_refused(desk: Desk) -> None:
    cursor = desk.pages(desk.custom(CHECKING))[-1]["next_cursor"]
    other = desk.custom(CHECKING)
    for wrong in (cursor, "nonsense", "eyJhdCI6MX0="):
        assert desk.refused("/transactions/sync", access_token=other, cursor=wrong)[2] == "INVALID_FIELD"


def test_the_options_choose_original_text_and_taxonomy(desk: Desk) -> None:
    token = desk.connect(days=40)
    plain = desk.rows(token)
    assert all(row["original_description"] is None for row in plain)
    options = {"include_original_description": True, "personal_finance_category_version": "v1"}
    old = [row for page in desk.pages(token, count=500, options=options) for row in page["added"]]
    assert [row["original_description"] for row in old] == [row["name"] for row in plain]
    kinds = {
        (after["personal_finance_category"]["detailed"], before["personal_finance_category"]["detailed"])
        for before, after in zip(plain, old, strict=True)
        if before["personal_finance_category"]
    }
    assert ("INCOME_WAGES", "INCOME_SALARY") in kinds
    assert {row["personal_finance_category"]["version"] for row in old if row["personal_finance_category"]} == {"v1"}


def test_new_fields_and_values_leave_ids_dates_and_amounts_alone(desk: Desk) -> None:
    token = desk.custom(CHECKING)
    (before,) = desk.pages(token)
    desk.act("unknown_values", on=True)
    (after,) = desk.pages(token)
    desk.act("unknown_values", on=False)
    assert after["added"][0]["payment_channel"] == "thought"
    assert after["accounts"][0]["subtype"] == "quantum deposit"
    for name in ("transaction_id", "account_id", "amount", "date", "pending"):
        assert [row[name] for row in after["added"]] == [row[name] for row in before["added"]]


def test_activity_reaches_every_item_of_the_bank_and_changes_its_balances(desk: Desk) -> None:
    one, other = desk.connect("ins_109509"), desk.connect("ins_109509")
    cursors = {token: desk.pages(token, count=500)[-1]["next_cursor"] for token in (one, other)}
    happened = desk.act("activity", item=one, count=30)["changes"]
    assert set(happened) == {"added", "changed", "gone"}
    news = {token: desk.pages(token, cursor, count=500) for token, cursor in cursors.items()}
    amounts = {token: sorted(row["amount"] for page in pages for row in page["added"]) for token, pages in news.items()}
    assert amounts[one] == amounts[other]
    ids = {token: {row["transaction_id"] for page in pages for row in page["added"]} for token, pages in news.items()}
    assert ids[one].isdisjoint(ids[other])


def test_many_rows_can_be_added_at_once(desk: Desk) -> None:
    token = desk.custom(CHECKING)
    assert desk.act("bulk", item=token, count=1_200)["added"] == 1_200
    assert len(desk.rows(token)) == 1_212


def test_a_new_item_is_not_ready_then_brings_a_month_and_then_all() -> None:
    with open_desk(timing=Timing(initial=10.0, historical=60.0)) as desk:
        token = desk.connect()
        for _ in range(2):
            page = desk.call("/transactions/sync", access_token=token)
            assert (page["next_cursor"], page["has_more"]) == ("", False)
            assert page["transactions_update_status"] == "NOT_READY"
            assert (page["added"], page["modified"], page["removed"]) == ([], [], [])
        item = desk.vendor.item(token)
        desk.act("clock", advance=11)
        until(lambda: item.stage.name == "INITIAL")
        pages = desk.pages(token, count=500)
        assert pages[0]["transactions_update_status"] == "INITIAL_UPDATE_COMPLETE"
        month = [row for page in pages for row in page["added"]]
        assert 60 < len(month) < 300
        desk.act("clock", advance=60)
        until(lambda: item.stage.name == "HISTORICAL")
        pages = desk.pages(token, pages[-1]["next_cursor"], count=500)
        assert pages[-1]["transactions_update_status"] == "HISTORICAL_UPDATE_COMPLETE"
        rest = [row for page in pages for row in page["added"]]
        assert len(month) + len(rest) > 2_000
        assert max(row["date"] for row in rest) < min(row["date"] for row in month)


def test_an_item_can_be_held_back_and_let_go() -> None:
    with open_desk() as desk:
        token = desk.custom(CHECKING)
        desk.act("status", item=token, ready=False)
        assert desk.call("/transactions/sync", access_token=token)["transactions_update_status"] == "NOT_READY"
        desk.act("status", item=token, ready=True)
        assert len(desk.rows(token)) == 12


def test_history_goes_back_as_far_as_was_asked() -> None:
    with open_desk() as desk:
        days = {days: desk.rows(desk.connect(days=days)) for days in (None, 30, 730)}
        today = desk.vendor.today()
        oldest = {
            days: (today - dt.date.fromisoformat(min(row["date"] for row in rows))).days for days, rows in days.items()
        }
        assert 80 <= oldest[None] <= 90
        assert oldest[30] <= 30
        assert oldest[730] > 720
