"""What Stripe's pages mean in canonical rows."""

import datetime as dt
import json
from decimal import Decimal as D
from typing import Any

import pytest

from counterfoil.model import Account, Balance, Institution, Transaction
from counterfoil.ports import Landing
from counterfoil.providers.stripe import SPEC
from counterfoil.providers.stripe.currency import digits, major

AT = 1_790_000_000  # 2026-09-21
LINE: dict[str, Any] = {
    "id": "txn_1",
    "object": "balance_transaction",
    "amount": 5000,
    "fee": 175,
    "net": 4825,
    "currency": "usd",
    "created": AT,
    "available_on": AT + 172800,
    "status": "pending",
    "type": "charge",
    "reporting_category": "charge",
    "balance_type": "payments",
    "description": "Night Ferry, 1 kg",
    "source": "ch_1",
}
CHARGE = {
    "id": "ch_1",
    "object": "charge",
    "description": "Night Ferry, 1 kg",
    "billing_details": {"name": "Björn Åkesson"},
    "payment_method_details": {"type": "card"},
}
PAYOUT = {
    "id": "po_1",
    "object": "payout",
    "created": AT,
    "arrival_date": AT + 86400,
    "status": "in_transit",
    "balance_transaction": "txn_1",
}
BANK: dict[str, Any] = {
    "id": "fca_1",
    "institution_name": "Saltmarsh Bank",
    "display_name": "Business card",
    "category": "credit",
    "subcategory": "credit_card",
    "last4": "0119",
    "status": "active",
    "balance": {"as_of": AT, "current": {"usd": -18425}, "credit": {"used": {"usd": 18425}}, "type": "credit"},
}


def land(kind: str, reply: Any) -> Landing:
    page = {"kind": kind, "account": "acct_1", "business": "Harbour Lane Coffee", "at": AT, "reply": reply}
    return SPEC.land("any", json.dumps(page).encode())


def one_line(**changes: Any) -> Transaction:
    (row,) = land("movements", {"data": [{**LINE, **changes}]}).rows
    assert isinstance(row, Transaction)
    return row


@pytest.mark.parametrize(
    ("currency", "units", "amount"),
    [
        ("usd", 1050, "10.50"),
        ("eur", -1, "-0.01"),
        ("jpy", 1050, "1050"),
        ("kwd", 1050, "1.050"),
        ("isk", 10000, "100.00"),  # two decimals here, none in ISO 4217
        ("mga", 700, "700"),  # none here, two in ISO 4217
        ("ugx", 50000, "500.00"),
        ("huf", 100, "1.00"),
        ("twd", 100, "1.00"),
        ("xyz", 100, "1.00"),
    ],
)
def test_amounts_follow_stripes_own_decimals(currency: str, units: int, amount: str) -> None:
    assert major(units, currency) == D(amount)
    assert major(units, currency.upper()) == D(amount)


def test_every_special_currency_has_its_digits() -> None:
    none = "bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf".split()
    assert {digits(currency) for currency in none} == {0}
    assert {digits(currency) for currency in "bhd jod kwd omr tnd".split()} == {3}


def test_a_line_lands_with_amount_fee_net_and_category() -> None:
    row = one_line(source=CHARGE)
    assert row == Transaction(
        key="txn_1",
        summary="Björn Åkesson: Night Ferry, 1 kg",
        date=dt.datetime.fromtimestamp(AT, dt.UTC).date(),
        amount=D("50.00"),
        currency="USD",
        account="acct_1:usd",
        pending=True,
        merchant="Björn Åkesson",
        original_text="Night Ferry, 1 kg",
        channel="card",
        type="charge",
        fee=D("1.75"),
        net=D("48.25"),
    )


def test_inflow_stays_positive_and_outflow_negative() -> None:
    assert one_line(amount=-5000, fee=0, net=-5000).amount == D("-50.00")


@pytest.mark.parametrize(
    ("changes", "summary"),
    [
        ({"source": {**CHARGE, "billing_details": {"name": None}}}, "Night Ferry, 1 kg"),
        ({"source": {**CHARGE, "billing_details": None, "description": None}, "description": None}, "Payment"),
        ({"source": PAYOUT, "amount": -5000, "type": "payout"}, "Payout to the bank, arrives 2026-09-22"),
        ({"source": PAYOUT, "type": "payout_failure"}, "Payout of 2026-09-21 returned by the bank"),
        ({"source": {"object": "dispute", "reason": "product_not_received"}, "amount": -5000},
         "Dispute (product not received)"),
        ({"source": {"object": "dispute", "reason": "fraudulent"}}, "Dispute won (fraudulent)"),
        ({"source": {"object": "refund"}, "description": None}, "Refund"),
        ({"source": None, "description": "Billing - Usage Fee"}, "Billing - Usage Fee"),
        ({"source": None, "description": None, "reporting_category": "network_cost"}, "Network cost"),
        ({"source": {"object": "something.new", "billing_details": 7}}, "Night Ferry, 1 kg"),
        ({"source": {"object": "charge", "id": 7}}, "Night Ferry, 1 kg"),
    ],
)  # fmt: skip
def test_the_summary_says_what_happened(changes: dict[str, Any], summary: str) -> None:
    assert one_line(**changes).summary == summary


