"""Test users that describe their own accounts. https://plaid.com/docs/sandbox/user-custom/"""

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import msgspec

from counterfoil.providers.plaid.sandbox.errors import PlaidError
from counterfoil.sandbox.world.ledger import (
    OWING,
    ZERO,
    Account,
    Bank,
    CardTerms,
    LoanTerms,
    Movement,
    Position,
    Security,
    Trade,
)

_DEFAULT_BALANCE: Final = Decimal(1000)
_SUBTYPES: Final = {"buy": "buy", "sell": "sell", "cash": "deposit", "fee": "miscellaneous fee", "transfer": "transfer"}
OPTION: Final = re.compile(
    r"([A-Z]{1,6})(\d{6})([CP])(\d{8})"
)  # an option's ticker: underlying, date, call or put, strike


class _Meta(msgspec.Struct):
    name: str | None = None
    official_name: str | None = None
    limit: Decimal | None = None


class _Numbers(msgspec.Struct):
    account: str | None = None


class _Line(msgspec.Struct):
    date_transacted: dt.date
    date_posted: dt.date
    amount: Decimal
    description: str
    currency: str | None = None


class _Paper(msgspec.Struct):
    ticker_symbol: str | None = None
    name: str | None = None
    isin: str | None = None
    cusip: str | None = None
    currency: str | None = None


class _Holding(msgspec.Struct):
    institution_price: Decimal
    quantity: Decimal
    security: _Paper
    institution_price_as_of: dt.date | None = None
    cost_basis: Decimal | None = None
    currency: str | None = None


class _Deal(msgspec.Struct):
    date: dt.date
    name: str
    quantity: Decimal
    price: Decimal
    type: str
    fees: Decimal | None = None
    subtype: str | None = None
    currency: str | None = None
    security: _Paper | None = None


class _Liability(msgspec.Struct):
    type: str | None = None
    purchase_apr: Decimal | None = None
    cash_apr: Decimal | None = None
    balance_transfer_apr: Decimal | None = None
    special_apr: Decimal | None = None
    last_payment_amount: Decimal | None = None
    minimum_payment_amount: Decimal | None = None
    is_overdue: bool | None = None
    origination_date: dt.date | None = None
    principal: Decimal | None = None
    nominal_apr: Decimal | None = None
    expected_payoff_date: dt.date | None = None
    loan_name: str | None = None
    payment_reference_number: str | None = None
    repayment_plan_type: str | None = None


class _Account(msgspec.Struct):
    type: str
    subtype: str | None = None
    starting_balance: Decimal | None = None
    force_available_balance: Decimal | None = None
    currency: str | None = None
    meta: _Meta | None = None
    numbers: _Numbers | None = None
    transactions: list[_Line] | None = None
    holdings: list[_Holding] | None = None
    investment_transactions: list[_Deal] | None = None
    liability: _Liability | None = None


class _User(msgspec.Struct):
    override_accounts: list[_Account]


