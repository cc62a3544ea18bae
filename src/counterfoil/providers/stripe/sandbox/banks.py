"""Outside banks at the emulated account: Financial Connections sessions, accounts, refreshes and transactions."""

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from counterfoil.providers.stripe.sandbox.till import Shelf
from counterfoil.sandbox import merchant as world
from counterfoil.sandbox.kit import Clock

Json = dict[str, Any]
PREFIX: Final = "financial_connections.account."
REFRESH_TAKES: Final = 5  # seconds of the emulator's clock
REFRESH_REST: Final = 6 * 3600  # until the next may be asked for
_DAY: Final = 86400
_TEXTS: Final = (
    "GREEN COFFEE IMPORTS LLC", "CITY WATER UTILITY", "CARTON & CO PACKAGING", "NORTH PIER RENT", "DIESEL DEPOT 4471",
    "ROASTER SERVICE GMBH", "PAYROLL HARBOUR LANE", "POSTAGE METER REFILL",
)  # fmt: skip


@dataclass(slots=True)
class Refresh:
    """One look at the bank; that of a balance has no id."""

    id: str | None
    started: int
    status: str = "pending"
    fails: bool = False

    def body(self) -> Json:
        """Give it as it stands in the account."""
        rest = self.started + REFRESH_REST if self.status == "succeeded" else None
        body = {"last_attempted_at": self.started, "next_refresh_available_at": rest, "status": self.status}
        return body if self.id is None else {"id": self.id, **body}


@dataclass(slots=True, eq=False)
class BankAccount:
    """An account at another bank."""

    id: str
    created: int
    institution: str
    name: str
    category: str
    subcategory: str
    last4: str
    current: int  # as Stripe states it: negative where the holder owes
    permissions: tuple[str, ...]
    status: str = "active"
    as_of: int = 0
    subscribed: bool = False
    refresh: Refresh | None = None  # of the transactions
    balance_refresh: Refresh | None = None
    fail_next: bool = False
    unseen: "list[BankTransaction]" = field(default_factory=list)  # at the bank, not yet fetched by a refresh


@dataclass(slots=True, eq=False)
class BankTransaction:
    """A movement there; `refresh` is the one that last brought a change of it."""

    id: str
    created: int  # transacted_at
    account: str
    amount: int
    description: str
    status: str
    refresh: str = ""
    updated: int = 0


@dataclass(slots=True)
class Session:
    """A person's choosing of accounts."""

    id: str
    holder: Json
    permissions: list[str]
    prefetch: list[str]
    return_url: str | None
    accounts: list[str] = field(default_factory=list)


