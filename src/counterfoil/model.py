"""The canonical tables: their columns, their types and the sign convention.

Inflow is positive: money that arrives in an account raises `amount`, money that leaves it lowers it, whatever
the provider's own sign. Balances are what the account holds; for credit and loan accounts `current` is what is
owed, as the bank states it. Amounts are major units of the row's `currency` (ISO 4217, else the bank's own code).
"""

import datetime as dt
import enum
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, ClassVar, Final, get_type_hints

import msgspec


class Kind(enum.Enum):
    """What a cell holds, in words that every destination can translate."""

    TEXT = "text"
    LONG_TEXT = "long_text"
    MONEY = "money"
    NUMBER = "number"
    PERCENT = "percent"  # a fraction: 0.05 is five per cent
    DATE = "date"  # the bank's local date
    TIMESTAMP = "timestamp"  # UTC
    FLAG = "flag"
    SELECT = "select"
    URL = "url"
    LINK = "link"  # the key of a row in the table `to`


class Writes(enum.Enum):
    """Whose a field is after its row was created."""

    ALWAYS = "always"  # ours: kept equal to the provider
    ONCE = "once"  # written at creation, the user's from then on


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a canonical table as people see it."""

    label: str
    kind: Kind
    writes: Writes = Writes.ALWAYS
    to: str | None = None  # LINK only: the table pointed to
    title: bool = False  # the column that names the row
    name: str = ""  # the struct's field; filled in by `columns`


KEY_LABEL: Final = "Counterfoil ID"

_once = Writes.ONCE
Title = Annotated[str, Column("Name", Kind.TEXT, _once, title=True)]
AccountLink = Annotated[str, Column("Account", Kind.LINK, to="accounts")]
SecurityLink = Annotated[str | None, Column("Security", Kind.LINK, to="securities")]
Currency = Annotated[str, Column("Currency", Kind.SELECT)]


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One row of one canonical table. `key` is the provider's own id and unique in its table."""

    table: ClassVar[str]
    label: ClassVar[str]  # what people call the table
    requires: ClassVar[tuple[str, ...]] = ()  # tables whose rows must be written first
    said: ClassVar[Mapping[str, Column]] = {}  # columns that no provider tells: what is said here, by rules and people
    key: str


class Institution(Record, frozen=True, kw_only=True):
    table = "institutions"
    label = "Institutions"
    name: Title
    url: Annotated[str | None, Column("Website", Kind.URL, _once)] = None


class Account(Record, frozen=True, kw_only=True):
    table = "accounts"
    label = "Accounts"
    requires = ("institutions",)
    name: Title
    institution: Annotated[str | None, Column("Institution", Kind.LINK, to="institutions")] = None
    type: Annotated[str | None, Column("Type", Kind.SELECT)] = None
    subtype: Annotated[str | None, Column("Subtype", Kind.SELECT)] = None
    mask: Annotated[str | None, Column("Last digits", Kind.TEXT)] = None
    official_name: Annotated[str | None, Column("Official name", Kind.TEXT)] = None
    currency: Currency
    current: Annotated[Decimal | None, Column("Balance", Kind.MONEY)] = None
    available: Annotated[Decimal | None, Column("Available", Kind.MONEY)] = None
    limit: Annotated[Decimal | None, Column("Limit", Kind.MONEY)] = None
    as_of: Annotated[dt.datetime | None, Column("Balance as of", Kind.TIMESTAMP)] = None
    apr: Annotated[Decimal | None, Column("APR", Kind.PERCENT)] = None
    statement_balance: Annotated[Decimal | None, Column("Statement balance", Kind.MONEY)] = None
    minimum_payment: Annotated[Decimal | None, Column("Minimum payment", Kind.MONEY)] = None
    next_payment_due: Annotated[dt.date | None, Column("Next payment due", Kind.DATE)] = None
    last_payment: Annotated[Decimal | None, Column("Last payment", Kind.MONEY)] = None
    last_payment_on: Annotated[dt.date | None, Column("Last payment on", Kind.DATE)] = None
    overdue: Annotated[bool | None, Column("Overdue", Kind.FLAG)] = None
    persistent_id: str | None = None  # survives a re-link at some banks; never written to a destination


class Category(Record, frozen=True, kw_only=True):
    table = "categories"
    label = "Categories"
    name: Title
    group: Annotated[str | None, Column("Group", Kind.SELECT, _once)] = None


