"""Rules, single words and pairs on their way to the destinations; the engine is the real one."""

import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from counterfoil.model import Category
from counterfoil.ports import Landing
from counterfoil.rules import Comparison, Rule, Then, When, Words
from counterfoil.store import categories, pairs, rules
from counterfoil.sync.rules import Rulings
from fakes import Ledger, Login
from sync.test_story import World, account, product, transaction

pytestmark = pytest.mark.anyio
COFFEE = When(summary=Words(Comparison.CONTAINS, "coffee"))


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with product(tmp_path) as made:
        made.bank.add("accounts", Landing([account(), account("sav", name="Savings")]))
        yield made


async def start(world: World, told: Landing) -> Ledger:
    """Give the ledger, with what the bank tells first."""
    world.bank.add("transactions", told)
    ledger = world.ledgers["one"] = Ledger()
    tables = ("accounts", "categories", "transactions")
    await world.intake.add_destination(world.workspace_id, "ledger", Login(name="one"), tables=tables)
    await world.connect()
    return ledger


async def add(world: World, then: Then, when: When = COFFEE) -> Rule:
    return await world.db.run(rules.add, world.workspace_id, name="Coffee", when=when, then=then)


async def apply(world: World, *, overwrite: bool = False) -> None:
    await Rulings(world.doors, world.engine).apply(world.workspace_id, overwrite=overwrite)
    await world.settle()


def cells(ledger: Ledger, key: str = "t1") -> dict[str, Any]:
    return dict(ledger.rows("transactions")[key])


async def test_a_row_that_lands_is_written_as_the_rule_says(world: World) -> None:
    key = await world.db.run(categories.named, world.workspace_id, "Treats")
    await add(world, Then(summary="A coffee", category=key, tags=("cafe",)))
    ledger = await start(world, Landing([transaction("t1", summary="COFFEE HOUSE")]))
    written = cells(ledger)
    assert (written["summary"], written["tags"]) == ("A coffee", "cafe")
    [treats] = ledger.tables["categories"]
    assert treats.cells["name"] == "Treats" and written["category"].remote_id == treats.id


async def test_applying_writes_what_is_ours_and_leaves_what_is_the_users(world: World) -> None:
    ledger = await start(world, Landing([transaction("t1", summary="Coffee"), transaction("t2", summary="Rent")]))
    ledger.rows("transactions")["t1"]["summary"] = "my words"
    writes = len(ledger.writes)
    await add(world, Then(summary="A coffee", tags=("cafe",)))
    await apply(world)
    assert (cells(ledger)["summary"], cells(ledger)["tags"]) == ("my words", "cafe")
    changed = [change for table, changes in ledger.writes[writes:] for change in changes]
    assert [(change.key, set(change.cells)) for change in changed] == [("t1", {"tags"})]


async def test_where_a_person_asks_for_it_fields_of_the_users_are_written_over(world: World) -> None:
    told = Landing([Category(key="food", name="Food"), transaction("t1", summary="Coffee", category="food")])
    ledger = await start(world, told)
    ledger.rows("transactions")["t1"] |= {"summary": "my words", "category": "my category"}
    await add(world, Then(summary="A coffee"))
    await apply(world, overwrite=True)
    assert cells(ledger)["summary"] == "A coffee"
    assert cells(ledger)["category"] == "my category", "the rule says nothing of it"
    ledger.rows("transactions")["t1"]["summary"] = "my words"
    await apply(world, overwrite=True)
    assert cells(ledger)["summary"] == "my words", "nothing changed by applying"


async def test_a_hidden_row_leaves_and_comes_back_when_it_is_shown(world: World) -> None:
    ledger = await start(world, Landing([transaction("t1", summary="Coffee"), transaction("t2", summary="Rent")]))
    rule = await add(world, Then(hide=True))
    await apply(world)
    assert set(ledger.rows("transactions")) == {"t2"}
    await world.db.run(rules.remove, world.workspace_id, rule.id)
    await apply(world)
    assert set(ledger.rows("transactions")) == {"t1", "t2"}


async def test_one_row_is_changed_by_hand_and_written_where_asked(world: World) -> None:
    ledger = await start(world, Landing([transaction("t1", summary="Coffee")]))
    rulings = Rulings(world.doors, world.engine)
    assert await rulings.edit(world.workspace_id, "t1", {"summary": "With Ada"}, overwrite=False)
    await world.settle()
    assert cells(ledger)["summary"] == "Coffee", "it is the user's since it was written"
    assert await rulings.edit(world.workspace_id, "t1", {"summary": "With Bo"}, overwrite=True)
    await world.settle()
    assert cells(ledger)["summary"] == "With Bo"
    assert not await rulings.edit(world.workspace_id, "t1", {"summary": "With Bo"}, overwrite=True)


async def test_a_trial_tells_what_would_change_and_changes_nothing(world: World) -> None:
    await start(world, Landing([transaction(f"t{n}", summary=f"Coffee {n % 3}") for n in range(30)]))
    rulings = Rulings(world.doors, world.engine)
    first = await add(world, Then(tags=("cafe",)), When(summary=Words(Comparison.IS, "coffee 1")))
    draft = Rule(id="draft", name="All", when=COFFEE, then=Then(tags=("all",)))
    trial = await rulings.trial(world.workspace_id, draft)
    assert (trial.looked, trial.changes, len(trial.samples)) == (30, 20, 10)
    assert trial.matched == {first.id: 10, "draft": 20}
    whole = await rulings.trial(world.workspace_id)
    assert whole.changes == 10 and [rule.id for rule in await world.db.read(rules.of_workspace, world.workspace_id)]


async def test_a_confirmed_transfer_is_written_at_both_rows(world: World) -> None:
    out = transaction("o", "-350", summary="Transfer to savings")
    into = transaction("i", "350.00", account="sav", summary="Transfer", date=dt.date(2026, 1, 6))
    ledger = await start(world, Landing([out, into]))
    [pair] = await world.db.read(pairs.page, world.workspace_id, pairs.OPEN, limit=9)
    rulings = Rulings(world.doors, world.engine)
    assert await rulings.decide(world.workspace_id, [pair.id], pairs.CONFIRMED) == 1
    await world.settle()
    assert cells(ledger, "o")["transfer"] == "Transfer to Savings"
    assert cells(ledger, "i")["transfer"] == "Transfer from Checking"
    await rulings.decide(world.workspace_id, [pair.id], pairs.DECLINED)
    await world.settle()
    assert cells(ledger, "o")["transfer"] is None
