"""Stripe's JSON as far as it is read. Amounts are integers in the currency's smallest unit, times Unix seconds."""

from typing import Generic, TypeVar

import msgspec
from msgspec import Struct, field

T = TypeVar("T")
_NULL = msgspec.Raw(b"null")


class Page(Struct, Generic[T], frozen=True):
    """A list reply, newest first. https://docs.stripe.com/api/pagination"""

    data: list[T]
    has_more: bool = False


class _Profile(Struct, frozen=True):
    name: str | None = None


class _Dashboard(Struct, frozen=True):
    display_name: str | None = None


class _AccountSettings(Struct, frozen=True):
    dashboard: _Dashboard | None = None


class Account(Struct, frozen=True):
    """Whose key it is. https://docs.stripe.com/api/accounts/object"""

    id: str
    email: str | None = None
    business_profile: _Profile | None = None
    settings: _AccountSettings | None = None

    @property
    def label(self) -> str:
        """The name that the owner recognises, else the id."""
        shown = self.settings and self.settings.dashboard and self.settings.dashboard.display_name
        return shown or (self.business_profile and self.business_profile.name) or self.email or self.id


class Amount(Struct, frozen=True):
    amount: int
    currency: str


class Bucket(Struct, frozen=True):
    """A part of the balance that Stripe keeps apart: card issuing, or the fund for refunds and disputes."""

    available: list[Amount] = field(default_factory=list)
    pending: list[Amount] = field(default_factory=list)


class Balance(Struct, frozen=True):
    """https://docs.stripe.com/api/balance/balance_object"""

    available: list[Amount]
    pending: list[Amount]
    issuing: Bucket | None = None
    refund_and_dispute_prefunding: Bucket | None = None


class _Billing(Struct, frozen=True):
    name: str | None = None


class _Method(Struct, frozen=True):
    type: str | None = None


class Charge(Struct, frozen=True, kw_only=True):
    """https://docs.stripe.com/api/charges/object"""

    id: str
    description: str | None = None
    calculated_statement_descriptor: str | None = None
    billing_details: _Billing | None = None
    payment_method_details: _Method | None = None


class Dispute(Struct, frozen=True, kw_only=True):
    """https://docs.stripe.com/api/disputes/object"""

    reason: str | None = None


class Payout(Struct, frozen=True, kw_only=True):
    """A transfer to the bank; may turn from paid to failed. https://docs.stripe.com/api/payouts/object"""

    id: str
    created: int
    arrival_date: int
    status: str
    failure_code: str | None = None
    failure_message: str | None = None
    balance_transaction: msgspec.Raw = _NULL  # an id, or the line itself
    failure_balance_transaction: msgspec.Raw = _NULL


class BalanceTransaction(Struct, frozen=True, kw_only=True):
    """One line of the balance: written once, only `status` changes. https://docs.stripe.com/api/balance_transactions"""

    id: str
    amount: int
    fee: int
    net: int
    currency: str
    created: int
    available_on: int
    status: str
    type: str
    reporting_category: str
    balance_type: str | None = None
    description: str | None = None
    source: msgspec.Raw = _NULL  # an id, or the object itself where it was asked for


class _Cash(Struct, frozen=True):
    available: dict[str, int] | None = None


class _Credit(Struct, frozen=True):
    used: dict[str, int] | None = None


class BankBalance(Struct, frozen=True, kw_only=True):
    """`current` is negative where the holder owes it."""

    as_of: int
    current: dict[str, int]
    cash: _Cash | None = None
    credit: _Credit | None = None


class Refresh(Struct, frozen=True):
    status: str
    id: str | None = None


class BankAccount(Struct, frozen=True, kw_only=True):
    """An outside account. https://docs.stripe.com/api/financial_connections/accounts/object"""

    id: str
    institution_name: str
    category: str
    status: str
    subcategory: str | None = None
    display_name: str | None = None
    last4: str | None = None
    balance: BankBalance | None = None
    transaction_refresh: Refresh | None = None


class BankTransaction(Struct, frozen=True, kw_only=True):
    """Negative amounts left the account. https://docs.stripe.com/api/financial_connections/transactions/object"""

    id: str
    account: str
    amount: int
    currency: str
    description: str
    status: str
    transacted_at: int


class Problem(Struct, frozen=True):
    """https://docs.stripe.com/api/errors"""

    type: str | None = None
    code: str | None = None
    message: str | None = None
    param: str | None = None


class Refused(Struct, frozen=True):
    error: Problem


class Fetched(Struct, frozen=True, kw_only=True):
    """A staged page: the reply as received, and what it does not say itself."""

    kind: str  # balance, bank_accounts, movements, payouts, bank_transactions, nothing
    account: str  # the Stripe account's id
    business: str  # its name
    at: int  # when it was read, Unix seconds
    reply: msgspec.Raw


class _Kind(Struct, frozen=True):
    object: str = ""


def expanded(raw: msgspec.Raw, shape: type[T]) -> T | None:
    """Decode an expandable field; None where it holds only an id, nothing, or another shape than expected."""
    try:
        return msgspec.json.decode(raw, type=shape)
    except msgspec.ValidationError:
        return None


def object_of(raw: msgspec.Raw) -> str:
    """Name the kind of object that an expandable field holds ("" for an id or nothing)."""
    kind = expanded(raw, _Kind)
    return kind.object if kind else ""
