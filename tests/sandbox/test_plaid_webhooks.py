"""The Plaid emulator's webhooks: when they come, how they are signed, and how often they are tried again."""

import datetime as dt
import email.utils
import hashlib
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import jwt
import pytest

from counterfoil.providers.plaid.sandbox import Timing
from counterfoil.providers.plaid.sandbox.webhooks import asked_for
from sandbox.plaid_desk import Desk, Inbox, open_desk, open_inbox, until

NOW = dt.datetime(2026, 3, 18, 12, tzinfo=dt.UTC).timestamp()


@pytest.fixture
def desk() -> Iterator[Desk]:
    with open_desk() as desk:
        yield desk


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with open_inbox() as inbox:
        yield inbox


def verified(desk: Desk, headers: dict[str, str], body: bytes) -> dict[str, Any]:
    """Verify a webhook as the vendor's page says, and give its claims."""
    signed = headers["plaid-verification"]
    head = jwt.get_unverified_header(signed)
    assert head["alg"] == "ES256"
    key = desk.call("/webhook_verification_key/get", key_id=head["kid"])["key"]
    claims: dict[str, Any] = jwt.decode(signed, jwt.PyJWK(key), algorithms=["ES256"])
    assert claims["request_body_sha256"] == hashlib.sha256(body).hexdigest()
    return claims


def attempts(desk: Desk) -> list[int]:
    """Give how the attempts at the last webhook ended."""
    found: list[int] = desk.act("webhooks")["deliveries"][-1]["attempts"]
    return found


def again_in(desk: Desk) -> Decimal:
    """Give the seconds until the last webhook is tried again."""
    seconds: Decimal = desk.act("webhooks")["deliveries"][-1]["again_in"]
    return seconds


def until_tried(desk: Desk, ends: list[int]) -> None:
    """Wait until the attempts at the last webhook ended so."""
    until(lambda: attempts(desk) == ends)


def test_a_webhook_is_signed_over_its_indented_body(desk: Desk, inbox: Inbox) -> None:
    token = desk.connect("ins_109509", webhook=inbox.url)
    desk.act(
        "webhook", item=token, type="ITEM", code="PENDING_EXPIRATION", consent_expiration_time="2026-04-01T00:00:00Z"
    )
    inbox.wait(1)
    headers, body = inbox.arrived[0]
    claims = verified(desk, headers, body)
    assert abs(claims["iat"] - dt.datetime.now(dt.UTC).timestamp()) < 60
    sent = json.loads(body)
    assert body == json.dumps(sent, indent=2, ensure_ascii=False).encode()
    assert sent == {
        "webhook_type": "ITEM",
        "webhook_code": "PENDING_EXPIRATION",
        "item_id": desk.vendor.item(token).id,
        "consent_expiration_time": "2026-04-01T00:00:00Z",
        "environment": "sandbox",
    }


def test_after_a_rotation_the_old_key_has_expired_and_the_new_one_signs(desk: Desk, inbox: Inbox) -> None:
    token = desk.connect("ins_109509", webhook=inbox.url)
    old = desk.vendor.keys.current
    new = desk.act("rotate_key")["key_id"]
    assert new != old
    desk.act("webhook", item=token, type="ITEM", code="LOGIN_REPAIRED")
    inbox.wait(1)
    assert jwt.get_unverified_header(inbox.arrived[0][0]["plaid-verification"])["kid"] == new
    verified(desk, *inbox.arrived[0])
    assert desk.call("/webhook_verification_key/get", key_id=old)["key"]["expired_at"] > 0
    assert desk.call("/webhook_verification_key/get", key_id=new)["key"]["expired_at"] is None


def test_the_history_tells_of_its_stages_and_sync_only_those_who_call_it() -> None:
    with open_desk(timing=Timing(initial=0.05, historical=0.1)) as desk, open_inbox() as inbox:
        token = desk.connect("ins_109509", webhook=inbox.url)
        desk.act("activity", item=token)
        desk.call("/transactions/sync", access_token=token)
        inbox.wait(4)
        assert sorted(inbox.codes()) == ["HISTORICAL_UPDATE", "INITIAL_UPDATE"] + ["SYNC_UPDATES_AVAILABLE"] * 2
        ends = [json.loads(body)["historical_update_complete"] for _, body in inbox.arrived if b"SYNC_UPDATES" in body]
        assert sorted(ends) == [False, True]


