"""What the vendors are answered: 200 once it is stored, 401 and 400 for what is refused, 503 to come again."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from contracts.provider_hooks import Street
from counterfoil.sandbox.server import serving
from counterfoil.store import requests, syncs
from counterfoil.sync.story import sync_connection
from sync.counter import Counter, counter

pytestmark = pytest.mark.anyio
UPDATES = {"webhook_type": "TRANSACTIONS", "webhook_code": "SYNC_UPDATES_AVAILABLE", "environment": "sandbox"}


@pytest.fixture(scope="module")
def street() -> Iterator[Street]:
    stage = Street("plaid", routes=(), credentials=lambda url: {})
    with serving(stage) as served:
        stage.url = served.urls["plaid"]
        yield stage


@pytest.fixture
async def hearing(tmp_path: Path, street: Street) -> AsyncIterator[Counter]:
    async with counter(tmp_path, street, seed=2, webhooks=True) as made:
        yield made


async def post(hearing: Counter, body: bytes, *, signed: bool = True, provider: str = "plaid") -> httpx2.Response:
    headers = {"plaid-verification": hearing.vendor.state.courier.keys.sign(body)} if signed else {}
    app: Any = hearing.product.doors.apps["plaid"]
    url = app.webhook_url.replace("plaid", provider)
    return await hearing.browser.post(url, content=body, headers=headers)


def message(**told: Any) -> bytes:
    return json.dumps(UPDATES | told, indent=2).encode()


async def test_a_signed_webhook_is_stored_and_answered(hearing: Counter) -> None:
    connection = await hearing.connect()
    reply = await post(hearing, message(item_id=connection.remote_id))
    assert (reply.status_code, reply.content) == (200, b"")
    await hearing.settle()


async def test_a_replay_is_answered_alike_and_starts_nothing(hearing: Counter) -> None:
    connection = await hearing.connect()
    body = message(item_id=connection.remote_id)
    headers = {"plaid-verification": hearing.vendor.state.courier.keys.sign(body)}
    app: Any = hearing.product.doors.apps["plaid"]
    known = len(await hearing.product.db.read(syncs.of_workspace, hearing.workspace_id))
    for _ in range(3):
        assert (await hearing.browser.post(app.webhook_url, content=body, headers=headers)).status_code == 200
        await hearing.settle()
    assert len(await hearing.product.db.read(syncs.of_workspace, hearing.workspace_id)) == known + 1


async def test_a_webhook_whose_work_a_waiting_sync_will_do_starts_none_of_its_own(hearing: Counter) -> None:
    connection = await hearing.connect()
    await hearing.product.engine.pause(sync_connection)  # so that the first one waits
    for number in range(3):
        await post(hearing, message(item_id=connection.remote_id, number=number))
    name = "plaid/transactions.sync_updates_available"
    events = await hearing.product.engine.events(name=name, limit=3)
    assert [len(event.runs) for event in events] == [0, 0, 1]  # the newest first
    await hearing.product.engine.resume(sync_connection)
    await hearing.settle()
    done = {await hearing.product.db.read(requests.done_by, connection.id, event.id) for event in events}
    assert len(done) == 1 and None not in done


async def test_a_webhook_about_nobody_is_answered_and_starts_nothing(hearing: Counter) -> None:
    assert (await post(hearing, message(item_id="of-somebody-else"))).status_code == 200
    assert await hearing.product.db.read(syncs.of_workspace, hearing.workspace_id) == []


async def test_a_webhook_that_is_not_signed_or_altered_is_refused(hearing: Counter) -> None:
    body = message(item_id="item-1")
    unsigned = await post(hearing, body, signed=False)
    headers = {"plaid-verification": hearing.vendor.state.courier.keys.sign(body)}
    app: Any = hearing.product.doors.apps["plaid"]
    altered = await hearing.browser.post(app.webhook_url, content=body + b" ", headers=headers)
    assert (unsigned.status_code, altered.status_code) == (401, 401)
    told = unsigned.json()
    assert unsigned.headers["content-type"] == "application/problem+json"
    assert told["status"] == 401 and told["remedy"]


async def test_what_makes_no_sense_is_refused_although_it_is_signed(hearing: Counter) -> None:
    assert (await post(hearing, b"[1, 2]")).status_code == 400


async def test_a_provider_that_is_not_there_takes_no_webhooks(hearing: Counter) -> None:
    reply = await post(hearing, message(), provider="castle")
    assert reply.status_code == 400
    assert "castle" in reply.text


async def test_a_body_of_megabytes_is_refused(hearing: Counter) -> None:
    assert (await post(hearing, b" " * 1_000_001)).status_code == 400


async def test_where_the_key_cannot_be_asked_for_the_vendor_is_to_come_again(hearing: Counter) -> None:
    hearing.vendor.state.courier.keys.rotate()  # a key that nobody has seen
    path = "/webhook_verification_key/get"
    hearing.control.plan(path=path, method="POST", kind="status", status=500, times=10)
    body = message(item_id="item-1")
    refused = await post(hearing, body)
    assert refused.status_code == 503
    assert int(refused.headers["retry-after"]) >= 1
    hearing.control.clear()
    assert (await post(hearing, body)).status_code == 200
