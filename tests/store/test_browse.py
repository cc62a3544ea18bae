"""Looking through rows on both databases: what is searched, filtered and paged, and by which index."""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from counterfoil.model import Account, Holding, InvestmentTransaction, Record, Security
from counterfoil.ports import Landing, Patch
from counterfoil.store import Database, browse, schema
from counterfoil.store.browse import BROWSED, Direction, Found, Position, State, Wanted
from counterfoil.store.needle import LONGEST, needle
from store.conftest import Home
from store.test_rows import land, transaction

DAY = dt.date(2026, 1, 5)


def keys(home: Home, table: str = "transactions", **wanted: object) -> list[str]:
    return [row.record["key"] for row in look(home, table, **wanted)]


def look(home: Home, table: str = "transactions", **wanted: object) -> list[Found]:
    with home.db.reading() as tx:
        return browse.page(tx, home.workspace_id, table, Wanted(**wanted), limit=100)  # type: ignore[arg-type]


def test_a_search_finds_words_in_any_text_whatever_their_case_and_accents(home: Home) -> None:
    land(
        home,
        Landing(
            [
                transaction("a", summary="Café Zoë", merchant=None, original_text="POS 1234"),
                transaction("b", summary="Coffee", merchant="BLUE BOTTLE", original_text=None),
                transaction("c", summary="Rent 100%", original_text="under_score"),
            ]
        ),
    )
    assert keys(home, words="cafe zoe") == keys(home, words="ZOË CAFÉ") == keys(home, words="pos") == ["a"]
    assert keys(home, words="bottle coffee") == ["b"]
    assert keys(home, words="bottle rent") == []
    assert keys(home, words="100%") == keys(home, words="r_s") == ["c"]
    assert keys(home, words="o%e") == keys(home, words="b_ttle") == []


def test_a_search_looks_into_what_is_said_here_too(home: Home) -> None:
    land(home, Landing([transaction("a"), transaction("b")]))
    rows = schema.rows["transactions"]
    with home.db.begin() as tx:
        said = {"said_summary": "Morning brew", "said_needle": needle("Morning brew")}
        tx.execute(sa.update(rows).where(rows.c.key == "a").values(**said))
    [found] = look(home, words="brew")
    assert (found.record["key"], found.record["summary"]) == ("a", "Morning brew")
    land(home, Landing([transaction("a", "-7.00")]))
    assert keys(home, words="brew coffee") == ["a"]


def test_a_patched_text_is_found_and_the_old_one_is_not(home: Home) -> None:
    land(home, Landing([transaction("a", merchant="Old Shop")]))
    land(home, Landing(patches=[Patch(transaction("a", merchant="New Shop"), ("merchant",))]))
    assert keys(home, words="new") == keys(home, words="coffee") == ["a"]
    assert keys(home, words="old") == []


def test_filters_narrow_together(home: Home) -> None:
    land(
        home,
        Landing(
            [
                transaction("out", "-10.00", category="food", account="one"),
                transaction("in", "10.00", category="pay", account="one"),
                transaction("more", "-9.99", category="food", account="two", pending=True),
                transaction("tiny", "-0.10", date=dt.date(2026, 1, 9), account="two"),
            ]
        ),
    )
    assert keys(home) == ["tiny", "out", "more", "in"]
    assert keys(home, account="one") == ["out", "in"]
    assert keys(home, category="food") == ["out", "more"]
    assert keys(home, category="food", account="two") == ["more"]
    assert keys(home, least=Decimal(10)) == ["out", "in"]
    assert keys(home, least=Decimal("9.99"), most=Decimal("9.990")) == ["more"]
    assert keys(home, most=Decimal("9.5")) == ["tiny"]  # by number, not by text
    assert keys(home, direction=Direction.IN) == ["in"]
    assert keys(home, direction=Direction.OUT, least=Decimal(1)) == ["out", "more"]
    assert keys(home, since=dt.date(2026, 1, 6)) == ["tiny"]
    assert keys(home, until=dt.date(2026, 1, 5)) == ["out", "more", "in"]
    assert keys(home, state=State.PENDING) == ["more"]
    assert keys(home, state=State.POSTED) == ["tiny", "out", "in"]
    assert keys(home, connection_id=home.second) == []


