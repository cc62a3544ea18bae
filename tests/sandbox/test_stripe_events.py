"""The emulated account's events, taken by a real HTTP server and believed by Stripe's own SDK."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
import stripe

from counterfoil.sandbox.server import Served
from sandbox.listening import listening
from sandbox.stripe_desk import act, client, emulated, own, sdk, vendor

__all__ = ["own", "sdk", "vendor"]  # fixtures


@dataclass
class Listener:
    """A web server that takes deliveries; `answers` are the statuses of the next ones, then 200."""

    url: str = ""
    taken: list[tuple[bytes, str]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)

    def wait(self, count: int) -> list[tuple[bytes, str]]:
        """Wait until so many deliveries have come."""
        until(lambda: len(self.taken) >= count)
        return self.taken


def until(found: Callable[[], Any]) -> None:
    """Wait for what another thread brings about."""
    deadline = time.monotonic() + 20
    while not found():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


@pytest.fixture
def listener(vendor: Served) -> Iterator[Listener]:
    heard = Listener()

    class Post(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status = heard.answers.pop(0) if heard.answers else 200
            heard.taken.append((body, self.headers["stripe-signature"]))
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Keep quiet."""

    with listening(Post) as server:
        heard.url = f"{server}/webhooks/stripe"
        act(vendor, "webhooks", url=heard.url)
        yield heard


def secret(vendor: Served) -> str:
    return str(emulated(vendor).credentials("")["webhook_secret"])


def test_snapshot_events_are_signed_and_hold_the_object(
    vendor: Served, listener: Listener, sdk: stripe.StripeClient
) -> None:
    charge = act(vendor, "charge", amount=4200)
    events = [sdk.construct_event(body, header, secret(vendor)) for body, header in listener.wait(2)]
    succeeded = next(event for event in events if event.type == "charge.succeeded")
    assert (succeeded.data.object["id"], succeeded.data.object["amount"]) == (charge["id"], 4200)
    assert sdk.v1.events.retrieve(succeeded.id).data.object["id"] == charge["id"]


def test_thin_events_lead_to_the_object(vendor: Served, listener: Listener, sdk: stripe.StripeClient) -> None:
    act(vendor, "webhooks", thin=True)
    payout = act(vendor, "payout", amount=1000)
    ((body, header),) = listener.wait(1)
    notification = sdk.parse_event_notification(body, header, secret(vendor))
    assert notification.type == "v1.payout.created"
    related = notification.fetch_related_object()
    assert related is not None and related["id"] == payout["id"]
    assert notification.fetch_event().id == notification.id


def test_an_endpoint_may_take_both_kinds(vendor: Served, listener: Listener) -> None:
    act(vendor, "webhooks", thin=True, snapshot=True)
    act(vendor, "payout", amount=1000)
    kinds = {b'"object":"v2.core.event"' in body for body, _ in listener.wait(2)}
    assert kinds == {True, False}


def test_both_secrets_sign_while_one_is_rolled(vendor: Served, listener: Listener, sdk: stripe.StripeClient) -> None:
    old = secret(vendor)
    fresh = act(vendor, "rotate_secret")["webhook_secret"]
    act(vendor, "payout", amount=1000)
    ((body, header),) = listener.wait(1)
    for known in (old, fresh):
        assert sdk.construct_event(body, header, known).type == "payout.created"
    act(vendor, "rotate_secret", keep_old=False)
    act(vendor, "payout", amount=1000)
    body, header = listener.wait(2)[1]
    with pytest.raises(stripe.SignatureVerificationError):
        sdk.construct_event(body, header, old)


def test_a_delivery_that_is_not_taken_is_repeated_with_the_same_id(vendor: Served, listener: Listener) -> None:
    listener.answers += [500, 503]
    act(vendor, "payout", amount=1000)
    bodies = {body.replace(b'"pending_webhooks":0', b'"pending_webhooks":1') for body, _ in listener.wait(3)}
    assert len(bodies) == 1
    until(lambda: len(act(vendor, "deliveries")["deliveries"]) == 3)
    assert [one["status"] for one in act(vendor, "deliveries")["deliveries"]] == [500, 503, 200]


def test_events_that_were_never_taken_can_be_asked_for(
    vendor: Served, listener: Listener, sdk: stripe.StripeClient
) -> None:
    listener.answers += [500] * 3
    act(vendor, "payout", amount=1000)
    listener.wait(3)
    missed = sdk.v1.events.list({"delivery_success": False, "types": ["payout.created"]})
    assert len(missed.data) == 1


def test_events_come_twice_and_in_another_order_where_that_is_asked_for(vendor: Served, listener: Listener) -> None:
    act(vendor, "webhooks", duplicate=True, reorder=True)
    act(vendor, "refund")
    listener.wait(4)
    until(lambda: len(act(vendor, "deliveries")["deliveries"]) == 4)
    ids = [one["event"] for one in act(vendor, "deliveries")["deliveries"]]
    assert len(set(ids)) == 2
    act(vendor, "webhooks", off=True)
    act(vendor, "charge")
    assert len(act(vendor, "deliveries")["deliveries"]) == 4


def test_the_signature_does_not_fit_another_secret(vendor: Served, listener: Listener) -> None:
    act(vendor, "payout", amount=1000)
    ((body, header),) = listener.wait(1)
    with pytest.raises(stripe.SignatureVerificationError):
        client(vendor, "sk_test_x").construct_event(body, header, "whsec_other")
