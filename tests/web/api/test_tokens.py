"""Who may use the API, and for what."""

import datetime as dt

import pytest

from counterfoil.store import audit
from counterfoil.web.api.callers import FAILURES
from web.api.desk import Desk, problem_of

pytestmark = pytest.mark.anyio


async def test_without_a_token_nothing_is_told(at: Desk) -> None:
    client = at.with_token(None)
    for path, methods in (await client.get("http://counterfoil.test/api/openapi.json")).json()["paths"].items():
        for method in methods:
            reply = await client.request(method, path.removeprefix("/v1"))
            assert reply.status_code == 401 and reply.headers["www-authenticate"].startswith("Bearer"), path
            assert problem_of(reply)["code"] == "token_missing"


async def test_a_body_is_not_looked_at_before_the_caller_is_known(at: Desk) -> None:
    reply = await at.with_token(None).post("/connections", content=b"{")
    assert reply.status_code == 401


async def test_each_scope_holds_those_before_it(at: Desk) -> None:
    connection = await at.connect()
    needs = {
        "read": ("GET", "/connections", None),
        "sync": ("POST", f"/connections/{connection}/refresh", None),
        "write": ("POST", "/connections", {"provider": "plaid", "settings": {"name": "second"}}),
        "admin": ("GET", "/tokens", None),
    }
    scopes = list(needs)
    for held in scopes:
        client = await at.caller(held)
        for needed, (method, path, body) in needs.items():
            reply = await client.request(method, path, json=body)
            covered = scopes.index(held) >= scopes.index(needed)
            assert (reply.status_code < 300) is covered, (held, needed, reply.text)
            if not covered:
                assert reply.status_code == 403 and problem_of(reply)["code"] == "scope_too_narrow"


async def test_a_token_is_shown_once_and_kept_as_a_hash(at: Desk) -> None:
    admin = await at.caller()
    made = (await admin.post("/tokens", json={"name": " Bookkeeping ", "scope": "read"})).json()
    assert made["token"].startswith("cft_") and made["name"] == "Bookkeeping"
    assert (await at.with_token(made["token"]).get("/me")).json() == {
        "workspace_id": at.workspace_id,
        "name": "Bookkeeping",
        "scope": "read",
    }
    listed = (await admin.get("/tokens")).json()["results"]
    assert made["id"] in {token["id"] for token in listed} and all("token" not in token for token in listed)
    stored = b"".join(path.read_bytes() for path in at.product.settings.data_dir.glob("store.db*"))
    assert made["token"].encode() not in stored


async def test_a_revoked_token_opens_nothing(at: Desk) -> None:
    admin = await at.caller()
    made = (await admin.post("/tokens", json={"name": "Short"})).json()
    assert (await admin.delete(f"/tokens/{made['id']}")).status_code == 204
    reply = await at.with_token(made["token"]).get("/me")
    assert reply.status_code == 401 and problem_of(reply)["code"] == "token_invalid"
    assert problem_of(await admin.delete(f"/tokens/{made['id']}"))["code"] == "not_found"


async def test_an_expired_token_opens_nothing(at: Desk) -> None:
    yesterday = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    assert (await (await at.caller("read", expires_at=yesterday)).get("/me")).status_code == 401


async def test_guessing_is_slowed_down_and_a_right_token_is_not(at: Desk) -> None:
    guesser = at.with_token("cft_guess", "203.0.113.9")
    for _ in range(FAILURES):
        assert (await guesser.get("/me")).status_code == 401
    reply = await guesser.get("/me")
    assert reply.status_code == 429 and int(reply.headers["retry-after"]) > 0
    assert problem_of(reply)["code"] == "too_many_attempts"
    assert (await at.with_token("cft_other", "203.0.113.10").get("/me")).status_code == 401
    assert (await (await at.caller("read")).get("/me")).status_code == 200


async def test_one_workspace_neither_sees_nor_touches_another(at: Desk) -> None:
    connection, destination = await at.connect(transactions=2), await at.add_ledger()
    mine, other = await at.caller(), await at.neighbour()
    sync = (await mine.get("/syncs")).json()["results"][0]
    token = (await mine.get("/tokens")).json()["results"][0]
    event = (await at.product.engine.events(name="app/connection.created"))[0]
    for path in ("/connections", "/destinations", "/syncs", "/rows/transactions", "/events", "/runs"):
        assert (await mine.get(path)).json()["results"], path
        assert (await other.get(path)).json()["results"] == [], path
    asked = [
        ("GET", f"/connections/{connection}"),
        ("POST", f"/connections/{connection}/refresh"),
        ("GET", f"/destinations/{destination}"),
        ("GET", f"/destinations/{destination}/rejected"),
        ("POST", f"/destinations/{destination}/refresh"),
        ("POST", f"/destinations/{destination}/reconcile"),
        ("GET", f"/syncs/{sync['id']}"),
        ("GET", f"/events/{event.id}"),
        ("GET", f"/runs/{event.runs[0]}"),
        ("POST", f"/runs/{event.runs[0]}/cancel"),
        ("POST", f"/runs/{event.runs[0]}/replay"),
        ("DELETE", f"/tokens/{token['id']}"),
    ]
    for method, path in asked:
        reply = await other.request(method, path)
        assert reply.status_code == 404 and problem_of(reply)["code"] == "not_found", (method, path, reply.text)
    assert (await other.get("/health")).json()["connections"] == {}
    reply = await other.post("/functions/tick/pause")
    assert reply.status_code == 403 and problem_of(reply)["code"] == "concerns_others"


async def test_acts_stand_in_the_audit_log_with_the_token_that_did_them(at: Desk) -> None:
    await (await at.caller()).post("/tokens", json={"name": "Mine"})
    entries = await at.product.db.read(audit.of_workspace, at.workspace_id)
    assert [(entry.act, entry.subject) for entry in entries] == [("token.created", "Mine, by token test admin")]
