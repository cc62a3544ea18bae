"""The pages of rules and transfers, as a person goes through them."""

import datetime as dt
import re
from decimal import Decimal

import msgspec
import pytest

from counterfoil.model import Account
from counterfoil.ports import Landing
from counterfoil.store import audit, categories, pairs, rows, rules, workspaces
from web.site import Browser, Site, filled, transaction

pytestmark = pytest.mark.anyio
FORM = {"summary": "purchase", "category.new": "Treats", "tags": "shop, web", "enabled": "yes"}


async def home_of(site: Site) -> str:
    return (await site.product.db.read(workspaces.first)).id


async def with_rule(site: Site) -> Browser:
    """Give the owner's browser, with a bank, a ledger and one rule."""
    owner = await filled(site)
    await owner.open("/rules/new")
    await owner.submit("/rules", FORM)
    assert owner.path == "/rules" and owner.status == 200, owner.text
    return owner


async def test_a_rule_is_made_from_its_form_and_stands_in_the_list(started: Site) -> None:
    owner = await with_rule(started)
    assert "“purchase” holds for rows that come from now on." in owner.text
    assert "Summary contains “purchase”" in owner.text and "category Treats; tags shop, web" in owner.text
    [rule] = await started.product.db.read(rules.of_workspace, await home_of(started))
    await owner.open(f"/rules/{rule.id}")
    assert 'value="purchase"' in owner.page and re.search(r"selected>Treats", owner.page)
    await owner.submit(f"/rules/{rule.id}", summary="nothing", name="Other")
    assert "Summary contains “nothing”" in owner.text and "Other" in owner.text


async def test_a_form_that_cannot_be_used_says_why_and_keeps_what_was_typed(started: Site) -> None:
    owner = await filled(started)
    for fields, said in (
        ({"merchant": "(a", "merchant.test": "matches", "tags": "x"}, "missing )"),
        ({"merchant": "x"}, "says nothing"),
        ({"tags": "x", "name": "Y"}, "no condition"),
        ({"tags": "x"}, "name is missing"),
        ({"amount.least": "ten", "tags": "x", "name": "Y"}, "“ten” is no amount"),
        ({"since": "soon", "tags": "x", "name": "Y"}, "no date"),
    ):
        await owner.open("/rules/new")
        await owner.submit("/rules", fields)
        assert owner.status == 422 and said in owner.text, owner.text
        assert all(f'value="{value}"' in owner.page for name, value in fields.items() if "." not in name)
    assert await started.product.db.read(rules.of_workspace, await home_of(started)) == []


async def test_a_rule_is_tried_before_it_is_kept_and_nothing_changes(started: Site) -> None:
    owner = await filled(started)
    await owner.open("/rules/new")
    form = {**FORM, "csrf": re.findall(r'name="csrf" value="([^"]+)"', owner.page)[-1]}
    reply = await owner.client.post("/rules/trial", data=form)
    assert reply.status_code == 200 and "5 transactions would change" in reply.text
    assert "Treats" in reply.text and "shop, web" in reply.text
    home = await home_of(started)
    assert await started.product.db.read(rules.of_workspace, home) == []
    assert await started.product.db.read(categories.choices, home) == []


async def test_rules_are_applied_after_a_look(started: Site) -> None:
    owner = await with_rule(started)
    await owner.open("/rules/apply")
    await owner.submit("/rules/apply")
    await started.settle()
    found = await started.product.db.read(rows.page, await home_of(started), "transactions", after=None, limit=9)
    assert {row.record["tags"] for row in found} == {"shop, web"}
    entries = await started.product.db.read(audit.of_workspace, await home_of(started), before=None, limit=9)
    assert {"rule.added", "rules.applied"} <= {entry.act for entry in entries}


async def test_rules_are_moved_and_removed(started: Site) -> None:
    owner = await with_rule(started)
    await owner.open("/rules/new")
    await owner.submit("/rules", {**FORM, "name": "Second"})
    first, second = await started.product.db.read(rules.of_workspace, await home_of(started))
    await owner.submit(f"/rules/{second.id}/move", position="0")
    assert await started.product.db.read(rules.of_workspace, await home_of(started)) == [second, first]
    await owner.submit(f"/rules/{first.id}/remove")
    assert await started.product.db.read(rules.of_workspace, await home_of(started)) == [second]


async def test_a_link_begins_a_rule_from_a_transaction(started: Site) -> None:
    owner = await started.owner()
    await owner.open("/rules/new?merchant=Third+Wave")
    assert 'name="merchant" value="Third Wave"' in owner.page


async def test_transfers_are_confirmed_and_taken_back(started: Site) -> None:
    sides = [
        msgspec.structs.replace(transaction(key), amount=Decimal(amount), account=account, summary="Transfer")
        for key, amount, account in (("o", "-350", "acc"), ("i", "350.00", "sav"))
    ]
    started.bank.add("accounts", Landing([Account(key="sav", name="Savings", currency="USD")]))
    started.bank.add("transactions", Landing(sides))
    owner = await filled(started)
    await owner.open("/transfers")
    assert "To answer 1" in owner.text and "Savings" in owner.text and dt.date(2026, 1, 5).isoformat() in owner.text
    [pair] = await started.product.db.read(pairs.page, await home_of(started), pairs.OPEN, limit=9)
    await owner.submit("/transfers", pair=pair.id, answer="confirmed")
    assert (
        "1 pair marked as transfers." in owner.text
        and "Confirmed 1" in owner.text
        and "Nothing to answer" in owner.text
    )
    await owner.open("/transfers?state=confirmed")
    await owner.submit("/transfers", pair=pair.id, answer="open")
    await owner.open("/transfers")
    assert "To answer 1" in owner.text
    await owner.submit("/transfers", pair="", answer="declined")
    assert "Nothing was ticked." in owner.text


async def test_one_transaction_is_renamed_by_hand_and_given_back(started: Site) -> None:
    owner = await with_rule(started)
    await owner.open("/transactions/t1")
    assert 'href="/words/t1"' in owner.page
    await owner.open("/words/t1")
    assert "The bank says: Purchase t1" in owner.text
    await owner.submit(
        "/words/t1", {"say.summary": "With Ada", "tags": "fun", "category.new": "Friends"}, overwrite="yes"
    )
    assert owner.path == "/transactions/t1" and "With Ada" in owner.text and "Friends" in owner.text
    await started.settle()
    assert started.ledgers["one"].rows("transactions")["t1"]["summary"] == "With Ada"
    await owner.open("/words/t1")
    await owner.submit("/words/t1", tags="a, " * 20 + "x" * 50)
    assert owner.status == 422 and "tags" in owner.text
    await owner.open("/words/t1")
    await owner.submit("/words/t1", forget="yes")
    assert "Purchase t1" in owner.text and "shop, web" in owner.text, "the rule speaks again"
