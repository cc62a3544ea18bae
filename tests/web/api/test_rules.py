"""Rules, categories, pairs and words of one's own through the API."""

import datetime as dt
from decimal import Decimal

import pytest

from counterfoil.model import Transaction
from counterfoil.ports import Landing
from web.api.desk import Desk, problem_of

pytestmark = pytest.mark.anyio
COFFEE = {"merchant": {"test": "contains", "text": "coffee"}}
RULE = {"name": "Coffee", "when": {"summary": {"test": "contains", "text": "purchase"}}, "then": {"tags": ["cafe"]}}


async def test_a_rule_is_added_shown_changed_moved_and_removed(at: Desk) -> None:
    writer = await at.caller("write")
    made = (await writer.post("/rules", json={**RULE, "when": COFFEE})).json()
    assert made["in_words"] == ["Merchant contains “coffee”", "→ tag cafe"] and made["enabled"]
    second = (await writer.post("/rules", json={**RULE, "name": "Second"})).json()
    changed = await writer.patch(f"/rules/{second['id']}", json={"position": 0, "enabled": False, "name": "First"})
    assert changed.json()["name"] == "First" and changed.json()["when"] == second["when"]
    listed = (await writer.get("/rules")).json()["results"]
    assert [one["id"] for one in listed] == [second["id"], made["id"]] and not listed[0]["enabled"]
    assert (await writer.delete(f"/rules/{second['id']}")).status_code == 204
    assert (await writer.get(f"/rules/{second['id']}")).status_code == 404


async def test_a_rule_that_cannot_be_used_is_refused_with_its_remedy(at: Desk) -> None:
    writer = await at.caller("write")
    for when, then, said in (
        ({}, {"hide": True}, "no condition"),
        (COFFEE, {}, "says nothing"),
        ({"merchant": {"test": "matches", "text": "(a"}}, {"hide": True}, "missing )"),
        (COFFEE, {"category": "nowhere"}, "no category"),
    ):
        reply = await writer.post("/rules", json={"name": "X", "when": when, "then": then})
        assert reply.status_code == 400 and said in problem_of(reply)["detail"]
    reply = await writer.post("/rules", json={**RULE, "when": {"merchant": {"test": "sounds like", "text": "x"}}})
    assert reply.status_code == 422


async def test_a_draft_is_tried_and_the_rules_are_applied(at: Desk) -> None:
    await at.connect(transactions=3)
    writer = await at.caller("write")
    trial = (await writer.post("/rules/trial", json={"rule": RULE})).json()
    assert (trial["looked"], trial["changes"], trial["matched"]) == (3, 3, {"draft": 3})
    sample = trial["samples"][0]
    assert sample["amount"] == "-1.50" and sample["account"] == "Checking"
    assert sample["changes"] == [{"label": "Tags", "before": "none", "after": "cafe"}]
    await writer.post("/rules", json=RULE)
    assert (await writer.post("/rules/trial", json={})).json()["changes"] == 3
    reply = await writer.post("/rules/apply", json={"overwrite": True})
    assert reply.status_code == 202
    await at.settle()
    rows = (await writer.get("/rows/transactions")).json()["results"]
    assert {row["tags"] for row in rows} == {"cafe"}
    assert (await writer.post("/rules/trial", json={})).json()["changes"] == 0


async def test_a_transaction_is_edited_hidden_and_given_back(at: Desk) -> None:
    await at.connect(transactions=1)
    writer = await at.caller("write")
    category = (await writer.post("/categories", json={"name": "Treats"})).json()
    assert category["own"] and (await writer.post("/categories", json={"name": "treats"})).json() == category
    words = {"summary": "With Ada", "category": category["key"], "tags": ["a", "b"], "hidden": True}
    assert (await writer.patch("/rows/transactions/t000", json=words)).json() == {"changed": True}
    assert (await writer.get("/rows/transactions")).json()["results"] == []
    [row] = (await writer.get("/rows/transactions", params={"state": "hidden"})).json()["results"]
    assert (row["summary"], row["category"], row["tags"]) == ("With Ada", category["key"], "a, b")
    assert (await writer.delete(f"/categories/{category['key']}")).status_code == 400
    await writer.patch("/rows/transactions/t000", json=dict.fromkeys(words))
    [row] = (await writer.get("/rows/transactions")).json()["results"]
    assert (row["summary"], row["tags"]) == ("Purchase 0", None)
    assert (await writer.delete(f"/categories/{category['key']}")).status_code == 204
    assert (await writer.patch("/rows/transactions/nothing", json={"hidden": True})).status_code == 404


async def test_pairs_are_listed_and_answered(at: Desk) -> None:
    def side(key: str, amount: str, account: str) -> Transaction:
        day = dt.date(2026, 1, 5)
        return Transaction(
            key=key, date=day, amount=Decimal(amount), summary="Transfer", currency="USD", account=account
        )

    at.bank.add("transactions", Landing([side("o", "-350", "acc"), side("i", "350.00", "sav")]))
    await at.connect()
    writer = await at.caller("write")
    [pair] = (await writer.get("/pairs")).json()["results"]
    assert pair["out"]["key"] == "o" and pair["into"]["amount"] == "350.00" and pair["kind"] == "transfer"
    answer = {"ids": [pair["id"], "nothing"], "state": "confirmed"}
    assert (await writer.post("/pairs/answer", json=answer)).json() == {"changed": 1}
    marked = (await writer.get("/rows/transactions")).json()["results"]
    assert {row["transfer"] for row in marked if row["key"] in "oi"} == {
        "Transfer to another account",
        "Transfer from Checking",
    }
    [confirmed] = (await writer.get("/pairs", params={"state": "confirmed"})).json()["results"]
    assert confirmed["id"] == pair["id"] and (await writer.get("/pairs")).json()["results"] == []


async def test_nothing_of_another_workspace_can_be_seen_or_changed(at: Desk) -> None:
    await at.connect(transactions=1)
    mine, other = await at.caller("write"), await at.neighbour("write")
    rule = (await mine.post("/rules", json=RULE)).json()["id"]
    category = (await mine.post("/categories", json={"name": "Mine"})).json()["key"]
    for reply in (
        await other.get(f"/rules/{rule}"),
        await other.patch(f"/rules/{rule}", json={"name": "Theirs"}),
        await other.delete(f"/rules/{rule}"),
        await other.delete(f"/categories/{category}"),
        await other.patch("/rows/transactions/t000", json={"hidden": True}),
    ):
        assert reply.status_code == 404
    assert (await other.get("/categories")).json()["results"] == (await other.get("/rules")).json()["results"] == []
    assert (await other.post("/rules/trial", json={})).json()["looked"] == 0


async def test_reading_is_not_enough_to_change_anything(at: Desk) -> None:
    reader = await at.caller("read")
    assert (await reader.post("/rules/trial", json={"rule": RULE})).status_code == 200
    for path, body in (("/rules", RULE), ("/rules/apply", {}), ("/pairs/answer", {"ids": ["x"], "state": "open"})):
        assert (await reader.post(path, json=body)).status_code == 403
