"""Investments: securities, what is held of them, and what was bought, sold and paid."""

from decimal import Decimal
from typing import Final

import msgspec

from counterfoil.model import Holding, InvestmentTransaction, Record, Security
from counterfoil.ports import Landing
from counterfoil.providers.plaid import wire
from counterfoil.providers.plaid.accounts import balance_patches
from counterfoil.providers.plaid.values import currency, inflow

_holdings: Final = msgspec.json.Decoder(wire.HoldingsPage)
_transactions: Final = msgspec.json.Decoder(wire.InvestmentTransactionsPage)


def land_holdings(body: bytes) -> Landing:
    """Land /investments/holdings/get: all that is held now, with the securities."""
    page = _holdings.decode(body)
    names = {row.security_id: security_name(row) for row in page.securities}
    held: dict[str, Holding] = {}
    for row in page.holdings:
        mapped = _holding(row, names.get(row.security_id, row.security_id))
        same = held.get(mapped.key)
        held[mapped.key] = mapped if same is None else _together(same, mapped)
    rows: list[Record] = [*map(_security, page.securities), *held.values()]
    return Landing(rows=rows, patches=balance_patches(page.accounts))


def land_investment_transactions(body: bytes) -> Landing:
    """Land a page of /investments/transactions/get, with the securities it names."""
    page = _transactions.decode(body)
    rows: list[Record] = [
        *map(_security, page.securities),
        *map(_investment_transaction, page.investment_transactions),
    ]
    return Landing(rows=rows, patches=balance_patches(page.accounts))


def security_name(row: wire.Security) -> str:
    """Give the name that people know a security by."""
    return row.name or row.ticker_symbol or row.isin or row.cusip or "Security"


def _security(row: wire.Security) -> Security:
    return Security(
        key=row.security_id,
        name=security_name(row),
        ticker=row.ticker_symbol,
        type=row.type,
        price=row.close_price,
        price_as_of=row.close_price_as_of,
        currency=row.iso_currency_code or row.unofficial_currency_code,
        isin=row.isin,
        cusip=row.cusip,
        cash=row.is_cash_equivalent,
    )


def _holding(row: wire.Holding, name: str) -> Holding:
    return Holding(
        key=f"{row.account_id}:{row.security_id}",
        name=name,
        account=row.account_id,
        security=row.security_id,
        quantity=row.quantity,
        price=row.institution_price,
        value=row.institution_value,
        cost_basis=row.cost_basis,
        currency=currency(row),
        as_of=row.institution_price_as_of,
    )


def _together(one: Holding, other: Holding) -> Holding:
    """Add two lots of the same security in the same account: Plaid has no id for a holding, so they are one row."""
    return msgspec.structs.replace(
        one,
        quantity=one.quantity + other.quantity,
        value=_sum(one.value, other.value),
        cost_basis=_sum(one.cost_basis, other.cost_basis),
    )


def _sum(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return None if one is None or other is None else one + other


def _investment_transaction(row: wire.InvestmentTransaction) -> InvestmentTransaction:
    return InvestmentTransaction(
        key=row.investment_transaction_id,
        name=row.name,
        date=row.date,
        account=row.account_id,
        security=row.security_id,
        type=row.type,
        subtype=row.subtype,
        quantity=row.quantity,
        price=row.price,
        amount=inflow(row.amount),
        fees=row.fees,
        currency=currency(row),
    )