def test_activity_is_told_to_sync_and_in_the_older_words(desk: Desk, inbox: Inbox) -> None:
    token = desk.connect("ins_109509", webhook=inbox.url)
    desk.act("activity", item=token)
    inbox.wait(1)
    assert inbox.codes() == ["DEFAULT_UPDATE"]  # sync was never called
    desk.pages(token, count=500)
    desk.act("activity", item=token, count=30)
    inbox.wait(4)
    assert sorted(inbox.codes()[1:]) == ["DEFAULT_UPDATE", "SYNC_UPDATES_AVAILABLE", "TRANSACTIONS_REMOVED"]
    desk.act("webhooks", legacy=False)
    desk.act("activity", item=token)
    inbox.wait(5)
    assert inbox.codes()[4:] == ["SYNC_UPDATES_AVAILABLE"]


def test_a_broker_tells_of_holdings_and_trades(desk: Desk, inbox: Inbox) -> None:
    token = desk.connect("ins_109510", webhook=inbox.url)
    desk.act("activity", item=token)
    until(lambda: len([1 for _, body in inbox.arrived if b"INVESTMENTS" in body or b"HOLDINGS" in body]) == 2)
    kinds = {json.loads(body)["webhook_type"] for _, body in inbox.arrived}
    assert {"HOLDINGS", "INVESTMENTS_TRANSACTIONS"} <= kinds


def test_trades_asked_for_without_waiting_are_told_of_when_they_are_there() -> None:
    with open_desk(timing=Timing(initial=0.05, historical=0.1)) as desk, open_inbox() as inbox:
        token = desk.connect("ins_109510", webhook=inbox.url)
        ask = {"access_token": token, "start_date": "2024-01-01", "end_date": "2030-01-01"}
        path = "/investments/transactions/get"
        assert desk.refused(path, **ask, options={"async_update": True})[2] == "PRODUCT_NOT_READY"
        inbox.wait(1)
        told = inbox.body("HISTORICAL_UPDATE")["new_investments_transactions"]
        answer = desk.call(path, **ask, options={"async_update": True})
        assert answer["total_investment_transactions"] == told > 100


def test_a_refresh_brings_news_and_tells_of_them(desk: Desk, inbox: Inbox) -> None:
    token = desk.connect(webhook=inbox.url)
    cursor = desk.pages(token, count=500)[-1]["next_cursor"]
    desk.call("/transactions/refresh", access_token=token)
    until(lambda: "SYNC_UPDATES_AVAILABLE" in inbox.codes())
    assert desk.pages(token, cursor)[0]["added"]


def test_a_login_that_breaks_and_repairs_itself_is_told(desk: Desk, inbox: Inbox) -> None:
    token = desk.connect("ins_109509", webhook=inbox.url)
    desk.act("login_required", item=token)
    inbox.wait(1)
    error = inbox.body("ERROR")["error"]
    assert (error["error_code"], error["status"]) == ("ITEM_LOGIN_REQUIRED", 400)
    desk.act("repair", item=token)
    inbox.wait(2)
    assert inbox.codes()[1] == "LOGIN_REPAIRED"


def test_a_new_address_is_acknowledged_there(desk: Desk, inbox: Inbox) -> None:
    token = desk.connect("ins_109509")
    desk.call("/item/webhook/update", access_token=token, webhook=inbox.url)
    inbox.wait(1)
    assert inbox.body("WEBHOOK_UPDATE_ACKNOWLEDGED")["new_webhook_url"] == inbox.url


@pytest.mark.parametrize(
    ("code", "kind", "fields"),
    [
        ("DEFAULT_UPDATE", "TRANSACTIONS", {"new_transactions"}),
        ("SYNC_UPDATES_AVAILABLE", "TRANSACTIONS", {"initial_update_complete", "historical_update_complete"}),
        ("DEFAULT_UPDATE", "LIABILITIES", {"account_ids_with_new_liabilities", "error"}),
        ("PENDING_DISCONNECT", "ITEM", {"reason", "disconnect_time"}),
        ("USER_ACCOUNT_REVOKED", "ITEM", {"account_id"}),
        ("USER_PERMISSION_REVOKED", "ITEM", set()),
        ("NEW_ACCOUNTS_AVAILABLE", "ITEM", set()),
    ],
)
def test_the_sandbox_fires_what_is_asked(desk: Desk, inbox: Inbox, code: str, kind: str, fields: set[str]) -> None:
    public = desk.call(
        "/sandbox/public_token/create",
        institution_id="ins_109508",
        initial_products=["transactions", "liabilities"],
        options={"webhook": inbox.url},
    )["public_token"]
    token = desk.call("/item/public_token/exchange", public_token=public)["access_token"]
    ask = {"access_token": token, "webhook_code": code, "webhook_type": kind}
    assert desk.call("/sandbox/item/fire_webhook", **ask)["webhook_fired"] is True
    inbox.wait(1)
    sent = inbox.body(code)
    assert sent["webhook_type"] == kind
    assert fields <= set(sent)


