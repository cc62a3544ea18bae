"""What stands at each destination is counted for itself, and nobody else's rows are counted."""

import datetime as dt
from decimal import Decimal

from counterfoil.model import TABLES, Account, Transaction
from counterfoil.plan import Entry, State
from counterfoil.ports import Identity, Landing
from counterfoil.store import Tx, destinations, leaving, mirror
from counterfoil.store.destinations import Selection
from counterfoil.store.landing import Lander
from store.conftest import Home


def land(tx: Tx, home: Home, connection_id: str, keys: list[str]) -> None:
    account = Account(key=f"account-{connection_id}", name="Everyday", currency="USD")
    day, amount = dt.date(2026, 1, 1), Decimal(-1)
    made = [
        Transaction(key=key, summary=key, date=day, amount=amount, currency="USD", account=account.key) for key in keys
    ]
    lander = Lander(tx, connection_id, home.workspace_id)
    lander.apply(Landing([account, *made]))
    lander.finish()


def another_place(tx: Tx, home: Home) -> str:
    identity = Identity("other", "Other")
    return destinations.add(
        tx,
        home.vault,
        workspace_id=home.workspace_id,
        kind="ledger",
        identity=identity,
        credential=b"{}",
        selection=Selection(),
    ).id


def test_a_connections_rows_are_counted_at_each_destination_that_holds_them(home: Home) -> None:
    with home.db.begin() as tx:
        land(tx, home, home.first, ["a", "b", "c"])
        land(tx, home, home.second, ["d"])
        other = another_place(tx, home)
        stand = [Entry(key, State.SYNCED, f"rec-{key}") for key in ("a", "b", "d")]
        refused = Entry("c", State.REJECTED, None, reason="too long")
        mirror.save(tx, home.destination, "transactions", [*stand, refused])
        mirror.save(tx, other, "transactions", stand[1:])
        assert leaving.standing(tx, home.first, home.workspace_id, TABLES) == {home.destination: 2, other: 1}
        assert leaving.standing(tx, home.second, home.workspace_id, TABLES) == {home.destination: 1, other: 1}


def test_entries_are_counted_by_table_and_state(home: Home) -> None:
    with home.db.begin() as tx:
        stand = [Entry(key, State.SYNCED, f"rec-{key}") for key in ("a", "b")]
        refused = [Entry("c", State.REJECTED, None, reason="too long")]
        mirror.save(tx, home.destination, "transactions", [*stand, *refused])
        mirror.save(tx, home.destination, "accounts", refused)
        assert mirror.counts(tx, home.destination) == {
            ("transactions", State.SYNCED): 2,
            ("transactions", State.REJECTED): 1,
            ("accounts", State.REJECTED): 1,
        }
        assert [row.table for row in mirror.refused(tx, home.destination)] == ["accounts", "transactions"]
