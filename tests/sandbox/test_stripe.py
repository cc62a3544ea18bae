"""The emulated Stripe account, driven by Stripe's own SDK through its normal calls."""

from collections.abc import Iterator
from typing import Literal, cast

import pytest
import stripe
from stripe import StripeClient
from stripe.params import BalanceTransactionListParamsCreated

from counterfoil.providers.stripe.client import VERSION
from counterfoil.providers.stripe.sandbox import Account
from counterfoil.sandbox.merchant import totals
from counterfoil.sandbox.server import Served
from sandbox.stripe_desk import MERCHANT, act, client, emulated, own, raw, sdk, vendor
from sandbox.stripe_shapes import complaints

__all__ = ["own", "sdk", "vendor"]  # fixtures

# --- the ledger ---


def test_the_balance_is_the_sum_of_the_lines_in_every_currency(sdk: StripeClient) -> None:
    balance = sdk.v1.balance.retrieve()
    held = {
        one.currency: one.amount + other.amount for one, other in zip(balance.available, balance.pending, strict=True)
    }
    summed: dict[str, int] = {}
    for line in sdk.v1.balance_transactions.list({"limit": 100}).auto_paging_iter():
        assert line.net == line.amount - line.fee
        summed[line.currency] = summed.get(line.currency, 0) + line.net
    assert held == summed == totals(MERCHANT.books.movements)
    assert {"usd", "eur", "jpy", "kwd"} <= summed.keys()


def test_paging_brings_every_line_once_newest_first(sdk: StripeClient) -> None:
    lines = list(sdk.v1.balance_transactions.list({"limit": 27}).auto_paging_iter())
    assert len({line.id for line in lines}) == len(lines) == len(MERCHANT.books.movements)
    assert [line.created for line in lines] == sorted((line.created for line in lines), reverse=True)


def test_a_row_that_appears_while_paging_is_before_the_first_page(vendor: Served, sdk: StripeClient) -> None:
    first = sdk.v1.balance_transactions.list({"limit": 10})
    act(vendor, "charge", amount=1234)
    second = sdk.v1.balance_transactions.list({"limit": 10, "starting_after": first.data[-1].id})
    both = sdk.v1.balance_transactions.list({"limit": 21})
    assert [line.id for line in both.data[1:]] == [line.id for line in [*first.data, *second.data]]


def test_pages_can_be_turned_back(sdk: StripeClient) -> None:
    lines = sdk.v1.balance_transactions.list({"limit": 9}).data
    back = sdk.v1.balance_transactions.list({"limit": 3, "ending_before": lines[5].id})
    assert [line.id for line in back.data] == [line.id for line in lines[2:5]]
    assert back.has_more


@pytest.mark.parametrize(("bound", "shown"), [("gte", 20), ("gt", 19)])
def test_lower_bounds_are_kept_to_the_second(sdk: StripeClient, bound: Literal["gte", "gt"], shown: int) -> None:
    lines = MERCHANT.books.movements[-20:]
    found = sdk.v1.balance_transactions.list({"limit": 100, "created": _bound(bound, lines[0].created)})
    assert [line.id for line in found.data] == [line.id for line in reversed(lines[20 - shown :])]


@pytest.mark.parametrize(("bound", "shown"), [("lt", 19), ("lte", 20)])
def test_upper_bounds_are_kept_to_the_second(sdk: StripeClient, bound: Literal["lt", "lte"], shown: int) -> None:
    lines = MERCHANT.books.movements[:20]
    found = sdk.v1.balance_transactions.list({"limit": 100, "created": _bound(bound, lines[-1].created)})
    assert [line.id for line in found.data] == [line.id for line in reversed(lines[:shown])]


def _bound(name: Literal["gte", "gt", "lt", "lte"], second: int) -> BalanceTransactionListParamsCreated:
    return cast(BalanceTransactionListParamsCreated, {name: second})


def test_both_array_notations_expand(vendor: Served, own: Account, sdk: StripeClient) -> None:
    by_index = sdk.v1.balance_transactions.list({"limit": 20, "type": "charge", "expand": ["data.source"]})
    assert all(not isinstance(line.source, str) for line in by_index.data)
    by_name = raw(vendor, "/v1/balance_transactions?limit=20&type=charge&expand[]=data.source", own.secret_key).json()
    assert [row["source"]["id"] for row in by_name["data"]] == [line.source.id for line in by_index.data]  # type: ignore[union-attr]


def test_the_lines_of_an_automatic_payout_sum_up_to_it(sdk: StripeClient) -> None:
    payout = sdk.v1.payouts.list({"limit": 1}).data[0]
    lines = list(sdk.v1.balance_transactions.list({"payout": payout.id, "limit": 100}).auto_paging_iter())
    assert sum(line.net for line in lines if line.type != "payout") == payout.amount
    assert sum(line.net for line in lines) == 0


