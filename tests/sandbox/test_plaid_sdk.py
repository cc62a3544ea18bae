"""plaid-python, with its default strictness, takes every reply of the Plaid emulator."""

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from typing import Any

import plaid
import pytest
from plaid.api.plaid_api import PlaidApi
from plaid.model_utils import validate_and_convert_types

from sandbox.plaid_desk import Desk, open_desk

FEW = 20  # rows a page: the default decode takes some 9 ms each


class Sdk:
    """Calls the SDK's method and request model for a path, in the vendor's own names."""

    def __init__(self, desk: Desk) -> None:
        keys = {"clientId": desk.vendor.client_id, "secret": desk.vendor.secret}
        self.configuration = plaid.Configuration(host=desk.url, api_key=keys)
        self.api = PlaidApi(plaid.ApiClient(self.configuration))

    def call(self, path: str, **body: Any) -> Any:
        """Give the decoded reply. The request is built by the SDK's own model, from plain values."""
        name = path.strip("/").replace("/", "_")
        built = validate_and_convert_types(body, (_model(name),), ["body"], True, True, self.configuration)
        return getattr(self.api, name)(built, _request_timeout=(5, 30))


def _model(name: str) -> Any:
    module = __import__(f"plaid.model.{name}_request", fromlist=["x"])
    return getattr(module, "".join(word.title() for word in name.split("_")) + "Request")


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    with open_desk() as desk:
        yield desk


@pytest.fixture(scope="module")
def sdk(desk: Desk) -> Sdk:
    return Sdk(desk)


def connect(sdk: Sdk, institution: str, products: list[str], **options: Any) -> str:
    public = sdk.call(
        "/sandbox/public_token/create", institution_id=institution, initial_products=products, options=options
    )
    token: str = sdk.call("/item/public_token/exchange", public_token=public.public_token).access_token
    return token


@pytest.fixture(scope="module")
def token(sdk: Sdk) -> str:
    return connect(sdk, "ins_109508", ["transactions", "liabilities"], transactions={"days_requested": 730})


def test_transactions_of_every_kind_decode(sdk: Sdk, desk: Desk, token: str) -> None:
    for options in ({"include_original_description": True}, {"personal_finance_category_version": "v1"}):
        page = sdk.call("/transactions/sync", access_token=token, count=FEW, options=options)
        assert len(page.added) == FEW and page.has_more
        assert isinstance(page.added[0].date, dt.date)
    cursor = desk.pages(token, count=500)[-1]["next_cursor"]
    desk.act("activity", item=token, count=12)
    page = sdk.call("/transactions/sync", access_token=token, count=FEW, cursor=cursor)
    assert page.added and (page.modified or page.removed)
    for name in ("EUR", "USDC"):
        account = {"EUR": "Euro Account", "USDC": "Stablecoin Wallet"}[name]
        account_id = next(one.account_id for one in page.accounts if one.name == account)
        rows = sdk.call("/transactions/sync", access_token=token, count=5, options={"account_id": account_id}).added
        assert {row.iso_currency_code or row.unofficial_currency_code for row in rows} == {name}


def test_a_page_of_an_item_that_is_not_ready_decodes(sdk: Sdk, desk: Desk) -> None:
    fresh = connect(sdk, "ins_109509", ["transactions"])
    desk.act("status", item=fresh, ready=False)
    page = sdk.call("/transactions/sync", access_token=fresh)
    assert (page.next_cursor, page.has_more, page.added) == ("", False, [])
    assert page.transactions_update_status.value == "NOT_READY"


def test_item_and_accounts_decode(sdk: Sdk, token: str) -> None:
    got = sdk.call("/item/get", access_token=token)
    assert got.item.institution_name == "First Harbor Bank"
    assert got.status.transactions.last_successful_update is not None
    accounts = sdk.call("/accounts/get", access_token=token).accounts
    assert {str(one.type.value) for one in accounts} == {"depository", "credit", "loan"}
    balances = sdk.call("/accounts/balance/get", access_token=token, options={"account_ids": [accounts[2].account_id]})
    assert balances.accounts[0].balances.current > 0


