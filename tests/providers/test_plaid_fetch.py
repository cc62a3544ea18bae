"""What is asked of Plaid, and what its answers lead to."""

import datetime as dt
from typing import Any

import pytest

from counterfoil.errors import ActionRequired, CounterfoilError, NotOffered, RestartFetch, RetryLater
from counterfoil.ports import Page
from counterfoil.providers.plaid import SPEC
from counterfoil.providers.plaid.limits import budgets
from counterfoil.providers.plaid.refusals import PlaidRefused
from counterfoil.providers.plaid.settings import PlaidApp
from providers.plaid_bodies import account, body, item, sync
from providers.plaid_vendor import NOW, Vendor, refused

pytestmark = pytest.mark.anyio

BANK = {"institution": {"institution_id": "ins_1", "name": "Bank of Tests", "url": None}}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def accounts_vendor(**answers: Any) -> Vendor:
    return Vendor(
        {
            "/item/get": item(),
            "/accounts/get": body(accounts=[account()]),
            "/institutions/get_by_id": BANK,
            **answers,
        }
    )


# --- transactions ------------------------------------------------------------------------------------------


async def test_the_first_page_is_asked_without_a_cursor_and_the_next_with_plaids_own() -> None:
    vendor = Vendor({"/transactions/sync": [sync(next_cursor="c1", has_more=True), sync(next_cursor="c2")]})
    provider = vendor.provider()
    first = await provider.fetch("transactions", None)
    assert (first.cursor, first.has_more, first.wait) == (b"c1", True, None)
    second = await provider.fetch("transactions", first.cursor)
    assert (second.cursor, second.has_more) == (b"c2", False)
    asked = [request for _, request in vendor.asked]
    assert "cursor" not in asked[0]
    assert asked[1]["cursor"] == "c1"
    assert asked[0]["count"] == 500
    assert asked[0]["options"] == {
        "include_original_description": True,
        "personal_finance_category_version": "v2",
    }


async def test_the_body_of_a_page_is_what_plaid_sent() -> None:
    reply = sync(added=[], marker="kept as it came")
    assert (await Vendor({"/transactions/sync": reply}).provider().fetch("transactions", None)).body == reply


@pytest.mark.parametrize("cursor", [None, b"c7"])
async def test_an_empty_cursor_is_waited_out_and_never_kept(cursor: bytes | None) -> None:
    vendor = Vendor({"/transactions/sync": sync(next_cursor="", transactions_update_status="NOT_READY")})
    page = await vendor.provider().fetch("transactions", cursor)
    assert page.wait and page.wait > 0
    assert (page.cursor, page.has_more) == (cursor, False)


async def test_credentials_travel_in_headers_only() -> None:
    vendor = Vendor({"/transactions/sync": sync()})
    await vendor.provider().fetch("transactions", None)
    assert vendor.headers[0]["plaid-client-id"] == "client-1"
    assert vendor.headers[0]["plaid-secret"] == "app-secret"
    assert vendor.headers[0]["plaid-version"] == "2020-09-14"
    assert "app-secret" not in str(vendor.asked)


# --- accounts ----------------------------------------------------------------------------------------------


async def test_the_bank_itself_is_read_once_a_week() -> None:
    vendor = accounts_vendor()
    page = await vendor.provider().fetch("accounts", None)
    again = await vendor.provider(lambda: NOW + dt.timedelta(days=6)).fetch("accounts", page.cursor)
    later = await vendor.provider(lambda: NOW + dt.timedelta(days=7)).fetch("accounts", again.cursor)
    assert vendor.paths().count("/institutions/get_by_id") == 2
    for one in (page, again, later):
        assert SPEC.land("accounts", one.body).patches[-1].row.key == "acc-1"


@pytest.mark.parametrize("code", ["INVALID_INSTITUTION", "INSTITUTION_NOT_FOUND"])
async def test_a_bank_that_plaid_does_not_list_is_known_by_the_items_word(code: str) -> None:
    vendor = accounts_vendor(**{"/institutions/get_by_id": refused(code, "INVALID_INPUT")})
    page = await vendor.provider().fetch("accounts", None)
    assert SPEC.land("accounts", page.body).patches[0].row.key == "ins_1"


async def test_an_item_in_error_asks_for_action_although_its_cached_accounts_can_be_read() -> None:
    broken = {"error_type": "ITEM_ERROR", "error_code": "ITEM_LOGIN_REQUIRED"}
    vendor = accounts_vendor(**{"/item/get": item(error=broken)})
    with pytest.raises(ActionRequired) as caught:
        await vendor.provider().fetch("accounts", None)
    assert caught.value.code == "item_login_required"


