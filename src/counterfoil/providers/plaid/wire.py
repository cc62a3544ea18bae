"""What Plaid sends, as far as it is read: unknown fields are passed over, enums are open strings."""

import datetime as dt
from decimal import Decimal

import msgspec


class Wire(msgspec.Struct, frozen=True, gc=False):
    """A body or a part of one. Never holds a reference to itself, so the collector need not look."""


class Balances(Wire, frozen=True):
    """https://plaid.com/docs/api/accounts/#accounts-get-response-accounts-balances"""

    available: Decimal | None = None
    current: Decimal | None = None
    limit: Decimal | None = None
    iso_currency_code: str | None = None
    unofficial_currency_code: str | None = None
    last_updated_datetime: dt.datetime | None = None


class Account(Wire, frozen=True):
    """https://plaid.com/docs/api/accounts/"""

    account_id: str
    name: str
    balances: Balances = Balances()
    type: str | None = None
    subtype: str | None = None
    mask: str | None = None
    official_name: str | None = None
    persistent_account_id: str | None = None


class Fault(Wire, frozen=True):
    """https://plaid.com/docs/errors/ The message is not read: it may name accounts."""

    error_code: str
    error_type: str = ""
    request_id: str | None = None


class Item(Wire, frozen=True):
    """https://plaid.com/docs/api/items/#itemget"""

    item_id: str
    institution_id: str | None = None
    institution_name: str | None = None
    error: Fault | None = None


class Updated(Wire, frozen=True):
    last_successful_update: dt.datetime | None = None


class ItemStatus(Wire, frozen=True):
    transactions: Updated | None = None
    investments: Updated | None = None


class ItemReply(Wire, frozen=True):
    item: Item
    status: ItemStatus | None = None


class AccountsReply(Wire, frozen=True):
    accounts: list[Account]


class Institution(Wire, frozen=True):
    """https://plaid.com/docs/api/institutions/#institutionsget_by_id"""

    institution_id: str
    name: str
    url: str | None = None


class InstitutionReply(Wire, frozen=True):
    institution: Institution


class AccountsPage(Wire, frozen=True):
    """A page of the stream `accounts`: three replies, and when they were read (the replies do not say)."""

    read_at: dt.datetime
    item: ItemReply
    accounts: AccountsReply
    institution: InstitutionReply | None = None


class RawAccountsPage(Wire, frozen=True):
    """The same page while it is put together: the replies stay as they came."""

    read_at: dt.datetime
    item: msgspec.Raw
    accounts: msgspec.Raw
    institution: msgspec.Raw | None = None


class Category(Wire, frozen=True):
    """https://plaid.com/docs/transactions/pfc-migration/"""

    primary: str
    detailed: str


class Transaction(Wire, frozen=True):
    """https://plaid.com/docs/api/products/transactions/#transactionssync"""

    transaction_id: str
    account_id: str
    amount: Decimal
    date: dt.date
    name: str | None = None
    pending: bool = False
    iso_currency_code: str | None = None
    unofficial_currency_code: str | None = None
    authorized_date: dt.date | None = None
    payment_channel: str | None = None
    transaction_code: str | None = None
    pending_transaction_id: str | None = None
    merchant_name: str | None = None
    website: str | None = None
    check_number: str | None = None
    original_description: str | None = None
    personal_finance_category: Category | None = None


class RemovedTransaction(Wire, frozen=True):
    transaction_id: str


class SyncPage(Wire, frozen=True):
    added: list[Transaction]
    modified: list[Transaction]
    removed: list[RemovedTransaction]
    accounts: list[Account] = []


class SyncHead(Wire, frozen=True):
    """What the page says of its own place in the loop, without the rows."""

    next_cursor: str
    has_more: bool
    transactions_update_status: str = ""


class Security(Wire, frozen=True):
    """https://plaid.com/docs/api/products/investments/#investmentsholdingsget"""

    security_id: str
    name: str | None = None
    ticker_symbol: str | None = None
    type: str | None = None
    close_price: Decimal | None = None
    close_price_as_of: dt.date | None = None
    iso_currency_code: str | None = None
    unofficial_currency_code: str | None = None
    isin: str | None = None
    cusip: str | None = None
    is_cash_equivalent: bool | None = None


