"""What the API does: connect, refresh, reconcile; pause, cancel and replay."""

import datetime as dt
from collections.abc import AsyncIterator

import pytest

from counterfoil.engine import Event
from counterfoil.errors import ActionRequired, RetryLater
from counterfoil.sync.steps import ConnectionEvent
from fakes import Ledger
from web.api.desk import Desk, problem_of

pytestmark = pytest.mark.anyio


async def test_a_connection_is_added_from_a_credential_and_synced_at_once(at: Desk) -> None:
    writer = await at.caller("write")
    reply = await writer.post("/connections", json={"provider": "plaid", "settings": {"name": "mine"}})
    assert reply.status_code == 201 and reply.json()["label"] == "Bank of mine"
    await at.settle()
    assert at.bank.fetches
    assert (await writer.get("/connections")).json()["results"][0]["id"] == reply.json()["id"]


async def test_a_destination_is_added_and_filled(at: Desk) -> None:
    await at.connect(transactions=2)
    at.ledgers["book"] = Ledger()
    writer = await at.caller("write")
    reply = await writer.post("/destinations", json={"kind": "ledger", "settings": {"name": "book"}})
    assert reply.status_code == 201 and reply.json()["state"] == "active"
    await at.settle()
    assert set(at.ledgers["book"].rows("transactions")) == {"t000", "t001"}


async def test_settings_that_do_not_fit_are_named_and_never_repeated(at: Desk) -> None:
    writer = await at.caller("write")
    for path, body in (
        ("/connections", {"provider": "plaid", "settings": {"name": {"secret": "hunter2"}}}),
        ("/destinations", {"kind": "ledger", "settings": {"name": ["hunter2"]}}),
    ):
        reply = await writer.post(path, json=body)
        assert reply.status_code == 422 and "hunter2" not in reply.text
        assert problem_of(reply)["errors"][0]["where"] == "body.settings.name"
    reply = await writer.post("/connections", json={"provider": "nobody", "settings": {}})
    assert reply.status_code == 400 and "plaid" in problem_of(reply)["remedy"]
    reply = await writer.post("/destinations", json={"kind": "nowhere", "settings": {}})
    assert reply.status_code == 400 and problem_of(reply)["code"] == "no_such_kind"


async def test_a_field_that_nobody_knows_is_refused(at: Desk) -> None:
    reply = await (await at.caller()).post("/tokens", json={"name": "Mine", "scopes": "admin"})
    assert reply.status_code == 422 and problem_of(reply)["errors"][0]["where"] == "body.scopes"


async def test_refresh_asks_for_a_sync_whose_way_can_be_followed(at: Desk) -> None:
    connection = await at.connect()
    syncer = await at.caller("sync")
    reply = await syncer.post(f"/connections/{connection}/refresh")
    assert reply.status_code == 202
    await at.settle()
    event = (await syncer.get(f"/events/{reply.json()['event_id']}")).json()
    assert event["name"] == "app/sync.requested" and event["data"] == {"connection_id": connection}
    run = (await syncer.get(f"/runs/{event['runs'][0]}")).json()
    assert run["status"] == "succeeded" and run["attempts"] == 1
    sync = (await syncer.get(f"/syncs/{run['output']['sync_id']}")).json()
    assert sync["connection_id"] == connection and sync["state"] == "done"


async def test_a_destination_is_refreshed_and_reconciled(at: Desk) -> None:
    destination = await at.add_ledger()
    await at.connect(transactions=1)
    syncer = await at.caller("sync")
    for act, cause in (("refresh", "app/destination.sync.requested"), ("reconcile", "app/reconcile.requested")):
        reply = await syncer.post(f"/destinations/{destination}/{act}")
        assert reply.status_code == 202
        await at.settle()
        assert cause in [sync["cause"] for sync in (await syncer.get("/syncs")).json()["results"]]


