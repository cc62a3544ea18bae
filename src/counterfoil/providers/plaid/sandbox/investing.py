"""What the endpoints for investments and liabilities answer. https://plaid.com/docs/api/products/investments/"""

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from counterfoil.providers.plaid.sandbox import requests as ask
from counterfoil.providers.plaid.sandbox.answers import chosen_accounts
from counterfoil.providers.plaid.sandbox.custom import OPTION
from counterfoil.providers.plaid.sandbox.desk import Call
from counterfoil.providers.plaid.sandbox.errors import PlaidError
from counterfoil.providers.plaid.sandbox.items import Item
from counterfoil.providers.plaid.sandbox.wire import currency_codes, number, short_id
from counterfoil.sandbox.world.ledger import Account, CardTerms, LoanTerms, Position, Security, Trade

Body = dict[str, Any]


def holdings_get(call: Call[ask.OfAccounts]) -> Body:
    """Give what the investment accounts hold."""
    item = call.item
    accounts = _investment_accounts(item, call.ask.options.account_ids)
    ids = {body["account_id"] for body in accounts}
    held = [one for one in item.bank.positions.values() if item.account_id(one.account) in ids]
    return {
        "accounts": accounts,
        "holdings": [_holding(item, position) for position in held],
        "securities": _securities(item, (position.security for position in held)),
        "item": item.body(),
        "is_investments_fallback_item": False,
    }


def trades_get(call: Call[ask.Trades]) -> Body:
    """Give one page of investment transactions, newest first."""
    item, options = call.item, call.ask.options
    accounts = _investment_accounts(item, options.account_ids)
    if options.async_update and not item.trades_ready:  # without it the caller waits, here for no time at all
        call.vendor.begin_trades(item)
        raise PlaidError("PRODUCT_NOT_READY")
    item.trades_ready = True
    ids = {body["account_id"] for body in accounts}
    found = [
        trade
        for trade in reversed(item.bank.trades)
        if item.account_id(trade.account) in ids and call.ask.start_date <= trade.date <= call.ask.end_date
    ]
    found.sort(key=lambda trade: trade.date, reverse=True)
    page = found[options.offset : options.offset + options.count]
    return {
        "accounts": accounts,
        "investment_transactions": [_trade(item, trade) for trade in page],
        "total_investment_transactions": len(found),
        "securities": _securities(item, (trade.security for trade in page if trade.security)),
        "item": item.body(),
        "is_investments_fallback_item": False,
    }


def investments_refresh(call: Call[ask.OfItem]) -> Body:
    """Ask the broker for news, which come later."""
    vendor, item = call.vendor, call.item
    _investment_accounts(item, None)
    vendor.agenda.after(vendor.timing.refresh, lambda: vendor.refreshed(item))
    return {}


def liabilities_get(call: Call[ask.OfAccounts]) -> Body:
    """Give the terms of cards, mortgages and student loans. https://plaid.com/docs/api/products/liabilities/"""
    item, chosen = call.item, call.ask.options.account_ids
    wanted = {body["account_id"] for body in chosen_accounts(item, chosen)}
    owing = {one: account for one, account in item.accounts.items() if one in wanted and account.terms is not None}
    if not owing:
        raise PlaidError("NO_LIABILITY_ACCOUNTS", "there are no accounts with liabilities on this Item")
    cards = [_card(one, account.terms) for one, account in owing.items() if isinstance(account.terms, CardTerms)]
    loans = [(one, account, account.terms) for one, account in owing.items() if isinstance(account.terms, LoanTerms)]
    mortgages = [_mortgage(one, terms) for one, account, terms in loans if account.subtype == "mortgage"]
    students = [_student(one, account, terms) for one, account, terms in loans if account.subtype == "student"]
    return {
        "accounts": item.account_bodies(owing),
        "item": item.body(),
        "liabilities": {"credit": cards or None, "mortgage": mortgages or None, "student": students or None},
    }


def _investment_accounts(item: Item, account_ids: list[str] | None) -> list[Body]:
    accounts = [body for body in chosen_accounts(item, account_ids) if body["type"] == "investment"]
    if not accounts:
        raise PlaidError("NO_INVESTMENT_ACCOUNTS", "there are no investment accounts on this Item")
    for body in accounts:
        body["balances"]["margin_loan_amount"] = None
    if "investments" not in item.products:
        item.products.append("investments")
    return accounts


def _holding(item: Item, held: Position) -> Body:
    iso, unofficial = currency_codes(held.currency)
    return {
        "account_id": item.account_id(held.account),
        "security_id": short_id("security", held.security),
        "institution_price": number(held.price),
        "institution_price_as_of": held.price_on,
        "institution_price_datetime": None,
        "institution_value": number(held.value),
        "cost_basis": _maybe(held.cost),
        "quantity": number(held.quantity),
        "iso_currency_code": iso,
        "unofficial_currency_code": unofficial,
        "vested_quantity": None,
        "vested_value": None,
    }


def _securities(item: Item, names: Iterable[str]) -> list[Body]:
    return [_security(item.bank.securities[name]) for name in dict.fromkeys(names)]


