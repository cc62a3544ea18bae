"""Net worth and cash flow over the last year, worked out from accounts and what moved."""

import asyncio
import datetime as dt
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Final

from counterfoil.store import Database, Tx
from counterfoil.store import figures as stored
from counterfoil.store.figures import Account, Flow

_WEEKS: Final = 52
_OWED: Final = ("credit", "loan")
_VALUED: Final = ("investment", "brokerage")  # what is in them is worth more or less without anything moving
_LAG: Final = 20.0  # figures may lag behind rows that keep changing: so many times as long as it takes to work them out


@dataclass(frozen=True, slots=True)
class Month:
    """What came in and went out in one month, both as positive amounts; transfers are left out."""

    first: dt.date
    inflow: Decimal
    outflow: Decimal
    worth: Decimal | None  # net worth at its end, or today


@dataclass(frozen=True, slots=True)
class Figures:
    """One currency's figures; `others` says what is held in the remaining currencies."""

    currency: str
    worth: Decimal
    history: Sequence[tuple[dt.date, Decimal]]
    months: Sequence[Month]
    others: Mapping[str, Decimal]

    @property
    def change(self) -> Decimal:
        """What the net worth gained since the history begins."""
        return self.worth - self.history[0][1]


class FigureCache:
    """Keeps each workspace's figures until a row changes."""

    def __init__(self, db: Database) -> None:
        self._db = db
        # (workspace, currency asked for) -> edition, good until, figures
        self._known: dict[tuple[str, str | None], tuple[int, float, Figures | None]] = {}
        self._lock = asyncio.Lock()

    async def of(self, workspace_id: str, currency: str | None = None) -> Figures | None:
        """Give the figures in a currency, without one in that of most accounts; None where no account is known."""
        async with self._lock:
            edition = await self._db.read(stored.edition, workspace_id)
            known = self._known.get((workspace_id, currency))
            began = time.monotonic()
            if known is None or (known[0] != edition and began > known[1]):
                found = await self._db.read(_read, workspace_id, currency, dt.datetime.now(dt.UTC).date())
                spent = time.monotonic() - began if found else 0.0
                known = self._known[workspace_id, currency] = (edition, began + _LAG * spent, found)
            return known[2]


def _read(tx: Tx, workspace_id: str, currency: str | None, today: dt.date) -> Figures | None:
    since = month_of(today, -12)
    accounts = stored.accounts(tx, workspace_id)
    names = stored.category_names(tx, workspace_id)
    moved = {key for key, (name, group) in names.items() if is_transfer(name, group)}
    flows, balances = stored.flows(tx, workspace_id, since), stored.balances(tx, workspace_id)
    return work_out(accounts, flows, balances, today=today, transfers=moved, first=currency)


def is_transfer(name: str, group: str | None) -> bool:
    """Say whether a category means money that only changed its place."""
    return (group or "").casefold().startswith("transfer") or "credit card payment" in name.casefold()


def work_out(
    accounts: Sequence[Account],
    flows: Sequence[Flow],
    balances: Sequence[tuple[str, dt.date, Decimal]],
    *,
    today: dt.date,
    transfers: Iterable[str] = (),
    first: str | None = None,
) -> Figures | None:
    """Give the figures of the currency that is to come first, else of the one that most accounts are in.

    An account's past is today's balance less what moved since; that of investments is what was seen on each day, and
    before the first of them what was seen first.
    """
    if not accounts:
        return None
    held = Counter(account.currency for account in accounts)
    currency = first if first is not None and first in held else held.most_common(1)[0][0]
    mine = [account for account in accounts if account.currency == currency]
    moves = [flow for flow in flows if flow.currency == currency]
    others: dict[str, Decimal] = defaultdict(Decimal)
    for account in accounts:
        if account.currency != currency:
            others[account.currency] += _worth(account, account.current)
    begin = max(min((flow.date for flow in moves), default=today), today - dt.timedelta(weeks=_WEEKS))
    days = [today - dt.timedelta(weeks=week) for week in range(_WEEKS, -1, -1)]
    worth_on = _worths(mine, moves, balances, [day for day in days if day >= begin] or [today], today)
    history = sorted(worth_on.items())
    months = _months(mine, moves, balances, set(transfers), today, begin)
    return Figures(currency, history[-1][1], history, months, dict(others))


def _worths(
    accounts: Sequence[Account],
    flows: Sequence[Flow],
    balances: Sequence[tuple[str, dt.date, Decimal]],
    days: Sequence[dt.date],
    today: dt.date,
) -> dict[dt.date, Decimal]:
    valued = {account.key: account for account in accounts if account.type in _VALUED}
    steady = {account.key for account in accounts} - set(valued)
    now = sum((_worth(account, account.current) for account in accounts if account.key in steady), Decimal())
    gained: dict[dt.date, Decimal] = defaultdict(Decimal)
    for flow in flows:
        if flow.account in steady:
            gained[flow.date] += flow.amount
    seen: dict[str, list[tuple[dt.date, Decimal]]] = defaultdict(list)
    for account, day, held in balances:
        if account in valued and day < today:
            seen[account].append((day, held))
    worths = {}
    later, ahead = Decimal(), sorted(gained)
    for day in sorted(days, reverse=True):
        while ahead and ahead[-1] > day:
            later += gained[ahead.pop()]
        kept = sum((_held(account, seen[key], day, today) for key, account in valued.items()), Decimal())
        worths[day] = now - later + kept
    return worths


def _held(account: Account, seen: Sequence[tuple[dt.date, Decimal]], day: dt.date, today: dt.date) -> Decimal:
    if day >= today or not seen:
        return account.current
    return next((held for on, held in reversed(seen) if on <= day), seen[0][1])


def _months(
    accounts: Sequence[Account],
    flows: Sequence[Flow],
    balances: Sequence[tuple[str, dt.date, Decimal]],
    transfers: set[str],
    today: dt.date,
    begin: dt.date,
) -> list[Month]:
    inflow: dict[dt.date, Decimal] = defaultdict(Decimal)
    outflow: dict[dt.date, Decimal] = defaultdict(Decimal)
    for flow in flows:
        if flow.category not in transfers and not flow.aside:
            side = inflow if flow.amount > 0 else outflow
            side[flow.date.replace(day=1)] += abs(flow.amount)
    firsts = [month_of(today, back) for back in range(-11, 2)]
    spans = [(first, min(after - dt.timedelta(days=1), today)) for first, after in pairwise(firsts)]
    worths = _worths(accounts, flows, balances, [last for _, last in spans], today)
    return [
        Month(first, inflow[first], outflow[first], worths[last] if last >= begin else None)
        for first, last in spans
        if last >= begin
    ]


def month_of(day: dt.date, shift: int) -> dt.date:
    """Give the first day of the month so many months on (back, where negative)."""
    number = day.year * 12 + day.month - 1 + shift
    return dt.date(number // 12, number % 12 + 1, 1)


def _worth(account: Account, balance: Decimal) -> Decimal:
    return -balance if account.type in _OWED else balance