# --- objects and their shapes ---


def _shapes(sdk: StripeClient) -> Iterator[tuple[type[stripe.StripeObject], stripe.StripeObject]]:
    yield stripe.Balance, sdk.v1.balance.retrieve()
    yield stripe.Account, sdk.v1.accounts.retrieve_current()
    for shape, page in (
        (stripe.BalanceTransaction, sdk.v1.balance_transactions.list({"limit": 50})),
        (stripe.Charge, sdk.v1.charges.list({"limit": 20})),
        (stripe.Refund, sdk.v1.refunds.list()),
        (stripe.Dispute, sdk.v1.disputes.list()),
        (stripe.Payout, sdk.v1.payouts.list()),
        (stripe.Event, sdk.v1.events.list()),
        (stripe.financial_connections.Account, sdk.v1.financial_connections.accounts.list()),
    ):
        assert page.data, shape
        for one in page.data:
            yield shape, one
    account = sdk.v1.financial_connections.accounts.list().data[0]
    for row in sdk.v1.financial_connections.transactions.list({"account": account.id}).data:
        yield stripe.financial_connections.Transaction, row
    session = sdk.v1.financial_connections.sessions.create(
        {"account_holder": {"type": "account", "account": "acct_1"}, "permissions": ["balances", "transactions"]}
    )
    yield stripe.financial_connections.Session, session


def test_every_reply_has_the_keys_and_types_that_the_sdk_declares(vendor: Served, sdk: StripeClient) -> None:
    for action in ("charge", "refund", "dispute", "payout", "fail_payout"):
        act(vendor, action)
    found = [text for shape, one in _shapes(sdk) for text in complaints(shape, one.to_dict(), shape.__name__)]
    assert found == []


def test_single_objects_are_found_and_unknown_ones_are_not(sdk: StripeClient) -> None:
    charge = sdk.v1.charges.list({"limit": 1}).data[0]
    assert sdk.v1.charges.retrieve(charge.id, {"expand": ["balance_transaction"]}).balance_transaction.net  # type: ignore[union-attr]
    with pytest.raises(stripe.InvalidRequestError) as caught:
        sdk.v1.charges.retrieve("ch_nobody")
    assert (caught.value.http_status, caught.value.code) == (404, "resource_missing")


# --- the gate ---


def test_replies_name_the_request_and_the_version(vendor: Served, own: Account) -> None:
    reply = raw(vendor, "/v1/balance", own.api_key, **{"stripe-version": "2026-10-28.endive"})
    assert reply.headers["stripe-version"] == VERSION == stripe.api_version
    assert reply.headers["request-id"].startswith("req_")


def test_keys_that_do_not_work_are_refused(vendor: Served, own: Account) -> None:
    with pytest.raises(stripe.AuthenticationError):
        client(vendor, "rk_test_wrong").v1.balance.retrieve()
    act(vendor, "revoke")
    with pytest.raises(stripe.AuthenticationError) as caught:
        client(vendor, own.api_key).v1.balance.retrieve()
    assert caught.value.json_body["error"]["code"] == "api_key_expired"  # type: ignore[index]
    act(vendor, "restore")
    assert client(vendor, own.api_key).v1.balance.retrieve().livemode is False


def test_a_restricted_key_reads_and_does_not_write(vendor: Served, own: Account) -> None:
    restricted = client(vendor, own.api_key)
    with pytest.raises(stripe.PermissionError, match="rak_payout_write"):
        restricted.v1.payouts.create({"amount": 100, "currency": "usd"})
    act(vendor, "permissions", deny=["charge_read"])
    assert restricted.v1.balance_transactions.list().data
    with pytest.raises(stripe.PermissionError, match="rak_charge_read"):
        restricted.v1.balance_transactions.list({"type": "charge", "expand": ["data.source"]})


def test_bad_parameters_are_named(sdk: StripeClient, vendor: Served, own: Account) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        sdk.v1.payouts.list({"limit": 101})
    assert caught.value.param == "limit"
    with pytest.raises(stripe.InvalidRequestError) as caught:
        sdk.v1.payouts.list({"starting_after": "po_nobody"})
    assert (caught.value.code, caught.value.param) == ("resource_missing", "starting_after")
    body = raw(vendor, "/v1/payouts?staus=paid", own.secret_key).json()
    assert (body["error"]["code"], body["error"]["param"]) == ("parameter_unknown", "staus")
    assert raw(vendor, "/v1/charges/x/y", own.secret_key).status_code == 404


def test_the_documented_rates_are_enforced(vendor: Served, sdk: StripeClient) -> None:
    emulated(vendor).limits.scale = 0.2  # 5 requests a second
    for _ in range(5):
        sdk.v1.balance.retrieve()
    with pytest.raises(stripe.RateLimitError) as caught:
        sdk.v1.balance.retrieve()
    assert caught.value.headers is not None
    assert caught.value.headers["Stripe-Rate-Limited-Reason"] == "endpoint-rate"
    assert "Retry-After" not in caught.value.headers


