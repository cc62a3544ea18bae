"""Custom users, in the vendor's published format, come back exactly as they were given."""

import datetime as dt
import json
import os
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from sandbox.plaid_desk import Desk, open_desk


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    with open_desk() as desk:
        desk.emulator.limits.scale = None
        yield desk


def line(transacted: str, posted: str, amount: float, text: str, **more: str) -> dict[str, Any]:
    """Describe a transaction."""
    return {"date_transacted": transacted, "date_posted": posted, "amount": amount, "description": text, **more}


SAVER: dict[str, Any] = {
    "type": "depository",
    "subtype": "savings",
    "starting_balance": 1500.07,
    "force_available_balance": 1400.01,
    "currency": "GBP",
    "meta": {"name": "Näme, “quoted”", "official_name": "Official"},
    "numbers": {"account": "1111222233335678"},
    "identity": {"names": ["John Smith"]},
    "transactions": [
        line("2024-02-29", "2024-03-01", 0.1, "A", currency="GBP"),
        line("2024-02-29", "2024-03-01", 0.1, "A", currency="GBP"),
        line("2025-01-01", "2025-01-01", -12345678.9876543, "=B1+B2"),
        line("2025-01-02", "2025-01-02", 5000, "C", currency="DOGE"),
    ],
}


def given_rows(account: dict[str, Any]) -> Counter[tuple[Any, ...]]:
    """Give what a description says of its transactions."""
    return Counter(
        (
            row["date_transacted"],
            row["date_posted"],
            Decimal(str(row["amount"])),
            row["description"],
            row.get("currency") or account.get("currency") or "USD",
        )
        for row in account.get("transactions", ())
    )


def sent_rows(rows: list[Any], account_id: str) -> Counter[tuple[Any, ...]]:
    """Give the same of what sync brought."""
    return Counter(
        (
            row["authorized_date"],
            row["date"],
            Decimal(row["amount"]),
            row["name"],
            row["iso_currency_code"] or row["unofficial_currency_code"],
        )
        for row in rows
        if row["account_id"] == account_id
    )


def test_dates_amounts_and_texts_are_those_that_were_given(desk: Desk) -> None:
    token = desk.custom(SAVER)
    rows = desk.rows(token)
    (account,) = desk.call("/accounts/get", access_token=token)["accounts"]
    assert sent_rows(rows, account["account_id"]) == given_rows(SAVER)
    assert len({row["transaction_id"] for row in rows}) == 4
    assert [row["unofficial_currency_code"] for row in rows if row["name"] == "C"] == ["DOGE"]


def test_the_account_is_the_one_that_was_given(desk: Desk) -> None:
    (account,) = desk.call("/accounts/get", access_token=desk.custom(SAVER))["accounts"]
    assert (account["name"], account["official_name"], account["mask"]) == ("Näme, “quoted”", "Official", "5678")
    assert (account["type"], account["subtype"]) == ("depository", "savings")
    balances = account["balances"]
    assert (balances["current"], balances["available"]) == (Decimal("1500.07"), Decimal("1400.01"))
    assert balances["iso_currency_code"] == "GBP"


def test_a_posting_still_to_come_is_pending(desk: Desk) -> None:
    today = desk.vendor.today()
    later = line(today.isoformat(), (today + dt.timedelta(days=2)).isoformat(), 7, "Later")
    token = desk.custom(SAVER | {"transactions": [later]})
    (row,) = desk.rows(token)
    assert (row["pending"], row["date"]) == (True, today.isoformat())


def test_what_a_card_owes_is_positive_and_its_terms_are_told(desk: Desk) -> None:
    liability = {"type": "credit", "purchase_apr": 16.99, "special_apr": 0, "last_payment_amount": 250,
                 "minimum_payment_amount": 35, "is_overdue": True}  # fmt: skip
    card = {"type": "credit", "subtype": "credit card", "starting_balance": 1245.67, "meta": {"limit": 10000}}
    token = desk.custom(card | {"liability": liability})
    answer = desk.call("/liabilities/get", access_token=token)
    assert answer["accounts"][0]["balances"]["current"] == Decimal("1245.67")
    assert answer["accounts"][0]["balances"]["limit"] == 10000
    (terms,) = answer["liabilities"]["credit"]
    rates = {rate["apr_type"]: rate["apr_percentage"] for rate in terms["aprs"]}
    assert rates == {"purchase_apr": Decimal("16.99"), "special": 0}
    assert (terms["last_payment_amount"], terms["minimum_payment_amount"], terms["is_overdue"]) == (250, 35, True)


