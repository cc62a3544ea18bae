"""What a bank knows: accounts, movements, securities and trades, and balances that always add up.

Money that arrives is positive. What an account holds is its opening balance plus its posted movements; for a card or a
loan that is a negative number, what is owed.
"""

import datetime as dt
import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Final

ZERO: Final = Decimal(0)
CENT: Final = Decimal("0.01")
OWING: Final = frozenset({"credit", "loan"})  # account types whose balance is what is owed


@dataclass(frozen=True, slots=True)
class Category:
    """What a movement is for, in Plaid's second taxonomy, and in the first where that had another name."""

    primary: str
    detailed: str
    old_primary: str = ""
    old_detailed: str = ""


@dataclass(frozen=True, slots=True)
class Movement:
    """One line of an account. `amount` raises (positive) or lowers what the account holds, in `currency`.

    A pending line moves no money yet. It posts as a line of its own that `replaces` it, with `settles` as its amount
    where that differs (a tip).
    """

    id: str
    account: str
    date: dt.date
    amount: Decimal
    currency: str
    text: str  # as the bank prints it
    merchant: str | None = None
    website: str | None = None
    category: Category | None = None
    channel: str = "other"  # "online", "in store", "other"
    authorized_on: dt.date | None = None
    pending: bool = False
    settles: Decimal | None = None
    replaces: str | None = None
    check_number: str | None = None


@dataclass(frozen=True, slots=True)
class CardTerms:
    """What a card company tells about a card. Rates are in per cent a year."""

    rates: Sequence[tuple[str, Decimal]]  # (purchase_apr, balance_transfer_apr, cash_apr, special; rate)
    overdue: bool | None = False
    last_payment: Decimal | None = None
    last_payment_on: dt.date | None = None
    statement_on: dt.date | None = None
    statement_balance: Decimal | None = None
    minimum_payment: Decimal | None = None
    due_on: dt.date | None = None


@dataclass(frozen=True, slots=True)
class LoanTerms:
    """What a lender tells about a mortgage or a student loan. The rate is in per cent a year."""

    rate: Decimal
    name: str | None
    originated_on: dt.date | None
    principal: Decimal | None
    ends_on: dt.date | None
    payment: Decimal | None
    last_payment_on: dt.date | None
    due_on: dt.date | None
    overdue: bool | None = False
    status: str = "repayment"
    plan: str = "standard"
    reference: str | None = None


@dataclass(slots=True)
class Account:
    """One account. `stated` and `stated_available` override the sums, as a test user's description may ask."""

    id: str
    name: str
    type: str
    subtype: str | None
    currency: str = "USD"
    official_name: str | None = None
    mask: str | None = None
    owner: str | None = None
    opening: Decimal = ZERO
    limit: Decimal | None = None
    terms: CardTerms | LoanTerms | None = None
    stated: Decimal | None = None
    stated_available: Decimal | None = None
    posted: Decimal = ZERO  # the sum of the posted movements
    waiting: Decimal = ZERO  # the sum of the pending ones

    @property
    def holds(self) -> Decimal:
        """What is in the account: negative where it is owed."""
        return self.opening + self.posted


@dataclass(frozen=True, slots=True)
class Security:
    """Something that can be held. `price` is for one unit."""

    id: str
    ticker: str | None
    name: str | None
    type: str
    price: Decimal | None
    price_on: dt.date | None
    currency: str = "USD"
    isin: str | None = None
    cusip: str | None = None
    sector: str | None = None
    industry: str | None = None
    market: str | None = None
    cash: bool = False


@dataclass(frozen=True, slots=True)
class Trade:
    """One line of an investment account: `quantity` bought (positive) or sold, `amount` cash in (positive) or out."""

    id: str
    account: str
    security: str | None
    date: dt.date
    name: str
    quantity: Decimal
    amount: Decimal
    price: Decimal
    fees: Decimal | None
    type: str
    subtype: str
    currency: str = "USD"


@dataclass(frozen=True, slots=True)
class Position:
    """How much of a security an account holds. `cost` is what the whole of it was bought for."""

    account: str
    security: str
    quantity: Decimal
    price: Decimal
    price_on: dt.date | None
    cost: Decimal | None
    currency: str = "USD"

    @property
    def value(self) -> Decimal:
        """What it is worth at its price, in cents as brokers state it."""
        return (self.quantity * self.price).quantize(CENT)


