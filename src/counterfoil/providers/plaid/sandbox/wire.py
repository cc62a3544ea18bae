"""Transactions and accounts as Plaid sends them. https://plaid.com/docs/api/products/transactions/"""

import base64
import datetime as dt
from decimal import Decimal
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final, Literal

import msgspec

from counterfoil.sandbox.world.ledger import Account, Bank, Category, Movement

_ISO: Final = frozenset(
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF "
    "CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD "
    "HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD "
    "MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN "
    "PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY "
    "TTD TWD TZS UAH UGX USD UYU UZS VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG".split()
)
_ICONS: Final = "https://plaid-category-icons.plaid.com/PFC_"
_LEGACY_TYPE: Final = {"in store": "place", "online": "digital"}


class Location(msgspec.Struct, frozen=True):
    address: str | None = None
    city: str | None = None
    region: str | None = None
    postal_code: str | None = None
    country: str | None = None
    lat: float | None = None
    lon: float | None = None
    store_number: str | None = None


class PaymentMeta(msgspec.Struct, frozen=True):
    reference_number: str | None = None
    ppd_id: str | None = None
    payee: str | None = None
    by_order_of: str | None = None
    payer: str | None = None
    payment_method: str | None = None
    payment_processor: str | None = None
    reason: str | None = None


class Pfc(msgspec.Struct, frozen=True):
    """A personal finance category."""

    primary: str
    detailed: str
    confidence_level: str | None = "VERY_HIGH"
    version: str = "v2"


class Counterparty(msgspec.Struct, frozen=True):
    name: str
    entity_id: str | None
    website: str | None
    type: str = "merchant"
    logo_url: str | None = None
    phone_number: str | None = None
    confidence_level: str | None = "VERY_HIGH"


class Removed(msgspec.Struct, frozen=True):
    transaction_id: str
    account_id: str


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A transaction. Positive amounts leave the account."""

    transaction_id: str
    account_id: str
    amount: Decimal
    iso_currency_code: str | None
    unofficial_currency_code: str | None
    date: dt.date
    authorized_date: dt.date | None
    name: str
    original_description: str | None  # kept here, shown on request only
    merchant_name: str | None
    merchant_entity_id: str | None
    website: str | None
    pending: bool
    pending_transaction_id: str | None
    payment_channel: str
    transaction_type: str
    check_number: str | None
    personal_finance_category: Pfc | None
    personal_finance_category_icon_url: str
    counterparties: tuple[Counterparty, ...]
    location: Location = Location()
    payment_meta: PaymentMeta = PaymentMeta()
    account_owner: str | None = None
    authorized_datetime: dt.datetime | None = None
    datetime: dt.datetime | None = None
    transaction_code: str | None = None
    category: None = None
    category_id: None = None
    logo_url: str | None = None


def number(amount: Decimal) -> Decimal:
    """Give the amount as a JSON double prints: no zeros at the end, no exponent."""
    return amount.quantize(Decimal(1)) if amount == amount.to_integral_value() else amount.normalize()


def short_id(*parts: str) -> str:
    """Give an id in the vendor's shape, 37 letters and digits in both cases, always the same for the same parts."""
    return base64.b64encode(blake2b("\0".join(parts).encode(), digest_size=28).digest(), altchars=b"qZ").decode()[:37]


def currency_codes(code: str) -> tuple[str | None, str | None]:
    """Give (iso, unofficial): one of the two is None."""
    return (code, None) if code in _ISO else (None, code)


def row_of(movement: Movement, item_id: str, account_id: str) -> Row:
    """Give the transaction that shows a movement."""
    iso, unofficial = currency_codes(movement.currency)
    category = movement.category
    return Row(
        transaction_id=short_id(item_id, movement.id),
        account_id=account_id,
        amount=number(-movement.amount),
        iso_currency_code=iso,
        unofficial_currency_code=unofficial,
        date=movement.date,
        authorized_date=movement.authorized_on,
        name=movement.text,
        original_description=movement.text,
        merchant_name=movement.merchant,
        merchant_entity_id=_entity(movement.merchant) if movement.merchant else None,
        website=movement.website,
        pending=movement.pending,
        pending_transaction_id=short_id(item_id, movement.replaces) if movement.replaces else None,
        payment_channel=movement.channel,
        transaction_type=_LEGACY_TYPE.get(movement.channel, "unresolved"),
        check_number=movement.check_number,
        personal_finance_category=_pfc(category) if category else None,
        personal_finance_category_icon_url=f"{_ICONS}{category.primary if category else 'OTHER'}.png",
        counterparties=_counterparties(movement.merchant, movement.website) if movement.merchant else (),
    )


def shown(row: Row, *, version: Literal["v1", "v2"], original: bool) -> Row:
    """Give the row as one request asked for it."""
    if not original:
        row = msgspec.structs.replace(row, original_description=None)
    if version == "v1" and row.personal_finance_category is not None:
        row = msgspec.structs.replace(row, personal_finance_category=_V1.get(row.personal_finance_category))
    return row


def account_body(account: Account, account_id: str, bank: Bank) -> dict[str, Any]:
    """Give an account with its balances."""
    current, available = bank.balance(account)
    iso, unofficial = currency_codes(account.currency)
    return {
        "account_id": account_id,
        "balances": {
            "available": None if available is None else number(available),
            "current": None if current is None else number(current),
            "limit": None if account.limit is None else number(account.limit),
            "iso_currency_code": iso,
            "unofficial_currency_code": unofficial,
        },
        "mask": account.mask,
        "name": account.name,
        "official_name": account.official_name,
        "type": account.type,
        "subtype": account.subtype,
        "holder_category": "personal",
    }


_V1: Final[dict[Pfc, Pfc]] = {}


@lru_cache
def _pfc(category: Category) -> Pfc:
    new = Pfc(category.primary, category.detailed)
    _V1[new] = Pfc(category.old_primary or category.primary, category.old_detailed or category.detailed, version="v1")
    return new


@lru_cache(maxsize=4096)
def _entity(merchant: str) -> str:
    return short_id("merchant", merchant)


@lru_cache(maxsize=4096)
def _counterparties(merchant: str, website: str | None) -> tuple[Counterparty, ...]:
    return (Counterparty(merchant, _entity(merchant), website),)
