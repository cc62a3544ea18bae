"""Plaid's personal finance categories, versions 1 and 2, as people read them."""

from functools import lru_cache
from typing import Final

from counterfoil.model import Category

# Groups whose names alone tell their children from those of another group (a wire comes in or goes out).
_NAMED_BY_GROUP: Final = frozenset({"TRANSFER_IN", "TRANSFER_OUT", "LOAN_DISBURSEMENTS", "LOAN_PAYMENTS", "BANK_FEES"})


@lru_cache(maxsize=4096)
def category(primary: str, detailed: str) -> Category:
    """Give the category of a `primary` and `detailed` code; the detailed one is its key. New codes read well too."""
    group = _words(primary)
    rest = detailed.removeprefix(primary).strip("_")
    name = _words(rest) if rest else group
    if rest and (primary in _NAMED_BY_GROUP or (rest == "OTHER" and primary != "OTHER")):
        name = f"{group}: {name[:1].lower()}{name[1:]}"
    return Category(key=detailed, name=name, group=group)


def _words(code: str) -> str:
    text = code.replace("_", " ").strip().lower()
    for short, proper in _PROPER.items():
        text = f" {text} ".replace(f" {short} ", f" {proper} ").strip()
    return text[:1].upper() + text[1:]


_PROPER: Final = {"atm": "ATM", "tv": "TV", "bnpl": "BNPL", "ewa": "EWA"}