class Act(enum.Enum):
    ADDED = "added"
    CHANGED = "changed"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that happened to a movement, which is given as it is afterwards (GONE: as it was before)."""

    act: Act
    movement: Movement


@dataclass(slots=True)
class Bank:
    """One institution and everything in its books."""

    id: str
    name: str
    url: str
    color: str
    products: tuple[str, ...]
    country: str = "US"
    routing_numbers: tuple[str, ...] = ()
    accounts: dict[str, Account] = field(default_factory=dict)
    movements: dict[str, Movement] = field(default_factory=dict)
    securities: dict[str, Security] = field(default_factory=dict)
    positions: dict[tuple[str, str], Position] = field(default_factory=dict)
    trades: list[Trade] = field(default_factory=list)
    issued: int = 0  # movement ids given out so far

    def open(self, account: Account) -> Account:
        """Open an account."""
        self.accounts[account.id] = account
        return account

    def next_id(self, account: str) -> str:
        """Give the id of the next movement of an account."""
        self.issued += 1
        return f"{self.id}/{account}/{self.issued}"

    def add(self, movement: Movement) -> Change:
        """Book a movement."""
        self.movements[movement.id] = movement
        self._count(movement, 1)
        return Change(Act.ADDED, movement)

    def change(self, movement: Movement) -> Change:
        """Book what a movement of the same id is now (KeyError where there is none)."""
        self._count(self.movements[movement.id], -1)
        self.movements[movement.id] = movement
        self._count(movement, 1)
        return Change(Act.CHANGED, movement)

    def remove(self, movement_id: str) -> Change:
        """Take a movement out of the books (KeyError where there is none)."""
        movement = self.movements.pop(movement_id)
        self._count(movement, -1)
        return Change(Act.GONE, movement)

    def post(self, pending_id: str, on: dt.date) -> tuple[Change, Change]:
        """Let a pending movement post: it goes, and a new one with its final amount takes its place."""
        gone = self.remove(pending_id)
        was = gone.movement
        posted = replace(
            was,
            id=self.next_id(was.account),
            date=on,
            authorized_on=was.authorized_on or was.date,
            amount=was.amount if was.settles is None else was.settles,
            pending=False,
            settles=None,
            replaces=was.id,
        )
        return gone, self.add(posted)

    def trade(self, trade: Trade) -> None:
        """Carry out a trade: book it, and move securities and cash (the security `cash`) accordingly."""
        self.trades.append(trade)
        if trade.security is not None:
            self._move(trade.account, trade.security, trade.quantity, trade)
        if trade.amount and "cash" in self.securities:
            self._move(trade.account, "cash", trade.amount, None)

    def reprice(self, prices: Iterable[tuple[str, Decimal]], on: dt.date) -> None:
        """Set the prices of securities, and of what is held of them."""
        for security_id, price in prices:
            self.securities[security_id] = replace(self.securities[security_id], price=price, price_on=on)
            for key, position in self.positions.items():
                if position.security == security_id:
                    self.positions[key] = replace(position, price=price, price_on=on)

    def balance(self, account: Account) -> tuple[Decimal | None, Decimal | None]:
        """Give (current, available) as banks state them: what is owed is positive."""
        if account.type == "investment":
            held = [position for position in self.positions.values() if position.account == account.id]
            current = sum((position.value for position in held), ZERO)
            available: Decimal | None = sum((one.value for one in held if one.security == "cash"), ZERO)
        elif account.type in OWING:
            current = -account.holds
            room = account.limit - current if account.limit is not None else None
            available = room + account.waiting if room is not None else None
        else:
            current = account.holds
            available = current + account.waiting
        return (
            current if account.stated is None else account.stated,
            available if account.stated_available is None else account.stated_available,
        )

    def _count(self, movement: Movement, sign: int) -> None:
        account = self.accounts[movement.account]
        if movement.pending:
            account.waiting += sign * movement.amount
        else:
            account.posted += sign * movement.amount

    def _move(self, account: str, security_id: str, quantity: Decimal, trade: Trade | None) -> None:
        security = self.securities[security_id]
        price = security.price or ZERO
        held = self.positions.get(
            (account, security_id),
            Position(account, security_id, ZERO, price, security.price_on, ZERO, security.currency),
        )
        cost = held.cost or ZERO
        if trade is None:
            cost += quantity
        elif quantity > 0:
            cost -= trade.amount  # money out is negative; a split costs nothing
        elif held.quantity:
            cost = (cost * (held.quantity + quantity) / held.quantity).quantize(CENT)
        left = held.quantity + quantity
        if left == 0 and trade is not None:
            del self.positions[account, security_id]
        else:
            self.positions[account, security_id] = replace(held, quantity=left, cost=cost)
