"""Single values of Plaid's, as canonical ones: exact to the last digit of the wire's text."""

from decimal import Decimal
from typing import Final, Protocol

NO_CURRENCY: Final = "XXX"  # ISO 4217's code for "no currency"; Plaid names none where the bank told no balance


class InCurrency(Protocol):
    """A part of a body that names its currency in Plaid's two fields, of which at most one is filled."""

    @property
    def iso_currency_code(self) -> str | None: ...
    @property
    def unofficial_currency_code(self) -> str | None: ...


def currency(part: InCurrency) -> str:
    """Give the ISO code, else the unofficial one."""
    return part.iso_currency_code or part.unofficial_currency_code or NO_CURRENCY


def inflow(amount: Decimal) -> Decimal:
    """Flip Plaid's sign: it counts money that leaves as positive.

    `-amount` would round to the context's 28 digits; `copy_negate` does not, but makes a negative zero of zero.
    """
    return amount.copy_negate() if amount else amount.copy_abs()


def fraction(percentage: Decimal | None) -> Decimal | None:
    """Give 0.1999 for 19.99 per cent."""
    return None if percentage is None else percentage.scaleb(-2)


def web_address(text: str | None) -> str | None:
    """Give a full address: Plaid sends `walmart.com`."""
    if not text:
        return None
    return text if "://" in text else f"https://{text}"