def test_rows_that_are_gone_hidden_or_stood_for_are_shown_when_asked_for(home: Home) -> None:
    land(home, Landing([transaction(key) for key in ("gone", "hidden", "live", "pending")]))
    land(home, Landing([transaction("posted", replaces="pending")], removed=[("transactions", "pending")]))
    land(home, Landing(removed=[("transactions", "gone")]))
    rows = schema.rows["transactions"]
    with home.db.begin() as tx:
        tx.execute(sa.update(rows).where(rows.c.key == "hidden").values(hidden=True))
    assert keys(home) == ["posted", "live"]
    assert keys(home, state=State.REMOVED) == ["gone"]
    assert keys(home, state=State.HIDDEN) == ["hidden"]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 9)), max_size=14, unique=True), st.integers(1, 5))
def test_pages_together_hold_each_row_once_in_both_directions(
    home: Home, made: Sequence[tuple[int, int]], size: int
) -> None:
    with home.db.begin() as tx:
        tx.execute(sa.delete(schema.rows["transactions"]))
    for connection in (home.first, home.second):  # the same keys on both
        land(home, Landing([transaction(f"k{k}", date=DAY.replace(day=d)) for d, k in made]), connection=connection)
    whole = look(home)
    with home.db.reading() as tx:
        parts = list(browse.parts(tx, home.workspace_id, "transactions", Wanted(), size))
        back: list[Found] = []
        while part := browse.page(
            tx,
            home.workspace_id,
            "transactions",
            Wanted(),
            after=browse.position_of("transactions", back[-1]) if back else None,
            limit=size,
            backwards=True,
        ):
            back += part
    assert [row for part in parts for row in part] == whole == back[::-1]
    assert sorted(whole, key=lambda row: row.record["date"], reverse=True) == whole


ROWS: list[Record] = [
    Account(key="acc", name="Éveryday", currency="USD", mask="4242"),
    Security(key="sec", name="Vanguard Total", ticker="VTI"),
    Holding(key="hold", name="VTI", account="acc", security="sec", quantity=Decimal(2), currency="USD"),
    InvestmentTransaction(key="buy", name="Buy VTI", date=DAY, account="acc", amount=Decimal(-5), currency="USD"),
]


def test_every_table_is_looked_through_by_its_names(home: Home) -> None:
    land(home, Landing(ROWS))
    assert keys(home, "accounts", words="everyday 4242") == ["acc"]
    assert keys(home, "securities", words="vti") == ["sec"]
    assert keys(home, "holdings", words="vti", account="acc") == ["hold"]
    assert keys(home, "holdings", account="other") == []
    assert keys(home, "investment_transactions", words="buy", least=Decimal(5)) == ["buy"]


@pytest.mark.parametrize("after", [None, Position("2026-01-01", "k", "c")])
@pytest.mark.parametrize("table", BROWSED)
def test_on_sqlite_one_index_answers_whatever_is_asked(tmp_path: Path, table: str, after: Position | None) -> None:
    every = Wanted(words="x", account="a", category="c", since=DAY, until=DAY, least=Decimal(1), direction=Direction.IN)
    db = Database.open(tmp_path / "store.db")
    db.migrate()
    asked = browse.query("w", table, every, after=after, limit=5, backwards=False)
    written = asked.compile(db.engine)
    params = tuple(str(written.params[name]) for name in written.positiontup or ())
    with db.reading() as tx:
        plan = [row[3] for row in tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {written}", params)]
    db.close()
    assert any(f"USING COVERING INDEX ix_{table}_browse (workspace_id=?" in step for step in plan), plan


def test_a_long_text_is_cut_where_an_index_entry_could_not_hold_it(home: Home) -> None:
    land(home, Landing([transaction("a", original_text="é" * 9_000)]))
    assert keys(home, words="coffee") == ["a"]
    assert len(needle("ﷺ" * 9_000)) == LONGEST
