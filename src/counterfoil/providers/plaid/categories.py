"""Plaid's personal finance categories, versions 1 and 2, as people read them."""

from functools import lru_cache
from typing import Final

from counterfoil.model import Category

# Groups some of whose members have a namesake in another group: a wire comes in or goes out.
_NAMED_BY_GROUP: Final = frozenset({"TRANSFER_IN", "TRANSFER_OUT", "LOAN_DISBURSEMENTS", "LOAN_PAYMENTS", "BANK_FEES"})
_ABBREVIATED: Final = {"atm": "ATM", "tv": "TV", "bnpl": "BNPL", "ewa": "EWA"}


@lru_cache(maxsize=4096)
def category(primary: str, detailed: str) -> Category:
    """Give the category of a `primary` and `detailed` code; the detailed one is its key. New codes read well too."""
    group, rest = _words(primary), _words(detailed.removeprefix(primary))
    name = rest or group
    if rest and (primary in _NAMED_BY_GROUP or (rest == "other" and primary != "OTHER")):
        name = f"{group}: {rest}"
    return Category(key=detailed, name=_capital(name), group=_capital(group))


def _words(code: str) -> str:
    return " ".join(_ABBREVIATED.get(word, word) for word in code.lower().split("_") if word)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