async def test_the_identity_is_the_item_and_tells_a_test_bank_from_a_real_one() -> None:
    identity = await accounts_vendor().provider().check()
    assert (identity.remote_id, identity.label, identity.live) == ("item-1", "Bank of Tests", False)


# --- investments -------------------------------------------------------------------------------------------


def trades(count: int, total: int) -> bytes:
    row = {"account_id": "acc-9", "date": "2026-03-05", "name": "BUY", "amount": 1, "iso_currency_code": "USD"}
    rows = [{**row, "investment_transaction_id": f"it-{n}"} for n in range(count)]
    return body(investment_transactions=rows, total_investment_transactions=total, securities=[], accounts=[])


async def read_all(vendor: Vendor, cursor: bytes | None, now: dt.datetime = NOW) -> Page:
    provider = vendor.provider(lambda: now)
    while True:
        page = await provider.fetch("investment_transactions", cursor)
        cursor = page.cursor
        if not page.has_more:
            return page


async def test_trades_are_read_for_two_years_and_then_with_an_overlap() -> None:
    vendor = Vendor({"/investments/transactions/get": [trades(500, 700), trades(200, 700), trades(0, 0)]})
    end = await read_all(vendor, None)
    await read_all(vendor, end.cursor, NOW + dt.timedelta(days=3))
    asked = [request for _, request in vendor.asked]
    assert [(one["start_date"], one["end_date"], one["options"]["offset"]) for one in asked] == [
        ("2024-03-06", "2026-03-06", 0),
        ("2024-03-06", "2026-03-06", 500),
        ("2026-01-05", "2026-03-09", 0),
    ]


async def test_trades_that_shift_while_they_are_read_start_again() -> None:
    vendor = Vendor({"/investments/transactions/get": [trades(500, 700), trades(200, 701)]})
    with pytest.raises(RestartFetch):
        await read_all(vendor, None)


@pytest.mark.parametrize("stream", ["holdings", "investment_transactions", "liabilities"])
async def test_a_product_that_is_not_ready_is_waited_for(stream: str) -> None:
    not_ready = refused("PRODUCT_NOT_READY")
    vendor = Vendor(
        dict.fromkeys(("/investments/holdings/get", "/investments/transactions/get", "/liabilities/get"), not_ready)
    )
    page = await vendor.provider().fetch(stream, None)
    assert page.wait and page.wait > 0
    assert (page.cursor, page.has_more) == (None, False)


# --- refusals ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "kind", "status", "expected"),
    [
        ("INTERNAL_SERVER_ERROR", "API_ERROR", 500, RetryLater),
        ("PLANNED_MAINTENANCE", "API_ERROR", 503, RetryLater),
        ("TRANSACTIONS_SYNC_LIMIT", "RATE_LIMIT_EXCEEDED", 400, RetryLater),
        ("A_LIMIT_OF_TOMORROW", "RATE_LIMIT_EXCEEDED", 400, RetryLater),
        ("INSTITUTION_DOWN", "INSTITUTION_ERROR", 400, RetryLater),
        ("INSTITUTION_NOT_RESPONDING", "INSTITUTION_ERROR", 400, RetryLater),
        ("INSTITUTION_NOT_AVAILABLE", "INSTITUTION_ERROR", 400, RetryLater),
        ("TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION", "TRANSACTIONS_ERROR", 400, RestartFetch),
        ("ITEM_LOGIN_REQUIRED", "ITEM_ERROR", 400, ActionRequired),
        ("ITEM_LOCKED", "ITEM_ERROR", 400, ActionRequired),
        ("USER_SETUP_REQUIRED", "ITEM_ERROR", 400, ActionRequired),
        ("PASSWORD_RESET_REQUIRED", "ITEM_ERROR", 400, ActionRequired),
        ("INVALID_CREDENTIALS", "ITEM_ERROR", 400, ActionRequired),
        ("INSUFFICIENT_CREDENTIALS", "ITEM_ERROR", 400, ActionRequired),
        ("ACCESS_NOT_GRANTED", "ITEM_ERROR", 400, ActionRequired),
        ("NO_ACCOUNTS", "ITEM_ERROR", 400, ActionRequired),
        ("ADDITIONAL_CONSENT_REQUIRED", "INVALID_INPUT", 400, ActionRequired),
        ("USER_PERMISSION_REVOKED", "ITEM_ERROR", 400, ActionRequired),
        ("INVALID_API_KEYS", "INVALID_INPUT", 400, ActionRequired),
        ("INVALID_ACCESS_TOKEN", "INVALID_INPUT", 400, ActionRequired),
        ("ITEM_NOT_FOUND", "INVALID_INPUT", 400, ActionRequired),
        ("INSTITUTION_NO_LONGER_SUPPORTED", "INSTITUTION_ERROR", 400, ActionRequired),
        ("PRODUCTS_NOT_SUPPORTED", "ITEM_ERROR", 400, NotOffered),
        ("PRODUCT_NOT_ENABLED", "ITEM_ERROR", 400, NotOffered),
        ("NO_INVESTMENT_ACCOUNTS", "ITEM_ERROR", 400, NotOffered),
        ("NO_LIABILITY_ACCOUNTS", "ITEM_ERROR", 400, NotOffered),
        ("MISSING_FIELDS", "INVALID_REQUEST", 400, PlaidRefused),
        ("SOMETHING_OF_TOMORROW", "NEW_ERROR", 418, PlaidRefused),
    ],
)
async def test_a_refusal_is_named_by_what_must_happen_next(
    code: str, kind: str, status: int, expected: type[CounterfoilError]
) -> None:
    vendor = Vendor({"/transactions/sync": refused(code, kind, status)})
    with pytest.raises(expected) as caught:
        await vendor.provider().fetch("transactions", None)
    assert type(caught.value) is expected
    told = f"{caught.value} {getattr(caught.value, 'remedy', '')}"
    assert "access-sandbox" not in told and "app-secret" not in told
    if expected is ActionRequired:
        assert caught.value.code == code.lower()  # type: ignore[attr-defined]
        assert caught.value.remedy  # type: ignore[attr-defined]
    if expected is PlaidRefused:
        assert code in told and "/transactions/sync" in told


