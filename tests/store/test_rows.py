"""Landing rows and reading what has changed, on both databases."""

import datetime as dt
import threading
import time
from decimal import Decimal

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from counterfoil.model import Account, Security, Transaction
from counterfoil.plan import Row
from counterfoil.ports import Landing, Page, Patch, StreamSpec
from counterfoil.store import connections, pages, rows
from counterfoil.store.landing import Landed, Lander
from store.conftest import Home


def transaction(key: str, amount: str = "-1.00", **changes: object) -> Transaction:
    base = Transaction(
        key=key, summary="Coffee", date=dt.date(2026, 1, 5), amount=Decimal(amount), currency="USD", account="acc"
    )
    return msgspec.structs.replace(base, **changes)


def land(home: Home, *landings: Landing, connection: str | None = None, closing: tuple[str, ...] = ()) -> Landed:
    with home.db.begin() as tx:
        lander = Lander(tx, connection or home.first, home.workspace_id)
        for landing in landings:
            lander.apply(landing)
        lander.close_absent(closing)
        return lander.finish()


def changed(home: Home, table: str = "transactions", after: int = 0) -> list[Row]:
    with home.db.reading() as tx:
        return rows.changed(tx, home.workspace_id, table, after=after, limit=100)


def test_rows_come_back_as_they_were(home: Home) -> None:
    row = transaction("t1", "-1234567890.123456789", authorized_on=dt.date(2026, 1, 4), fee=Decimal("0.30"))
    land(home, Landing([row]))
    [found] = changed(home)
    assert found.cells["amount"] == Decimal("-1234567890.123456789")
    assert (found.cells["date"], found.cells["authorized_on"]) == (dt.date(2026, 1, 5), dt.date(2026, 1, 4))
    assert (found.cells["pending"], found.cells["fee"], found.cells["net"]) == (False, Decimal("0.30"), None)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20, places=9))
def test_every_decimal_survives(home: Home, amount: Decimal) -> None:
    land(home, Landing([transaction("t1", str(amount))]))
    [found] = changed(home)
    assert found.cells["amount"] == amount


def test_an_unchanged_row_keeps_its_version(home: Home) -> None:
    assert land(home, Landing([transaction("t1")])) == Landed(1, 0)
    [before] = changed(home)
    assert land(home, Landing([transaction("t1")])) == Landed(0, 0)
    assert changed(home, after=before.version) == []


def test_versions_rise_in_the_order_of_landing(home: Home) -> None:
    land(home, Landing([transaction(f"t{n}") for n in range(5)]))
    land(home, Landing([transaction("t2", "-9")]))
    versions = [row.version for row in changed(home)]
    assert versions == sorted(set(versions))
    assert changed(home)[-1].key == "t2"


def test_a_removed_row_is_told_once_and_may_come_back(home: Home) -> None:
    land(home, Landing([transaction("t1")]))
    land(home, Landing([], [("transactions", "t1"), ("transactions", "never there")]))
    [gone] = changed(home)
    assert not gone.wanted
    assert land(home, Landing([], [("transactions", "t1")])) == Landed(0, 0)
    land(home, Landing([transaction("t1")]))
    assert changed(home)[0].wanted


def test_a_posted_row_names_the_pending_one_that_it_replaces(home: Home) -> None:
    land(home, Landing([transaction("p", pending=True)]))
    land(home, Landing([transaction("t", replaces="p")]), Landing([], [("transactions", "p")]))
    by_key = {row.key: row for row in changed(home)}
    assert by_key["p"].replaced_by == "t" and not by_key["p"].wanted
    assert by_key["t"].replaces == "p"


def test_a_snapshot_closes_only_its_own_connections_rows(home: Home) -> None:
    def account(key: str) -> Account:
        return Account(key=key, name=key, currency="USD")

    land(home, Landing([account("a"), account("b")]))
    land(home, Landing([account("c")]), connection=home.second)
    assert land(home, Landing([account("a")]), closing=("accounts",)) == Landed(0, 1)
    assert {row.key for row in changed(home, "accounts") if row.wanted} == {"a", "c"}


def test_a_patch_changes_its_columns_only_and_stores_a_new_row_whole(home: Home) -> None:
    whole = Account(key="a", name="Checking", currency="USD", current=Decimal(5), apr=Decimal("0.2"))
    land(home, Landing(patches=[Patch(whole, ("current",))]))
    land(home, Landing(patches=[Patch(Account(key="a", name="x", currency="x", current=Decimal(7)), ("current",))]))
    [row] = changed(home, "accounts")
    assert (row.cells["name"], row.cells["current"], row.cells["apr"]) == ("Checking", Decimal(7), Decimal("0.2"))
    again = Patch(Account(key="a", name="x", currency="x", current=Decimal(7)), ("current",))
    assert land(home, Landing(patches=[again])) == Landed(0, 0)


def test_a_row_that_two_connections_bring_lives_until_both_have_closed_it(home: Home) -> None:
    share = Security(key="s", name="Acme")
    land(home, Landing([share]))
    land(home, Landing([share]), connection=home.second)
    land(home, Landing([], [("securities", "s")]))
    with home.db.reading() as tx:
        assert rows.shared_keys(tx, "securities", ["s"]) == {"s"}
        assert [row.wanted for row in rows.by_keys(tx, home.workspace_id, "securities", ["s"])] == [True, False]
        assert rows.counts(tx, home.workspace_id)["securities"] == 1


def test_a_loop_lands_all_or_nothing(home: Home) -> None:
    spec = StreamSpec("transactions", ("transactions",))
    for position, body in enumerate([b"1", b"2", b"bad"]):
        with home.db.begin() as tx:
            pages.stage(tx, home.first, "transactions", position, Page(body, body, has_more=position < 2))

    def read(_stream: str, body: bytes) -> Landing:
        if body == b"bad":
            raise ValueError("a mapping that stumbles")
        return Landing([transaction(f"t{body.decode()}")])

    try:
        with home.db.begin() as tx:
            pages.commit(tx, home.first, spec, read)
    except ValueError:
        pass
    assert changed(home) == []
    with home.db.reading() as tx:
        assert connections.cursor(tx, home.first, "transactions") is None
        assert pages.last_staged(tx, home.first, "transactions") == (2, b"bad", False)
    with home.db.begin() as tx:
        landed = pages.commit(tx, home.first, spec, lambda _stream, body: Landing([transaction(f"t{body.decode()}")]))
    assert landed == Landed(3, 0)
    with home.db.reading() as tx:
        assert connections.cursor(tx, home.first, "transactions") == b"bad"
        assert pages.last_staged(tx, home.first, "transactions") is None


def test_no_version_becomes_visible_behind_a_later_one(home: Home) -> None:
    """Two landings at once: a reader that saw the later version must have seen the earlier one."""
    started, go_on = threading.Event(), threading.Event()

    def slow() -> None:
        with home.db.begin() as tx:
            lander = Lander(tx, home.first, home.workspace_id)
            lander.apply(Landing([transaction("slow")]))
            started.set()
            go_on.wait(10)
            lander.finish()

    def fast() -> None:
        land(home, Landing([transaction("fast")]), connection=home.second)

    one, other = threading.Thread(target=slow), threading.Thread(target=fast)
    one.start()
    started.wait(10)
    other.start()
    time.sleep(0.1)  # long enough for the second to commit first, if it could
    watermark = max((row.version for row in changed(home)), default=0)
    go_on.set()
    one.join(10)
    other.join(10)
    assert {row.key for row in changed(home, after=watermark)} | set() >= {"slow"}
    assert [row.key for row in changed(home)] == ["slow", "fast"]
