"""The whole way of a row, with provider and destination in memory: engine, store, plan and mirror are the real ones."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from counterfoil.engine import Engine
from counterfoil.errors import ActionRequired, RestartFetch, RetryLater
from counterfoil.lib.http import Http
from counterfoil.lib.secrets import Vault, new_key
from counterfoil.model import Account, Transaction
from counterfoil.plan import Removal, State
from counterfoil.ports import Act, Landing
from counterfoil.store import Database, connections, destinations, mirror, syncs, workspaces
from counterfoil.store.destinations import Selection
from counterfoil.sync.arrange import Arrangements
from counterfoil.sync.doors import Doors
from counterfoil.sync.edits import Edit, FieldEdit, SelectionEdit, TableEdit
from counterfoil.sync.intake import Intake
from counterfoil.sync.steps import SyncSteps
from counterfoil.sync.story import FUNCTIONS
from engine.support import until
from fakes import App, Bank, Ledger, Login, destination_spec, provider_spec

pytestmark = pytest.mark.anyio


def account(key: str = "acc", **changes: Any) -> Account:
    return msgspec.structs.replace(
        Account(key=key, name="Checking", currency="USD", current=Decimal("10.00")), **changes
    )


def transaction(key: str, amount: str = "-1.00", **changes: Any) -> Transaction:
    base = Transaction(
        key=key,
        summary=f"Purchase {key}",
        date=dt.date(2026, 1, 5),
        amount=Decimal(amount),
        currency="USD",
        account="acc",
    )
    return msgspec.structs.replace(base, **changes)


@dataclass
class World:
    """A product with one bank and any number of ledgers."""

    bank: Bank
    ledgers: dict[str, Ledger]
    db: Database
    doors: Doors
    engine: Engine[SyncSteps]
    intake: Intake
    workspace_id: str
    destination_ids: dict[str, str] = field(default_factory=dict)
    connection_id: str = ""

    async def connect(self) -> None:
        connection = await self.intake.connect(self.workspace_id, "plaid", Login(name="first"))
        self.connection_id = connection.id
        await self.settle()

    async def add(self, name: str, selection: Selection | None = None) -> None:
        self.ledgers[name] = Ledger()
        added = await self.intake.add_destination(
            self.workspace_id,
            "ledger",
            Login(name=name),
            selection=selection,
            tables=("accounts", "transactions"),
        )
        self.destination_ids[name] = added.id
        await self.settle()

    async def sync(self, event: str = "plaid/transactions.sync_updates_available") -> None:
        await self.intake.request_sync(self.connection_id, event)
        await self.settle()

    async def settle(self) -> None:
        await self.engine.drained(30)

    async def last_sync(self) -> syncs.Sync:
        return (await self.db.read(syncs.of_workspace, self.workspace_id))[0]


@asynccontextmanager
async def product(folder: Path, batch: int = 10, pace: float = 0.0) -> AsyncIterator[World]:
    bank, ledgers = Bank(), dict[str, Ledger]()
    db, http = Database.open(folder / "store.db"), Http()
    db.migrate()
    provider, kind = provider_spec(bank), destination_spec("ledger", ledgers, batch)
    apps = {provider.slug: App(), kind.slug: App()}
    doors = Doors(db, Vault.of(new_key()), http, {provider.slug: provider}, {kind.slug: kind}, apps)
    engine: Engine[SyncSteps] = Engine(
        FUNCTIONS, folder / "engine.db", app_version="test", utils=lambda _: SyncSteps(doors, pace=pace), backoff=0.01
    )
    await engine.start()
    workspace = await db.run(workspaces.create, "Home")
    try:
        yield World(bank, ledgers, db, doors, engine, Intake(doors, engine), workspace.id)
    finally:
        await engine.stop()
        await http.aclose()
        db.close()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with product(tmp_path) as made:
        yield made


async def test_rows_reach_every_destination_with_links_to_rows_that_stand_there(world: World) -> None:
    world.bank.add("accounts", Landing([account()]))
    world.bank.add("transactions", Landing([transaction(f"t{n}") for n in range(25)]))
    await world.add("one")
    await world.add("two")
    await world.connect()
    for ledger in world.ledgers.values():
        assert len(ledger.rows("transactions")) == 25
        standing = ledger.tables["accounts"][0]
        assert {cells["account"].remote_id for cells in ledger.rows("transactions").values()} == {standing.id}  # type: ignore[union-attr]
        assert ledger.rows("transactions")["t3"]["amount"] == Decimal("-1.00")


async def test_a_sync_with_nothing_new_neither_writes_nor_calls_the_destination(world: World) -> None:
    world.bank.add("transactions", Landing([transaction("t1")]))
    await world.add("one")
    await world.connect()
    ledger = world.ledgers["one"]
    writes, describes = len(ledger.writes), ledger.describes
    world.bank.add("transactions", Landing([transaction("t1")]))  # sent again, unchanged
    await world.sync()
    assert (len(ledger.writes), ledger.describes) == (writes, describes)
    assert (await world.last_sync()).state == "done"


async def test_only_changed_fields_of_changed_rows_travel(world: World) -> None:
    world.bank.add("transactions", Landing([transaction("t1"), transaction("t2")]))
    await world.add("one")
    await world.connect()
    world.ledgers["one"].writes.clear()
    world.bank.add("transactions", Landing([transaction("t1"), transaction("t2", "-2.50", summary="New words")]))
    await world.sync()
    [(table, [change])] = world.ledgers["one"].writes
    assert (table, change.act, change.key) == ("transactions", Act.UPDATE, "t2")
    assert change.cells == {"amount": Decimal("-2.50")}  # the summary is the user's once it is written


async def test_a_posted_transaction_takes_over_the_row_of_the_pending_one(world: World) -> None:
    world.bank.add("transactions", Landing([transaction("p1", pending=True)]))
    await world.add("one")
    await world.connect()
    standing = world.ledgers["one"].tables["transactions"][0]
    standing.cells["notes"] = "the user's own words"
    posted = transaction("t1", "-1.20", replaces="p1")
    world.bank.add("transactions", Landing([posted]), Landing([], [("transactions", "p1")]))
    await world.sync()
    assert world.ledgers["one"].tables["transactions"] == [standing]
    assert (standing.key, standing.cells["amount"]) == ("t1", Decimal("-1.20"))
    assert standing.cells["notes"] == "the user's own words"


async def test_a_takeover_whose_removal_comes_first_keeps_the_row_too(world: World) -> None:
    world.bank.add("transactions", Landing([transaction("p1", pending=True)]))
    await world.add("one")
    await world.connect()
    before = world.ledgers["one"].tables["transactions"][0].id
    posted = transaction("t1", replaces="p1")
    world.bank.add("transactions", Landing([], [("transactions", "p1")]), Landing([posted]))
    await world.sync()
    assert [row.id for row in world.ledgers["one"].tables["transactions"]] == [before]


async def test_pages_of_a_loop_that_must_restart_leave_no_trace(world: World) -> None:
    await world.add("one")
    world.bank.add("transactions", Landing([transaction("t1")]))
    world.bank.raises["transactions"] = [RestartFetch("changed"), RestartFetch("changed again")]
    await world.connect()
    assert list(world.ledgers["one"].rows("transactions")) == ["t1"]


@pytest.mark.parametrize(("removal", "left"), [(Removal.DELETE, 0), (Removal.MARK, 1), (Removal.KEEP, 1)])
async def test_a_removal_deletes_marks_or_keeps_the_row_as_the_user_chose(
    world: World, removal: Removal, left: int
) -> None:
    world.bank.add("transactions", Landing([transaction("t1")]))
    await world.add("one", Selection(removal=removal))
    await world.connect()
    world.bank.add("transactions", Landing([], [("transactions", "t1")]))
    await world.sync()
    standing = world.ledgers["one"].rows("transactions")
    assert len(standing) == left
    if removal is Removal.MARK:
        assert standing["t1"]["removed"] is True


async def test_a_row_the_user_deleted_stays_deleted(world: World) -> None:
    world.bank.add("transactions", Landing([transaction("t1")]))
    await world.add("one")
    await world.connect()
    world.ledgers["one"].tables["transactions"].clear()
    for amount in ("-2.00", "-3.00"):
        world.bank.add("transactions", Landing([transaction("t1", amount)]))
        await world.sync()
    assert world.ledgers["one"].rows("transactions") == {}


async def test_rows_that_stood_there_before_are_adopted_and_keep_the_users_words(world: World) -> None:
    world.bank.add("transactions", Landing([transaction("t1")]))
    await world.add("one")
    await world.connect()
    mine = world.ledgers["one"].tables["transactions"][0]
    mine.cells["summary"] = "My words"
    await world.db.run(mirror.forget, world.destination_ids["one"], "transactions", list(State))
    target = (await world.db.read(destinations.targets, world.destination_ids["one"]))["transactions"]
    with world.db.begin() as tx:  # as if the table had been mapped just now
        tx.exec_driver_sql("UPDATE destination_tables SET adopted = 0, watermark = 0")
    assert target.adopted
    await world.intake.request_destination_sync(world.destination_ids["one"], "app/mapping.changed")
    await world.settle()
    assert world.ledgers["one"].tables["transactions"] == [mine]
    assert mine.cells["summary"] == "My words"


async def test_a_refused_row_is_recorded_and_the_rest_goes_on(world: World) -> None:
    world.bank.add("transactions", Landing([transaction("bad"), transaction("good")]))
    await world.add("one")
    world.ledgers["one"].rejects = lambda change: "too odd" if change.key == "bad" else None
    await world.connect()
    assert list(world.ledgers["one"].rows("transactions")) == ["good"]
    refused = await world.db.read(mirror.refused, world.destination_ids["one"])
    assert [(row.key, row.reason) for row in refused] == [("bad", "too odd")]
    world.ledgers["one"].rejects = lambda _change: None
    world.bank.add("transactions", Landing([transaction("bad", "-5.00")]))
    await world.sync()
    assert set(world.ledgers["one"].rows("transactions")) == {"bad", "good"}


@pytest.mark.parametrize("when", ["fail_before", "fail_after"])
async def test_a_write_whose_reply_was_lost_leaves_one_row_per_key(world: World, when: str) -> None:
    world.bank.add("transactions", Landing([transaction(f"t{n}") for n in range(30)]))
    await world.add("one")
    lost = [RetryLater("The connection was lost.", after=0.01, fate_unknown=True) for _ in range(3)]
    getattr(world.ledgers["one"], when).extend(lost)
    await world.connect()
    assert len(world.ledgers["one"].rows("transactions")) == 30
    assert (await world.last_sync()).state == "done"


async def test_a_row_with_an_unknown_fate_is_looked_up_before_it_is_made_again(world: World) -> None:
    world.bank.add("transactions", Landing([transaction("t1"), transaction("t2")]))
    await world.add("one")
    world.ledgers["one"].undecided.append("t2")
    await world.connect()
    assert len(world.ledgers["one"].rows("transactions")) == 2
    again = world.ledgers["one"].writes[-1][1]
    assert [(change.key, change.doubtful) for change in again] == [("t2", True)]


async def test_a_failing_destination_stops_only_itself_and_goes_on_once_repaired(world: World) -> None:
    world.bank.add("transactions", Landing([transaction("t1")]))
    await world.add("one")
    await world.add("two")
    world.ledgers["one"].broken = ActionRequired("not_shared", "The base is not shared.", remedy="Share it.")
    await world.connect()
    assert world.ledgers["one"].rows("transactions") == {}
    assert len(world.ledgers["two"].rows("transactions")) == 1
    broken = await world.db.read(destinations.get, world.destination_ids["one"])
    assert broken.problem is not None and broken.problem.remedy == "Share it."
    assert (await world.last_sync()).state == "partial"
    world.ledgers["one"].broken = None
    await world.sync()
    assert len(world.ledgers["one"].rows("transactions")) == 1
    assert (await world.db.read(destinations.get, world.destination_ids["one"])).problem is None


async def test_a_deleted_column_stops_its_own_table_before_anything_is_written(world: World) -> None:
    world.bank.add("accounts", Landing([account()]))
    world.bank.add("transactions", Landing([transaction("t1")]))
    await world.add("one")
    world.ledgers["one"].missing.add(("accounts", "currency"))
    await world.connect()
    assert world.ledgers["one"].rows("accounts") == {}
    assert len(world.ledgers["one"].rows("transactions")) == 1
    target = (await world.db.read(destinations.targets, world.destination_ids["one"]))["accounts"]
    assert target.problem is not None and target.problem.code == "column_missing"


async def test_a_bank_that_wants_its_user_says_so_and_loses_nothing(world: World) -> None:
    world.bank.add("transactions", Landing([transaction("t1")]))
    await world.add("one")
    world.bank.raises["accounts"] = [ActionRequired("item_login_required", "Sign in again.", remedy="Open the bank.")]
    await world.connect()
    connection = await world.db.read(connections.get, world.connection_id)
    assert connection.state == "action_required" and connection.problem is not None
    await world.sync("plaid/item.login_repaired")
    assert (await world.db.read(connections.get, world.connection_id)).state == "active"
    assert list(world.ledgers["one"].rows("transactions")) == ["t1"]


async def test_fifty_requests_in_a_second_cause_two_fetches_at_most(tmp_path: Path) -> None:
    async with product(tmp_path, pace=1.0) as world:
        await world.connect()
        await asyncio.sleep(1.0)
        world.bank.fetches.clear()
        event = "plaid/transactions.sync_updates_available"
        await asyncio.gather(*(world.intake.request_sync(world.connection_id, event) for _ in range(50)))
        await world.settle()
        assert 1 <= world.bank.fetches.count("transactions") <= 2


async def test_a_request_right_after_a_sync_waits_its_moment_and_is_not_lost(tmp_path: Path) -> None:
    async with product(tmp_path, pace=0.5) as world:
        await world.add("one")
        await world.connect()
        world.bank.add("transactions", Landing([transaction("t1")]))
        await world.sync()
        assert list(world.ledgers["one"].rows("transactions")) == ["t1"]


async def test_unchosen_accounts_and_older_days_stay_out(world: World) -> None:
    old = transaction("old", date=dt.date(2025, 12, 31))
    other = transaction("other", account="acc2")
    world.bank.add("accounts", Landing([account(), account("acc2")]))
    world.bank.add("transactions", Landing([transaction("t1"), old, other]))
    await world.add("one", Selection(accounts=("acc",), since=dt.date(2026, 1, 1)))
    await world.connect()
    assert list(world.ledgers["one"].rows("accounts")) == ["acc"]
    assert list(world.ledgers["one"].rows("transactions")) == ["t1"]


SINCE_LATER = Edit(selection=SelectionEdit(since=dt.date(2026, 1, 10)))
WITHOUT_MERCHANT = Edit(tables={"transactions": TableEdit(fields={"merchant": FieldEdit(on=False)})})


@pytest.mark.parametrize(("change", "rows"), [(SINCE_LATER, 1), (WITHOUT_MERCHANT, 26)])
async def test_a_change_saved_while_a_sync_waits_for_its_next_try_passes_no_row_over(
    world: World, change: Edit, rows: int
) -> None:
    world.bank.add("transactions", Landing([transaction(f"t{n}") for n in range(25)]))
    world.bank.add("transactions", Landing([transaction("new", date=dt.date(2026, 2, 1))]))
    await world.add("one")
    await world.connect()
    ledger, destination_id = world.ledgers["one"], world.destination_ids["one"]
    ledger.fail_before.append(RetryLater("The ledger is busy.", after=0.3))
    await world.intake.request_sync(world.connection_id, "app/sync.requested")
    await until(lambda: not ledger.fail_before)
    await Arrangements(world.doors, world.engine).save(world.workspace_id, destination_id, change)
    await world.settle()
    assert "new" in ledger.rows("transactions")
    assert len(ledger.rows("transactions")) == rows


async def test_a_snapshot_closes_what_it_no_longer_names(world: World) -> None:
    world.bank.add("accounts", Landing([account("acc"), account("acc2")]))
    world.bank.add("accounts", Landing([account("acc")]))
    await world.add("one")
    await world.connect()
    assert set(world.ledgers["one"].rows("accounts")) == {"acc", "acc2"}
    await world.sync("app/sync.requested")
    assert set(world.ledgers["one"].rows("accounts")) == {"acc"}


async def test_a_destination_never_has_two_sync_functions_at_work(world: World) -> None:
    world.bank.add("transactions", Landing([transaction(f"t{n}") for n in range(40)]))
    await world.add("one")
    await world.connect()
    second = await world.intake.connect(world.workspace_id, "plaid", Login(name="second"))
    for _ in range(5):
        await world.intake.request_sync(second.id, "app/sync.requested")
        await world.intake.request_sync(world.connection_id, "app/sync.requested")
        await world.intake.request_destination_sync(world.destination_ids["one"], "app/destination.sync.requested")
    await world.settle()
    assert world.ledgers["one"].most_busy == 1
