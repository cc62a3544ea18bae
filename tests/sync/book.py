"""A user's own tables in memory, addressed by ids as vendors do, and a product without engine that writes to them."""

import datetime as dt
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import msgspec
from pydantic import BaseModel

from counterfoil.engine import Engine, Event
from counterfoil.errors import ActionRequired
from counterfoil.lib.budget import LocalBudgets
from counterfoil.lib.http import Http
from counterfoil.lib.ids import new_id
from counterfoil.lib.secrets import Vault, new_key
from counterfoil.model import Account, Category, Kind, Record, Transaction
from counterfoil.ports import (
    Act,
    Cell,
    Change,
    DestinationSpec,
    FieldMapping,
    Gone,
    Identity,
    Landing,
    Outcome,
    Rejected,
    RemoteField,
    RemoteRow,
    RemoteTable,
    Schema,
    TableMapping,
    Written,
)
from counterfoil.store import Database, Tx, connections, syncs, workspaces
from counterfoil.store.landing import Lander
from counterfoil.store.syncs import Counts
from counterfoil.sync.arrange import Arrangements
from counterfoil.sync.doors import Doors
from counterfoil.sync.prepare import prepare
from counterfoil.sync.steps import DestinationSync, SyncSteps
from counterfoil.sync.tables import SyncTable
from fakes import App, Login

TYPES = {
    "text": frozenset({Kind.TEXT, Kind.LONG_TEXT, Kind.SELECT, Kind.URL, Kind.LINK}),
    "number": frozenset({Kind.MONEY, Kind.NUMBER, Kind.PERCENT}),
    "date": frozenset({Kind.DATE}),
    "time": frozenset({Kind.TIMESTAMP, Kind.DATE}),
    "checkbox": frozenset({Kind.FLAG}),
    "formula": frozenset[Kind](),
}
_MADE = {Kind.MONEY: "number", Kind.NUMBER: "number", Kind.PERCENT: "number", Kind.DATE: "date"}
_MADE |= {Kind.TIMESTAMP: "time", Kind.FLAG: "checkbox"}


def remote(table: str, **fields: str) -> RemoteTable:
    """Make one of the user's tables: field name (with _ for a space) = type."""
    return RemoteTable(
        f"id-{table}",
        table,
        tuple(
            RemoteField(f"{table}/{name}", name.replace("_", " "), kind, TYPES[kind], title=nth == 0)
            for nth, (name, kind) in enumerate(fields.items())
        ),
    )


@dataclass
class Book:
    """The user's place: tables, their rows by id as cells by field id, and the calls it was asked for."""

    tables: dict[str, RemoteTable] = field(default_factory=dict)
    rows: dict[str, dict[str, dict[str, Cell]]] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    changes: list[Change] = field(default_factory=list)
    refuses: set[str] = field(default_factory=set)
    made: int = 0

    def add(self, *tables: RemoteTable) -> None:
        for table in tables:
            self.tables[table.id] = table
            self.rows.setdefault(table.id, {})

    def shown(self, table: str) -> list[dict[str, Cell]]:
        """Give a table's rows by field name, without empty cells, in an order of their own."""
        found = next(one for one in self.tables.values() if one.name == table)
        names = {one.id: one.name for one in found.fields}
        rows = [
            {
                names[name]: cell.name if hasattr(cell, "name") else cell
                for name, cell in row.items()
                if cell not in (None, "", False)
            }
            for row in self.rows[found.id].values()
        ]
        return sorted(rows, key=repr)

    def at(self, table: str, key: str) -> dict[str, Cell]:
        """Give the cells of one of our rows, to be looked at or changed by the user."""
        found = next(one for one in self.tables.values() if one.name == table)
        key_id = next(one.id for one in found.fields if one.name == "Counterfoil ID")
        return next(row for row in self.rows[found.id].values() if row.get(key_id) == key)


