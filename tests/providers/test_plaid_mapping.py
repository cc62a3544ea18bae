"""What Plaid's pages mean in canonical rows."""

import datetime as dt
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.ledger import Ledger
from counterfoil.model import Record
from counterfoil.ports import Landing, Page
from counterfoil.providers.plaid import SPEC
from counterfoil.providers.plaid.categories import category
from counterfoil.providers.plaid.mapping import land
from counterfoil.providers.plaid.values import inflow
from providers.plaid_bodies import account, accounts_page, body, holding, number, security, sync, transaction


def only(landing: Landing, table: str) -> Any:
    (row,) = (row for row in landing.rows if row.table == table)
    return row


def ledger(*pages: tuple[str, bytes]) -> Ledger:
    kept = Ledger()
    for stream, page in pages:
        kept = kept.after(SPEC, stream, [Page(page, None, has_more=False)])
    return kept


# --- transactions ------------------------------------------------------------------------------------------


def test_money_that_leaves_is_negative_and_money_that_arrives_is_positive() -> None:
    assert only(land("transactions", sync(added=[transaction(amount=number("12.34"))])), "transactions").amount == (
        Decimal("-12.34")
    )
    assert only(land("transactions", sync(added=[transaction(amount=number("-2500"))])), "transactions").amount == 2500


@pytest.mark.parametrize("digits", ["0.1234567", "12.30", "0.10", "99999999999999999999999999999999.99", "1e-7", "7"])
def test_an_amount_keeps_every_digit_of_the_wire(digits: str) -> None:
    row = only(land("transactions", sync(added=[transaction(amount=number(digits))])), "transactions")
    assert str(row.amount) == str(Decimal(digits).copy_negate())


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_flipping_the_sign_twice_gives_the_same_value_and_never_a_negative_zero(amount: Decimal) -> None:
    assert inflow(inflow(amount)) == amount
    assert str(inflow(amount)) != str(Decimal("-0"))
    assert inflow(amount).as_tuple().digits == amount.as_tuple().digits


def test_a_transaction_lands_with_its_category() -> None:
    landing = land("transactions", sync(added=[transaction()]))
    row = only(landing, "transactions")
    assert (row.key, row.account, row.date, row.authorized_on) == (
        "tx-1",
        "acc-1",
        dt.date(2026, 3, 5),
        dt.date(2026, 3, 4),
    )
    assert (row.summary, row.merchant, row.original_text) == ("Cafe Luna", "Cafe Luna", "POS CAFE LUNA 0042 LISBOA")
    assert (row.website, row.channel, row.currency) == ("https://cafeluna.example", "in store", "USD")
    kept = only(landing, "categories")
    assert row.category == kept.key == "FOOD_AND_DRINK_COFFEE"
    assert (kept.name, kept.group) == ("Coffee", "Food and drink")


def test_a_category_is_landed_once_a_page_and_a_row_may_have_none() -> None:
    rows = [transaction(), transaction(transaction_id="tx-2"), transaction(personal_finance_category=None)]
    landing = land("transactions", sync(added=rows[:2], modified=rows[2:]))
    assert [row.table for row in landing.rows].count("categories") == 1
    assert landing.rows[-1].key == "tx-1"
    assert only(land("transactions", sync(added=rows[2:])), "transactions").category is None


def test_a_posted_row_names_the_pending_one_that_it_replaces() -> None:
    posted = transaction(transaction_id="tx-2", pending_transaction_id="tx-1")
    landing = land("transactions", sync(added=[posted], removed=[{"transaction_id": "tx-1", "account_id": "acc-1"}]))
    assert only(landing, "transactions").replaces == "tx-1"
    assert landing.removed == [("transactions", "tx-1")]


@pytest.mark.parametrize(
    ("iso", "unofficial", "currency"), [("EUR", None, "EUR"), (None, "DOGE", "DOGE"), (None, None, "XXX")]
)
def test_the_currency_is_the_iso_code_else_the_unofficial_one(
    iso: str | None, unofficial: str | None, currency: str
) -> None:
    row = transaction(iso_currency_code=iso, unofficial_currency_code=unofficial)
    assert only(land("transactions", sync(added=[row])), "transactions").currency == currency


def test_a_row_without_a_merchant_is_summarised_by_what_is_known() -> None:
    bare = transaction(merchant_name=None, website=None, original_description=None)
    row = only(land("transactions", sync(added=[bare])), "transactions")
    assert (row.summary, row.original_text, row.merchant, row.website) == (
        "CAFE LUNA 0042",
        "CAFE LUNA 0042",
        None,
        None,
    )


def test_unknown_fields_and_values_pass() -> None:
    row = transaction(
        payment_channel="telepathy",
        hologram={"deep": [1, 2]},
        personal_finance_category={"primary": "DREAMS", "detailed": "DREAMS_LUCID", "mood": 3},
    )
    landing = land("transactions", sync(added=[row], new_part=[None], transactions_update_status="PARTLY"))
    assert only(landing, "transactions").channel == "telepathy"
    assert only(landing, "categories").name == "Lucid"