@dataclass(frozen=True, slots=True)
class _Reader:
    """Turns the description into a bank of its own."""

    bank: Bank
    today: dt.date

    def open(self, given: _Account, number: int) -> None:
        meta, kind = given.meta or _Meta(), given.subtype or given.type
        full_number = given.numbers.account if given.numbers else None
        account = Account(
            id=str(number),
            name=meta.name or f"Plaid {kind.title()}",
            official_name=meta.official_name,
            type=given.type,
            subtype=given.subtype,
            mask=full_number[-4:] if full_number else f"{number % 10}" * 4,
            currency=given.currency or "USD",
            limit=meta.limit,
            terms=_terms(given.liability),
            stated_available=given.force_available_balance,
        )
        self.bank.open(account)
        for line in given.transactions or ():
            self._book(account, line)
        for held in given.holdings or ():
            self._hold(account, held)
        for deal in given.investment_transactions or ():
            self._deal(account, deal)
        start = _DEFAULT_BALANCE if given.starting_balance is None else given.starting_balance
        if given.type == "investment":
            account.stated = given.starting_balance
        else:
            account.opening = (-start if given.type in OWING else start) - account.posted

    def _book(self, account: Account, line: _Line) -> None:
        pending = line.date_posted > self.today  # so the vendor reads a date to come
        self.bank.add(
            Movement(
                id=self.bank.next_id(account.id),
                account=account.id,
                date=line.date_transacted if pending else line.date_posted,
                authorized_on=line.date_transacted,
                amount=-line.amount,
                currency=line.currency or account.currency,
                text=line.description,
                pending=pending,
            )
        )

    def _hold(self, account: Account, held: _Holding) -> None:
        currency = held.currency or account.currency
        security = self._security(held.security, held.institution_price, held.institution_price_as_of)
        lot = f"{security.id}#{len(self.bank.positions)}"  # one security may be held in several lots
        self.bank.positions[account.id, lot] = Position(
            account.id,
            security.id,
            held.quantity,
            held.institution_price,
            held.institution_price_as_of,
            held.cost_basis,
            currency,
        )

    def _deal(self, account: Account, deal: _Deal) -> None:
        security = self._security(deal.security, deal.price, deal.date) if deal.security else None
        sign = 1 if deal.type == "sell" and deal.quantity > 0 else -1
        self.bank.trades.append(
            Trade(
                id=f"{self.bank.id}/trade/{len(self.bank.trades)}",
                account=account.id,
                security=security.id if security else None,
                date=deal.date,
                name=deal.name,
                quantity=deal.quantity,
                amount=sign * deal.quantity * deal.price,
                price=deal.price,
                fees=deal.fees,
                type=deal.type,
                subtype=deal.subtype or _SUBTYPES.get(deal.type, "adjustment"),
                currency=deal.currency or account.currency,
            )
        )

    def _security(self, paper: _Paper, price: Decimal, day: dt.date | None) -> Security:
        ticker = paper.ticker_symbol
        security_id = ticker or paper.isin or paper.cusip or paper.name or "unnamed"
        found = self.bank.securities.get(security_id)
        if found is None:
            kind = _kind(ticker or "")
            found = self.bank.securities[security_id] = Security(
                security_id, ticker, paper.name or ticker, kind, price, day, paper.currency or "USD",
                isin=paper.isin, cusip=paper.cusip, cash=kind == "cash",
            )  # fmt: skip
        return found


def read_user(password: str, bank_id: str, today: dt.date) -> Bank:
    """Make a bank of a custom user's description. Raises the vendor's error where it cannot be read."""
    try:
        user = msgspec.json.decode(password, type=_User)
    except msgspec.DecodeError as error:
        raise PlaidError("INVALID_FIELD", f"override_password is not a valid custom user: {error}") from error
    if not user.override_accounts:
        raise PlaidError("INVALID_FIELD", "override_password holds no override_accounts")
    bank = Bank(bank_id, "", "", "", ())
    reader = _Reader(bank, today)
    for number, given in enumerate(user.override_accounts):
        reader.open(given, number)
    return bank


def _kind(ticker: str) -> str:
    if ticker.startswith("CUR:"):
        return "cash" if ticker in ("CUR:USD", "CUR:EUR", "CUR:GBP", "CUR:CAD") else "cryptocurrency"
    return "derivative" if OPTION.fullmatch(ticker) else "equity"


def _terms(given: _Liability | None) -> CardTerms | LoanTerms | None:
    if given is None or given.type is None:
        return None
    if given.type == "credit":
        return CardTerms(
            _rates(given),
            overdue=given.is_overdue,
            last_payment=given.last_payment_amount,
            minimum_payment=given.minimum_payment_amount,
        )
    return LoanTerms(
        rate=given.nominal_apr or ZERO,
        name=given.loan_name,
        originated_on=given.origination_date,
        principal=given.principal,
        ends_on=given.expected_payoff_date,
        payment=given.minimum_payment_amount or given.last_payment_amount,
        last_payment_on=None,
        due_on=None,
        overdue=given.is_overdue,
        plan=given.repayment_plan_type or "standard",
        reference=given.payment_reference_number,
    )


def _rates(given: _Liability) -> Sequence[tuple[str, Decimal]]:
    rates = (
        ("purchase_apr", given.purchase_apr),
        ("cash_apr", given.cash_apr),
        ("balance_transfer_apr", given.balance_transfer_apr),
        ("special", given.special_apr),
    )
    return [(name, rate) for name, rate in rates if rate is not None]
