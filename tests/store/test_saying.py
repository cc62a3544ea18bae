"""What rules and people say of transactions: kept beside the bank's word, carried on, taken back."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from counterfoil.errors import BadRequest, NotThere
from counterfoil.model import Category
from counterfoil.plan import Row
from counterfoil.ports import Landing
from counterfoil.rules import Comparison, Rule, Rulebook, Then, When, Words
from counterfoil.store import categories, history, rows, rules, saying
from counterfoil.store.saying import Part
from counterfoil.store.schema import changes
from store.conftest import Home
from store.test_rows import changed, land, transaction

COFFEE = When(summary=Words(Comparison.CONTAINS, "coffee"))


def add(home: Home, when: When = COFFEE, then: Then = Then(tags=("cafe",)), **more: Any) -> Rule:
    with home.db.begin() as tx:
        return rules.add(tx, home.workspace_id, name="Coffee", when=when, then=then, **more)


def apply(home: Home) -> list[Part]:
    with home.db.begin() as tx:
        book = Rulebook(rules.of_workspace(tx, home.workspace_id))
        found = saying.look(tx, home.workspace_id, book, after=None, limit=100)
        return saying.apply(tx, home.workspace_id, [one.place for one in found.differences])


def edit(home: Home, key: str, **words: Any) -> list[Part]:
    with home.db.begin() as tx:
        return saying.edit(tx, home.workspace_id, key, words)


def row_of(home: Home, key: str = "t1") -> Row:
    [found] = [row for row in changed(home) if row.key == key]
    return found


def causes(home: Home) -> list[str]:
    with home.db.reading() as tx:
        return list(tx.execute(sa.select(changes.c.cause).order_by(changes.c.id)).scalars())


def test_a_row_is_spoken_of_in_the_landing_that_brings_it(home: Home) -> None:
    add(home, then=Then(summary="A coffee", tags=("cafe", "out")))
    land(home, Landing([transaction("t1"), transaction("t2", summary="Rent")]))
    assert row_of(home).cells["summary"] == "A coffee" and row_of(home).cells["tags"] == "cafe, out"
    assert row_of(home, "t2").cells["summary"] == "Rent" and row_of(home, "t2").cells["tags"] is None


def test_what_the_bank_changes_later_leaves_what_is_said(home: Home) -> None:
    add(home, then=Then(summary="A coffee"))
    land(home, Landing([transaction("t1")]))
    land(home, Landing([transaction("t1", "-9.50", summary="COFFEE 2")]))
    assert row_of(home).cells["summary"] == "A coffee" and row_of(home).cells["amount"] == Decimal("-9.50")


def test_what_was_said_of_a_pending_row_is_said_of_the_one_that_posts(home: Home) -> None:
    add(home)
    land(home, Landing([transaction("p1", pending=True)]))
    edit(home, "p1", summary="Mine")
    land(home, Landing([transaction("t1", summary="Something else", replaces="p1")], [("transactions", "p1")]))
    assert row_of(home).cells["summary"] == "Mine" and row_of(home).cells["tags"] == "cafe"
    assert apply(home) != [], "no rule holds for the row that posted"
    assert row_of(home).cells["summary"] == "Mine" and row_of(home).cells["tags"] is None


def test_a_hidden_row_is_not_wanted_anywhere_and_not_listed(home: Home) -> None:
    add(home, then=Then(hide=True))
    land(home, Landing([transaction("t1"), transaction("t2", summary="Rent")]))
    assert not row_of(home).wanted and row_of(home, "t2").wanted
    with home.db.reading() as tx:
        shown = rows.page(tx, home.workspace_id, "transactions", after=None, limit=9)
        every = rows.page(tx, home.workspace_id, "transactions", after=None, limit=9, hidden=True)
    assert [row.record["key"] for row in shown] == ["t2"] and len(every) == 2


def test_applying_gives_a_new_version_only_to_rows_that_change(home: Home) -> None:
    land(home, Landing([transaction("t1"), transaction("t2", summary="Rent")]))
    before = {row.key: row.version for row in changed(home)}
    add(home)
    [part] = apply(home)
    assert part.columns == ("tags",) and part.first == part.last == row_of(home).version > before["t1"]
    assert row_of(home, "t2").version == before["t2"]
    assert apply(home) == []
    assert causes(home) == ["rule: Coffee"]


def test_rows_that_change_in_the_same_columns_have_versions_in_a_row(home: Home) -> None:
    land(home, Landing([transaction(f"t{n}", summary=f"Coffee {n % 2}") for n in range(6)]))
    add(home, When(summary=Words(Comparison.IS, "coffee 0")), Then(summary="Even"))
    add(home, then=Then(tags=("odd",)))
    parts = apply(home)
    assert {part.columns for part in parts} == {("summary",), ("tags",)}
    with home.db.reading() as tx:
        for part in parts:
            found = rows.keys_between(tx, home.workspace_id, "transactions", part.first, part.last, 9)
            odd = part.columns == ("tags",)
            assert sorted(found) == [f"t{n}" for n in range(6) if n % 2 == odd]


def test_a_rule_that_goes_takes_back_what_it_said_once_rules_are_applied(home: Home) -> None:
    rule = add(home, then=Then(summary="A coffee"))
    land(home, Landing([transaction("t1")]))
    with home.db.begin() as tx:
        rules.remove(tx, home.workspace_id, rule.id)
    assert row_of(home).cells["summary"] == "A coffee"
    apply(home)
    assert row_of(home).cells["summary"] == "Coffee"
    assert causes(home) == [saying.UNDONE]


def test_another_rule_that_says_the_same_changes_no_version(home: Home) -> None:
    rule = add(home)
    land(home, Landing([transaction("t1")]))
    before = row_of(home).version
    with home.db.begin() as tx:
        rules.remove(tx, home.workspace_id, rule.id)
    add(home)
    assert apply(home) == [] and row_of(home).version == before


def test_a_person_has_the_last_word_and_may_give_it_back(home: Home) -> None:
    add(home, then=Then(summary="A coffee", tags=("cafe",)))
    land(home, Landing([transaction("t1")]))
    assert edit(home, "t1", summary="With Ada", tags="") != []
    assert apply(home) == []
    assert row_of(home).cells["summary"] == "With Ada" and not row_of(home).cells["tags"]
    assert edit(home, "t1", summary="With Ada") == []
    edit(home, "t1", summary=None, tags=None)
    assert row_of(home).cells["summary"] == "A coffee" and row_of(home).cells["tags"] == "cafe"
    assert causes(home) == [history.YOU, history.YOU]


def test_only_what_is_there_can_be_spoken_of(home: Home) -> None:
    land(home, Landing([transaction("t1")]))
    with pytest.raises(NotThere):
        edit(home, "t2", summary="Mine")
    with pytest.raises(BadRequest, match="no category"):
        edit(home, "t1", category="nowhere")


def test_a_category_of_ones_own_is_a_row_that_links_can_point_to(home: Home) -> None:
    with home.db.begin() as tx:
        key = categories.named(tx, home.workspace_id, " My  treats ")
        assert categories.named(tx, home.workspace_id, "my TREATS") == key
    land(home, Landing([Category(key="food", name="Food")]), Landing([transaction("t1", category="food")]))
    add(home, then=Then(category=key))
    apply(home)
    assert row_of(home).cells["category"] == key
    assert {row.key: row.cells["name"] for row in changed(home, "categories")} == {"food": "Food", key: "My treats"}
    with home.db.reading() as tx:
        assert rows.titles(tx, home.workspace_id, "categories", [key]) == {key: "My treats"}


def test_a_category_of_ones_own_goes_only_when_nothing_uses_it(home: Home) -> None:
    with home.db.begin() as tx:
        key = categories.named(tx, home.workspace_id, "Treats")
    rule = add(home, then=Then(category=key))
    land(home, Landing([transaction("t1")]))
    for undo in (lambda tx: rules.remove(tx, home.workspace_id, rule.id), None):
        with home.db.begin() as tx, pytest.raises(BadRequest, match="still used"):
            categories.remove(tx, home.workspace_id, key)
        if undo is not None:
            with home.db.begin() as tx:
                undo(tx)
    apply(home)
    with home.db.begin() as tx:
        categories.remove(tx, home.workspace_id, key)
        assert categories.choices(tx, home.workspace_id) == []
        with pytest.raises(NotThere):
            categories.remove(tx, home.workspace_id, key)


def test_a_snapshot_of_a_bank_closes_no_category_of_ones_own(home: Home) -> None:
    with home.db.begin() as tx:
        key = categories.named(tx, home.workspace_id, "Treats")
    land(home, Landing([Category(key="food", name="Food")]), closing=("categories",))
    land(home, Landing(), closing=("categories",))
    assert {row.key: row.wanted for row in changed(home, "categories")} == {"food": False, key: True}


def test_rules_keep_their_order_and_are_moved(home: Home) -> None:
    ids = [add(home).id for _ in range(3)]
    with home.db.begin() as tx:
        rules.move(tx, home.workspace_id, ids[2], 0)
        assert [one.id for one in rules.of_workspace(tx, home.workspace_id)] == [ids[2], ids[0], ids[1]]
        rules.move(tx, home.workspace_id, ids[2], 99)
        assert [one.id for one in rules.of_workspace(tx, home.workspace_id)] == ids
        with pytest.raises(BadRequest, match="every rule"):
            rules.arrange(tx, home.workspace_id, ids[:2])
        with pytest.raises(NotThere):
            rules.move(tx, "another workspace", ids[0], 0)


def test_a_rule_comes_back_as_it_was_kept(home: Home) -> None:
    made = add(home, COFFEE, Then(summary="A", tags=("b",), hide=True), enabled=False)
    with home.db.begin() as tx:
        assert rules.find(tx, home.workspace_id, made.id) == made
        rules.change(tx, home.workspace_id, msgspec.structs.replace(made, name="Other"))
        assert rules.find(tx, home.workspace_id, made.id).name == "Other"
        with pytest.raises(BadRequest):
            rules.change(tx, home.workspace_id, msgspec.structs.replace(made, when=When()))
        with pytest.raises(NotThere):
            rules.find(tx, "another workspace", made.id)
