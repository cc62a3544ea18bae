"""What Stripe's pages mean in canonical rows. Stripe's sign is ours: inflow is positive. Pure."""

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from counterfoil.model import Account, Balance, Institution, Record, Transaction
from counterfoil.ports import Landing
from counterfoil.providers.stripe import wire
from counterfoil.providers.stripe.currency import major

STRIPE: Final = Institution(key="stripe", name="Stripe", url="https://stripe.com")
_OWN_BUCKETS: Final = frozenset({"issuing", "refund_and_dispute_prefunding"})
_TYPES: Final = {"cash": "depository"}  # Stripe's word for an outside account -> the word used for every bank


def land(stream: str, body: bytes) -> Landing:
    """Give the rows of one staged page (`wire.Fetched`) of any stream."""
    page = msgspec.json.decode(body, type=wire.Fetched)
    match page.kind:
        case "balance":
            return Landing(tuple(_balance_rows(page, msgspec.json.decode(page.reply, type=wire.Balance))))
        case "bank_accounts":
            found = msgspec.json.decode(page.reply, type=wire.Page[wire.BankAccount])
            return Landing(tuple(_bank_rows(page, found.data)))
        case "movements":
            lines = msgspec.json.decode(page.reply, type=wire.Page[wire.BalanceTransaction])
            return Landing(tuple(movement(page.account, line) for line in lines.data))
        case "payouts":
            payouts = msgspec.json.decode(page.reply, type=wire.Page[wire.Payout])
            return Landing(tuple(_payout_rows(page.account, payouts.data)))
        case "bank_transactions":
            return _bank_transactions(msgspec.json.decode(page.reply, type=wire.Page[wire.BankTransaction]).data)
        case _:
            return Landing()


# --- the balance and its lines ----------------------------------------------------------------------------


def balance_key(account: str, currency: str, bucket: str | None = None) -> str:
    """Name the account that holds one currency; what Stripe keeps apart has an account of its own."""
    key = f"{account}:{currency.lower()}"
    return f"{key}:{bucket}" if bucket in _OWN_BUCKETS else key


def _balance_rows(page: wire.Fetched, balance: wire.Balance) -> Iterator[Record]:
    yield STRIPE
    yield from _bucket_rows(page, "payments", balance.available, balance.pending)
    if balance.issuing:
        yield from _bucket_rows(page, "issuing", balance.issuing.available, [])
    fund = balance.refund_and_dispute_prefunding
    if fund:
        yield from _bucket_rows(page, "refund_and_dispute_prefunding", fund.available, fund.pending)


def _bucket_rows(
    page: wire.Fetched, bucket: str, available: Iterable[wire.Amount], pending: Iterable[wire.Amount]
) -> Iterator[Record]:
    settled = {amount.currency: amount.amount for amount in available}
    coming = {amount.currency: amount.amount for amount in pending}
    for currency in sorted(settled.keys() | coming.keys()):
        code = currency.upper()
        here = settled.get(currency, 0)
        account = Account(
            key=balance_key(page.account, currency, bucket),
            name=f"{page.business}, Stripe {code}" + ("" if bucket == "payments" else f" ({_words(bucket).lower()})"),
            institution=STRIPE.key,
            type="stripe",
            subtype=bucket,
            currency=code,
            current=major(here + coming.get(currency, 0), currency),
            available=major(here, currency),
        )
        # No `as_of`: a balance holds at the moment of reading, and that time would change every account at every sync.
        yield account
        yield _balance_of(account, _day(page.at))


def _balance_of(account: Account, day: dt.date) -> Balance:
    return Balance(
        key=f"{account.key}:{day}",
        name=f"{account.name}, {day}",
        account=account.key,
        date=day,
        current=account.current,
        available=account.available,
        currency=account.currency,
    )


def movement(account: str, line: wire.BalanceTransaction, payout: wire.Payout | None = None) -> Transaction:
    """Give the transaction of one line of the balance; `payout` is its source where it does not hold it."""
    kind = "payout" if payout else wire.object_of(line.source)
    charge = wire.expanded(line.source, wire.Charge) if kind == "charge" else None
    if kind == "payout" and payout is None:
        payout = wire.expanded(line.source, wire.Payout)
    return Transaction(
        key=line.id,
        summary=_summary(line, kind, charge, payout),
        date=_day(line.created),
        amount=major(line.amount, line.currency),
        currency=line.currency.upper(),
        account=balance_key(account, line.currency, line.balance_type),
        pending=line.status == "pending",
        merchant=charge.billing_details.name if charge and charge.billing_details else None,
        original_text=_original(line, charge, payout),
        channel=charge.payment_method_details.type if charge and charge.payment_method_details else None,
        type=line.reporting_category,
        fee=major(line.fee, line.currency),
        net=major(line.net, line.currency),
    )


