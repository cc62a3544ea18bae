"""A person of Plaid's sandbox with everything in one bank: current account, card, mortgage and shares."""

import datetime as dt
import json
from typing import Any

PAYMENTS = 520  # two pages
TRADES = 505  # two pages


def person(today: dt.date) -> str:
    """Describe the person as the password of `user_custom`. See https://plaid.com/docs/sandbox/user-custom/."""
    fund = {"ticker_symbol": "VTSAX", "name": "Total Market Fund", "currency": "USD"}
    shares = {"ticker_symbol": "ACME", "name": "Acme Corp", "currency": "USD"}
    accounts: list[dict[str, Any]] = [
        {
            "type": "depository",
            "subtype": "checking",
            "starting_balance": 5000,
            "meta": {"name": "Everyday"},
            "transactions": [_payment(today, number) for number in range(PAYMENTS)],
        },
        {
            "type": "credit",
            "subtype": "credit card",
            "starting_balance": 420.5,
            "meta": {"name": "Card", "limit": 5000},
            "liability": {
                "type": "credit",
                "purchase_apr": 19.99,
                "last_payment_amount": 120.25,
                "minimum_payment_amount": 25,
                "is_overdue": False,
            },
        },
        {
            "type": "investment",
            "subtype": "brokerage",
            "starting_balance": 9000,
            "meta": {"name": "Shares"},
            "holdings": [
                {"institution_price": 120.125, "quantity": 12.5, "cost_basis": 1000, "security": fund},
                {"institution_price": 10.5, "quantity": 3, "cost_basis": 25, "security": shares},
            ],
            "investment_transactions": [_trade(today, number, shares) for number in range(TRADES)],
        },
    ]
    return json.dumps({"override_accounts": accounts})


def _payment(today: dt.date, number: int) -> dict[str, Any]:
    day = (today - dt.timedelta(days=700 - number * 690 // PAYMENTS)).isoformat()
    return {
        "date_transacted": day,
        "date_posted": day,
        "amount": round(5 + number / 100, 2),
        "description": f"Corner shop {number}",
        "currency": "USD",
    }


def _trade(today: dt.date, number: int, security: dict[str, Any]) -> dict[str, Any]:
    return {
        "date": (today - dt.timedelta(days=1 + number)).isoformat(),
        "name": f"Buy {number}",
        "quantity": 1,
        "price": 10.25,
        "fees": 0.05,
        "type": "buy",
        "security": security,
    }
