"""The emulated account's money: sales, refunds, disputes, payouts and the lines they make in the balance."""

import datetime as dt
import heapq
from bisect import insort
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, Protocol, TypeVar

from counterfoil.sandbox import merchant as world
from counterfoil.sandbox.kit import Clock
from counterfoil.sandbox.merchant import Charge, Merchant, Movement, Refund

T = TypeVar("T", bound="Dated")
Emit = Callable[[str, Any], None]  # (event type, the record it is about; None for the balance)


class Dated(Protocol):
    """What can be listed."""

    @property
    def id(self) -> str: ...
    @property
    def created(self) -> int: ...


class Shelf(list[T]):
    """Records by `created`, oldest first, those of one second in the order they came; found by id."""

    def __init__(self, records: "list[T]") -> None:
        super().__init__(records)
        self._by_id = {record.id: record for record in records}

    def put(self, record: T) -> T:
        """Add a record in its place in time."""
        insort(self, record, key=lambda one: one.created)
        self._by_id[record.id] = record
        return record

    def find(self, key: str) -> T | None:
        """Give the record of that id."""
        return self._by_id.get(key)

    def swap(self, old: T, new: T) -> T:
        """Put a changed record in the place of the old one."""
        self[self.index(old)] = new
        self._by_id[new.id] = new
        return new


@dataclass(frozen=True, slots=True)
class Dispute:
    """A sale that was taken back; `lines` are those it made in the balance."""

    id: str
    charge: str
    created: int
    amount: int
    currency: str
    status: str  # needs_response, won, lost
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Payout:
    """A transfer to the bank; `arrival` is midnight of the day, UTC."""

    id: str
    created: int
    arrival: int
    amount: int
    currency: str
    status: str  # in_transit, paid, failed
    line: str
    automatic: bool = True
    failure_line: str | None = None


@dataclass(slots=True)
class _Sums:
    available: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    pending: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))


