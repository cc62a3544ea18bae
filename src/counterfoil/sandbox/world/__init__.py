"""The seeded world behind the banks: the same seed and day give the same people, banks and movements."""

import datetime as dt
from collections.abc import Mapping
from functools import cached_property
from typing import Final

from counterfoil.sandbox.merchant import Merchant
from counterfoil.sandbox.world.broker import broker
from counterfoil.sandbox.world.business import business
from counterfoil.sandbox.world.household import household
from counterfoil.sandbox.world.ledger import Bank
from counterfoil.sandbox.world.life import Activity, Life

HISTORY: Final = 730  # days that the banks remember
_BANKS: Final = ("first", "second", "broker")

__all__ = ["HISTORY", "Activity", "Bank", "Life", "World"]


class World:
    """Two years of a household, a small business and a broker, up to `today`; each bank is made when first asked for.

    `first` has seven accounts and some 2,800 movements, `second` three and some 800 with the payouts of `merchant`, and
    `broker` two investment accounts and one for cash.
    """

    def __init__(self, seed: int = 1, today: dt.date | None = None) -> None:
        self.seed = seed
        self.today = today or dt.datetime.now(dt.UTC).date()
        self.start = self.today - dt.timedelta(days=HISTORY)
        self._lives: dict[str, Life] = {}

    @cached_property
    def merchant(self) -> Merchant:
        """The merchant whose payouts arrive at the second bank."""
        return Merchant(self.seed, self.start, self.today)

    @cached_property
    def first(self) -> Bank:
        """The household's bank."""
        return household(self.seed, self.start, self.today)

    @cached_property
    def second(self) -> Bank:
        """The business's bank."""
        return business(self.seed, self.start, self.today, self.merchant)

    @cached_property
    def broker(self) -> Bank:
        """The household's broker."""
        return broker(self.seed, self.start, self.today)

    def bank(self, name: str) -> Bank:
        """Give one bank by its id (KeyError where there is none)."""
        if name not in _BANKS:
            raise KeyError(name)
        bank: Bank = getattr(self, name)
        return bank

    @property
    def banks(self) -> Mapping[str, Bank]:
        """Every bank by its id."""
        return {name: self.bank(name) for name in _BANKS}

    def live(self, bank: Bank, now: dt.datetime | None = None, count: int = 1) -> Activity:
        """Let the bank's life go on: `count` things happen, and are given in their order."""
        life = self._lives.get(bank.id)
        if life is None or life.bank is not bank:
            life = self._lives[bank.id] = Life(bank, self.seed)
        return life.go_on(now or dt.datetime.now(dt.UTC), count)
