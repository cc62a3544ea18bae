"""Which event fetches what: the one table that routes every event to streams and tables."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from counterfoil.model import TABLES
from counterfoil.ports import ProviderSpec

EVERYTHING: Final = "*"
REFRESH: Final = "app/sync.requested"


@dataclass(frozen=True, slots=True)
class Trigger:
    """What an event about a connection causes: the streams to fetch, in this order; `why` is for the docs."""

    event: str
    streams: tuple[str, ...]
    why: str


def _plaid(code: str, streams: Sequence[str], why: str) -> Trigger:
    return Trigger(f"plaid/{code}", tuple(streams), why)


_MONEY: Final = ("accounts", "transactions")
_PAYOUT: Final = ("accounts", "transactions", "payouts")
_OUTSIDE: Final = "financial_connections.account"
_STRIPE: Final = (
    ("balance.available", _MONEY, "pending money became available"),
    ("payout.created", _PAYOUT, "a payout is on its way"),
    ("payout.updated", _PAYOUT, "a payout changed"),
    ("payout.paid", _PAYOUT, "a payout arrived"),
    ("payout.failed", _PAYOUT, "a payout came back"),
    ("payout.canceled", _PAYOUT, "a payout was called off"),
    ("payout.reconciliation_completed", _PAYOUT, "the contents of a payout are known"),
    ("charge.succeeded", _MONEY, "a customer paid"),
    ("charge.updated", _MONEY, "a charge got its balance transaction"),
    ("charge.refunded", _MONEY, "a customer got money back"),
    ("charge.dispute.created", _MONEY, "a customer disputes a charge"),
    ("charge.dispute.updated", _MONEY, "a dispute changed"),
    ("charge.dispute.closed", _MONEY, "a dispute ended"),
    ("charge.dispute.funds_withdrawn", _MONEY, "the disputed money was taken"),
    ("charge.dispute.funds_reinstated", _MONEY, "the disputed money came back"),
    ("refund.created", _MONEY, "a refund was made"),
    ("refund.updated", _MONEY, "a refund changed"),
    ("refund.failed", _MONEY, "a refund came back"),
    (f"{_OUTSIDE}.created", _MONEY, "an outside bank account was connected"),
    (f"{_OUTSIDE}.deactivated", ("accounts",), "an outside bank account sleeps"),
    (f"{_OUTSIDE}.reactivated", _MONEY, "an outside bank account is awake again"),
    (f"{_OUTSIDE}.disconnected", ("accounts",), "an outside bank account was disconnected"),
    (f"{_OUTSIDE}.refreshed_balance", ("accounts",), "an outside balance is new"),
    (f"{_OUTSIDE}.refreshed_transactions", _MONEY, "outside transactions are new"),
    (f"{_OUTSIDE}.balance_refresh_succeeded", ("accounts",), "the same, from the thin event"),
    (f"{_OUTSIDE}.transactions_refresh_succeeded", _MONEY, "outside transactions are new, from the thin event"),
    ("topup.succeeded", _MONEY, "money was added to the balance"),
    ("topup.failed", _MONEY, "a top-up came back"),
    ("transfer.created", _MONEY, "money moved to another Stripe account"),
    ("transfer.reversed", _MONEY, "a transfer came back"),
    ("account.updated", ("accounts",), "the Stripe account's own details changed"),
    ("account.application.deauthorized", ("accounts",), "the user withdrew our access"),
)

TRIGGERS: Final[Mapping[str, Trigger]] = {
    trigger.event: trigger
    for trigger in (
        _plaid("transactions.sync_updates_available", ["transactions"], "the bank has new or changed transactions"),
        _plaid("transactions.initial_update", ["transactions"], "the first 30 days are there"),
        _plaid("transactions.historical_update", ["transactions"], "the whole history is there"),
        _plaid("transactions.default_update", ["transactions"], "new transactions, in the older words"),
        _plaid("transactions.transactions_removed", ["transactions"], "the bank took transactions back"),
        _plaid("holdings.default_update", ["holdings"], "holdings or their prices changed"),
        _plaid("investments_transactions.default_update", ["investment_transactions"], "new investment transactions"),
        _plaid("investments_transactions.historical_update", ["investment_transactions"], "their history is there"),
        _plaid("liabilities.default_update", ["liabilities"], "terms of a loan or card changed"),
        _plaid("item.login_repaired", [EVERYTHING], "the user signed in again at the bank"),
        # The state of a login is read from the bank itself: a webhook is only a hint to look.
        _plaid("item.error", ["accounts"], "the bank refuses the login"),
        _plaid("item.pending_expiration", ["accounts"], "consent ends in a week"),
        _plaid("item.pending_disconnect", ["accounts"], "the login ends in a week"),
        _plaid("item.user_permission_revoked", ["accounts"], "the user withdrew permission at the bank"),
        _plaid("item.user_account_revoked", ["accounts"], "the user withdrew permission for an account"),
        _plaid("item.new_accounts_available", ["accounts"], "the bank shows accounts that are not shared yet"),
        *(Trigger(f"stripe/{event}", streams, why) for event, streams, why in _STRIPE),
        Trigger("app/connection.created", (EVERYTHING,), "a connection was added"),
        Trigger("app/connection.repaired", (EVERYTHING,), "a connection works again"),
        Trigger("app/connection.resumed", (EVERYTHING,), "a paused connection goes on"),
        Trigger(REFRESH, (EVERYTHING,), "a person asked for it: the bank is asked for news first, where it lets us"),
        Trigger("app/sync.scheduled", (EVERYTHING,), "it is time"),
    )
}


@dataclass(frozen=True, slots=True)
class DestinationTrigger:
    """What an event about a destination causes: it is brought up to date with what is stored, and what is said here."""

    event: str
    why: str
    fetches: bool = False  # its connections are asked for news as well
    reads_back: bool = False  # it is read in full first, and what drifted is put right


DESTINATION_TRIGGERS: Final[Mapping[str, DestinationTrigger]] = {
    trigger.event: trigger
    for trigger in (
        DestinationTrigger("app/destination.created", "a destination was added: its tables are made"),
        DestinationTrigger("app/destination.repaired", "a destination works again"),
        DestinationTrigger("app/destination.sync.requested", "a person asked for it", fetches=True),
        DestinationTrigger("app/destination.sync.scheduled", "its schedule says so", fetches=True),
        DestinationTrigger("app/mapping.changed", "mapping, selection or removal policy changed"),
        DestinationTrigger("app/destination.rows.changed", "rules were applied, or a person said something here"),
        DestinationTrigger("app/rows.restored", "the user wants deleted rows back"),
        DestinationTrigger("app/rows.retried", "the user wants refused rows tried again"),
        DestinationTrigger("app/connection.removed", "a connection left, and its rows with it"),
        DestinationTrigger("app/reconcile.requested", "a person asked for it, or a week has passed", reads_back=True),
    )
}


# Events about a visit to a vendor's page: the vendor is asked how it stands, whatever the event says.
VISIT_TRIGGERS: Final[Mapping[str, str]] = {
    "plaid/link.session_finished": "the person has come to the end of Plaid's page, or left it",
    "plaid/link.item_add_result": "the person has signed in at a bank",
    "app/visit.poll": "nothing was heard for a while",
}

# Webhooks that are believed and change nothing.
NOTED: Final[Mapping[str, str]] = {
    "plaid/item.webhook_update_acknowledged": "Plaid has taken the new address of the webhooks",
    "plaid/link.events": "the steps that a person took on Plaid's page",
}


def streams_for(events: Iterable[str], spec: ProviderSpec) -> list[str]:
    """Give the union of the streams that the events ask for, in the provider's own order."""
    wanted = {stream for event in events for stream in TRIGGERS[event].streams}
    return [stream.name for stream in spec.streams if EVERYTHING in wanted or stream.name in wanted]


def in_order(tables: Iterable[str]) -> list[str]:
    """Put tables into dependency order: each after every table that it points to."""
    chosen = set(tables)
    return [table for table in TABLES if table in chosen]