class Till:
    """Everything that the account owns. Amounts are in the currency's smallest unit; `emit` hears what happens."""

    def __init__(self, merchant: Merchant, clock: Clock, emit: Emit) -> None:
        books, self.clock, self.emit_about = merchant.books, clock, emit
        self._dice = Random()  # for new ids: a sandbox that was started anew must not use those of the last time
        self._coming: list[tuple[int, str]] = []  # available_on and id of the lines that are pending
        self._sums = _Sums()
        by_source: defaultdict[str, list[str]] = defaultdict(list)
        for line in books.movements:
            by_source[line.source].append(line.id)
        self.lines: Shelf[Movement] = Shelf(list(books.movements))
        self.charges: Shelf[Charge] = Shelf(list(books.charges))
        self.refunds: Shelf[Refund] = Shelf(list(books.refunds))
        self.disputes: Shelf[Dispute] = Shelf(
            [
                Dispute(one.id, one.charge, one.created, one.amount, one.currency, status, tuple(by_source[one.id]))
                for one in books.disputes
                for status in ["won" if len(by_source[one.id]) > 1 else "needs_response" if one.won else "lost"]
            ]
        )
        self.payouts: Shelf[Payout] = Shelf(
            [
                Payout(one.id, one.created, arrival, one.amount, one.currency, "in_transit", line)
                for one in books.payouts
                for arrival in [world.midnight(one.arrival_date)]
                for line in by_source[one.id]
            ]
        )
        self.line_of = {source: lines[0] for source, lines in by_source.items()}
        for line in books.movements:
            self._count(line)
        self._settle_lines(self.now)
        self._arrive(self.now)

    @property
    def now(self) -> int:
        """The account's time, Unix seconds."""
        return int(self.clock.now())

    # --- what is there ------------------------------------------------------------------------------------

    def sums(self) -> tuple[dict[str, int], dict[str, int]]:
        """Give what is available and what is pending, by currency."""
        currencies = sorted(self._sums.available.keys() | self._sums.pending.keys())
        return ({c: self._sums.available[c] for c in currencies}, {c: self._sums.pending[c] for c in currencies})

    def refunded(self, charge: str) -> int:
        """Give what was given back of a sale so far."""
        return sum(refund.amount for refund in self.refunds if refund.charge == charge)

    # --- time ---------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Let the clock's time take effect: pending lines become available, payouts arrive."""
        if self._settle_lines(self.now):
            self.emit_about("balance.available", None)
        for payout in self._arrive(self.now):
            self.emit_about("payout.paid", payout)

    def _settle_lines(self, now: int) -> bool:
        moved = False
        while self._coming and self._coming[0][0] <= now:
            line = self.lines.find(heapq.heappop(self._coming)[1])
            assert line is not None
            self._sums.pending[line.currency] -= line.net
            self._sums.available[line.currency] += line.net
            moved = True
        return moved

    def _arrive(self, now: int) -> list[Payout]:
        due = [one for one in self.payouts if one.status == "in_transit" and one.arrival <= now]
        return [self.payouts.swap(one, replace(one, status="paid")) for one in due]

    def _count(self, line: Movement) -> None:
        if line.available_on > self.now:
            heapq.heappush(self._coming, (line.available_on, line.id))
            self._sums.pending[line.currency] += line.net
        else:
            self._sums.available[line.currency] += line.net

    # --- what can happen ----------------------------------------------------------------------------------

    def charge(
        self, amount: int, currency: str = "usd", *, description: str = "Counter sale", buyer: str = "Ada Byrne",
        created: int | None = None, quiet: bool = False,
    ) -> Charge:  # fmt: skip
        """Sell something; `created` may lie in the past (a row that becomes visible late)."""
        at = self.now if created is None else created
        charge = Charge(self._id("ch"), at, amount, currency, description, buyer, "visa", "4242")
        self.charges.put(charge)
        fee = world.sale_fee(amount, currency)
        self._book("charge", "charge", charge.id, amount, fee, currency, description, at, world.settles(at))
        if not quiet:
            self.emit_about("charge.succeeded", charge)
            self.emit_about("charge.updated", charge)
        return charge

    def refund(self, charge: Charge, amount: int) -> Refund:
        """Give money back; the fee of the sale is not returned."""
        refund = self.refunds.put(Refund(self._id("re"), charge.id, self.now, amount, charge.currency))
        text = f"REFUND FOR CHARGE ({charge.description})"
        self._book("refund", "refund", refund.id, -amount, 0, charge.currency, text)
        self.emit_about("refund.created", refund)
        self.emit_about("charge.refunded", charge)
        return refund

    def dispute(self, charge: Charge) -> Dispute:
        """Let the buyer's bank take the sale back."""
        key = self._id("du")
        text = f"Chargeback withdrawal for {charge.id}"
        line = self._book("adjustment", "dispute", key, -charge.amount, 1500, charge.currency, text)
        dispute = self.disputes.put(
            Dispute(key, charge.id, self.now, charge.amount, charge.currency, "needs_response", (line.id,))
        )
        self.emit_about("charge.dispute.created", dispute)
        self.emit_about("charge.dispute.funds_withdrawn", dispute)
        return dispute

    def close_dispute(self, dispute: Dispute, won: bool) -> Dispute:
        """Decide a dispute; where it is won, the money comes back."""
        lines = dispute.lines
        if won:
            text = f"Chargeback reversal for {dispute.charge}"
            line = self._book(
                "adjustment", "dispute_reversal", dispute.id, dispute.amount, -1500, dispute.currency, text
            )
            lines = (*lines, line.id)
        closed = self.disputes.swap(dispute, replace(dispute, status="won" if won else "lost", lines=lines))
        if won:
            self.emit_about("charge.dispute.funds_reinstated", closed)
        self.emit_about("charge.dispute.closed", closed)
        return closed

    def payout(self, amount: int, currency: str = "usd", *, automatic: bool = False) -> Payout:
        """Send money to the bank; it arrives on the next working day."""
        key, day = self._id("po"), self._clock_day()
        line = self._book("payout", "payout", key, -amount, 0, currency, "STRIPE PAYOUT")
        arrival = world.midnight(world.business_days_later(day, 1))
        payout = self.payouts.put(Payout(key, self.now, arrival, amount, currency, "in_transit", line.id, automatic))
        self.emit_about("payout.created", payout)
        return payout

    def fail_payout(self, payout: Payout) -> Payout:
        """Let the bank send a payout back, after it was shown as paid or before."""
        line = self._book(
            "payout_failure", "payout_reversal", payout.id, payout.amount, 0, payout.currency, "STRIPE PAYOUT FAILURE"
        )
        failed = self.payouts.swap(payout, replace(payout, status="failed", failure_line=line.id))
        self.emit_about("payout.failed", failed)
        return failed

    def bulk(self, count: int) -> None:
        """Add many small sales, one a minute up to now, without telling anyone."""
        start = self.now - count * 60
        for place in range(count):
            self.charge(500 + place % 9000, created=start + place * 60, description=f"Sale {place}", quiet=True)

    def _book(
        self, kind: str, category: str, source: str, amount: int, fee: int, currency: str, description: str,
        created: int | None = None, available_on: int | None = None,
    ) -> Movement:  # fmt: skip
        at = self.now if created is None else created
        line = Movement(
            id=self._id("txn"),
            type=kind,
            reporting_category=category,
            created=at,
            available_on=at if available_on is None else available_on,
            amount=amount,
            fee=fee,
            currency=currency,
            description=description,
            source=source,
        )
        self.lines.put(line)
        self.line_of.setdefault(source, line.id)
        self._count(line)
        return line

    def _id(self, prefix: str) -> str:
        return world.new_id(self._dice, prefix)

    def _clock_day(self) -> dt.date:
        return dt.datetime.fromtimestamp(self.now, dt.UTC).date()
