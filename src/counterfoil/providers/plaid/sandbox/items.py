"""One Item: a login at an institution, the accounts it shows, and how far their history has been read."""

import datetime as dt
import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from counterfoil.providers.plaid.sandbox import wire
from counterfoil.providers.plaid.sandbox.errors import error_body, status_of
from counterfoil.providers.plaid.sandbox.feed import Feed
from counterfoil.sandbox.world.ledger import Account, Act, Bank, Change, Movement

INITIAL_DAYS: Final = 30
_WITH_TRANSACTIONS: Final = frozenset({"depository", "credit"})


@dataclass(frozen=True, slots=True)
class Institution:
    """A bank as Plaid lists it."""

    id: str
    name: str
    url: str
    color: str
    products: tuple[str, ...]
    countries: tuple[str, ...]
    routing_numbers: tuple[str, ...]
    bank: str  # the world's bank behind it


class Stage(enum.Enum):
    """How far the history of transactions has been read."""

    NOT_READY = "NOT_READY"
    INITIAL = "INITIAL_UPDATE_COMPLETE"
    HISTORICAL = "HISTORICAL_UPDATE_COMPLETE"


@dataclass(slots=True)
class Mutation:
    """Planned: once a page with more to come was served, the log moves."""

    pages: int = 1  # how many pages of a loop go by first
    remove_served: bool = False  # else a new row comes


@dataclass(slots=True)
class Item:
    """The state of an Item. `since` and `until` bound the history of transactions that was asked for."""

    id: str
    access_token: str
    institution: Institution
    bank: Bank
    products: list[str]
    webhook: str | None
    created: float
    since: dt.date
    until: dt.date = dt.date.max
    accounts: dict[str, Account] = field(default_factory=dict)  # account_id -> account
    username: str = "user_good"
    refreshable: bool = True
    error: str | None = None
    stage: Stage = Stage.NOT_READY
    held: bool = False  # stays not ready until told
    trades_ready: bool = False
    synced: bool = False  # /transactions/sync was called: from then on its webhook fires
    updated: float | None = None
    traded: float | None = None
    told: tuple[float, str] | None = None  # when which webhook was sent last
    mutation: Mutation | None = None
    feed: Feed = field(init=False)
    _account_ids: dict[str, str] = field(default_factory=dict)  # account in the world -> account_id
    _movement_ids: dict[str, str] = field(default_factory=dict)  # transaction_id -> movement in the world

    def __post_init__(self) -> None:
        self.feed = Feed(self.id)

    def show(self, accounts: Iterable[Account]) -> None:
        """Let the Item show these accounts; what it showed before stays."""
        for account in accounts:
            account_id = wire.short_id(self.id, account.id)
            self._account_ids[account.id] = account_id
            self.accounts[account_id] = account

    def account_id(self, account: str) -> str | None:
        """Give the account_id of an account of the world, None where it is not shown."""
        return self._account_ids.get(account)

    def movement_of(self, transaction_id: str) -> Movement:
        """Give the movement behind a transaction (KeyError where there is none)."""
        return self.bank.movements[self._movement_ids[transaction_id]]

    def in_sync(self, account: Account) -> bool:
        """Say whether /transactions/sync covers the account."""
        return account.type in _WITH_TRANSACTIONS or account.subtype == "student"

    def row(self, movement: Movement) -> wire.Row | None:
        """Give the transaction that shows a movement, None where this Item does not show it."""
        account_id = self.account_id(movement.account)
        if account_id is None or not self.in_sync(self.accounts[account_id]):
            return None
        if not self.since <= movement.date <= self.until:
            return None
        row = wire.row_of(movement, self.id, account_id)
        self._movement_ids[row.transaction_id] = movement.id
        return row

    def advance(self, stage: Stage, today: dt.date) -> int:
        """Read the history up to a stage: the last 30 days, then all. Gives the number of new rows.

        What changed or went since an earlier reading is logged too.
        """
        self.stage = stage
        first = today - dt.timedelta(days=INITIAL_DAYS) if stage is Stage.INITIAL else dt.date.min
        new, there, known = 0, set(), self.feed.rows
        for movement in sorted(self.bank.movements.values(), key=lambda movement: movement.date):
            row = self.row(movement)
            if row is None:
                continue
            there.add(row.transaction_id)
            if row.transaction_id in known:
                if known[row.transaction_id] != row:
                    self.feed.modify(row)
            elif movement.date >= first:
                self.feed.add(row)
                new += 1
        for transaction_id in [one for one in known if one not in there]:
            self.feed.remove(transaction_id)
        return new

    def apply(self, changes: Sequence[Change], *, split_pending: bool) -> tuple[int, list[str]]:
        """Log what happened at the bank. Gives the number of new rows and the ids of the removed ones."""
        new, removed = 0, []
        if self.stage is Stage.NOT_READY and not self.feed.head:
            return 0, []  # whoever reads the history later sees it
        if split_pending:
            changes = _posted_first(changes)
        for number, change in enumerate(changes):
            row = self.row(change.movement)
            if row is None:
                continue
            known = row.transaction_id in self.feed.rows
            if change.act is Act.ADDED:
                self.feed.add(row)
                new += 1
            elif change.act is Act.CHANGED and known:
                self.feed.modify(row)
            elif change.act is Act.GONE and known:
                if split_pending and number and changes[number - 1].movement.replaces == change.movement.id:
                    self.feed.end_page()
                self.feed.remove(row.transaction_id)
                removed.append(row.transaction_id)
        return new, removed

    def body(self) -> dict[str, Any]:
        """Give the Item as the API shows it."""
        return {
            "item_id": self.id,
            "institution_id": self.institution.id,
            "institution_name": self.institution.name,
            "webhook": self.webhook,
            "auth_method": None,
            "error": self.error_body(),
            "available_products": [name for name in self.institution.products if name not in self.products],
            "billed_products": self.products,
            "products": self.products,
            "consented_products": list(self.institution.products),
            "consent_expiration_time": None,
            "update_type": "background",
        }

    def error_body(self, otherwise: str | None = None) -> dict[str, Any] | None:
        """Give the Item's error, or another where it has none, as it stands in an Item and in webhooks."""
        code = self.error or otherwise
        return None if code is None else error_body(code, "") | {"status": status_of(code)}

    def account_bodies(self, chosen: Iterable[str] | None = None) -> list[dict[str, Any]]:
        """Give the accounts with their balances: all, or those of these account_ids (KeyError for a foreign one)."""
        ids = list(self.accounts) if chosen is None else list(chosen)
        return [wire.account_body(self.accounts[account_id], account_id, self.bank) for account_id in ids]


def _posted_first(changes: Sequence[Change]) -> list[Change]:
    """Put what posted before the pending line that it replaces."""
    order = list(changes)
    for number in range(len(order) - 1):
        gone, added = order[number], order[number + 1]
        if gone.act is Act.GONE and added.movement.replaces == gone.movement.id:
            order[number], order[number + 1] = added, gone
    return order
