"""An installation that has run for long: 100,000 transactions, 50 connections, 50 destinations, thousands of runs.

One connection and one destination are true, with an emulated bank and an emulated Airtable behind them; the others are
copies of theirs. The rows are landed as a fetch lands them; what would take vendors hours is put into the tables.
"""

import datetime as dt
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from _bank import Bank
from _stage import Vendor, transaction
from counterfoil.bootstrap import Product, running
from counterfoil.config import Settings
from counterfoil.lib.budget import LocalBudgets
from counterfoil.lib.ids import new_id
from counterfoil.lib.sqlite import sqlite_engine
from counterfoil.model import Account, Category, Holding, Record, Security, Transaction
from counterfoil.plan import State
from counterfoil.ports import Identity, Landing
from counterfoil.rules import Comparison, Then, When, Words
from counterfoil.store import Tx, audit, connections, destinations, figures, rules, schema, sessions, users, workspaces
from counterfoil.store.destinations import Destination, Selection
from counterfoil.store.landing import Lander

ROWS: Final = 100_000
MANY: Final = 50  # connections, and destinations
WHOLE: Final = 4  # destinations that hold every row; each of the others holds those of one connection
SYNCS: Final = 5_000
COPIES: Final = 2_000  # of each run that the true connection's syncs left
ACTS: Final = 2_000

_GROUPS: Final = ("Food", "Travel", "Home", "Income", "Transfer in")


@dataclass(frozen=True, slots=True)
class Full:
    """What a visitor needs: the token of a session, and one of each thing that pages are about."""

    token: str
    ids: Mapping[str, str]


async def fill(folder: Path, source: Bank, place: Vendor) -> Full:
    """Make the installation in a data directory."""
    settings = Settings(data_dir=folder, log_level="warning")
    place.act("rate", {"scale": "off"})
    async with running(settings, environ_of(source, place), budgets=LocalBudgets(1e6)) as product:
        workspace = await product.db.run(workspaces.first)
        model = product.doors.destination_spec("airtable").settings
        keys = model.model_validate({k: v for k, v in place.credentials.items() if k in model.model_fields})
        base = await product.intake.add_destination(workspace.id, "airtable", keys)
        bank = await product.intake.connect(workspace.id, "plaid", source.login)
        await product.engine.drained(120)
        source.act("transactions", added=[{"amount": 4.5, "name": "Coffee"}])
        await product.intake.request_sync(bank.id, "plaid/transactions.sync_updates_available")
        await product.engine.drained(120)
        token = secrets.token_urlsafe(32)
        await product.db.run(_people, token)
        await product.db.run(_banks, product, workspace.id, bank.id)
        await product.db.run(_places, product, workspace.id, base)
        await product.db.run(_history, workspace.id)
        ids = await _ids(product, workspace.id)
    _multiply_runs(folder / "engine.db")
    return Full(token, ids)


def environ_of(source: Bank, place: Vendor) -> dict[str, str]:
    """Give the variables that lead a product to the emulators."""
    return {**source.environ, "COUNTERFOIL_AIRTABLE_URL": place.url}


def _people(tx: Tx, token: str) -> None:
    user = users.claim(tx, email="ada@example.com", name="Ada Lovelace", password_hash="none")
    month = dt.timedelta(days=30)
    sessions.open_session(tx, token=token, user_id=user, lives=month, address="127.0.0.1", agent="bench")


# --- banks and rows ---


def _banks(tx: Tx, product: Product, workspace_id: str, first: str) -> None:
    credential = connections.credential(tx, product.doors.vault, first)
    for number in range(MANY):
        bank = first
        if number:
            identity = Identity(f"bank-{number}", f"Bank {number}")
            vault = product.doors.vault
            added = connections.add(
                tx, vault, workspace_id=workspace_id, provider="plaid", identity=identity, credential=credential
            )
            bank = added.id
        lander = Lander(tx, bank, workspace_id)
        records = list(_records(number))
        for start in range(0, len(records), 500):
            lander.apply(Landing(records[start : start + 500]))
        lander.finish()


def _records(bank: int) -> Iterator[Record]:
    accounts = [f"acc-{bank}-{kind}" for kind in ("checking", "credit")]
    for key, kind in zip(accounts, ("depository", "credit"), strict=True):
        yield Account(key=key, name=f"Bank {bank} {kind}", type=kind, currency="USD", current=Decimal("1250.00"))
    for position, group in enumerate(_GROUPS):
        yield Category(key=f"cat-{bank}-{position}", name=f"{group} {bank}", group=group)
    for position in range(5):
        yield Security(key=f"sec-{bank}-{position}", name=f"Fund {position}", ticker=f"F{position}", currency="USD")
        yield Holding(
            key=f"hold-{bank}-{position}",
            name=f"Fund {position}",
            account=accounts[0],
            security=f"sec-{bank}-{position}",
            quantity=Decimal(position + 1),
            value=Decimal(100),
            currency="USD",
        )
    each = ROWS // MANY
    for number in range(bank * each, (bank + 1) * each):
        yield _of_bank(transaction(number), accounts[number % 2], f"cat-{bank}-{number % len(_GROUPS)}")


def _of_bank(made: Transaction, account: str, category: str) -> Transaction:
    fields = {name: getattr(made, name) for name in made.__struct_fields__}
    return Transaction(**fields | {"account": account, "category": category})


# --- destinations and what stands there ---


