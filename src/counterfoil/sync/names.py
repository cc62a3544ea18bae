"""What people call our tables and columns, and how two names are compared. Pure."""

import re
import unicodedata
from collections.abc import Mapping
from functools import cache
from typing import Final

from counterfoil.model import KEY_LABEL, TABLES, columns
from counterfoil.plan import REMOVED

EXACT: Final = 1.0
KNOWN: Final = 0.85  # a well-known other name
PART: Final = 0.5  # our name is among the words of theirs

KEY: Final = "key"
KEY_NAMES: Final = (
    KEY_LABEL,
    "external id",
    "transaction id",
    "account id",
    "plaid id",
    "stripe id",
    "bank id",
    "unique id",
    "id",
    "uid",
    "key",
    "reference id",
)

_TABLES: Final[Mapping[str, tuple[str, ...]]] = {
    "institutions": ("banks", "institution", "financial institutions"),
    "accounts": ("bank accounts", "cards", "accounts and cards", "wallets"),
    "categories": ("budget categories", "category", "budgets"),
    "transactions": (
        "bank transactions",
        "expenses",
        "spending",
        "ledger",
        "journal",
        "cash flow",
        "movements",
        "income and expenses",
    ),
    "securities": ("stocks", "assets", "tickers", "instruments"),
    "holdings": ("positions", "portfolio", "investments"),
    "investment_transactions": ("trades", "investment activity", "orders", "brokerage transactions"),
    "balances": ("balances", "balance log", "net worth", "daily balances", "account history"),
}

_TITLES: Final = ("title",)
_COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "institutions.name": ("institution", "bank", *_TITLES),
    "institutions.url": ("url", "link", "homepage", "site"),
    "accounts.name": ("account", "account name", *_TITLES),
    "accounts.institution": ("bank", "financial institution", "provider"),
    "accounts.type": ("account type", "kind"),
    "accounts.mask": ("mask", "last 4", "last four", "number", "account number", "ending"),
    "accounts.official_name": ("bank's name", "full name", "legal name"),
    "accounts.current": ("current balance", "current", "amount", "value", "money"),
    "accounts.available": ("available balance", "available credit", "available funds"),
    "accounts.limit": ("credit limit",),
    "accounts.as_of": ("last update", "updated", "updated at", "last synced", "as of"),
    "accounts.apr": ("interest rate", "interest", "rate"),
    "accounts.next_payment_due": ("due", "due date", "payment due"),
    "accounts.minimum_payment": ("minimum", "minimum due", "min payment"),
    "categories.name": ("category", *_TITLES),
    "categories.group": ("parent", "category group", "section"),
    "transactions.summary": (
        "description",
        "payee",
        "memo",
        "name",
        "details",
        "narrative",
        "what",
        "transaction",
        "note",
        *_TITLES,
    ),
    "transactions.date": ("day", "posted", "posted on", "posting date", "booking date", "when", "time"),
    "transactions.amount": ("money", "sum", "value", "total", "cost", "price", "spent", "how much"),
    "transactions.currency": ("iso currency", "currency code", "ccy"),
    "transactions.account": ("bank account", "card", "source", "from account", "wallet"),
    "transactions.category": ("budget", "budget category", "type of spending", "label"),
    "transactions.pending": ("is pending", "not cleared", "uncleared"),
    "transactions.merchant": ("vendor", "shop", "store", "payee", "counterparty", "merchant name"),
    "transactions.original_text": ("bank text", "original description", "statement text", "raw", "raw description"),
    "transactions.authorized_on": ("authorized", "authorised on", "purchase date", "date of purchase"),
    "transactions.channel": ("payment channel", "method", "payment method"),
    "transactions.type": ("kind",),
    "transactions.fee": ("fees", "processing fee", "stripe fee"),
    "transactions.net": ("net amount", "payout amount"),
    "transactions.check_number": ("cheque number", "check no", "check"),
    "transactions.website": ("url", "link", "site"),
    "securities.name": ("security", "stock", "asset", *_TITLES),
    "securities.ticker": ("symbol", "ticker symbol"),
    "securities.price": ("close", "close price", "last price", "market price"),
    "securities.price_as_of": ("price date", "as of", "date"),
    "holdings.name": ("holding", "position", *_TITLES),
    "holdings.security": ("stock", "asset", "instrument", "ticker"),
    "holdings.quantity": ("shares", "units", "qty", "amount held"),
    "holdings.price": ("market price", "last price"),
    "holdings.value": ("market value", "total", "worth", "balance"),
    "holdings.cost_basis": ("cost", "purchase value", "invested"),
    "holdings.as_of": ("as of", "price date", "date"),
    "investment_transactions.name": ("description", "trade", "transaction", "summary", *_TITLES),
    "investment_transactions.date": ("day", "trade date"),
    "investment_transactions.security": ("stock", "asset", "instrument", "ticker"),
    "investment_transactions.quantity": ("shares", "units", "qty"),
    "investment_transactions.amount": ("money", "sum", "total", "value"),
    "investment_transactions.fees": ("fee", "commission", "costs"),
    "balances.name": ("balance name", *_TITLES),
    "balances.date": ("day", "as of"),
    "balances.current": ("current balance", "amount", "value", "net worth"),
    "balances.available": ("available balance",),
    f"*.{REMOVED}": ("deleted", "archived", "is removed", "gone"),
}


@cache
def words(name: str) -> tuple[str, ...]:
    """Give a name's words without case, emoji, punctuation, remarks in brackets and plurals: "💰 Amounts (USD)"."""
    plain = unicodedata.normalize("NFKC", name)
    bare = re.sub(r"[(\[{].*?[)\]}]", " ", plain)
    bare = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", bare)
    found = re.findall(r"[^\W_]+", re.sub(r"['’]s\b", "", bare).casefold())
    return tuple(_singular(word) for word in found)


def _singular(word: str) -> str:
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us")) else word


def likeness(theirs: str, ours: str, *others: str, about: tuple[str, ...] = ()) -> float:
    """Say how surely a name means ours: 1 for the same, less for a well-known other name or a part, 0 for no.

    `about` are words that add nothing: in a table of transactions “Transaction date” is the date.
    """
    found = words(theirs)
    bare = tuple(word for word in found if word not in about) or found
    if found == words(ours):
        return EXACT
    if bare == words(ours):
        return EXACT - 0.02
    for nth, other in enumerate(others):
        if words(other) in (found, bare):
            return KNOWN - nth / 100
    return PART if set(words(ours)) < set(found) else 0.0


def table_likeness(theirs: str, table: str) -> float:
    """Say how surely a table of that name is ours."""
    return likeness(theirs, TABLES[table].label, table, *_TABLES[table])


def column_likeness(theirs: str, table: str, column: str) -> float:
    """Say how surely a field of that name is our column."""
    about = words(TABLES[table].label)
    if column == KEY:
        return likeness(theirs, *KEY_NAMES)
    known = _COLUMNS.get(f"{table}.{column}", _COLUMNS.get(f"*.{column}", ()))
    label = "Removed" if column == REMOVED else columns(table)[column].label
    return likeness(theirs, label, column, *known, about=about)
