"""Channels, the audit log, the workspace, the export and the end of everything, by the API."""

import io
import json
import zipfile

import pytest

from counterfoil.store import channels, connections
from counterfoil.web.api.rules import RuleShape
from web.api.desk import Desk, problem_of

pytestmark = pytest.mark.anyio
MAIL = {"kind": "email", "address": "Ada@Example.org"}


async def test_a_channel_shows_where_it_leads_and_never_its_secrets(at: Desk) -> None:
    admin = await at.caller()
    made = (await admin.post("/channels", json=MAIL)).json()
    assert made["label"] == "ada@example.org" and made["kinds"] == ["attention", "mended", "failed"]
    shown = (await admin.get(f"/channels/{made['id']}")).json()
    assert "secret" not in shown and {**made, "secret": None} == {**shown, "secret": None}
    changed = await admin.patch(f"/channels/{made['id']}", json={"kinds": ["weekly"], "hour": 7})
    assert (changed.json()["kinds"], changed.json()["hour"]) == (["weekly"], 7)
    kept = (await admin.patch(f"/channels/{made['id']}", json={"timezone": "Asia/Tokyo"})).json()
    assert (kept["kinds"], kept["hour"], kept["timezone"]) == (["weekly"], 7, "Asia/Tokyo")
    assert (await admin.patch(f"/channels/{made['id']}", json={"hour": None})).json()["digest_at"] is None
    assert (await admin.delete(f"/channels/{made['id']}")).status_code == 204
    assert problem_of(await admin.get(f"/channels/{made['id']}"))["code"] == "not_found"


async def test_only_an_admin_decides_who_is_told(at: Desk) -> None:
    writer = await at.caller("write")
    assert problem_of(await writer.post("/channels", json=MAIL))["code"] == "scope_too_narrow"
    assert (await writer.get("/channels")).status_code == 200
    assert problem_of(await writer.post("/workspace/deletion", json={"name": "Home"}))["code"] == "scope_too_narrow"


async def test_a_test_without_a_mail_server_says_what_is_missing(at: Desk) -> None:
    admin = await at.caller()
    made = (await admin.post("/channels", json=MAIL)).json()
    sent = (await admin.post(f"/channels/{made['id']}/test")).json()
    assert sent["state"] == "failed" and sent["reason"] == "No mail server is set."
    shown = (await admin.get(f"/channels/{made['id']}")).json()
    assert "COUNTERFOIL_SMTP_HOST" in shown["problem"]["remedy"]
    [logged] = (await admin.get(f"/channels/{made['id']}/messages")).json()["results"]
    assert logged["id"] == sent["id"] and logged["about"] == []


async def test_a_webhook_into_our_own_network_is_refused(at: Desk) -> None:
    admin = await at.caller()
    refused = await admin.post("/channels", json={"kind": "webhook", "address": "https://127.0.0.1/x"})
    assert "network of this server" in problem_of(refused)["detail"]


async def test_a_neighbour_sees_no_channel_and_no_log(at: Desk) -> None:
    admin, neighbour = await at.caller(), await at.neighbour()
    made = (await admin.post("/channels", json=MAIL)).json()
    for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/test"), ("GET", "/messages")):
        reply = await neighbour.request(method, f"/channels/{made['id']}{path}", json={} if method == "PATCH" else None)
        assert reply.status_code == 404, (method, path)
    assert (await neighbour.get("/channels")).json()["results"] == []
    assert (await neighbour.get("/audit")).json()["results"] == []
    assert await at.product.db.read(channels.of_workspace, at.workspace_id)