class BookDestination:
    def __init__(self, book: Book) -> None:
        self._book = book

    async def check(self) -> Identity:
        return Identity("book", "Book")

    async def describe(self) -> Schema:
        self._book.calls["describe"] += 1
        return Schema(tuple(self._book.tables.values()))

    async def prepare(self, tables: Sequence[TableMapping]) -> Sequence[TableMapping]:
        self._book.calls["prepare"] += 1
        return [self._prepared(mapping) for mapping in tables]

    def _prepared(self, mapping: TableMapping) -> TableMapping:
        book = self._book
        table_id = mapping.table_id or next((t.id for t in book.tables.values() if t.name == mapping.label), "")
        if not table_id:
            table_id = f"id-{mapping.label}"
            book.add(RemoteTable(table_id, mapping.label, ()))

        def placed(mapped: FieldMapping) -> FieldMapping:
            table = book.tables[table_id]
            found = next(
                (
                    f
                    for f in table.fields
                    if mapped.field_id in ("", f.id) and (mapped.field_id or f.name == mapped.label)
                ),
                None,
            )
            if found is None:
                kind = _MADE.get(mapped.kind, "text")
                found = RemoteField(f"{table.name}/{mapped.label}", mapped.label, kind, TYPES[kind], mapped.title)
                book.tables[table_id] = replace(table, fields=(*table.fields, found))
            if mapped.kind not in found.takes:
                raise ActionRequired("column_type", f"{found.name} is {found.type}", remedy="Change it.")
            return replace(mapped, field_id=found.id)

        key_field, fields = placed(mapping.key_field), tuple(placed(one) for one in mapping.fields)
        return replace(mapping, table_id=table_id, key_field=key_field, fields=fields)

    async def write(self, table: TableMapping, changes: Sequence[Change]) -> Sequence[Outcome]:
        self._book.calls["write"] += 1
        self._book.changes += changes
        return [self._apply(table, change) for change in changes]

    def _apply(self, table: TableMapping, change: Change) -> Outcome:
        rows, key_id = self._book.rows[table.table_id], table.key_field.field_id
        if change.key in self._book.refuses:
            return Rejected(change.key, "too odd")
        remote_id = change.remote_id
        if change.act is Act.DELETE:
            rows.pop(remote_id or "", None)
            return Written(change.key, remote_id or "")
        if remote_id is None and change.doubtful:
            remote_id = next((one for one, row in rows.items() if row.get(key_id) == change.key), None)
        if remote_id is None:
            assert change.act is Act.CREATE
            self._book.made += 1
            remote_id = f"r{self._book.made}"
            rows[remote_id] = {}
        if remote_id not in rows:
            return Gone(change.key)
        cells = {table.field(column).field_id: cell for column, cell in change.cells.items()}
        rows[remote_id] |= cells | {key_id: change.key}
        return Written(change.key, remote_id)

    async def read(self, table: TableMapping) -> AsyncIterator[RemoteRow]:
        self._book.calls["read"] += 1
        for remote_id, row in list(self._book.rows[table.table_id].items()):
            key = row.get(table.key_field.field_id)
            cells = {f.column: row.get(f.field_id) for f in table.fields}
            yield RemoteRow(key if isinstance(key, str) else None, remote_id, cells)


class Silent:
    """In place of the engine: keeps what was asked for."""

    def __init__(self) -> None:
        self.sent: list[Event[Any]] = []

    async def send(self, event: Event[Any]) -> None:
        self.sent.append(event)