def _summary(line: wire.BalanceTransaction, kind: str, charge: wire.Charge | None, payout: wire.Payout | None) -> str:
    if payout:
        return _payout_summary(line, payout)
    if charge:
        buyer = charge.billing_details and charge.billing_details.name
        what = charge.description or line.description
        return ": ".join(text for text in (buyer, what) if text) or "Payment"
    if kind == "dispute":
        dispute = wire.expanded(line.source, wire.Dispute)
        reason = f" ({_words(dispute.reason).lower()})" if dispute and dispute.reason else ""
        return ("Dispute won" if line.amount > 0 else "Dispute") + reason
    if kind == "refund" and not line.description:
        return "Refund"
    return line.description or _words(line.reporting_category)


def _payout_summary(line: wire.BalanceTransaction, payout: wire.Payout) -> str:
    if line.amount > 0:
        return f"Payout of {_day(payout.created)} returned by the bank"
    return f"Payout to the bank, arrives {_day(payout.arrival_date)}"


def _original(line: wire.BalanceTransaction, charge: wire.Charge | None, payout: wire.Payout | None) -> str | None:
    if payout and payout.status in ("failed", "canceled"):
        reason = payout.failure_message or (_words(payout.failure_code) if payout.failure_code else "")
        status = f"{payout.status}: {reason}" if reason else payout.status
        return f"{line.description} ({status})" if line.description else status
    return line.description or (charge.calculated_statement_descriptor if charge else None)


def _payout_rows(account: str, payouts: Iterable[wire.Payout]) -> Iterator[Transaction]:
    """Give the lines that payouts made in the balance: the way out and, where one failed, the way back."""
    for payout in payouts:
        for raw in (payout.balance_transaction, payout.failure_balance_transaction):
            line = wire.expanded(raw, wire.BalanceTransaction)
            if line:
                yield movement(account, line, payout)


# --- outside accounts (Financial Connections) -------------------------------------------------------------


def bank_key(institution: str) -> str:
    """Name a bank of which Stripe tells no id."""
    return "stripe-bank:" + (re.sub(r"[^a-z0-9]+", "-", institution.lower()).strip("-") or "unknown")


def _bank_rows(page: wire.Fetched, accounts: Iterable[wire.BankAccount]) -> Iterator[Record]:
    for found in accounts:
        if found.status == "disconnected":
            continue
        yield Institution(key=bank_key(found.institution_name), name=found.institution_name)
        account = _bank_account(found)
        yield account
        if account.current is not None:
            yield _balance_of(account, _day(page.at))


def _bank_account(found: wire.BankAccount) -> Account:
    balance = found.balance
    used = balance.credit.used if balance and balance.credit else None
    free = balance.cash.available if balance and balance.cash else None
    amounts = balance.current if balance else {}
    currency = next(iter(amounts or used or free or {}), "usd")
    current = amounts.get(currency)
    owed = -1 if found.category == "credit" else 1  # Stripe states a debt below zero, we what is owed
    if current is None and used is not None:
        current, owed = used.get(currency), 1
    available = free.get(currency) if free else None
    return Account(
        key=found.id,
        name=found.display_name or found.institution_name,
        institution=bank_key(found.institution_name),
        type=_TYPES.get(found.category, found.category),
        subtype=_words(found.subcategory).lower() if found.subcategory else None,
        mask=found.last4,
        currency=currency.upper(),
        current=None if current is None else major(owed * current, currency),
        available=None if available is None else major(available, currency),
        as_of=dt.datetime.fromtimestamp(balance.as_of, dt.UTC) if balance else None,
    )


def _bank_transactions(found: Iterable[wire.BankTransaction]) -> Landing:
    rows, removed = [], []
    for one in found:
        if one.status == "void":
            removed.append((Transaction.table, one.id))
        else:
            rows.append(_bank_transaction(one))
    return Landing(rows, removed)


def _bank_transaction(one: wire.BankTransaction) -> Transaction:
    return Transaction(
        key=one.id,
        summary=one.description or "Bank transaction",
        date=_day(one.transacted_at),
        amount=major(one.amount, one.currency),
        currency=one.currency.upper(),
        account=one.account,
        pending=one.status == "pending",
        original_text=one.description,
    )


def _day(seconds: int) -> dt.date:
    """Give the day in UTC, as Stripe's own reports do."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC).date()


def _words(code: str) -> str:
    """Write a code as words: payout_failure -> Payout failure."""
    return code.replace("_", " ").strip().capitalize()
