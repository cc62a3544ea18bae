"""The history of transactions on both databases: when they arrived, what changed, who changed it, what is forgotten."""

import datetime as dt
from decimal import Decimal

import sqlalchemy as sa

from counterfoil.model import Account
from counterfoil.ports import Landing, Patch
from counterfoil.store import history, leaving, schema, workspaces
from counterfoil.store.history import Change, Entry, Turn
from counterfoil.store.landing import Lander
from counterfoil.store.schema import changes, landings
from store.conftest import Home
from store.test_rows import land, transaction


def told(home: Home, key: str, connection: str | None = None) -> list[Entry]:
    with home.db.reading() as tx:
        return history.of_row(tx, home.workspace_id, connection or home.first, key)


def turns(home: Home, key: str) -> list[Turn]:
    return [entry.turn for entry in told(home, key)]


def count(home: Home, table: sa.Table) -> int:
    with home.db.reading() as tx:
        return tx.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def test_a_new_row_arrived_with_its_landing_and_costs_no_line_of_its_own(home: Home) -> None:
    began = dt.datetime.now(dt.UTC)
    land(home, Landing([transaction("a"), transaction("b")]), Landing([transaction("c")]))
    land(home, Landing([transaction("d")]))
    assert (count(home, landings), count(home, changes)) == (2, 0)
    [first], [other], [later] = told(home, "a"), told(home, "c"), told(home, "d")
    assert (first.turn, first.cause, first.cells) == (Turn.ARRIVED, history.BANK, {})
    assert first.at is not None and other.at is not None and later.at is not None
    assert began <= first.at == other.at < later.at


def test_a_landing_without_news_keeps_nothing(home: Home) -> None:
    land(home, Landing([transaction("a")]))
    land(home, Landing([transaction("a")]))
    assert (count(home, landings), count(home, changes)) == (1, 0)


def test_what_the_bank_changes_is_kept_with_both_values(home: Home) -> None:
    land(home, Landing([transaction("a", "-1.00")]))
    arrived = told(home, "a")[0].at
    land(home, Landing([transaction("a", "-2.50", date=dt.date(2026, 1, 7), merchant="Blue")]))
    first, change = told(home, "a")
    assert first.at == arrived
    assert (change.turn, change.cause) == (Turn.CHANGED, history.BANK)
    assert change.cells == {
        "amount": (Decimal("-1.00"), Decimal("-2.50")),
        "date": (dt.date(2026, 1, 5), dt.date(2026, 1, 7)),
        "merchant": (None, "Blue"),
    }


def test_a_patch_is_a_change_of_its_columns(home: Home) -> None:
    land(home, Landing([transaction("a")]))
    land(home, Landing(patches=[Patch(transaction("a", "-9.00", fee=Decimal("0.30")), ("fee",))]))
    assert [entry.cells for entry in told(home, "a")] == [{}, {"fee": (None, Decimal("0.30"))}]


def test_a_removal_and_a_return_are_told(home: Home) -> None:
    land(home, Landing([transaction("a")]))
    land(home, Landing(removed=[("transactions", "a")]))
    land(home, Landing([transaction("a", "-3.00")]))
    assert turns(home, "a") == [Turn.ARRIVED, Turn.REMOVED, Turn.RETURNED]
    assert told(home, "a")[-1].cells == {"amount": (Decimal("-1.00"), Decimal("-3.00"))}


def test_a_posted_row_goes_on_with_the_history_of_the_pending_one(home: Home) -> None:
    land(home, Landing([transaction("p", "-1.00", pending=True)]))
    land(home, Landing([transaction("p", "-1.20", pending=True)]))
    land(home, Landing([transaction("a", "-1.50", replaces="p")], removed=[("transactions", "p")]))
    land(home, Landing([transaction("a", "-1.50", merchant="Blue", replaces="p")]))
    entries = told(home, "a")
    assert [entry.turn for entry in entries] == [Turn.ARRIVED, Turn.CHANGED, Turn.POSTED, Turn.CHANGED]
    assert [entry.pending for entry in entries] == [True, True, False, False]
    assert entries[2].cells == {"amount": (Decimal("-1.20"), Decimal("-1.50")), "pending": (True, False)}
    assert [entry.at for entry in entries] == sorted(entry.at for entry in entries if entry.at)