def test_a_delivery_that_fails_is_tried_again_with_growing_pauses(desk: Desk, inbox: Inbox) -> None:
    token = desk.connect("ins_109509", webhook=inbox.url)
    inbox.answers = [(500, {}), (503, {}), (302, {})]
    desk.act("webhook", item=token, type="ITEM", code="LOGIN_REPAIRED")
    until_tried(desk, [500])
    for pause, ends in ((30, [500, 503]), (120, [500, 503, 302]), (480, [500, 503, 302, 200])):
        assert again_in(desk) == pytest.approx(Decimal(pause), abs=Decimal(5))
        desk.act("clock", advance=pause)
        until_tried(desk, ends)
    bodies = {body for _, body in inbox.arrived}
    assert len(bodies) == 1
    for headers, body in inbox.arrived:
        verified(desk, headers, body)


def test_nobody_there_counts_as_a_failure_and_a_day_is_the_end(desk: Desk) -> None:
    token = desk.connect("ins_109509", webhook="http://127.0.0.1:9/hooks")
    desk.act("webhook", item=token, type="ITEM", code="LOGIN_REPAIRED")
    for tried, pause in enumerate((30, 120, 480, 1_920, 7_680, 30_720), start=1):
        until_tried(desk, [0] * tried)
        desk.act("clock", advance=pause)
    until(lambda: desk.act("webhooks")["deliveries"][-1]["given_up"])
    assert attempts(desk) == [0] * 7


def test_an_endpoint_that_refuses_nearly_all_is_not_tried_again(desk: Desk, inbox: Inbox) -> None:
    token = desk.connect("ins_109509", webhook=inbox.url)
    inbox.answers = [(500, {})] * 40
    for _ in range(25):
        desk.act("webhook", item=token, type="ITEM", code="LOGIN_REPAIRED")
    inbox.wait(25)
    until(lambda: desk.act("webhooks")["deliveries"][-1]["given_up"])


def test_a_429_is_tried_again_when_it_asks_to_be(desk: Desk, inbox: Inbox) -> None:
    token = desk.connect("ins_109509", webhook=inbox.url)
    inbox.answers = [(429, {"retry-after": "600"})]
    desk.act("webhook", item=token, type="ITEM", code="LOGIN_REPAIRED")
    until_tried(desk, [429])
    assert again_in(desk) == pytest.approx(Decimal(600), abs=Decimal(5))
    desk.act("clock", advance=600)
    until_tried(desk, [429, 200])


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        ("90", 90),
        ("999999", 4 * 3600),
        (email.utils.format_datetime(dt.datetime.fromtimestamp(NOW + 60, dt.UTC), usegmt=True), 60),
        (dt.datetime.fromtimestamp(NOW + 45, dt.UTC).isoformat(), 45),
        ("soon", 30),
        (None, 30),
    ],
)
def test_a_retry_after_may_be_seconds_or_a_time(asked: str | None, seconds: float) -> None:
    assert asked_for(asked, NOW, 30) == seconds


def test_webhooks_can_come_twice(desk: Desk, inbox: Inbox) -> None:
    token = desk.connect("ins_109509", webhook=inbox.url)
    desk.act("webhooks", duplicate=True)
    desk.act("webhook", item=token, type="ITEM", code="LOGIN_REPAIRED")
    inbox.wait(2)
    assert inbox.arrived[0][1] == inbox.arrived[1][1]


def test_webhooks_can_come_in_the_wrong_order(desk: Desk, inbox: Inbox) -> None:
    token = desk.connect("ins_109509", webhook=inbox.url)
    desk.act("webhooks", reorder=True)
    for code in ("FIRST", "SECOND"):
        desk.act("webhook", item=token, type="ITEM", code=code)
    inbox.wait(2)
    assert inbox.codes() == ["SECOND", "FIRST"]


def test_webhooks_can_be_lost(desk: Desk, inbox: Inbox) -> None:
    token = desk.connect("ins_109509", webhook=inbox.url)
    desk.act("webhooks", off=True)
    desk.act("webhook", item=token, type="ITEM", code="LOST")
    desk.act("webhooks", off=False)
    desk.act("webhook", item=token, type="ITEM", code="FOUND")
    inbox.wait(1)
    assert inbox.codes() == ["FOUND"]
