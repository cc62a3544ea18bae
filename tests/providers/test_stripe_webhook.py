"""Which deliveries of Stripe's are believed, and what they tell."""

import json
import time
from typing import Any

import httpx2
import pytest
from stripe import WebhookSignature

from counterfoil.errors import BadRequest, Forged
from counterfoil.lib.http import Http
from counterfoil.ports import Incoming
from counterfoil.providers.stripe import SPEC, StripeApp
from counterfoil.providers.stripe.sandbox.post import signature
from counterfoil.providers.stripe.settings import SigningSecret
from counterfoil.providers.stripe.webhook import TOLERANCE, verify

SECRET, OLD = "whsec_current", "whsec_previous"
SNAPSHOT: dict[str, Any] = {
    "id": "evt_1",
    "object": "event",
    "type": "payout.failed",
    "livemode": False,
    "data": {"object": {"id": "po_1", "object": "payout", "type": "bank_account", "amount": 4200}},
}
THIN: dict[str, Any] = {
    "id": "evt_test_65",
    "object": "v2.core.event",
    "type": "v1.financial_connections.account.refreshed_transactions",
    "livemode": True,
    "context": None,
    "related_object": {"id": "fca_1", "type": "financial_connections.account", "url": "/v1/x"},
}

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def signed(body: bytes, secret: str = SECRET, age: int = 0) -> dict[str, str]:
    """Sign as Stripe's SDK does for tests."""
    header = WebhookSignature.generate_signature_header(body.decode(), secret, timestamp=int(time.time()) - age)
    return {"stripe-signature": header}


async def take(event: Any, headers: dict[str, str] | None = None, secrets: str = f"{SECRET},{OLD}") -> Incoming:
    raw = event if isinstance(event, bytes) else json.dumps(event).encode()
    app = StripeApp.model_validate({"webhook_secrets": secrets})
    http = Http(transport=httpx2.MockTransport(lambda request: pytest.fail("a webhook needs no call")))
    assert SPEC.read_webhook is not None
    (fact,) = await SPEC.read_webhook(http, app, signed(raw) if headers is None else headers, raw)
    return fact


async def test_a_snapshot_event_tells_its_type_and_object() -> None:
    fact = await take(SNAPSHOT)
    assert (fact.id, fact.name, fact.remote_id) == ("evt_1", "stripe/payout.failed", None)
    assert {"object": "po_1", "object_type": "payout", "live": False, "thin": False}.items() <= fact.data.items()
    assert "4200" not in repr(fact)


async def test_a_thin_event_tells_the_same_on_the_same_route() -> None:
    fact = await take(THIN)
    assert (fact.id, fact.name) == ("evt_test_65", "stripe/financial_connections.account.refreshed_transactions")
    assert {
        "object": "fca_1",
        "object_type": "financial_connections.account",
        "thin": True,
    }.items() <= fact.data.items()


async def test_an_event_about_the_balance_has_no_object_id() -> None:
    thin = {**THIN, "type": "v1.balance.available", "related_object": {"type": "balance", "url": "/v1/balance"}}
    assert (await take(thin)).data["object"] is None
    snapshot = {**SNAPSHOT, "type": "balance.available", "data": {"object": {"object": "balance"}}}
    assert (await take(snapshot)).name == "stripe/balance.available"


async def test_the_connected_account_is_named_by_either_kind() -> None:
    assert (await take({**SNAPSHOT, "account": "acct_9"})).remote_id == "acct_9"
    assert (await take({**THIN, "context": "acct_1/acct_9"})).remote_id == "acct_9"


async def test_a_secret_may_be_bound_to_the_account_whose_endpoint_it_is() -> None:
    secrets = f"acct_1:{SECRET} acct_2:{OLD}"
    assert (await take(SNAPSHOT, secrets=secrets)).remote_id == "acct_1"
    raw = json.dumps(SNAPSHOT).encode()
    assert (await take(raw, signed(raw, OLD), secrets)).remote_id == "acct_2"


async def test_any_known_secret_may_have_signed_and_is_told_apart_by_name() -> None:
    raw = json.dumps(SNAPSHOT).encode()
    current, previous = await take(raw, signed(raw)), await take(raw, signed(raw, OLD))
    assert current.data["secret"] != previous.data["secret"]
    assert SECRET not in repr(current) and OLD not in repr(previous)


async def test_both_signatures_of_a_roll_are_looked_at() -> None:
    raw = json.dumps(SNAPSHOT).encode()
    now = int(time.time())
    other = WebhookSignature.generate_signature_header(raw.decode(), "whsec_unknown", timestamp=now)
    known = WebhookSignature.generate_signature_header(raw.decode(), SECRET, timestamp=now).partition(",")[2]
    assert (await take(raw, {"stripe-signature": f"{other},{known}"})).id == "evt_1"


@pytest.mark.parametrize(
    "header",
    [
        "",
        "t=1",
        "v1=" + "0" * 64,
        "t=now,v1=" + "0" * 64,
        "t=1,t=2,v1=" + "0" * 64,
        "t=1,v0=" + "0" * 64,
        "t=99999999999999999999,v1=" + "0" * 64,
        "\x00é",
    ],
)
async def test_a_delivery_without_a_proper_signature_is_forged(header: str) -> None:
    with pytest.raises(Forged):
        await take(SNAPSHOT, {"stripe-signature": header})


async def test_other_bytes_or_another_secret_are_forged() -> None:
    raw = json.dumps(SNAPSHOT).encode()
    with pytest.raises(Forged):
        await take(raw + b" ", signed(raw))
    with pytest.raises(Forged):
        await take(raw, signed(raw, "whsec_unknown"))
    with pytest.raises(Forged):
        await take(raw, {})


def test_a_signature_holds_for_five_minutes_and_not_for_a_second_more() -> None:
    header = WebhookSignature.generate_signature_header("{}", SECRET, timestamp=1_000_000)
    known = [SigningSecret(SECRET, None)]
    assert verify(header, b"{}", known, 1_000_000 + TOLERANCE).key == SECRET
    assert verify(header, b"{}", known, 1_000_000 - 3600).key == SECRET  # Stripe's clock may be ahead
    with pytest.raises(Forged, match="older"):
        verify(header, b"{}", known, 1_000_000 + TOLERANCE + 1)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b"null",
        b'{"id":1,"object":"event","type":"x"}',
        b'{"id":"evt_1","object":"event"}',
        b'{"id":"evt_1","object":"charge","type":"x"}',
        b'{"id":"","object":"event","type":"x"}',
        b'{"id":"evt_1","object":"event","type":""}',
        b"\xff\xfe",
    ],
)
async def test_a_signed_body_that_is_no_event_is_a_bad_request(body: bytes) -> None:
    header = {"stripe-signature": _signature(body)}
    with pytest.raises(BadRequest) as caught:
        await take(body, header)
    assert not isinstance(caught.value, Forged)
    assert caught.value.remedy


def _signature(raw: bytes) -> str:
    return signature(raw, [SECRET], int(time.time()))


async def test_an_event_of_an_unknown_type_or_shape_passes() -> None:
    fact = await take({**SNAPSHOT, "type": "moon.landed", "data": {"object": {"id": 7}}, "novelty": [1]})
    assert (fact.name, fact.data["object"]) == ("stripe/moon.landed", None)
    assert (await take({**SNAPSHOT, "data": None})).data["object"] is None


async def test_without_a_secret_webhooks_are_off() -> None:
    with pytest.raises(BadRequest, match="switched off") as caught:
        await take(SNAPSHOT, secrets="")
    assert "COUNTERFOIL_STRIPE_WEBHOOK_SECRETS" in caught.value.remedy