async def test_a_bank_that_is_down_is_left_alone_for_hours() -> None:
    vendor = Vendor({"/transactions/sync": refused("INSTITUTION_DOWN", "INSTITUTION_ERROR")})
    with pytest.raises(RetryLater) as caught:
        await vendor.provider().fetch("transactions", None)
    assert caught.value.after >= 3600


@pytest.mark.parametrize("answer", [b"", b"<html>fine</html>", b"[]", b"{}", b'{"next_cursor": "c", "has_'])
async def test_an_unreadable_reply_is_asked_for_again_later(answer: bytes) -> None:
    with pytest.raises(RetryLater):
        await Vendor({"/transactions/sync": answer}).provider().fetch("transactions", None)


async def test_a_proxys_error_page_is_asked_for_again_later() -> None:
    with pytest.raises(RetryLater):
        await Vendor({"/transactions/sync": (403, b"<html>no</html>")}).provider().fetch("transactions", None)


async def test_a_429_is_waited_out_for_the_minute_window() -> None:
    limited = refused("TRANSACTIONS_SYNC_LIMIT", "RATE_LIMIT_EXCEEDED", 429)
    vendor = Vendor({"/transactions/sync": [limited, sync()]})
    page = await vendor.provider().fetch("transactions", None)
    assert page.cursor == b"c1"
    ((paused, seconds),) = vendor.budgets.pauses
    assert seconds == 60
    assert "connection" in paused


async def test_without_keys_the_operator_is_told_which_to_set() -> None:
    vendor = Vendor({})
    with pytest.raises(ActionRequired) as caught:
        await vendor.provider(app=PlaidApp(url="https://plaid.test")).fetch("accounts", None)
    assert not vendor.asked
    assert "COUNTERFOIL_PLAID_SECRET" in caught.value.remedy


# --- budgets -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("token", "path", "limits"),
    [
        ("access-production-1", "/transactions/sync", [2_500, 50]),
        ("access-sandbox-1", "/transactions/sync", [1_000, 50]),
        ("access-production-1", "/accounts/get", [15_000, 15]),
        ("access-sandbox-1", "/liabilities/get", [1_000, 10]),
        (None, "/institutions/get_by_id", [400]),
        (None, "/link/token/create", []),
    ],
)
def test_a_call_counts_against_the_documented_limits(token: str | None, path: str, limits: list[int]) -> None:
    spent = budgets(path, url="https://proxy.example", client_id="client-1", access_token=token)
    assert [budget.limit for budget in spent] == limits
    assert all(budget.window == 60 for budget in spent)
    assert not any(secret in budget.name for budget in spent for secret in ("client-1", "access-"))


def test_two_connections_share_the_clients_budget_and_nothing_else() -> None:
    one, other = (
        budgets("/accounts/get", url="https://p.example", client_id="c", access_token=f"access-production-{n}")
        for n in (1, 2)
    )
    assert one[0].name == other[0].name
    assert one[1].name != other[1].name


def test_countries_come_from_the_environment_as_one_text() -> None:
    assert PlaidApp.model_validate({"country_codes": "US, CA"}).country_codes == ("US", "CA")