def test_a_payout_that_failed_says_so_in_both_of_its_lines() -> None:
    there_and_back = {
        "balance_transaction": {**LINE, "amount": -5000, "description": "STRIPE PAYOUT", "source": "po_1"},
        "failure_balance_transaction": {**LINE, "id": "txn_2", "description": None, "source": "po_1"},
    }
    failed = {**PAYOUT, **there_and_back, "status": "failed", "failure_message": "The account is closed."}
    landing = land("payouts", {"data": [failed]})
    there, back = landing.rows
    assert isinstance(there, Transaction) and isinstance(back, Transaction)
    assert there.original_text == "STRIPE PAYOUT (failed: The account is closed.)"
    assert (back.key, back.amount, back.original_text) == ("txn_2", D("50.00"), "failed: The account is closed.")


def test_a_payout_means_the_same_from_the_ledger_and_from_its_own_list() -> None:
    line = {**LINE, "amount": -5000}
    (from_payouts,) = land("payouts", {"data": [{**PAYOUT, "balance_transaction": {**line, "source": "po_1"}}]}).rows
    (from_ledger,) = land("movements", {"data": [{**line, "source": PAYOUT}]}).rows
    assert from_payouts == from_ledger


def test_the_balance_is_one_account_per_currency_with_what_is_pending_included() -> None:
    reply = {
        "available": [{"amount": 5400, "currency": "usd"}, {"amount": 1149219, "currency": "jpy"}],
        "pending": [{"amount": -400, "currency": "usd"}, {"amount": 250, "currency": "kwd"}],
    }
    landing = land("balance", reply)
    accounts = {row.key: row for row in landing.rows if isinstance(row, Account)}
    assert {key: (row.currency, row.current, row.available) for key, row in accounts.items()} == {
        "acct_1:jpy": ("JPY", D(1149219), D(1149219)),
        "acct_1:kwd": ("KWD", D("0.250"), D("0.000")),
        "acct_1:usd": ("USD", D("50.00"), D("54.00")),
    }
    assert accounts["acct_1:usd"].name == "Harbour Lane Coffee, Stripe USD"
    assert [row.name for row in landing.rows if isinstance(row, Institution)] == ["Stripe"]
    days = {row.key: row.current for row in landing.rows if isinstance(row, Balance)}
    assert days["acct_1:usd:2026-09-21"] == D("50.00")


def test_money_that_stripe_keeps_apart_has_an_account_of_its_own() -> None:
    reply = {
        "available": [],
        "pending": [],
        "issuing": {"available": [{"amount": 900, "currency": "usd"}]},
        "refund_and_dispute_prefunding": {"available": [{"amount": 100, "currency": "usd"}], "pending": []},
    }
    keys = {row.key for row in land("balance", reply).rows if isinstance(row, Account)}
    assert keys == {"acct_1:usd:issuing", "acct_1:usd:refund_and_dispute_prefunding"}
    assert one_line(balance_type="issuing").account == "acct_1:usd:issuing"
    assert one_line(balance_type="risk_reserved").account == "acct_1:usd"
    assert one_line(balance_type=None).account == "acct_1:usd"


def test_a_debt_at_an_outside_bank_is_what_is_owed() -> None:
    _, card, day = land("bank_accounts", {"data": [BANK]}).rows
    assert isinstance(card, Account) and isinstance(day, Balance)
    assert (card.type, card.subtype, card.mask, card.current) == ("credit", "credit card", "0119", D("184.25"))
    assert card.institution == "stripe-bank:saltmarsh-bank"
    assert day.current == D("184.25")
    used = {**BANK["balance"], "current": {}}
    _, card, _ = land("bank_accounts", {"data": [{**BANK, "balance": used}]}).rows
    assert isinstance(card, Account) and card.current == D("184.25")


def test_money_at_an_outside_bank_keeps_its_sign() -> None:
    balance = {"as_of": AT, "current": {"jpy": -300}, "cash": {"available": {"jpy": 200}}, "type": "cash"}
    _, account, _ = land("bank_accounts", {"data": [{**BANK, "category": "cash", "balance": balance}]}).rows
    assert isinstance(account, Account)
    assert (account.type, account.currency, account.current, account.available) == (
        "depository",
        "JPY",
        D(-300),
        D(200),
    )


def test_an_outside_account_without_a_balance_lands_without_a_day() -> None:
    _, account = land("bank_accounts", {"data": [{**BANK, "balance": None}]}).rows
    assert isinstance(account, Account) and account.current is None
    assert land("bank_accounts", {"data": [{**BANK, "status": "disconnected"}]}).rows == ()


def test_a_void_outside_transaction_goes() -> None:
    row = {"id": "fctxn_1", "account": "fca_1", "amount": -1200, "currency": "usd", "description": "DIESEL DEPOT",
           "transacted_at": AT}  # fmt: skip
    rows = [{**row, "status": "pending"}, {**row, "id": "fctxn_2", "status": "void"}]
    landing = land("bank_transactions", {"data": rows})
    (pending,) = landing.rows
    assert isinstance(pending, Transaction)
    assert (pending.amount, pending.pending, pending.fee) == (D("-12.00"), True, None)
    assert landing.removed == [("transactions", "fctxn_2")]