class Holding(Wire, frozen=True):
    account_id: str
    security_id: str
    quantity: Decimal
    institution_price: Decimal | None = None
    institution_price_as_of: dt.date | None = None
    institution_value: Decimal | None = None
    cost_basis: Decimal | None = None
    iso_currency_code: str | None = None
    unofficial_currency_code: str | None = None


class HoldingsPage(Wire, frozen=True):
    accounts: list[Account]
    holdings: list[Holding]
    securities: list[Security]


class InvestmentTransaction(Wire, frozen=True):
    """https://plaid.com/docs/api/products/investments/#investmentstransactionsget"""

    investment_transaction_id: str
    account_id: str
    date: dt.date
    name: str
    amount: Decimal
    security_id: str | None = None
    quantity: Decimal | None = None
    price: Decimal | None = None
    fees: Decimal | None = None
    type: str | None = None
    subtype: str | None = None
    iso_currency_code: str | None = None
    unofficial_currency_code: str | None = None


class InvestmentTransactionsPage(Wire, frozen=True):
    investment_transactions: list[InvestmentTransaction]
    securities: list[Security]
    total_investment_transactions: int
    accounts: list[Account] = []


class Apr(Wire, frozen=True):
    apr_percentage: Decimal
    apr_type: str


class CreditCard(Wire, frozen=True):
    """https://plaid.com/docs/api/products/liabilities/#liabilitiesget"""

    account_id: str | None
    aprs: list[Apr] = []
    is_overdue: bool | None = None
    last_payment_amount: Decimal | None = None
    last_payment_date: dt.date | None = None
    last_statement_balance: Decimal | None = None
    minimum_payment_amount: Decimal | None = None
    next_payment_due_date: dt.date | None = None


class MortgageRate(Wire, frozen=True):
    percentage: Decimal | None = None


class Mortgage(Wire, frozen=True):
    account_id: str | None
    interest_rate: MortgageRate = MortgageRate()
    last_payment_amount: Decimal | None = None
    last_payment_date: dt.date | None = None
    next_monthly_payment: Decimal | None = None
    next_payment_due_date: dt.date | None = None
    past_due_amount: Decimal | None = None


class StudentLoan(Wire, frozen=True):
    account_id: str | None
    interest_rate_percentage: Decimal | None = None
    is_overdue: bool | None = None
    last_payment_amount: Decimal | None = None
    last_payment_date: dt.date | None = None
    last_statement_balance: Decimal | None = None
    minimum_payment_amount: Decimal | None = None
    next_payment_due_date: dt.date | None = None


class Liabilities(Wire, frozen=True):
    credit: list[CreditCard] | None = None
    mortgage: list[Mortgage] | None = None
    student: list[StudentLoan] | None = None


class LiabilitiesPage(Wire, frozen=True):
    accounts: list[Account]
    liabilities: Liabilities


class LinkToken(Wire, frozen=True):
    """https://plaid.com/docs/link/hosted-link/"""

    link_token: str
    expiration: dt.datetime
    hosted_link_url: str


class LinkAccount(Wire, frozen=True):
    id: str
    name: str
    mask: str | None = None
    type: str | None = None
    subtype: str | None = None


class LinkInstitution(Wire, frozen=True):
    institution_id: str | None = None
    name: str | None = None


class LinkedItem(Wire, frozen=True):
    public_token: str
    accounts: list[LinkAccount] = []
    institution: LinkInstitution | None = None


class LinkResults(Wire, frozen=True):
    item_add_results: list[LinkedItem] = []


class LinkExit(Wire, frozen=True):
    error: Fault | None = None


class LinkSession(Wire, frozen=True):
    link_session_id: str
    finished_at: dt.datetime | None = None
    results: LinkResults | None = None
    exit: LinkExit | None = None


class LinkStatus(Wire, frozen=True):
    """https://plaid.com/docs/api/link/#linktokenget"""

    link_sessions: list[LinkSession] = []


class Exchanged(Wire, frozen=True):
    """https://plaid.com/docs/api/items/#itempublic_tokenexchange"""

    access_token: str
    item_id: str


class VerificationKey(Wire, frozen=True):
    """https://plaid.com/docs/api/webhooks/webhook-verification/"""

    kid: str
    alg: str
    kty: str
    crv: str
    x: str
    y: str
    expired_at: int | None = None


class VerificationKeyReply(Wire, frozen=True):
    key: VerificationKey