@dataclass
class Desk:
    """A workspace with a bank and one destination that writes to a book."""

    db: Database
    steps: SyncSteps
    acts: Arrangements
    engine: Silent
    book: Book
    workspace_id: str
    connection_id: str
    destination_id: str

    async def land(self, *records: Record, removed: Iterable[tuple[str, str]] = ()) -> None:
        """Land rows as a fetch does."""
        await self.db.run(_land, self.connection_id, self.workspace_id, Landing(list(records), list(removed)))

    async def sync(self) -> dict[str, Counts]:
        """Bring the destination up to date as the sync functions do; give what was done to each table."""
        run = new_id()
        sync_id = await self.db.run(
            syncs.start, workspace_id=self.workspace_id, connection_id=None, cause="test", run_id=run
        )
        asked = SyncTable(self.destination_id, sync_id)
        outlook = await self.steps.connected_destinations(self.workspace_id, self.destination_id)
        told: dict[str, Counts] = {}
        for one in outlook:
            tables = one.tables
            if one.unprepared:
                tables = (await prepare(self.steps, DestinationSync(self.destination_id, sync_id))).pending
            for table in tables:
                progress = await self.steps.load(table, asked)
                while not progress.done:
                    progress = await self.steps.write(table, asked, progress)
                told[table] = progress.counts
        return told

    def forget_calls(self) -> None:
        self.book.calls.clear()
        self.book.changes.clear()


def _land(tx: Tx, connection_id: str, workspace_id: str, landing: Landing) -> None:
    lander = Lander(tx, connection_id, workspace_id)
    lander.apply(landing)
    lander.finish()


class Desks:
    """Opens desks on one database."""

    def __init__(self, folder: Path) -> None:
        self.db = Database.open(folder / "store.db")
        self.db.migrate()
        self._http = Http(budgets=LocalBudgets(1e6))
        self._vault = Vault.of(new_key())

    async def open(
        self,
        *tables: RemoteTable,
        start: bool = True,
        can_create: bool = True,
        wanted: Sequence[str] = ("accounts", "transactions"),
    ) -> Desk:
        """Open a fresh workspace whose destination has these tables already."""
        book = Book()
        book.add(*tables)
        spec = DestinationSpec(
            "book",
            "Book",
            "BOOK",
            App,
            Login,
            10,
            lambda _access: BookDestination(book),
            can_create_tables=can_create,
        )
        return await self.at(spec, App(), Login(name="x"), book, start=start, wanted=wanted)

    async def at(
        self,
        spec: DestinationSpec,
        app: BaseModel,
        settings: BaseModel,
        book: Book | None = None,
        *,
        start: bool = True,
        wanted: Sequence[str] = ("accounts", "transactions"),
    ) -> Desk:
        """Open a fresh workspace with a destination of that kind."""
        engine = Silent()
        doors = Doors(self.db, self._vault, self._http, {}, {spec.slug: spec}, {spec.slug: app})
        acts = Arrangements(doors, cast(Engine[Any], engine))
        workspace = await self.db.run(workspaces.create, "Home")
        connection = await self.db.run(
            connections.add,
            self._vault,
            workspace_id=workspace.id,
            provider="plaid",
            identity=Identity(workspace.id, "Bank"),
            credential=b"{}",
        )
        added = await acts.add(workspace.id, spec.slug, settings, tables=wanted, start=start)
        steps = SyncSteps(doors)
        return Desk(self.db, steps, acts, engine, book or Book(), workspace.id, connection.id, added.id)

    async def aclose(self) -> None:
        await self._http.aclose()
        self.db.close()


@asynccontextmanager
async def desks(folder: Path) -> AsyncIterator[Desks]:
    opened = Desks(folder)
    try:
        yield opened
    finally:
        await opened.aclose()


def account(key: str = "acc", **changes: Any) -> Account:
    return msgspec.structs.replace(
        Account(key=key, name=f"Account {key}", currency="USD", current=Decimal(10)), **changes
    )


def category(key: str = "food") -> Category:
    return Category(key=key, name=key.title())


def transaction(key: str, amount: str = "-1.00", **changes: Any) -> Transaction:
    made = Transaction(
        key=key,
        summary=f"Purchase {key}",
        date=dt.date(2026, 1, 5),
        amount=Decimal(amount),
        currency="USD",
        account="acc",
    )
    return msgspec.structs.replace(made, **changes)