def test_holdings_and_trades_are_those_that_were_given(desk: Desk) -> None:
    coin = {"ticker_symbol": "CUR:BTC", "currency": "USD"}
    option = {"ticker_symbol": "F241108C00005000", "currency": "USD"}
    broker = {
        "type": "investment",
        "subtype": "brokerage",
        "starting_balance": 120,
        "holdings": [
            {"institution_price": 19999.54, "institution_price_as_of": "2026-01-22", "cost_basis": 120.03,
             "quantity": 0.00293644, "currency": "USD", "security": coin},
            {"institution_price": 5.9, "quantity": 20, "currency": "USD", "security": option},
        ],
        "investment_transactions": [
            {"date": "2026-05-24", "name": "buy", "quantity": 10, "price": 10.5, "fees": 20, "type": "buy",
             "currency": "USD", "security": option},
            {"date": "2026-05-25", "name": "sell", "quantity": 4, "price": 11, "fees": 0, "type": "sell",
             "currency": "USD", "security": option},
        ],
    }  # fmt: skip
    token = desk.custom(broker)
    answer = desk.call("/investments/holdings/get", access_token=token)
    assert answer["accounts"][0]["balances"]["current"] == 120
    held = {_ticker(answer, one): one for one in answer["holdings"]}
    assert held["CUR:BTC"]["quantity"] == Decimal("0.00293644")
    assert held["CUR:BTC"]["institution_price_as_of"] == "2026-01-22"
    assert held["F241108C00005000"]["cost_basis"] is None
    kinds = {one["ticker_symbol"]: (one["type"], one["option_contract"]) for one in answer["securities"]}
    assert kinds["CUR:BTC"] == ("cryptocurrency", None)
    assert kinds["F241108C00005000"][1]["expiration_date"] == "2024-11-08"
    assert kinds["F241108C00005000"][1]["strike_price"] == 5
    ask = {"access_token": token, "start_date": "2026-01-01", "end_date": "2026-12-31"}
    trades = desk.call("/investments/transactions/get", **ask)["investment_transactions"]
    assert [(one["name"], one["amount"], one["fees"]) for one in trades] == [("sell", -44, 0), ("buy", 105, 20)]


@pytest.mark.parametrize(
    "password", ["", "{", "[]", '{"override_accounts": []}', '{"override_accounts": [{"type": 3}]}']
)
def test_a_description_that_cannot_be_read_is_refused(desk: Desk, password: str) -> None:
    options = {"override_username": "user_custom", "override_password": password}
    refusal = desk.refused(
        "/sandbox/public_token/create",
        institution_id="ins_109508",
        initial_products=["transactions"],
        options=options,
    )
    assert refusal == (400, "INVALID_REQUEST", "INVALID_FIELD")


def test_the_vendor_s_published_examples_come_back_as_given(desk: Desk) -> None:
    folder = os.environ.get("COUNTERFOIL_CONTRACTS")
    if not folder:
        print("did not run: COUNTERFOIL_CONTRACTS does not name the folder of the vendors' contracts")
        return
    found = [path for path in sorted((Path(folder).parent / "custom-users").glob("*.json")) if "blank" not in path.name]
    assert len(found) >= 4
    for path in found:
        described = json.loads(path.read_text())["override_accounts"]
        options = {"override_username": "user_custom", "override_password": path.read_text()}
        token = desk.connect(days=None, **options)
        rows = desk.rows(token)
        accounts = desk.call("/accounts/get", access_token=token)["accounts"]
        for account, given in zip(accounts, described, strict=True):
            assert sent_rows(rows, account["account_id"]) == given_rows(given), path.name
            if "holdings" in given:
                assert_investments(desk, token, given)


def assert_investments(desk: Desk, token: str, given: dict[str, Any]) -> None:
    held = desk.call("/investments/holdings/get", access_token=token)
    assert Counter(
        (
            _ticker(held, one),
            Decimal(one["quantity"]),
            Decimal(one["institution_price"]),
            one["institution_price_as_of"],
        )
        for one in held["holdings"]
    ) == Counter(
        (
            one["security"]["ticker_symbol"],
            Decimal(str(one["quantity"])),
            Decimal(str(one["institution_price"])),
            one["institution_price_as_of"],
        )
        for one in given["holdings"]
    )
    ask = {"access_token": token, "start_date": "2024-01-01", "end_date": "2027-01-01", "options": {"count": 500}}
    traded = desk.call("/investments/transactions/get", **ask)
    names = ("date", "name", "quantity", "price", "fees", "type")
    assert Counter(
        (_ticker(traded, one), *(one[name] for name in names)) for one in traded["investment_transactions"]
    ) == (
        Counter(
            (one["security"]["ticker_symbol"], *(_exact(one[name]) for name in names))
            for one in given["investment_transactions"]
        )
    )


def _exact(value: Any) -> Any:
    return Decimal(str(value)) if isinstance(value, float) else value


def _ticker(answer: Any, row: Any) -> Any:
    return {one["security_id"]: one["ticker_symbol"] for one in answer["securities"]}[row["security_id"]]
