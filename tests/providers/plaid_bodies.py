"""Bodies as Plaid sends them, small, for tests of what they mean."""

import json
from typing import Any


def body(**parts: Any) -> bytes:
    """Give a reply; numbers that must keep their digits are given as `Number("1.10")`."""
    text = json.dumps({**parts, "request_id": "aB3dE6gH9jK2mN5"}, default=str)
    return text.replace('"<<', "").replace('>>"', "").encode()


def number(text: str) -> str:
    """Write a JSON number with exactly these digits."""
    return f"<<{text}>>"


def transaction(**changes: Any) -> dict[str, Any]:
    return {
        "transaction_id": "tx-1",
        "account_id": "acc-1",
        "amount": number("12.34"),
        "iso_currency_code": "USD",
        "unofficial_currency_code": None,
        "date": "2026-03-05",
        "authorized_date": "2026-03-04",
        "pending": False,
        "pending_transaction_id": None,
        "name": "CAFE LUNA 0042",
        "merchant_name": "Cafe Luna",
        "original_description": "POS CAFE LUNA 0042 LISBOA",
        "website": "cafeluna.example",
        "payment_channel": "in store",
        "transaction_code": None,
        "check_number": None,
        "personal_finance_category": {
            "primary": "FOOD_AND_DRINK",
            "detailed": "FOOD_AND_DRINK_COFFEE",
            "confidence_level": "VERY_HIGH",
        },
        "location": {"city": "Lisboa"},
        **changes,
    }


def account(**changes: Any) -> dict[str, Any]:
    balances = {
        "available": number("100.5"),
        "current": number("110"),
        "limit": None,
        "iso_currency_code": "USD",
        "unofficial_currency_code": None,
        **changes.pop("balances", {}),
    }
    return {
        "account_id": "acc-1",
        "name": "Everyday",
        "official_name": "Everyday Checking",
        "mask": "0042",
        "type": "depository",
        "subtype": "checking",
        "balances": balances,
        **changes,
    }


def sync(**changes: Any) -> bytes:
    return body(
        **{
            "added": [],
            "modified": [],
            "removed": [],
            "accounts": [],
            "next_cursor": "c1",
            "has_more": False,
            "transactions_update_status": "HISTORICAL_UPDATE_COMPLETE",
            **changes,
        }
    )


def item(**changes: Any) -> dict[str, Any]:
    return {
        "item": {
            "item_id": "item-1",
            "institution_id": "ins_1",
            "institution_name": "Bank of Tests",
            "error": None,
            **changes,
        },
        "status": {"transactions": {"last_successful_update": "2026-03-05T06:07:08Z", "last_failed_update": None}},
    }


def accounts_page(*accounts: dict[str, Any], institution: dict[str, Any] | None = None, **changes: Any) -> bytes:
    return body(
        read_at="2026-03-06T10:00:00Z",
        item=item(**changes),
        accounts={"accounts": list(accounts)},
        institution=institution and {"institution": institution},
    )


def security(**changes: Any) -> dict[str, Any]:
    return {
        "security_id": "sec-1",
        "name": "Acme Corp",
        "ticker_symbol": "ACME",
        "type": "equity",
        "close_price": number("10.123456"),
        "close_price_as_of": "2026-03-05",
        "iso_currency_code": "USD",
        "unofficial_currency_code": None,
        "isin": "US0000000001",
        "cusip": None,
        "is_cash_equivalent": False,
        **changes,
    }


def holding(**changes: Any) -> dict[str, Any]:
    return {
        "account_id": "acc-9",
        "security_id": "sec-1",
        "quantity": number("0.3333333333"),
        "institution_price": number("10.12"),
        "institution_price_as_of": "2026-03-05",
        "institution_value": number("3.37"),
        "cost_basis": number("3"),
        "iso_currency_code": "USD",
        "unofficial_currency_code": None,
        **changes,
    }