def _places(tx: Tx, product: Product, workspace_id: str, first: Destination) -> None:
    version = figures.edition(tx, workspace_id)
    credential = destinations.credential(tx, product.doors.vault, first.id)
    targets = destinations.targets(tx, first.id)
    banks = [one.id for one in connections.of_workspace(tx, workspace_id)]
    for number in range(MANY):
        place = first
        if number:
            place = destinations.add(
                tx,
                product.doors.vault,
                workspace_id=workspace_id,
                kind="airtable",
                identity=Identity(f"app{number}", f"Base {number}"),
                credential=credential,
                selection=Selection(),
            )
            for target in targets.values():
                destinations.change_target(tx, place.id, target.mapping, enabled=target.enabled)
            destinations.bind(tx, place.id, [target.mapping for target in targets.values()], {})
        for name, target in targets.items():
            destinations.set_adopted(tx, place.id, name)
            destinations.set_watermark(tx, place.id, name, version, target.edition if place is first else 0)
            holders = banks if number < WHOLE else [banks[number]]
            _stand(tx, place.id, name, holders)


def _stand(tx: Tx, destination_id: str, table: str, holders: Sequence[str]) -> None:
    c, mirror = schema.rows[table].c, schema.mirror
    values = {
        "destination_id": sa.literal(destination_id),
        "name": sa.literal(table),
        "key": c.key,
        "state": sa.literal(State.SYNCED.value),
        "remote_id": sa.literal("rec") + c.key,
        "prints": sa.literal(b"\x80"),
        "again": sa.literal(False),
    }
    known = sa.select(mirror.c.key).where(mirror.c.destination_id == destination_id, mirror.c.name == table)
    chosen: sa.Select[Any] = sa.select(*list(values.values()))
    chosen = chosen.where(c.connection_id.in_(holders), c.key.not_in(known))
    tx.execute(mirror.insert().from_select(list(values), chosen))


# --- what happened ---


def _history(tx: Tx, workspace_id: str) -> None:
    banks = [one.id for one in connections.of_workspace(tx, workspace_id)]
    places = [one.id for one in destinations.of_workspace(tx, workspace_id)]
    now, logged, lines = dt.datetime.now(dt.UTC), [], []
    for number in range(SYNCS):
        sync_id, began = new_id(), now - dt.timedelta(minutes=5 * number + 5)
        logged.append(
            {
                "id": sync_id,
                "workspace_id": workspace_id,
                "connection_id": banks[number % MANY],
                "cause": "plaid/transactions.sync_updates_available",
                "run_id": f"bench-{number}",
                "state": "partial" if number % 50 == 0 else "done",
                "started_at": began,
                "finished_at": began + dt.timedelta(seconds=4),
            }
        )
        counted = {"sync_id": sync_id, "destination_id": places[number % MANY], "created": 3, "updated": 1}
        lines += [counted | {"name": table} for table in ("accounts", "transactions")]
    tx.execute(schema.syncs.insert(), logged)
    tx.execute(schema.sync_tables.insert(), lines)
    for number in range(ACTS):
        audit.note(tx, workspace_id, "destination.paused", user_id=None, subject=f"Base {number % MANY}", address=None)


async def _ids(product: Product, workspace_id: str) -> dict[str, str]:
    """Give one of each thing that a page may be about, the busiest where there is a choice."""
    places = await product.db.read(destinations.of_workspace, workspace_id)
    banks = await product.db.read(connections.of_workspace, workspace_id)
    runs = await product.engine.runs(function="sync-connection", limit=1)
    events = await product.engine.events(name="app/sync.finished", limit=1)
    wanted, said = When(merchant=Words(Comparison.CONTAINS, "Shop 7")), Then(tags=("shop",))
    rule = await product.db.run(rules.add, workspace_id, name="Shops", when=wanted, then=said)
    log = await product.db.read(lambda tx: tx.execute(sa.select(schema.syncs.c.id, schema.syncs.c.run_id)).all())
    return {
        "destination_id": places[0].id,
        "connection_id": banks[0].id,
        "run_id": runs[0].id,
        "event_id": events[0].id,
        "sync_id": next(id for id, run_id in log if run_id == runs[0].id),
        "function_id": "sync-connection",
        "table": "transactions",
        "kind": "airtable",
        "provider": "stripe",
        "rule_id": rule.id,
        "/transactions/key": "tx-000000",
        "/accounts/key": "acc-0-checking",
        "form": "csv",
    }


def _multiply_runs(path: Path) -> None:
    """Copy each run, with all that belongs to it, and each event, so many times: the tables of half a year."""
    engine = sqlite_engine(path)
    with engine.begin() as tx:
        copies = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :copies) "
        for table, key, at in (
            ("workflow_status", "workflow_uuid", "created_at"),
            ("workflow_input", "workflow_uuid", None),
            ("workflow_output", "workflow_uuid", None),
            ("operation_outputs", "workflow_uuid", None),
            ("engine_events", "id", "received_at"),
        ):
            columns = [row[1] for row in tx.exec_driver_sql(f"PRAGMA table_info({table})")]
            changed = {key: f"{key} || '-' || i", at: f"{at} - i * 100000", "deduplication_id": "NULL"}
            chosen = ", ".join(changed.get(column, column) for column in columns)
            names = ", ".join(columns)
            tx.execute(
                sa.text(f"{copies} INSERT INTO {table} ({names}) SELECT {chosen} FROM {table}, n"),
                {"copies": COPIES if table != "engine_events" else COPIES * 4},
            )
    engine.dispose()