def test_rules_and_people_add_what_they_say_and_arrival_stays_the_banks(home: Home) -> None:
    land(home, Landing([transaction("a")]))
    with home.db.begin() as tx:
        lander = Lander(tx, home.first, home.workspace_id)
        ruled, said = lander.next_version(), lander.next_version()
        lander.finish()
        note = [Change(home.first, "a", 1, ruled, {"category": (None, "food")})]
        history.note(tx, home.workspace_id, history.by_rule("Coffee"), note)
        history.note(
            tx, home.workspace_id, history.YOU, [Change(home.first, "a", ruled, said, {"hidden": (False, True)})]
        )
        history.note(tx, home.workspace_id, history.YOU, [Change(home.first, "a", said, said, {})])
    entries = told(home, "a")
    assert [entry.cause for entry in entries] == ["bank", "rule: Coffee", "you"]
    assert entries[2].cells == {"hidden": (False, True)}


def test_what_was_said_here_is_not_taken_for_what_the_bank_changed_in_posting(home: Home) -> None:
    land(home, Landing([transaction("p", category="pay", pending=True)]))
    posted = transaction("a", category="pay", replaces="p")
    land(home, Landing([posted], removed=[("transactions", "p")]))
    with home.db.begin() as tx:  # a rule had said "food" as it came
        said = [Change(home.first, "a", 2, 4, {"category": ("food", "fun")})]
        history.note(tx, home.workspace_id, history.YOU, said)
    assert [entry.cells for entry in told(home, "a") if entry.turn is Turn.POSTED] == [{"pending": (True, False)}]


def test_other_tables_have_no_history(home: Home) -> None:
    land(home, Landing([Account(key="acc", name="One", currency="USD")]))
    land(home, Landing([Account(key="acc", name="Two", currency="USD")]))
    assert (count(home, landings), count(home, changes)) == (2, 0)


def test_another_workspace_sees_nothing_of_it(home: Home) -> None:
    land(home, Landing([transaction("a")]))
    with home.db.begin() as tx:
        other = workspaces.create(tx, "Next door").id
        assert history.of_row(tx, other, home.first, "a") == []


def test_the_history_of_a_removed_connection_goes_with_it(home: Home) -> None:
    for connection in (home.first, home.second):
        land(home, Landing([transaction("a")]), connection=connection)
        land(home, Landing([transaction("a", "-2.00")]), connection=connection)
    with home.db.begin() as tx:
        assert leaving.close_rows(tx, home.first) == 1
    assert {entry.at for entry in told(home, "a")} == {None}
    assert [entry.turn for entry in told(home, "a", home.second)] == [Turn.ARRIVED, Turn.CHANGED]
    assert (count(home, landings), count(home, changes)) == (2, 1)


def test_rows_that_another_connection_took_over_keep_their_history(home: Home) -> None:
    land(home, Landing([transaction("a")]))
    land(home, Landing([transaction("a", "-2.00")]))
    rows = schema.rows["transactions"]
    land(home, Landing([transaction("b", "-2.00", replaces="a")]), connection=home.second)
    with home.db.begin() as tx:
        tx.execute(sa.update(rows).where(rows.c.key == "a").values(replaced_by="b", removed=True))
        leaving.close_rows(tx, home.first)
    entries = told(home, "b", home.second)
    assert [entry.turn for entry in entries] == [Turn.ARRIVED, Turn.CHANGED, Turn.LINKED_ANEW]
    assert all(entry.at for entry in entries)
