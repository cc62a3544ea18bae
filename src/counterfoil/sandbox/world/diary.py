"""Writes a bank's past, each day with dice of its own, so that a later `today` continues the same story."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Final

from counterfoil.sandbox.world.catalog import Shop
from counterfoil.sandbox.world.ledger import Bank, Category, Movement

_CENT: Final = Decimal("0.01")


@dataclass(slots=True)
class Diary:
    """The pen: books movements at a bank, nothing later than `today` except as pending."""

    bank: Bank
    seed: int
    start: dt.date
    today: dt.date
    _given_back: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))

    def days(self) -> Iterator[tuple[dt.date, Random]]:
        """Give every day from the start to today, each with its own dice."""
        for count in range((self.today - self.start).days + 1):
            day = self.start + dt.timedelta(days=count)
            yield day, Random(f"{self.seed}:{self.bank.id}:{day}")

    def book(
        self,
        account: str,
        day: dt.date,
        amount: Decimal,
        text: str,
        category: Category | None,
        *,
        merchant: str | None = None,
        website: str | None = None,
        channel: str = "other",
        check_number: str | None = None,
    ) -> None:
        """Book a posted movement, unless its day is still to come."""
        if day > self.today:
            return
        self.bank.add(
            Movement(
                id=self.bank.next_id(account),
                account=account,
                date=day,
                authorized_on=day,
                amount=amount,
                currency=self.bank.accounts[account].currency,
                text=text,
                merchant=merchant,
                website=website,
                category=category,
                channel=channel,
                check_number=check_number,
            )
        )

    def transfer(
        self, source: str, target: str, day: dt.date, amount: Decimal, category: Category, arrives_as: Category
    ) -> None:
        """Move money between two accounts of the bank: it leaves one and arrives in the other."""
        accounts = self.bank.accounts
        self.book(source, day, -amount, f"TRANSFER TO {accounts[target].name.upper()}", category)
        self.book(target, day, amount, f"TRANSFER FROM {accounts[source].name.upper()}", arrives_as)

    def visit(self, account: str, day: dt.date, shop: Shop, dice: Random, *, suffix: str = "") -> Decimal:
        """Spend at a shop. It posts up to three days later, a tip added then; a posting still to come is pending."""
        price = shop.price(dice)
        final = with_tip(price, dice) if shop.tips and dice.random() < 0.8 else price
        posts = day + dt.timedelta(days=dice.choice((0, 1, 1, 2, 3)))
        pending = posts > self.today
        self.bank.add(
            Movement(
                id=self.bank.next_id(account),
                account=account,
                date=day if pending else posts,
                authorized_on=day,
                amount=-price if pending else -final,
                currency=self.bank.accounts[account].currency,
                text=shop.text + suffix,
                merchant=shop.name,
                website=shop.website,
                category=shop.category,
                channel=shop.channel,
                pending=pending,
                settles=-final if pending else None,
            )
        )
        if dice.random() < 0.025 and not shop.tips:
            self.refund(account, posts + dt.timedelta(days=dice.randint(2, 9)), shop, final)
        return final

    def refund(self, account: str, day: dt.date, shop: Shop, amount: Decimal) -> None:
        """Give back what was paid at a shop."""
        self._given_back[account] += amount
        self.book(
            account,
            day,
            amount,
            f"RETURN {shop.text}",
            shop.category,
            merchant=shop.name,
            website=shop.website,
            channel=shop.channel,
        )

    def given_back(self, account: str) -> Decimal:
        """Give the sum of the refunds to an account since this was last asked, also of those still to come."""
        return self._given_back.pop(account, Decimal(0))


def with_tip(price: Decimal, dice: Random) -> Decimal:
    """Add a tip of 15, 18 or 20 per cent."""
    return (price * Decimal(dice.choice(("1.15", "1.18", "1.20")))).quantize(_CENT)


def last_of_month(day: dt.date) -> bool:
    """Say whether the day is the last of its month."""
    return (day + dt.timedelta(days=1)).day == 1