def test_a_repeated_post_changes_nothing(sdk: StripeClient) -> None:
    charge = sdk.v1.charges.list({"limit": 1}).data[0].id
    once = sdk.v1.refunds.create({"charge": charge, "amount": 100}, {"idempotency_key": "k1"})
    again = sdk.v1.refunds.create({"charge": charge, "amount": 100}, {"idempotency_key": "k1"})
    assert again.id == once.id
    assert again.last_response is not None and again.last_response.headers["Idempotent-Replayed"] == "true"
    assert len(sdk.v1.refunds.list({"charge": charge}).data) == 1
    with pytest.raises(stripe.IdempotencyError):
        sdk.v1.refunds.create({"charge": charge, "amount": 200}, {"idempotency_key": "k1"})


# --- time ---


def test_the_clock_settles_what_is_pending_and_tells(vendor: Served, sdk: StripeClient) -> None:
    charge = act(vendor, "charge", amount=9_000)
    line = sdk.v1.balance_transactions.retrieve(charge["balance_transaction"])
    assert line.status == "pending"
    act(vendor, "advance", days=6)
    settled = sdk.v1.balance_transactions.retrieve(charge["balance_transaction"])
    assert settled.status == "available"
    assert (settled.created, settled.available_on) == (line.created, line.available_on)
    assert sdk.v1.events.list({"types": ["balance.available"]}).data


def test_a_payout_arrives_and_may_still_come_back(vendor: Served, sdk: StripeClient) -> None:
    payout = act(vendor, "payout", amount=5_000)
    assert payout["status"] == "in_transit"
    act(vendor, "advance", days=4)
    assert sdk.v1.payouts.retrieve(payout["id"]).status == "paid"
    act(vendor, "fail_payout", payout=payout["id"])
    failed = sdk.v1.payouts.retrieve(payout["id"], {"expand": ["failure_balance_transaction"]})
    assert failed.status == "failed"
    assert failed.failure_balance_transaction.amount == 5_000  # type: ignore[union-attr]
    types = [event.type for event in sdk.v1.events.list({"limit": 100}).data]
    assert types.index("payout.failed") < types.index("payout.paid") < types.index("payout.created")


# --- outside banks ---


def test_a_session_collects_accounts_and_refreshes_bring_their_rows(vendor: Served, sdk: StripeClient) -> None:
    connections = sdk.v1.financial_connections
    session = connections.sessions.create(
        {"account_holder": {"type": "account", "account": "acct_1"}, "permissions": ["balances", "transactions"]}
    )
    assert session.client_secret and not session.accounts.data
    act(vendor, "fc_complete_session", session=session.id, accounts=[{"name": "Till float"}])
    account = connections.sessions.retrieve(session.id).accounts.data[0]
    assert account.transaction_refresh is None

    subscribed = connections.accounts.subscribe(account.id, {"features": ["transactions"]})
    assert subscribed.transaction_refresh and subscribed.transaction_refresh.status == "pending"
    act(vendor, "fc_activity", account=account.id, rows=[{"amount": -1200}], refresh=False)
    act(vendor, "advance", seconds=6)
    first = connections.accounts.retrieve(account.id).transaction_refresh
    assert first and first.status == "succeeded"
    assert [row.amount for row in connections.transactions.list({"account": account.id}).data] == [-1200]

    with pytest.raises(stripe.InvalidRequestError, match="cannot be refreshed again yet"):
        connections.accounts.refresh(account.id, {"features": ["transactions"]})
    done = act(vendor, "fc_activity", account=account.id, rows=[{"amount": -300, "status": "pending"}])
    since = connections.transactions.list({"account": account.id, "transaction_refresh": {"after": first.id}})
    assert [row.id for row in since.data] == done["rows"]
    act(vendor, "fc_activity", account=account.id, void=done["rows"])
    assert connections.transactions.retrieve(done["rows"][0]).status == "void"


def test_a_refresh_may_fail_and_a_sleeping_account_takes_none(vendor: Served, sdk: StripeClient) -> None:
    connections = sdk.v1.financial_connections
    account = connections.accounts.list().data[0]
    act(vendor, "fc_refresh", account=account.id, fail=True)
    refresh = connections.accounts.retrieve(account.id).transaction_refresh
    assert refresh and refresh.status == "failed"
    act(vendor, "fc_status", account=account.id, status="inactive")
    with pytest.raises(stripe.InvalidRequestError) as caught:
        connections.accounts.refresh(account.id, {"features": ["balance"]})
    assert caught.value.code == "financial_connections_account_inactive"
    assert connections.accounts.disconnect(account.id).status == "disconnected"