async def test_the_log_is_asked_by_act_and_paged(at: Desk) -> None:
    admin = await at.caller()
    for number in range(3):
        await admin.post("/tokens", json={"name": f"t{number}"})
    await admin.post("/channels", json=MAIL)
    first = (await admin.get("/audit", params={"act": "token.created", "limit": 2})).json()
    rest = (await admin.get("/audit", params={"act": "token.created", "cursor": first["next"]})).json()
    said = [entry["subject"] for entry in [*first["results"], *rest["results"]]]
    assert [one.partition(",")[0] for one in said] == ["t2", "t1", "t0"] and "by token test admin" in said[0]
    assert (await admin.get("/audit", params={"by": "nobody@example.org"})).json()["results"] == []


async def test_the_workspace_is_named_and_shows_amounts_as_it_likes(at: Desk) -> None:
    admin = await at.caller()
    changed = (await admin.patch("/workspace", json={"name": "Ours", "currency": "chf", "digits": "quote"})).json()
    assert (changed["name"], changed["currency"], changed["digits"]) == ("Ours", "CHF", "quote")
    assert (await admin.patch("/workspace", json={"currency": None})).json()["currency"] is None
    assert problem_of(await admin.patch("/workspace", json={"digits": "odd"}))["code"] == "invalid"


async def test_everything_comes_as_a_zip(at: Desk) -> None:
    await at.connect(transactions=3)
    reply = await (await at.caller("read")).get("/export")
    assert reply.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(reply.content)) as archive:
        assert len(json.loads(archive.read("transactions.json"))) == 3


async def test_exported_rules_and_edits_are_what_the_api_tells_and_takes(at: Desk) -> None:
    await at.connect(transactions=3)
    writer = await at.caller("write")
    category = (await writer.post("/categories", json={"name": "Going out"})).json()["key"]
    dates = {"since": "2026-01-01"}
    when = {"amount": {"least": "-10.50"}, "dates": dates, "weekdays": [5, 6], "accounts": ["acc"]}
    await writer.post("/rules", json={"name": "Evenings", "when": when, "then": {"category": category}})
    [key, *_] = [row["key"] for row in (await writer.get("/rows/transactions")).json()["results"]]
    await writer.patch(f"/rows/transactions/{key}", json={"summary": "Lunch", "tags": ["work"], "hidden": True})
    with zipfile.ZipFile(io.BytesIO((await writer.get("/export")).content)) as archive:
        rules, edits = json.loads(archive.read("rules.json")), json.loads(archive.read("edits.json"))
    listed = (await writer.get("/rules")).json()["results"]
    assert [RuleShape.model_validate(one).model_dump(mode="json") for one in rules] == listed
    again = {name: rules[0][name] for name in ("name", "when", "then", "enabled")}
    made = (await writer.post("/rules", json=again)).json()
    assert {**made, "id": rules[0]["id"]} == listed[0]
    [edit] = edits
    words = {name: edit[name] for name in edit if name not in ("key", "connection_id")}
    assert edit["key"] == key and set(words) == {"summary", "tags", "hidden"}
    said = await writer.patch(f"/rows/transactions/{key}", json=words)
    assert said.json() == {"changed": False}, "they are said already"


async def test_everything_is_deleted_when_its_name_is_given(at: Desk) -> None:
    await at.add_ledger()
    bank = await at.connect(transactions=3)
    admin = await at.caller()
    told = (await admin.get("/workspace/deletion")).json()
    assert told["name"] == "Home" and any("rows" in line for line in told["in_words"])
    refused = await admin.post("/workspace/deletion", json={"name": "Elsewhere"})
    assert "not the name" in problem_of(refused)["detail"]
    done = await admin.post("/workspace/deletion", json={"name": "Home"}, headers={"idempotency-key": "once"})
    assert done.status_code == 202 and done.json()["finished_at"]
    assert (await admin.get("/me")).status_code == 401
    page = await at.site.client().get(done.json()["path"])
    assert page.status_code == 200 and "Everything was deleted" in page.text
    with pytest.raises(Exception, match="There is no connection"):
        await at.product.db.read(connections.get, bank)
    assert len(at.ledgers["book"].rows("transactions")) == 3
