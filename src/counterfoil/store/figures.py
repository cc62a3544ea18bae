"""What charts are drawn from: accounts, their balances day by day, and what moved."""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

import sqlalchemy as sa

from counterfoil.store import said
from counterfoil.store.schema import rows, workspaces

_accounts, _transactions = rows["accounts"], rows["transactions"]
_balances, _categories = rows["balances"], rows["categories"]


@dataclass(frozen=True, slots=True)
class Account:
    """An account that is open, with what it holds; for `credit` and `loan` that is what is owed."""

    key: str
    type: str | None
    currency: str
    current: Decimal


@dataclass(frozen=True, slots=True)
class Flow:
    """A posted transaction; `amount` is what the account gained, fees deducted."""

    date: dt.date
    account: str
    currency: str
    amount: Decimal
    category: str | None
    aside: bool = False  # one side of a transfer between own accounts, or hidden: neither income nor spending


def edition(tx: sa.Connection, workspace_id: str) -> int:
    """Give a number that grows whenever a row of the workspace changes."""
    query = sa.select(workspaces.c.row_version).where(workspaces.c.id == workspace_id)
    reached: int = tx.execute(query).scalar_one()
    return reached


@dataclass(frozen=True, slots=True)
class OpenAccount:
    """An account as people know it."""

    connection_id: str
    key: str
    name: str
    mask: str | None
    type: str | None
    subtype: str | None
    currency: str
    current: Decimal | None
    available: Decimal | None
    as_of: dt.datetime | None


def accounts_of(tx: sa.Connection, workspace_id: str) -> list[OpenAccount]:
    """Give a workspace's open accounts by name."""
    c = _accounts.c
    shown = (c.connection_id, c.key, c.name, c.mask, c.type, c.subtype, c.currency, c.current, c.available, c.as_of)
    query = sa.select(*shown).where(c.workspace_id == workspace_id, c.removed.is_(False))
    return [OpenAccount(**row) for row in tx.execute(query.order_by(c.name, c.key)).mappings()]


def accounts(tx: sa.Connection, workspace_id: str) -> list[Account]:
    """Give the open accounts whose balance is known."""
    c = _accounts.c
    query = sa.select(c.key, c.type, c.currency, c.current).where(
        c.workspace_id == workspace_id, c.removed.is_(False), c.current.is_not(None)
    )
    return [Account(*row) for row in tx.execute(query)]


def flows(tx: sa.Connection, workspace_id: str, since: dt.date) -> list[Flow]:
    """Give what moved from a day on, in no order."""
    c = _transactions.c
    moved = sa.func.coalesce(c.net, c.amount, type_=c.amount.type)
    aside = c.transfer.is_not(None) | c.hidden
    query = sa.select(c.date, c.account, c.currency, moved, said.column("transactions", "category"), aside)
    posted = (c.removed.is_(False), c.replaced_by.is_(None), c.pending.is_(False))
    return [Flow(*row) for row in tx.execute(query.where(c.workspace_id == workspace_id, c.date >= since, *posted))]


def balances(tx: sa.Connection, workspace_id: str) -> list[tuple[str, dt.date, Decimal]]:
    """Give what accounts held on the days that are known: (account, day, balance), oldest first."""
    c = _balances.c
    query = sa.select(c.account, c.date, c.current).where(
        c.workspace_id == workspace_id, c.removed.is_(False), c.current.is_not(None)
    )
    return [(account, day, held) for account, day, held in tx.execute(query.order_by(c.date))]


def category_names(tx: sa.Connection, workspace_id: str) -> dict[str, tuple[str, str | None]]:
    """Give name and group of each category by key."""
    c = _categories.c
    query = sa.select(c.key, c.name, c.group).where(c.workspace_id == workspace_id)
    return {key: (name, group) for key, name, group in tx.execute(query)}
