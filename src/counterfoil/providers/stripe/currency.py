"""How many decimals Stripe's integers have in each currency: its own table, not ISO 4217."""

from decimal import Decimal
from typing import Final

from counterfoil.money import from_minor

# https://docs.stripe.com/currencies#zero-decimal; MGA has decimals in ISO 4217, here it has none.
_NONE: Final = frozenset("bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf".split())
# https://docs.stripe.com/currencies#three-decimal
_THREE: Final = frozenset("bhd jod kwd omr tnd".split())
# ISK and UGX have no decimals in ISO 4217, but Stripe counts them in hundredths, the last two digits always 0
# (https://docs.stripe.com/currencies#special-cases). Its sources disagree on UGX: some list it without decimals.
_HUNDREDTHS: Final = frozenset({"isk", "ugx"})


def digits(currency: str) -> int:
    """Give the number of decimals that Stripe's integers of this currency have."""
    code = currency.lower()
    if code in _HUNDREDTHS:
        return 2
    return 0 if code in _NONE else 3 if code in _THREE else 2


def major(units: int, currency: str) -> Decimal:
    """Give an amount in major units: 1050 usd is 10.50, 1050 jpy is 1050, 1050 kwd is 1.050."""
    return from_minor(units, digits(currency))
