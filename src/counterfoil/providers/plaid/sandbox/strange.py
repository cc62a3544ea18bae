"""Answers from a vendor that has moved on: fields and values that no description knows yet."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec


def _account(row: dict[str, Any]) -> None:
    row["subtype"] = "quantum deposit"
    row["balances"]["pledged"] = 12.5


def _transaction(row: dict[str, Any]) -> None:
    row["payment_channel"] = "thought"
    row["transaction_code"] = "entanglement"
    row["carbon_grams"] = 41.75
    if row["personal_finance_category"] is not None:
        row["personal_finance_category"]["confidence_level"] = "OMNISCIENT"
    for party in row["counterparties"]:
        party["type"] = "autonomous_agent"


def _security(row: dict[str, Any]) -> None:
    row["type"] = "tokenized rain"
    row["weather"] = {"station": 7}


def _trade(row: dict[str, Any]) -> None:
    row["subtype"] = "time travel"


def _holding(row: dict[str, Any]) -> None:
    row["mood"] = ["calm"]


_CHANGES: Final[Mapping[str, Callable[[dict[str, Any]], None]]] = {
    "accounts": _account,
    "added": _transaction,
    "modified": _transaction,
    "securities": _security,
    "investment_transactions": _trade,
    "holdings": _holding,
}


def strange(body: dict[str, Any]) -> dict[str, Any]:
    """Give the body with new fields and enum values in every row; ids, dates and amounts stay."""
    # Not to builtins: that would turn the amounts into text.
    copy: dict[str, Any] = {name: _plain(value) for name, value in body.items()}
    for name, change in _CHANGES.items():
        for row in copy.get(name, ()):
            change(row)
    return copy | {"served_by": "tomorrow"}


def _plain(value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        return {name: _plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    return value
