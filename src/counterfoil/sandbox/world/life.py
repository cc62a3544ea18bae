"""What goes on at a bank after it was generated: new payments, postings, corrections, trades."""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from random import Random

from counterfoil.money import from_minor
from counterfoil.sandbox.world import catalog
from counterfoil.sandbox.world.broker import buy, settle
from counterfoil.sandbox.world.diary import with_tip
from counterfoil.sandbox.world.ledger import OWING, Account, Bank, Change, Movement, Trade


@dataclass(frozen=True, slots=True)
class Activity:
    """What happened in one stroke."""

    changes: Sequence[Change] = ()
    trades: Sequence[Trade] = ()


@dataclass(slots=True)
class Life:
    """The dice of a bank's future: the same calls in the same order bring the same activity."""

    bank: Bank
    seed: int
    dice: Random = field(init=False)

    def __post_init__(self) -> None:
        self.dice = Random(f"{self.seed}:{self.bank.id}:life")

    def go_on(self, now: dt.datetime, count: int) -> Activity:
        """Let `count` things happen, the first always a new pending payment; a posting brings two changes."""
        changes: list[Change] = []
        if self.spenders():
            for number in range(count):
                changes += self._one(now.date(), self.dice.random() if number else 0.0)
        return Activity(changes, list(self._market(now.date())) if self._investors() else ())

    def spenders(self) -> list[Account]:
        """Give the accounts that people pay with."""
        return [account for account in self.bank.accounts.values() if account.type in ("depository", "credit")]

    def pay(self, account: Account, day: dt.date) -> Change:
        """Begin a payment: a pending line, that may post with a tip."""
        shop = self.dice.choice(catalog.EVERYDAY)
        price = shop.price(self.dice)
        final = with_tip(price, self.dice) if shop.tips else price
        return self.bank.add(
            Movement(
                id=self.bank.next_id(account.id),
                account=account.id,
                date=day,
                authorized_on=day,
                amount=-price,
                currency=account.currency,
                text=shop.text,
                merchant=shop.name,
                website=shop.website,
                category=shop.category,
                channel=shop.channel,
                pending=True,
                settles=-final,
            )
        )

    def _one(self, day: dt.date, chance: float) -> Sequence[Change]:
        pending = [one for one in self.bank.movements.values() if one.pending] if chance >= 0.45 else []
        if pending and chance < 0.80:
            return self.bank.post(pending[0].id, day)
        if pending and chance < 0.85:
            return (self.bank.remove(self.dice.choice(pending).id),)
        if chance >= 0.92:
            return (self._correct(),)
        if chance >= 0.85:
            return (self._receive(day),)
        return (self.pay(self.dice.choice(self.spenders()), day),)

    def _receive(self, day: dt.date) -> Change:
        account = next((one for one in self.spenders() if one.type not in OWING), self.spenders()[0])
        amount = from_minor(self.dice.randint(2_500, 90_000), 2)
        text, category = "INSTANT TRANSFER IN", catalog.FROM_ACCOUNT
        line_id = self.bank.next_id(account.id)
        return self.bank.add(
            Movement(line_id, account.id, day, amount, account.currency, text, category=category, authorized_on=day)
        )

    def _correct(self) -> Change:
        """Let the bank tell more about a recent line."""
        recent = list(self.bank.movements.values())[-50:]
        line = self.dice.choice(recent)
        return self.bank.change(replace(line, text=line.text.removesuffix(" (CORRECTED)") + " (CORRECTED)"))

    def _investors(self) -> list[Account]:
        return [account for account in self.bank.accounts.values() if account.type == "investment"]

    def _market(self, day: dt.date) -> Iterator[Trade]:
        moves: list[tuple[str, Decimal]] = []
        for name, security in self.bank.securities.items():
            if security.price is not None and not security.cash:
                step = 1 + Decimal(self.dice.choice((-150, -60, 45, 70, 160))) / 10000
                moves.append((name, max((security.price * step).quantize(Decimal("0.01")), Decimal("0.01"))))
        self.bank.reprice(moves, day)
        for account in self._investors():
            if moves and "cash" in self.bank.securities:
                money = from_minor(self.dice.randint(5_000, 40_000), 2)
                yield settle(self.bank, account.id, None, day, "ACH IN", ("cash", "deposit"), amount=money + 500)
                yield buy(self.bank, account.id, self.dice.choice(moves)[0], day, money)
