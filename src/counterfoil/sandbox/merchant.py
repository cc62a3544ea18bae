"""A small business on Stripe, generated from a seed: sales, fees, refunds, disputes and the payouts to its bank."""

import datetime as dt
import string
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from random import Random
from typing import Final, Literal

NAME: Final = "Harbour Lane Coffee"
DESCRIPTOR: Final = "HARBOUR LANE COFFEE"
HOME: Final = "usd"  # the only currency with a bank account: the others stay in the Stripe balance
_SETTLING: Final = 2  # business days until a sale may be paid out
_DISPUTE_FEE: Final = 1500


@dataclass(frozen=True, slots=True)
class Charge:
    """A sale. Amounts are integers in the currency's smallest unit, times are Unix seconds."""

    id: str
    created: int
    amount: int
    currency: str
    description: str
    buyer: str
    brand: str
    last4: str


@dataclass(frozen=True, slots=True)
class Refund:
    """Money given back for a sale, in part or in full."""

    id: str
    charge: str
    created: int
    amount: int
    currency: str


@dataclass(frozen=True, slots=True)
class Dispute:
    """A sale that the buyer's bank took back; where `won`, the money returned a few weeks later."""

    id: str
    charge: str
    created: int
    amount: int
    currency: str
    won: bool


@dataclass(frozen=True, slots=True)
class Payout:
    """A transfer to the merchant's bank account; it shows there on `arrival_date`."""

    id: str
    created: int
    arrival_date: dt.date
    amount: int
    currency: str
    statement_descriptor: str = DESCRIPTOR


@dataclass(frozen=True, slots=True)
class Movement:
    """One line of the balance (Stripe's balance transaction). `payout` is the transfer that carried it to the bank."""

    id: str
    type: str
    reporting_category: str
    created: int
    available_on: int
    amount: int
    fee: int
    currency: str
    description: str
    source: str
    payout: str | None = None

    @property
    def net(self) -> int:
        """What the balance gains (negative: loses)."""
        return self.amount - self.fee


@dataclass(frozen=True, slots=True)
class Books:
    """All that happened, each list in the order of time."""

    charges: Sequence[Charge]
    refunds: Sequence[Refund]
    disputes: Sequence[Dispute]
    payouts: Sequence[Payout]
    movements: Sequence[Movement]


@dataclass(frozen=True, slots=True)
class _Goods:
    """What is sold in one currency: the prices, how often, and the fee (per mille of the price, plus a fixed part)."""

    currency: str
    prices: tuple[int, ...]
    share: float  # of the home currency's sales
    per_mille: int
    fixed: int


_GOODS: Final = (
    _Goods("usd", (1450, 1800, 2400, 3150, 4800, 7200, 12900, 24500), 1.0, 29, 30),
    _Goods("eur", (1690, 2290, 3490, 5900), 0.15, 33, 25),
    _Goods("jpy", (1800, 2600, 4400, 9800), 0.08, 36, 0),
    _Goods("kwd", (5250, 8900, 14500), 0.04, 39, 100),  # three decimals, the last digit always 0
)
_COFFEES: Final = ("Harbour Blend", "Night Ferry", "Kona Reserve", "Decaf Tide", "Lighthouse Espresso", "Guji Natural")
_FORMS: Final = ("250 g", "1 kg", "subscription", "gift box", "wholesale case")
_BUYERS: Final = (
    "Ada Byrne", "Björn Åkesson", "Chidi Okafor", "Dana Whitfield", "Elif Demir", "Fumiko Arai", "Greta Lindqvist",
    "Hugo Marchetti", "Inés Robledo", "José Peña", "Khadija Al-Sabah", "Liam O’Connor", "Mei Tanaka", "Noor Haddad",
)  # fmt: skip
_CARDS: Final = (("visa", "4242"), ("mastercard", "4444"), ("amex", "0005"), ("discover", "1117"))