async def test_a_paused_function_lets_its_runs_wait(at: Desk) -> None:
    connection = await at.connect()
    admin = await at.caller()
    assert (await admin.post("/functions/sync-connection/pause")).json()["paused"] is True
    await admin.post(f"/connections/{connection}/refresh")
    waiting = (await admin.get("/runs", params={"status": "paused"})).json()["results"]
    assert [run["function"] for run in waiting] == ["sync-connection"]
    assert (await admin.get("/functions/sync-connection")).json()["paused"] is True
    assert (await admin.post("/functions/sync-connection/resume")).json()["paused"] is False
    await at.settle()
    assert (await admin.get(f"/runs/{waiting[0]['id']}")).json()["status"] == "succeeded"


async def test_a_waiting_run_is_cancelled(at: Desk) -> None:
    connection = await at.connect()
    admin = await at.caller()
    await admin.post("/functions/sync-connection/pause")
    await admin.post(f"/connections/{connection}/refresh")
    run = (await admin.get("/runs", params={"status": "paused"})).json()["results"][0]
    assert (await admin.post(f"/runs/{run['id']}/cancel")).json()["status"] == "cancelled"
    await admin.post("/functions/sync-connection/resume")


async def test_a_run_is_replayed_from_the_start_and_from_a_step(at: Desk) -> None:
    await at.connect(transactions=1)
    admin = await at.caller()
    run = (await admin.get("/runs", params={"function": "sync-connection"})).json()["results"][0]
    steps = (await admin.get(f"/runs/{run['id']}")).json()["steps"]
    named = [step["name"].partition("#")[0] for step in steps if step["kind"] == "run"]
    assert "finish-sync" in named and all(step["started_at"] <= step["ended_at"] for step in steps)
    whole = (await admin.post(f"/runs/{run['id']}/replay")).json()["run_id"]
    part = (await admin.post(f"/runs/{run['id']}/replay", json={"from_step": steps[-1]["name"]})).json()["run_id"]
    await at.settle()
    for replayed in (whole, part):
        again = (await admin.get(f"/runs/{replayed}")).json()
        assert again["replay_of"] == run["id"] and again["status"] == "succeeded"
    reply = await admin.post(f"/runs/{run['id']}/replay", json={"from_step": "no-such-step"})
    assert reply.status_code == 400 and "no-such-step" in problem_of(reply)["detail"]


async def test_the_failed_runs_of_a_stretch_of_time_are_replayed(at: Desk) -> None:
    admin = await at.caller()
    before = dt.datetime.now(dt.UTC)
    accepted = await at.product.engine.send(Event("app/sync.requested", ConnectionEvent("nobody")))
    await at.settle()
    failed = (await admin.get(f"/runs/{accepted.runs[0]}")).json()
    assert failed["status"] == "failed" and "nobody" in failed["failure"]["message"]
    until = dt.datetime.now(dt.UTC)
    for since, expected in ((before, 1), (until, 0)):
        stretch = {"since": since.isoformat(), "until": until.isoformat()}
        reply = await admin.post("/functions/sync-connection/replay", json=stretch)
        assert reply.status_code == 201 and len(reply.json()["runs"]) == expected
    await at.settle()


async def test_what_a_vendor_refuses_is_told_with_its_remedy(at: Desk) -> None:
    writer = await at.caller("write")
    at.ledgers["book"] = Ledger(refuses=ActionRequired("bad_token", "The token is wrong.", remedy="Copy it again."))
    reply = await writer.post("/destinations", json={"kind": "ledger", "settings": {"name": "book"}})
    told = problem_of(reply)
    assert reply.status_code == 409 and (told["code"], told["remedy"]) == ("bad_token", "Copy it again.")
    at.ledgers["book"] = Ledger(refuses=RetryLater("The vendor is busy.", after=7))
    reply = await writer.post("/destinations", json={"kind": "ledger", "settings": {"name": "book"}})
    assert reply.status_code == 503 and reply.headers["retry-after"] == "7"
    assert problem_of(reply)["code"] == "retry_later"


async def test_a_request_has_to_be_of_sensible_length(at: Desk) -> None:
    writer = await at.caller("write")
    reply = await writer.post("/connections", content=b"x" * 1_000_001)
    assert reply.status_code == 413 and problem_of(reply)["code"] == "too_long"

    async def pieces() -> AsyncIterator[bytes]:
        yield b"{}"

    reply = await writer.post("/connections", content=pieces())
    assert reply.status_code == 411 and problem_of(reply)["code"] == "length_required"