class Banks:
    """The outside accounts that were collected, and the refreshes that are under way."""

    def __init__(self, seed: int, clock: Clock, live: bool, emit: Callable[[str, Any], None]) -> None:
        self._dice, self._clock, self._live, self._emit = Random(f"{seed}:banks"), clock, live, emit
        self.accounts: Shelf[BankAccount] = Shelf([])
        self.transactions: Shelf[BankTransaction] = Shelf([])
        self.sessions: dict[str, Session] = {}
        self.refreshes: list[str] = []  # in the order in which they succeeded

    @property
    def now(self) -> int:
        """The account's time, Unix seconds."""
        return int(self._clock.now())

    # --- accounts -----------------------------------------------------------------------------------------

    def open(
        self,
        *,
        name: str = "Operating account",
        institution: str = "Saltmarsh Bank",
        category: str = "cash",
        subcategory: str = "checking",
        current: int = 1_250_000,
        last4: str = "6789",
        permissions: Iterable[str] = ("balances", "transactions"),
        quiet: bool = False,
    ) -> BankAccount:
        """Collect an account at a bank."""
        account = BankAccount(
            self._id("fca"), self.now, institution, name, category, subcategory, last4, current, tuple(permissions)
        )
        account.as_of = self.now
        self.accounts.put(account)
        if not quiet:
            self._emit(PREFIX + "created", account)
        return account

    def seed(self, days: int = 150) -> None:
        """Collect a checking account and a card with some months of movements, all fetched."""
        card = {"name": "Business card", "category": "credit", "subcategory": "credit_card", "current": -184_250}
        for account in (self.open(quiet=True), self.open(**card, last4="0119", quiet=True)):  # type: ignore[arg-type]
            account.subscribed = True
            for day in range(days, 0, -3):
                at = self.now - day * _DAY + self._dice.randrange(_DAY // 2)
                self.happen(account, -self._dice.randrange(1_200, 90_000), self._dice.choice(_TEXTS), created=at)
            self.start_refresh(account)
            self._finish(account, quiet=True)
        self._dice = Random()  # a sandbox that was started anew must not use the ids of the last time

    def happen(
        self, account: BankAccount, amount: int, description: str, status: str = "posted", created: int | None = None
    ) -> BankTransaction:
        """Let money move at the bank; the next refresh shows it."""
        at = self.now if created is None else created
        row = BankTransaction(self._id("fctxn"), at, account.id, amount, description, status)
        account.unseen.append(row)
        return row

    def change(self, key: str, status: str) -> BankTransaction | None:
        """Let a pending row post or vanish (void) at the bank; the next refresh shows it."""
        row = self.transactions.find(key)
        account = self.accounts.find(row.account) if row else None
        if row is None or account is None:
            return None
        account.unseen.append(BankTransaction(row.id, row.created, row.account, row.amount, row.description, status))
        return row

    # --- refreshes ----------------------------------------------------------------------------------------

    def start_refresh(self, account: BankAccount) -> None:
        """Ask the bank for transactions; the answer comes a few seconds later."""
        account.refresh = Refresh(self._id("fctxnref"), self.now, fails=account.fail_next)
        account.fail_next = False

    def start_balance_refresh(self, account: BankAccount) -> None:
        """Ask the bank for the balance; the answer comes a few seconds later."""
        account.balance_refresh = Refresh(None, self.now)

    def settle(self) -> None:
        """Let the clock's time take effect: refreshes end, subscribed accounts are refreshed once a day."""
        for account in self.accounts:
            if account.refresh and account.refresh.status == "pending" and self._over(account.refresh):
                self._finish(account)
            if (
                account.balance_refresh
                and account.balance_refresh.status == "pending"
                and self._over(account.balance_refresh)
            ):
                account.balance_refresh.status = "succeeded"
                account.as_of = self.now
                self._emit(PREFIX + "refreshed_balance", account)
            refresh = account.refresh
            if account.subscribed and account.status == "active" and refresh and self.now - refresh.started > _DAY:
                self.start_refresh(account)

    def refresh_now(self, account: BankAccount) -> None:
        """Refresh without the wait."""
        self.start_refresh(account)
        self._finish(account)

    def _over(self, refresh: Refresh) -> bool:
        return self.now >= refresh.started + REFRESH_TAKES

    def _finish(self, account: BankAccount, quiet: bool = False) -> None:
        refresh = account.refresh
        assert refresh is not None and refresh.id is not None
        refresh.status = "failed" if refresh.fails else "succeeded"
        if not refresh.fails:
            self.refreshes.append(refresh.id)
            for row in account.unseen:
                self._show(row, refresh.id)
            account.unseen.clear()
        if not quiet:
            self._emit(PREFIX + "refreshed_transactions", account)

    def _show(self, row: BankTransaction, refresh: str) -> None:
        known = self.transactions.find(row.id)
        shown = known or self.transactions.put(row)
        shown.status, shown.refresh, shown.updated = row.status, refresh, self.now

    def _id(self, prefix: str) -> str:
        return world.new_id(self._dice, prefix)

    # --- shapes -------------------------------------------------------------------------------------------

    def account_body(self, account: BankAccount) -> Json:
        """https://docs.stripe.com/api/financial_connections/accounts/object"""
        cash, units = account.category == "cash", account.current
        balance: Json = {"as_of": account.as_of, "current": {"usd": units}, "type": "cash" if cash else "credit"}
        balance |= {"cash": {"available": {"usd": units}}} if cash else {"credit": {"used": {"usd": -units}}}
        return {
            "id": account.id,
            "object": "financial_connections.account",
            "account_holder": {"type": "account", "account": "acct_holder"},
            "account_numbers": None,
            "balance": balance if "balances" in account.permissions else None,
            "balance_refresh": account.balance_refresh.body() if account.balance_refresh else None,
            "category": account.category,
            "created": account.created,
            "display_name": account.name,
            "institution_name": account.institution,
            "last4": account.last4,
            "livemode": self._live,
            "ownership": None,
            "ownership_refresh": None,
            "permissions": list(account.permissions),
            "status": account.status,
            "subcategory": account.subcategory,
            "subscriptions": ["transactions"] if account.subscribed else [],
            "supported_payment_method_types": ["us_bank_account"] if cash else [],
            "transaction_refresh": account.refresh.body() if account.refresh else None,
        }

    def transaction_body(self, row: BankTransaction) -> Json:
        """https://docs.stripe.com/api/financial_connections/transactions/object"""
        return {
            "id": row.id,
            "object": "financial_connections.transaction",
            "account": row.account,
            "amount": row.amount,
            "currency": "usd",
            "description": row.description,
            "livemode": self._live,
            "status": row.status,
            "status_transitions": {
                "posted_at": row.updated if row.status == "posted" else None,
                "void_at": row.updated if row.status == "void" else None,
            },
            "transacted_at": row.created,
            "transaction_refresh": row.refresh,
            "updated": row.updated,
        }

    def session_body(self, session: Session) -> Json:
        """https://docs.stripe.com/api/financial_connections/sessions/object"""
        found = [self.accounts.find(key) for key in session.accounts]
        return {
            "id": session.id,
            "object": "financial_connections.session",
            "account_holder": session.holder,
            "accounts": {
                "object": "list",
                "data": [self.account_body(account) for account in found if account],
                "has_more": False,
                "url": "/v1/financial_connections/accounts",
            },
            "client_secret": f"{session.id}_client_secret_sandbox",
            "livemode": self._live,
            "permissions": session.permissions,
            "prefetch": session.prefetch,
            "return_url": session.return_url,
        }

    def new_session(self, holder: Json, permissions: list[str], prefetch: list[str], return_url: str | None) -> Session:
        """Begin a collection; there is no page for it, so a control call completes it."""
        session = Session(self._id("fcsess"), holder, permissions, prefetch, return_url)
        self.sessions[session.id] = session
        return session


def rfc3339(seconds: float) -> str:
    """Write a time as Stripe's second API does."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