@dataclass(frozen=True)
class Merchant:
    """The business from `start` until the day before `today`, the same for the same seed.

    A later `today` continues the same history. In every currency, the balance is the sum of the movements' nets,
    payouts included (they are movements with a negative amount). `sales` is the mean number of home-currency sales
    per working day; `paid_out` says how often what has settled goes to the bank.
    """

    seed: int
    start: dt.date
    today: dt.date
    sales: float = 3.0
    paid_out: Literal["daily", "weekly"] = "weekly"
    name: str = field(default=NAME, kw_only=True)

    def payouts(self) -> Sequence[Payout]:
        """Give the transfers to the bank account, all in the home currency; the last may arrive after `today`."""
        return self.books.payouts

    def balance(self, currency: str) -> int:
        """Give what Stripe holds for the merchant, settled or not, in the currency's smallest unit."""
        return sum(line.net for line in self.books.movements if line.currency == currency)

    @cached_property
    def books(self) -> Books:
        """Everything that happened, worked out once."""
        charges: list[Charge] = []
        refunds: list[Refund] = []
        disputes: list[Dispute] = []
        lines: list[Movement] = []
        for day in _days(self.start, self.today):
            dice = Random(f"{self.seed}:{day}")
            for charge, line in _sales(dice, day, self.sales):
                charges.append(charge)
                lines.append(line)
                _afterwards(dice, charge, refunds, disputes, lines)
            if day.day == 1:
                lines.append(_monthly_fee(dice, day))
        end = midnight(self.today)
        happened = sorted((line for line in lines if line.created < end), key=lambda line: line.created)
        payouts, booked = _pay_out(self, happened)
        return Books(
            charges=sorted(charges, key=lambda charge: charge.created),
            refunds=sorted((one for one in refunds if one.created < end), key=lambda one: one.created),
            disputes=sorted((one for one in disputes if one.created < end), key=lambda one: one.created),
            payouts=payouts,
            movements=booked,
        )


def midnight(day: dt.date) -> int:
    """Give the Unix second at which the day begins, UTC."""
    return int(dt.datetime.combine(day, dt.time(), dt.UTC).timestamp())


def business_days_later(day: dt.date, days: int) -> dt.date:
    """Give the working day (Monday to Friday) so many working days later."""
    while days:
        day += dt.timedelta(days=1)
        days -= day.weekday() < 5
    return day


def settles(created: int) -> int:
    """Give the second at which money that came in at `created` may be paid out."""
    return midnight(business_days_later(dt.datetime.fromtimestamp(created, dt.UTC).date(), _SETTLING))


def sale_fee(amount: int, currency: str) -> int:
    """Give Stripe's fee on a sale, in the currency's smallest unit."""
    goods = next((goods for goods in _GOODS if goods.currency == currency), _GOODS[0])
    fee = (amount * goods.per_mille + 500) // 1000 + goods.fixed
    return fee - fee % 10 if currency == "kwd" else fee


def new_id(dice: Random, prefix: str) -> str:
    """Give an id in the shape of Stripe's."""
    return f"{prefix}_1" + "".join(dice.choices(string.ascii_letters + string.digits, k=23))


def _days(start: dt.date, end: dt.date) -> Iterator[dt.date]:
    for count in range((end - start).days):
        yield start + dt.timedelta(days=count)


def _sales(dice: Random, day: dt.date, mean: float) -> Iterator[tuple[Charge, Movement]]:
    rush = 1.0 if day.weekday() < 5 else 0.5
    for goods in _GOODS:
        expected = mean * rush * goods.share
        count = int(expected * dice.uniform(0.5, 1.5) + dice.random())
        for _ in range(count):
            brand, last4 = dice.choice(_CARDS)
            charge = Charge(
                id=new_id(dice, "ch"),
                created=midnight(day) + dice.randrange(7 * 3600, 22 * 3600),
                amount=dice.choice(goods.prices) * dice.choice((1, 1, 1, 2, 3)),
                currency=goods.currency,
                description=f"{dice.choice(_COFFEES)}, {dice.choice(_FORMS)}",
                buyer=dice.choice(_BUYERS),
                brand=brand,
                last4=last4,
            )
            yield charge, _line(dice, "charge", "charge", charge, charge.amount, settles(charge.created))