def _security(held: Security) -> Body:
    iso, unofficial = currency_codes(held.currency)
    return {
        "security_id": short_id("security", held.id),
        "isin": held.isin,
        "cusip": held.cusip,
        "sedol": None,
        "institution_security_id": None,
        "institution_id": None,
        "proxy_security_id": None,
        "name": held.name,
        "ticker_symbol": held.ticker,
        "is_cash_equivalent": held.cash,
        "type": held.type,
        "subtype": None,
        "close_price": _maybe(held.price),
        "close_price_as_of": held.price_on,
        "update_datetime": None,
        "iso_currency_code": iso,
        "unofficial_currency_code": unofficial,
        "market_identifier_code": held.market,
        "sector": held.sector,
        "industry": held.industry,
        "cfi_code": None,
        "figi": None,
        "option_contract": _option(held.ticker or ""),
        "fixed_income": None,
    }


def _option(ticker: str) -> Body | None:
    match = OPTION.fullmatch(ticker)
    if match is None:
        return None
    underlying, day, side, strike = match.groups()
    return {
        "contract_type": "call" if side == "C" else "put",
        "expiration_date": dt.date(2000 + int(day[:2]), int(day[2:4]), int(day[4:])),
        "strike_price": number(Decimal(strike).scaleb(-3)),
        "underlying_security_ticker": underlying,
    }


def _trade(item: Item, trade: Trade) -> Body:
    iso, unofficial = currency_codes(trade.currency)
    return {
        "investment_transaction_id": short_id(item.id, trade.id),
        "account_id": item.account_id(trade.account),
        "security_id": short_id("security", trade.security) if trade.security else None,
        "date": trade.date,
        "transaction_datetime": None,
        "name": trade.name,
        "quantity": number(trade.quantity),
        "amount": number(-trade.amount),
        "price": number(trade.price),
        "fees": _maybe(trade.fees),
        "type": trade.type,
        "subtype": trade.subtype,
        "iso_currency_code": iso,
        "unofficial_currency_code": unofficial,
        "cancel_transaction_id": None,
    }


def _card(account_id: str, terms: CardTerms) -> Body:
    return {
        "account_id": account_id,
        "aprs": [
            {
                "apr_percentage": number(rate),
                "apr_type": name,
                "balance_subject_to_apr": None,
                "interest_charge_amount": None,
            }
            for name, rate in terms.rates
        ],
        "is_overdue": terms.overdue,
        "last_payment_amount": _maybe(terms.last_payment),
        "last_payment_date": terms.last_payment_on,
        "last_statement_issue_date": terms.statement_on,
        "last_statement_balance": _maybe(terms.statement_balance),
        "minimum_payment_amount": _maybe(terms.minimum_payment),
        "next_payment_due_date": terms.due_on,
    }


def _mortgage(account_id: str, terms: LoanTerms) -> Body:
    return {
        "account_id": account_id,
        "account_number": None,
        "current_late_fee": None,
        "escrow_balance": None,
        "has_pmi": False,
        "has_prepayment_penalty": False,
        "interest_rate": {"percentage": number(terms.rate), "type": "fixed"},
        "last_payment_amount": _maybe(terms.payment),
        "last_payment_date": terms.last_payment_on,
        "loan_term": "30 year",
        "loan_type_description": terms.name,
        "maturity_date": terms.ends_on,
        "next_monthly_payment": _maybe(terms.payment),
        "next_payment_due_date": terms.due_on,
        "origination_date": terms.originated_on,
        "origination_principal_amount": _maybe(terms.principal),
        "past_due_amount": None,
        "property_address": dict.fromkeys(("city", "country", "postal_code", "region", "street")),
        "ytd_interest_paid": None,
        "ytd_principal_paid": None,
    }


def _student(account_id: str, account: Account, terms: LoanTerms) -> Body:
    return {
        "account_id": account_id,
        "account_number": account.mask,
        "disbursement_dates": [terms.originated_on] if terms.originated_on else None,
        "expected_payoff_date": terms.ends_on,
        "guarantor": None,
        "interest_rate_percentage": number(terms.rate),
        "is_overdue": terms.overdue,
        "last_payment_amount": _maybe(terms.payment),
        "last_payment_date": terms.last_payment_on,
        "last_statement_balance": None,
        "last_statement_issue_date": None,
        "loan_name": terms.name,
        "loan_status": {"type": terms.status, "end_date": terms.ends_on},
        "minimum_payment_amount": _maybe(terms.payment),
        "next_payment_due_date": terms.due_on,
        "origination_date": terms.originated_on,
        "origination_principal_amount": _maybe(terms.principal),
        "outstanding_interest_amount": None,
        "payment_reference_number": terms.reference,
        "pslf_status": {"estimated_eligibility_date": None, "payments_made": None, "payments_remaining": None},
        "repayment_plan": {"description": None, "type": terms.plan},
        "sequence_number": None,
        "servicer_address": dict.fromkeys(("city", "country", "postal_code", "region", "street")),
        "ytd_interest_paid": None,
        "ytd_principal_paid": None,
    }


def _maybe(amount: Decimal | None) -> Decimal | None:
    return None if amount is None else number(amount)
