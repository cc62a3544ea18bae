"""How Stripe is called, and what its refusals lead to."""

from typing import Any

import httpx2
import pytest

from contracts.stage import Hurried
from counterfoil.errors import ActionRequired, CounterfoilError, RetryLater
from counterfoil.lib.http import Http
from counterfoil.providers.stripe import wire
from counterfoil.providers.stripe.client import VERSION, Client, StaleId, StripeRefused

KEY = "rk_test_0123456789abcdef"
BALANCE: dict[str, list[Any]] = {"available": [], "pending": []}

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def answering(status: int, body: Any, key: str = KEY, headers: dict[str, str] | None = None) -> Client:
    """Open a client whose every call is answered so."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        content = {"content": body} if isinstance(body, bytes) else {"json": body}
        return httpx2.Response(status, headers=headers, **content)

    http = Http(transport=httpx2.MockTransport(answer), budgets=Hurried(), backoff=lambda attempt: 0.0)
    return Client(http, "https://stripe.test/", key)


async def refusal(status: int, body: Any, headers: dict[str, str] | None = None) -> CounterfoilError:
    with pytest.raises(CounterfoilError) as caught:
        await answering(status, body, headers=headers).get("/v1/balance", wire.Balance)
    assert KEY not in f"{caught.value}{caught.value!r}{getattr(caught.value, 'remedy', '')}"
    return caught.value


def error(**fields: str) -> dict[str, Any]:
    return {"error": {"type": "invalid_request_error", "message": f"No good: {KEY}", **fields}}


async def test_a_call_carries_the_key_and_the_pinned_version_and_nothing_else_of_ours() -> None:
    asked: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        return httpx2.Response(200, json=BALANCE)

    client = Client(Http(transport=httpx2.MockTransport(answer)), "https://stripe.test/", f" {KEY}\n")
    await client.get("/v1/balance", wire.Balance, [("created[gte]", "5"), ("expand[]", "data.source")])
    (request,) = asked
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["stripe-version"] == VERSION == "2026-10-28.endive"
    assert request.url.path == "/v1/balance"
    assert list(request.url.params.multi_items()) == [("created[gte]", "5"), ("expand[]", "data.source")]


@pytest.mark.parametrize(
    ("key", "code"),
    [
        ("pk_live_123", "publishable_key"),
        ("pk_test_123", "publishable_key"),
        ("whsec_123", "signing_secret"),
        ("", "key_unknown"),
        ("acct_123", "key_unknown"),
    ],
)
async def test_what_cannot_be_a_key_for_reading_is_refused_before_any_call(key: str, code: str) -> None:
    http = Http(transport=httpx2.MockTransport(lambda request: pytest.fail("a call was made")))
    with pytest.raises(ActionRequired) as caught:
        await Client(http, "https://stripe.test", key).get("/v1/balance", wire.Balance)
    assert caught.value.code == code
    assert "restricted key" in caught.value.remedy
    assert not key or key not in f"{caught.value}{caught.value.remedy}"


@pytest.mark.parametrize("key", ["rk_live_1", "sk_live_1"])
def test_live_keys_are_told_apart(key: str) -> None:
    assert answering(200, BALANCE, key).live
    assert not answering(200, BALANCE, key.replace("live", "test")).live


@pytest.mark.parametrize(("body", "code"), [(error(code="api_key_expired"), "key_expired"), (error(), "key_refused")])
async def test_a_key_that_stopped_working_asks_for_a_new_one(body: Any, code: str) -> None:
    found = await refusal(401, body)
    assert isinstance(found, ActionRequired)
    assert (found.code, "dashboard.stripe.com" in found.remedy) == (code, True)


@pytest.mark.parametrize(
    ("permission", "row"),
    [
        ("rak_balance_read", "Balance"),
        ("rak_balance_transaction_source_read", "Balance Transaction Sources"),
        ("rak_charge_read", "Charges and Refunds"),
        ("rak_financial_connections_account_read", "Financial Connections"),
        ("rak_climate_order_read", "Climate order"),
    ],
)
async def test_a_missing_permission_is_named_in_the_dashboards_words(permission: str, row: str) -> None:
    found = await refusal(403, error(message=f"The key '{KEY}' lacks it. Having the '{permission}' permission helps."))
    assert isinstance(found, ActionRequired)
    assert (found.code, f"“{row}”" in found.remedy) == ("permission_missing", True)


async def test_a_refusal_without_a_named_permission_still_says_where_to_look() -> None:
    found = await refusal(403, error(message="Not allowed."))
    assert isinstance(found, ActionRequired) and "documentation" in found.remedy


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (409, error(code="lock_timeout"), None),
        (500, error(type="api_error"), None),
        (502, b"<html>Bad Gateway</html>", None),
        (402, error(), {"stripe-should-retry": "true"}),
        (400, b"<html>a proxy</html>", None),
        (200, b"", None),
        (200, b'{"available":[', None),
        (200, {"available": None}, None),
    ],
)
async def test_what_only_time_mends_is_tried_later(status: int, body: Any, headers: dict[str, str] | None) -> None:
    assert isinstance(await refusal(status, body, headers), RetryLater)


async def test_an_id_that_stripe_has_forgotten_is_told_by_its_place() -> None:
    found = await refusal(400, error(code="resource_missing", param="starting_after"))
    assert isinstance(found, StaleId) and found.param == "starting_after"


async def test_a_refusal_that_no_rule_names_is_loud_and_says_what_to_report() -> None:
    found = await refusal(400, error(code="parameter_unknown"), {"request-id": "req_1"})
    assert isinstance(found, StripeRefused)
    assert "parameter_unknown" in str(found) and "req_1" in str(found)