def test_half_a_page_lands_nothing() -> None:
    page = sync(added=[transaction()])
    with pytest.raises(msgspec.DecodeError):
        land("transactions", page[: len(page) // 2])


# --- categories --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("primary", "detailed", "name"),
    [
        ("FOOD_AND_DRINK", "FOOD_AND_DRINK_GROCERIES", "Groceries"),
        ("TRANSFER_OUT", "TRANSFER_OUT_WIRE", "Transfer out: wire"),
        ("TRANSFER_IN", "TRANSFER_IN_WIRE", "Transfer in: wire"),
        ("BANK_FEES", "BANK_FEES_ATM_FEES", "Bank fees: ATM fees"),
        ("INCOME", "INCOME_OTHER", "Income: other"),
        ("OTHER", "OTHER_OTHER", "Other"),
        ("OTHER", "OTHER", "Other"),
        ("MEDICAL", "SOMETHING_NEW", "Something new"),
    ],
)
def test_a_category_code_reads_as_words(primary: str, detailed: str, name: str) -> None:
    assert category(primary, detailed).name == name


# --- accounts ----------------------------------------------------------------------------------------------


def test_an_account_lands_with_its_bank_its_balances_and_a_row_for_the_day() -> None:
    page = accounts_page(account(), institution={"institution_id": "ins_1", "name": "Bank", "url": "https://b.example"})
    kept = ledger(("accounts", page))
    row: Any = kept.rows["accounts"]["acc-1"]
    assert (row.name, row.institution, row.mask, row.type) == ("Everyday", "ins_1", "0042", "depository")
    assert (row.current, row.available, row.limit, row.currency) == (110, Decimal("100.5"), None, "USD")
    assert row.as_of == dt.datetime(2026, 3, 5, 6, 7, 8, tzinfo=dt.UTC)
    day: Any = kept.rows["balances"]["acc-1:2026-03-06"]
    assert (day.date, day.account, day.current) == (dt.date(2026, 3, 6), "acc-1", 110)
    assert kept.dangling() == []


def test_the_banks_own_time_of_a_balance_comes_first() -> None:
    page = accounts_page(account(balances={"last_updated_datetime": "2026-03-01T00:00:00Z"}))
    row: Any = ledger(("accounts", page)).rows["accounts"]["acc-1"]
    assert row.as_of == dt.datetime(2026, 3, 1, tzinfo=dt.UTC)


def test_a_bank_that_is_not_read_this_time_keeps_its_row_and_an_unknown_one_gets_a_name() -> None:
    first = accounts_page(
        account(), institution={"institution_id": "ins_1", "name": "Bank", "url": "https://b.example"}
    )
    kept: Any = ledger(("accounts", first), ("accounts", accounts_page(account()))).rows["institutions"]["ins_1"]
    assert (kept.name, kept.url) == ("Bank", "https://b.example")
    named: Any = ledger(("accounts", accounts_page(account()))).rows["institutions"]["ins_1"]
    assert named.name == "Bank of Tests"


def test_an_account_that_is_not_shared_any_more_is_closed() -> None:
    both = accounts_page(account(), account(account_id="acc-2"))
    kept = ledger(("accounts", both), ("accounts", accounts_page(account(account_id="acc-2"))))
    assert set(kept.rows["accounts"]) == {"acc-2"}


CARD = {
    "account_id": "acc-1",
    "aprs": [
        {"apr_percentage": number("29.99"), "apr_type": "cash_apr"},
        {"apr_percentage": number("15.24"), "apr_type": "purchase_apr"},
    ],
    "is_overdue": False,
    "last_payment_amount": number("168.25"),
    "last_payment_date": "2026-02-22",
    "last_statement_balance": number("1708.77"),
    "minimum_payment_amount": number("20"),
    "next_payment_due_date": "2026-03-28",
}
OWED = body(accounts=[account(type="credit")], liabilities={"credit": [CARD], "mortgage": None, "student": None})


def test_what_is_owed_lands_on_the_account() -> None:
    row: Any = ledger(("accounts", accounts_page(account())), ("liabilities", OWED)).rows["accounts"]["acc-1"]
    assert (row.apr, row.statement_balance, row.minimum_payment) == (Decimal("0.1524"), Decimal("1708.77"), 20)
    assert (row.last_payment, row.overdue) == (Decimal("168.25"), False)
    assert (row.next_payment_due, row.last_payment_on) == (dt.date(2026, 3, 28), dt.date(2026, 2, 22))


def test_no_stream_blanks_what_another_one_knows() -> None:
    plain = ledger(("accounts", accounts_page(account())))
    passing = sync(accounts=[account(balances={"available": None, "current": number("7")})])
    full = ledger(("accounts", accounts_page(account())), ("liabilities", OWED), ("transactions", passing))
    row: Any = full.rows["accounts"]["acc-1"]
    base: Any = plain.rows["accounts"]["acc-1"]
    assert row.apr == Decimal("0.1524")
    assert (row.institution, row.as_of, row.available) == (base.institution, base.as_of, base.available)
    assert row.current == 7
    again: Any = full.after(SPEC, "accounts", [Page(accounts_page(account()), None, has_more=False)])
    assert again.rows["accounts"]["acc-1"].apr == Decimal("0.1524")


def test_a_paid_off_debt_leaves_no_figures() -> None:
    nothing = body(accounts=[account()], liabilities={"credit": [], "mortgage": None, "student": None})
    row: Any = ledger(("liabilities", OWED), ("liabilities", nothing)).rows["accounts"]["acc-1"]
    assert (row.apr, row.statement_balance, row.overdue) == (None, None, None)
    assert row.current == 110


def test_mortgages_and_student_loans_land_too() -> None:
    page = body(
        accounts=[account(account_id="house"), account(account_id="study")],
        liabilities={
            "credit": None,
            "mortgage": [
                {
                    "account_id": "house",
                    "account_number": "3120194154",
                    "interest_rate": {"percentage": number("3.99"), "type": "fixed"},
                    "last_payment_amount": number("3141.54"),
                    "last_payment_date": "2026-02-01",
                    "next_monthly_payment": number("3141.54"),
                    "next_payment_due_date": "2026-03-15",
                    "past_due_amount": number("2304"),
                }
            ],
            "student": [
                {
                    "account_id": "study",
                    "interest_rate_percentage": number("5.25"),
                    "is_overdue": None,
                    "last_payment_amount": None,
                    "last_payment_date": None,
                    "last_statement_balance": number("1000"),
                    "minimum_payment_amount": number("25"),
                    "next_payment_due_date": "2026-03-20",
                }
            ],
        },
    )
    rows: Any = ledger(("liabilities", page)).rows["accounts"]
    assert (rows["house"].apr, rows["house"].overdue) == (Decimal("0.0399"), True)
    assert (rows["house"].minimum_payment, rows["study"].minimum_payment) == (Decimal("3141.54"), 25)
    assert (rows["study"].apr, rows["study"].overdue) == (Decimal("0.0525"), None)
    assert "3120194154" not in repr(rows)


# --- investments -------------------------------------------------------------------------------------------


def holdings(*rows: dict[str, Any]) -> bytes:
    return body(accounts=[account(account_id="acc-9")], holdings=list(rows), securities=[security()])


def test_a_holding_lands_with_its_security() -> None:
    kept = ledger(("holdings", holdings(holding())))
    row: Any = kept.rows["holdings"]["acc-9:sec-1"]
    assert (row.name, row.account, row.security) == ("Acme Corp", "acc-9", "sec-1")
    assert (row.quantity, row.value, row.cost_basis) == (Decimal("0.3333333333"), Decimal("3.37"), 3)
    share: Any = kept.rows["securities"]["sec-1"]
    assert (share.ticker, share.price, share.cash) == ("ACME", Decimal("10.123456"), False)
    assert kept.dangling() == []


def test_two_lots_of_one_security_in_one_account_are_one_holding() -> None:
    kept = ledger(("holdings", holdings(holding(quantity=2), holding(quantity=3, cost_basis=None))))
    row: Any = kept.rows["holdings"]["acc-9:sec-1"]
    assert (row.quantity, row.value, row.cost_basis) == (5, Decimal("6.74"), None)


def test_what_was_sold_is_closed_but_the_security_stays() -> None:
    kept = ledger(("holdings", holdings(holding())), ("holdings", holdings()))
    assert not kept.rows["holdings"]
    assert "sec-1" in kept.rows["securities"]


def test_a_purchase_of_shares_is_money_that_leaves() -> None:
    bought = {
        "investment_transaction_id": "it-1",
        "account_id": "acc-9",
        "security_id": "sec-1",
        "date": "2026-03-05",
        "name": "BUY Acme Corp",
        "quantity": number("2"),
        "amount": number("20.25"),
        "price": number("10.12"),
        "fees": number("0.01"),
        "type": "buy",
        "subtype": "buy",
        "iso_currency_code": "USD",
        "unofficial_currency_code": None,
    }
    page = body(
        accounts=[account(account_id="acc-9")],
        securities=[security()],
        investment_transactions=[bought],
        total_investment_transactions=1,
    )
    row: Any = ledger(("investment_transactions", page)).rows["investment_transactions"]["it-1"]
    assert (row.amount, row.quantity, row.fees) == (Decimal("-20.25"), 2, Decimal("0.01"))


def test_every_stream_lands_only_in_the_tables_that_it_declares() -> None:
    pages = {
        "accounts": accounts_page(account()),
        "transactions": sync(added=[transaction()], accounts=[account()]),
        "liabilities": OWED,
        "holdings": holdings(holding()),
    }
    for stream, page in pages.items():
        rows: list[Record] = [*land(stream, page).rows, *(patch.row for patch in land(stream, page).patches)]
        assert {row.table for row in rows} <= set(SPEC.stream(stream).tables)
