"""Finds transactions that are the two sides of one movement between own accounts. Pure."""

import datetime as dt
import enum
import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from operator import attrgetter
from typing import Final

EARLY: Final = 1  # days by which money may arrive before it leaves: banks book by different clocks
LATE: Final = 5  # days that a transfer or a payout may take, a weekend among them
_SHORT: Final = 1  # days between two sides of which nothing but the amount tells
_NEAREST: Final = 50  # counterparts looked at for one side
_WORD: Final = re.compile(r"[^\W_]{4,}")
_SPEAKS: Final = re.compile(
    r"\b(transfers?|trnsfr|tfr|xfer|überweisung|umbuchung|virement|payments?|pymt|pmt|payouts?|autopay|sweep|top.?up)\b"
)
_COMMON: Final = frozenset(  # of account names: they tell no account from another
    "account bank card checking credit current debit financial gold money online plus savings union visa".split()
)


class PairKind(enum.Enum):
    """What a pair is."""

    TRANSFER = "transfer"
    PAYOUT = "payout"  # of a payment provider, into a bank account


@dataclass(frozen=True, slots=True)
class Side:
    """A posted transaction that may be one side. `amount` is positive where money arrives."""

    connection_id: str
    key: str
    account: str
    date: dt.date
    amount: Decimal
    currency: str
    text: str  # all that is told of it, category included
    names: frozenset[str] = frozenset()  # words by which the other side may name its account
    payout: bool = False


@dataclass(frozen=True, slots=True)
class Proposal:
    """Two sides that look like one movement. `sure`: more than amount and day speaks for it."""

    out: Side
    into: Side
    sure: bool

    @property
    def kind(self) -> PairKind:
        return PairKind.PAYOUT if self.out.payout else PairKind.TRANSFER


def words_of(*names: str | None) -> frozenset[str]:
    """Give the words by which a bank's text may name an account: of its name, its institution, its last digits."""
    return frozenset(word for name in names if name for word in _WORD.findall(name.casefold())) - _COMMON


def propose(sides: Iterable[Side], declined: Collection[tuple[str, str]] = ()) -> list[Proposal]:
    """Pair sides one to one, the likeliest first; `declined` are (out, into) keys that a person has refused.

    The two sides have the same amount and currency, stand in different accounts, and are a few days apart.
    """
    outs: dict[tuple[str, Decimal], list[Side]] = defaultdict(list)
    ins: dict[tuple[str, Decimal], list[Side]] = defaultdict(list)
    for side in sorted(sides, key=attrgetter("date", "key")):
        if side.amount:
            (outs if side.amount < 0 else ins)[side.currency, side.amount.copy_abs()].append(side)
    found: list[tuple[int, int, dt.date, str, str, Proposal]] = []
    for amount, leaving in outs.items():
        for out, into in _near(leaving, ins.get(amount, ())):
            hints = _hints(out, into)
            apart = abs((into.date - out.date).days)
            if (out.key, into.key) not in declined and (hints or apart <= _SHORT):
                found.append((-hints, apart, out.date, out.key, into.key, Proposal(out, into, hints >= 2)))
    taken: set[tuple[str, str]] = set()
    chosen = []
    for *_, proposal in sorted(found, key=lambda one: one[:5]):
        ends = {(side.connection_id, side.key) for side in (proposal.out, proposal.into)}
        if not ends & taken:
            taken |= ends
            chosen.append(proposal)
    return chosen


def _near(outs: Sequence[Side], ins: Sequence[Side]) -> Iterator[tuple[Side, Side]]:
    """Give the sides of one amount that stand near to one another, in different accounts."""
    days = [side.date for side in ins]
    for out in outs:
        first = bisect_left(days, out.date - dt.timedelta(days=EARLY))
        last = bisect_right(days, out.date + dt.timedelta(days=LATE))
        for into in ins[first : min(last, first + _NEAREST)]:
            if into.account != out.account and not into.payout:
                yield out, into


def _hints(out: Side, into: Side) -> int:
    """Count what speaks for a pair besides amount and day."""
    named = any(one.names & set(_WORD.findall(other.text)) for one, other in ((out, into), (into, out)))
    if out.payout:
        return 2 if named else 0
    spoken = sum(bool(_SPEAKS.search(side.text)) for side in (out, into))
    return spoken + named