def test_investments_decode(sdk: Sdk, desk: Desk) -> None:
    broker = connect(sdk, "ins_109510", ["investments"])
    held = sdk.call("/investments/holdings/get", access_token=broker)
    assert len(held.holdings) > 5
    named = {one.security_id for one in held.securities}
    assert {one.security_id for one in held.holdings} <= named
    found: list[Any] = []
    end = desk.vendor.today()
    while True:
        page = sdk.call(
            "/investments/transactions/get",
            access_token=broker,
            start_date=end - dt.timedelta(days=730),
            end_date=end,
            options={"count": FEW, "offset": len(found)},
        )
        found += page.investment_transactions
        if len(found) >= page.total_investment_transactions or len(found) >= 60:
            break
    assert len(found) == 60
    assert [one.date for one in found] == sorted((one.date for one in found), reverse=True)
    assert sdk.call("/investments/refresh", access_token=broker).request_id


def test_liabilities_decode(sdk: Sdk, token: str) -> None:
    owed = sdk.call("/liabilities/get", access_token=token).liabilities
    assert (len(owed.credit), len(owed.mortgage), len(owed.student)) == (1, 1, 1)
    assert {rate.apr_type for rate in owed.credit[0].aprs} == {"purchase_apr", "balance_transfer_apr", "cash_apr"}


def test_institutions_and_keys_decode(sdk: Sdk, desk: Desk) -> None:
    for options in ({}, {"include_optional_metadata": True}):
        found = sdk.call(
            "/institutions/get_by_id", institution_id="ins_109509", country_codes=["US"], options=options
        ).institution
        assert found.name == "Alder Credit Union"
    assert found.logo
    key = sdk.call("/webhook_verification_key/get", key_id=desk.vendor.keys.current).key
    assert (key.alg, key.expired_at) == ("ES256", None)


def test_link_decodes_before_and_after_the_visit(sdk: Sdk, desk: Desk) -> None:
    made = sdk.call(
        "/link/token/create",
        client_name="Counterfoil",
        language="en",
        country_codes=["US"],
        user={"client_user_id": "u-1"},
        products=["transactions"],
        hosted_link={"completion_redirect_uri": "http://127.0.0.1/back"},
        webhook="http://127.0.0.1:9/hooks",
    )
    assert sdk.call("/link/token/get", link_token=made.link_token).link_sessions == []
    desk.http.post(made.hosted_link_url, data={"outcome": "exit"})
    form = {"outcome": "success", "institution": "ins_109508", "account": ["checking", "card"]}
    desk.http.post(made.hosted_link_url, data=form)
    left, done = sdk.call("/link/token/get", link_token=made.link_token).link_sessions
    assert left.results is None and left.exit.metadata.link_session_id == left.link_session_id
    (result,) = done.results.item_add_results
    assert len(result.accounts) == 2
    assert sdk.call("/item/public_token/exchange", public_token=result.public_token).access_token


def test_the_sandbox_s_own_endpoints_decode(sdk: Sdk) -> None:
    token = connect(sdk, "ins_109508", ["transactions"], override_username="user_transactions_dynamic")
    today = dt.datetime.now(dt.UTC).date()
    line = {"date_transacted": today, "date_posted": today, "amount": 4.5, "description": "Tea"}
    assert sdk.call("/sandbox/transactions/create", access_token=token, transactions=[line]).request_id
    assert sdk.call("/transactions/refresh", access_token=token).request_id
    fired = sdk.call("/sandbox/item/fire_webhook", access_token=token, webhook_code="SYNC_UPDATES_AVAILABLE")
    assert fired.webhook_fired is False  # the Item has no address
    assert sdk.call("/item/webhook/update", access_token=token, webhook="http://127.0.0.1:9/x").item.webhook
    assert sdk.call("/sandbox/item/reset_login", access_token=token).reset_login is True
    assert sdk.call("/item/get", access_token=token).item.error.error_code == "ITEM_LOGIN_REQUIRED"
    assert sdk.call("/item/remove", access_token=token).request_id


def test_an_error_is_an_api_exception_with_the_vendor_s_body(sdk: Sdk, token: str) -> None:
    asks: Mapping[str, dict[str, Any]] = {
        "INVALID_ACCESS_TOKEN": {"access_token": "access-sandbox-none"},
        "INVALID_FIELD": {"access_token": token, "cursor": "none"},
    }
    for code, ask in asks.items():
        with pytest.raises(plaid.ApiException) as caught:
            sdk.call("/transactions/sync", **ask)
        assert caught.value.status == 400
        assert json.loads(caught.value.body)["error_code"] == code
