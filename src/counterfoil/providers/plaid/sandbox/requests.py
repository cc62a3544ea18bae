"""The bodies that the endpoints take, checked as strictly as the vendor does."""

import datetime as dt
import re
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, TypeVar

import msgspec

from counterfoil.providers.plaid.sandbox.errors import PlaidError

_MISSING: Final = re.compile(r"Object missing required field `(\w+)`")
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(\w+)`")
Days = Annotated[int, msgspec.Meta(ge=1, le=730)]
Count = Annotated[int, msgspec.Meta(ge=1, le=500)]


class Part(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """An object within a body."""


class Ask(Part, kw_only=True):
    """A body. The credentials may stand in it, or in the headers."""

    client_id: str | None = None
    secret: str | None = None


class OfItem(Ask, kw_only=True):
    """A body that names an Item by its token."""

    access_token: str


A = TypeVar("A", bound=Ask)


def read(raw: bytes, shape: type[A]) -> A:
    """Read a request's body. Raises the vendor's error where it is not as it must be."""
    try:
        return msgspec.json.decode(raw or b"{}", type=shape)
    except msgspec.ValidationError as error:
        text = str(error)
        if missing := _MISSING.search(text):
            message = f"the following required fields are missing: {missing[1]}"
            raise PlaidError("MISSING_FIELDS", message) from error
        if unknown := _UNKNOWN.search(text):
            message = f"the following fields are not recognized by this endpoint: {unknown[1]}"
            raise PlaidError("UNKNOWN_FIELDS", message) from error
        raise PlaidError("INVALID_FIELD", text) from error
    except msgspec.DecodeError as error:
        raise PlaidError("INVALID_BODY") from error


# --- Link ---


class User(Part):
    client_user_id: str
    legal_name: str | None = None
    phone_number: str | None = None
    email_address: str | None = None
    name: Any = None
    address: Any = None


class HostedLink(Part):
    completion_redirect_uri: str | None = None
    url_lifetime_seconds: int | None = None
    is_mobile_app: bool = False
    delivery_method: str | None = None


class LinkTransactions(Part):
    days_requested: Days = 90


class LinkUpdate(Part):
    account_selection_enabled: bool = False
    reauthorization_enabled: bool = False


class LinkTokenCreate(Ask):
    client_name: Annotated[str, msgspec.Meta(max_length=30)]
    language: str
    country_codes: Annotated[list[str], msgspec.Meta(min_length=1)]
    user: User | None = None
    user_id: str | None = None
    products: list[str] | None = None
    required_if_supported_products: list[str] | None = None
    optional_products: list[str] | None = None
    additional_consented_products: list[str] | None = None
    webhook: str | None = None
    access_token: str | None = None
    redirect_uri: str | None = None
    link_customization_name: str | None = None
    institution_id: str | None = None
    account_filters: dict[str, Any] | None = None
    hosted_link: HostedLink | None = None
    transactions: LinkTransactions | None = None
    update: LinkUpdate | None = None
    enable_multi_item_link: bool = False


class LinkTokenGet(Ask):
    link_token: str


class Exchange(Ask):
    public_token: str


# --- Items and accounts ---


class ItemRemove(OfItem):
    reason_code: str | None = None
    reason_note: Annotated[str, msgspec.Meta(max_length=512)] | None = None


class WebhookUpdate(OfItem):
    webhook: str | None = None


class AccountIds(Part):
    account_ids: list[str] | None = None
    min_last_updated_datetime: dt.datetime | None = None


class OfAccounts(OfItem):
    options: AccountIds = msgspec.field(default_factory=AccountIds)


# --- transactions ---


class SyncOptions(Part):
    include_original_description: bool | None = None
    include_personal_finance_category: bool = True
    include_logo_and_counterparty_beta: bool = False
    personal_finance_category_version: Literal["v1", "v2"] = "v2"
    days_requested: Days | None = None
    account_id: str | None = None


class Sync(OfItem):
    cursor: str | None = None
    count: Count = 100
    options: SyncOptions = msgspec.field(default_factory=SyncOptions)


# --- investments ---


class TradesOptions(Part):
    account_ids: list[str] | None = None
    count: Count = 100
    offset: Annotated[int, msgspec.Meta(ge=0)] = 0
    async_update: bool = False


class Trades(OfItem):
    start_date: dt.date
    end_date: dt.date
    options: TradesOptions = msgspec.field(default_factory=TradesOptions)


# --- institutions, keys ---


class InstitutionOptions(Part):
    include_optional_metadata: bool = False
    include_status: bool = False
    include_auth_metadata: bool = False
    include_payment_initiation_metadata: bool = False


class InstitutionById(Ask):
    institution_id: str
    country_codes: Annotated[list[str], msgspec.Meta(min_length=1)]
    options: InstitutionOptions = msgspec.field(default_factory=InstitutionOptions)


class VerificationKey(Ask):
    key_id: str


# --- sandbox ---


class SandboxTransactions(Part):
    start_date: dt.date | None = None
    end_date: dt.date | None = None
    days_requested: Days | None = None


class SandboxOptions(Part):
    webhook: str | None = None
    override_username: str | None = None
    override_password: str | None = None
    transactions: SandboxTransactions | None = None


class SandboxToken(Ask):
    institution_id: str
    initial_products: Annotated[list[str], msgspec.Meta(min_length=1)]
    options: SandboxOptions = msgspec.field(default_factory=SandboxOptions)
    user_token: str | None = None


class FireWebhook(OfItem):
    webhook_code: str
    webhook_type: str | None = None


class CustomTransaction(Part):
    date_transacted: dt.date
    date_posted: dt.date
    amount: Decimal
    description: str
    iso_currency_code: str = "USD"


class TransactionsCreate(OfItem):
    transactions: Annotated[list[CustomTransaction], msgspec.Meta(min_length=1, max_length=10)]
    account_id: str | None = None
