"""Money as Decimal, from the wire's text to the destination's cell."""

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

# Digits after the point where they are not two. The vendors' tables differ from ISO 4217 (Stripe counts MGA
# without decimals, ISK with two); a provider with its own scale converts at its edge and lands major units.
_NO_DECIMALS: Final = frozenset("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split())
_THREE_DECIMALS: Final = frozenset("BHD IQD JOD KWD LYD OMR TND".split())


def exponent(currency: str) -> int:
    """Give the number of digits after the point of an ISO 4217 currency (two where it is not known)."""
    code = currency.upper()
    return 0 if code in _NO_DECIMALS else 3 if code in _THREE_DECIMALS else 2


def from_minor(units: int, digits: int) -> Decimal:
    """Give the major-unit amount of an integer in the smallest unit, `digits` places to the right."""
    return Decimal(units).scaleb(-digits)


def to_minor(amount: Decimal, currency: str) -> int:
    """Give the amount in the currency's smallest unit, rounded half to even."""
    return int(amount.scaleb(exponent(currency)).to_integral_value(ROUND_HALF_EVEN))


def plain(amount: Decimal) -> str:
    """Write a Decimal without exponent and without trailing zeros: one text for one value."""
    text = format(amount, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text