def _afterwards(
    dice: Random, charge: Charge, refunds: list[Refund], disputes: list[Dispute], lines: list[Movement]
) -> None:
    """Let a few sales be refunded, in full or by half, and fewer be disputed."""
    chance = dice.random()
    later = charge.created + dice.randrange(2, 20) * 86400 + dice.randrange(3600)
    if chance < 0.04:
        amount = charge.amount if chance < 0.025 else _half(charge)
        refund = Refund(new_id(dice, "re"), charge.id, later, amount, charge.currency)
        refunds.append(refund)
        line = _line(dice, "refund", "refund", charge, -amount, later, fee=0)
        text = f"REFUND FOR CHARGE ({charge.description})"
        lines.append(replace(line, created=later, source=refund.id, description=text))
    elif chance < 0.046 and charge.currency == HOME:
        dispute = Dispute(new_id(dice, "du"), charge.id, later, charge.amount, charge.currency, won=chance < 0.042)
        disputes.append(dispute)
        line = _line(dice, "adjustment", "dispute", charge, -charge.amount, later, fee=_DISPUTE_FEE)
        text = f"Chargeback withdrawal for {charge.id}"
        lines.append(replace(line, created=later, source=dispute.id, description=text))
        if dispute.won:
            back = later + 30 * 86400
            line = _line(dice, "adjustment", "dispute_reversal", charge, charge.amount, back, fee=-_DISPUTE_FEE)
            text = f"Chargeback reversal for {charge.id}"
            lines.append(replace(line, created=back, source=dispute.id, description=text))


def _half(charge: Charge) -> int:
    half = charge.amount // 2
    return half - half % 10 if charge.currency == "kwd" else half


def _line(
    dice: Random, kind: str, category: str, charge: Charge, amount: int, available_on: int, fee: int | None = None
) -> Movement:
    return Movement(
        id=new_id(dice, "txn"),
        type=kind,
        reporting_category=category,
        created=charge.created,
        available_on=available_on,
        amount=amount,
        fee=sale_fee(amount, charge.currency) if fee is None else fee,
        currency=charge.currency,
        description=charge.description,
        source=charge.id,
    )


def _monthly_fee(dice: Random, day: dt.date) -> Movement:
    at = midnight(day) + 3 * 3600
    text = f"Billing - Usage Fee ({day:%Y-%m})"
    return Movement(
        new_id(dice, "txn"), "stripe_fee", "fee", at, at, -dice.randrange(500, 2500), 0, HOME, text, new_id(dice, "fee")
    )


def _pay_out(merchant: Merchant, lines: Sequence[Movement]) -> tuple[list[Payout], list[Movement]]:
    """Sweep what has settled to the bank: each working day, or each Friday, where the sum is positive."""
    payouts: list[Payout] = []
    booked: list[Movement] = []
    waiting = sorted((line for line in lines if line.currency == HOME), key=lambda line: line.available_on)
    carried: dict[str, str] = {}
    due: list[Movement] = []
    for day in _days(merchant.start, merchant.today):
        at = midnight(day) + 6 * 3600
        while waiting and waiting[0].available_on <= at:
            due.append(waiting.pop(0))
        total = sum(line.net for line in due)
        if not due or total <= 0 or (day.weekday() != 4 if merchant.paid_out == "weekly" else day.weekday() > 4):
            continue
        dice = Random(f"{merchant.seed}:payout:{day}")
        payout = Payout(new_id(dice, "po"), at, business_days_later(day, 1), total, HOME)
        payouts.append(payout)
        carried.update((line.id, payout.id) for line in due)
        due.clear()
        booked.append(payout_movement(dice, payout))
    booked += [replace(line, payout=carried.get(line.id)) for line in lines]
    return payouts, sorted(booked, key=lambda line: line.created)


def payout_movement(dice: Random, payout: Payout) -> Movement:
    """Give the line by which a payout leaves the balance."""
    return Movement(
        id=new_id(dice, "txn"),
        type="payout",
        reporting_category="payout",
        created=payout.created,
        available_on=payout.created,
        amount=-payout.amount,
        fee=0,
        currency=payout.currency,
        description="STRIPE PAYOUT",
        source=payout.id,
        payout=payout.id,
    )


def totals(lines: Sequence[Movement]) -> dict[str, int]:
    """Give the sum of the nets by currency."""
    sums: defaultdict[str, int] = defaultdict(int)
    for line in lines:
        sums[line.currency] += line.net
    return dict(sums)