class Transaction(Record, frozen=True, kw_only=True):
    table = "transactions"
    label = "Transactions"
    requires = ("accounts", "categories")
    said = {"tags": Column("Tags", Kind.TEXT), "transfer": Column("Transfer", Kind.TEXT)}
    summary: Annotated[str, Column("Summary", Kind.TEXT, _once, title=True)]
    date: Annotated[dt.date, Column("Date", Kind.DATE)]
    amount: Annotated[Decimal, Column("Amount", Kind.MONEY)]
    currency: Currency
    account: AccountLink
    category: Annotated[str | None, Column("Category", Kind.LINK, _once, to="categories")] = None
    pending: Annotated[bool, Column("Pending", Kind.FLAG)] = False
    merchant: Annotated[str | None, Column("Merchant", Kind.TEXT, _once)] = None
    original_text: Annotated[str | None, Column("Original text", Kind.TEXT)] = None
    authorized_on: Annotated[dt.date | None, Column("Authorized on", Kind.DATE)] = None
    channel: Annotated[str | None, Column("Channel", Kind.SELECT)] = None
    type: Annotated[str | None, Column("Type", Kind.SELECT)] = None
    fee: Annotated[Decimal | None, Column("Fee", Kind.MONEY)] = None
    net: Annotated[Decimal | None, Column("Net", Kind.MONEY)] = None
    check_number: Annotated[str | None, Column("Check number", Kind.TEXT)] = None
    website: Annotated[str | None, Column("Website", Kind.URL, _once)] = None
    replaces: str | None = None  # the pending row whose place at the destinations this row takes over


class Security(Record, frozen=True, kw_only=True):
    table = "securities"
    label = "Securities"
    name: Title
    ticker: Annotated[str | None, Column("Ticker", Kind.TEXT)] = None
    type: Annotated[str | None, Column("Type", Kind.SELECT)] = None
    price: Annotated[Decimal | None, Column("Price", Kind.MONEY)] = None
    price_as_of: Annotated[dt.date | None, Column("Price as of", Kind.DATE)] = None
    currency: Annotated[str | None, Column("Currency", Kind.SELECT)] = None
    isin: Annotated[str | None, Column("ISIN", Kind.TEXT)] = None
    cusip: Annotated[str | None, Column("CUSIP", Kind.TEXT)] = None
    cash: Annotated[bool | None, Column("Cash equivalent", Kind.FLAG)] = None


class Holding(Record, frozen=True, kw_only=True):
    table = "holdings"
    label = "Holdings"
    requires = ("accounts", "securities")
    name: Title
    account: AccountLink
    security: SecurityLink
    quantity: Annotated[Decimal, Column("Quantity", Kind.NUMBER)]
    price: Annotated[Decimal | None, Column("Price", Kind.MONEY)] = None
    value: Annotated[Decimal | None, Column("Value", Kind.MONEY)] = None
    cost_basis: Annotated[Decimal | None, Column("Cost basis", Kind.MONEY)] = None
    currency: Currency
    as_of: Annotated[dt.date | None, Column("Price as of", Kind.DATE)] = None


class InvestmentTransaction(Record, frozen=True, kw_only=True):
    table = "investment_transactions"
    label = "Investment transactions"
    requires = ("accounts", "securities")
    name: Title
    date: Annotated[dt.date, Column("Date", Kind.DATE)]
    account: AccountLink
    security: SecurityLink = None
    type: Annotated[str | None, Column("Type", Kind.SELECT)] = None
    subtype: Annotated[str | None, Column("Subtype", Kind.SELECT)] = None
    quantity: Annotated[Decimal | None, Column("Quantity", Kind.NUMBER)] = None
    price: Annotated[Decimal | None, Column("Price", Kind.MONEY)] = None
    amount: Annotated[Decimal, Column("Amount", Kind.MONEY)]
    fees: Annotated[Decimal | None, Column("Fees", Kind.MONEY)] = None
    currency: Currency


class Balance(Record, frozen=True, kw_only=True):
    table = "balances"
    label = "Balance history"
    requires = ("accounts",)
    name: Title
    account: AccountLink
    date: Annotated[dt.date, Column("Date", Kind.DATE)]
    current: Annotated[Decimal | None, Column("Balance", Kind.MONEY)] = None
    available: Annotated[Decimal | None, Column("Available", Kind.MONEY)] = None
    limit: Annotated[Decimal | None, Column("Limit", Kind.MONEY)] = None
    currency: Currency


# In dependency order: a table stands after every table that it points to.
TABLES: Final[Mapping[str, type[Record]]] = {
    record.table: record
    for record in (
        Institution,
        Account,
        Category,
        Transaction,
        Security,
        Holding,
        InvestmentTransaction,
        Balance,
    )
}


@cache
def columns(table: str) -> Mapping[str, Column]:
    """Give the columns of a table that destinations may show, by name, in the order people read them."""
    hints: dict[str, Any] = get_type_hints(TABLES[table], include_extras=True)
    found: dict[str, Column] = {}
    for name in TABLES[table].__struct_fields__:
        for extra in getattr(hints[name], "__metadata__", ()):
            if isinstance(extra, Column):
                found[name] = replace(extra, name=name)
    return found | {name: replace(column, name=name) for name, column in TABLES[table].said.items()}
