"""A provider and a destination in memory, for tests of what stands between them."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace

import msgspec
from pydantic import BaseModel

from counterfoil.errors import ActionRequired, RetryLater
from counterfoil.model import TABLES, Kind, Record
from counterfoil.ports import (
    Access,
    Act,
    Cell,
    Change,
    DestinationSpec,
    Gone,
    Identity,
    Landing,
    Outcome,
    Page,
    ProviderSpec,
    Rejected,
    RemoteField,
    RemoteRow,
    RemoteTable,
    Schema,
    StreamSpec,
    TableMapping,
    Undecided,
    Written,
)


class App(BaseModel):
    url: str = "http://nowhere.invalid"


class Login(BaseModel):
    name: str


# --- provider --------------------------------------------------------------------------------------------


@dataclass
class Bank:
    """What the provider in memory serves: a script of pages per stream, one loop after another."""

    loops: dict[str, list[list[Landing]]] = field(default_factory=dict)
    raises: dict[str, list[Exception]] = field(default_factory=dict)
    fetches: list[str] = field(default_factory=list)

    def add(self, stream: str, *pages: Landing) -> None:
        self.loops.setdefault(stream, []).append(list(pages))


def encode(landing: Landing) -> bytes:
    rows = [[row.table, msgspec.to_builtins(row)] for row in landing.rows]
    return msgspec.json.encode({"rows": rows, "removed": landing.removed})


def land(_stream: str, body: bytes) -> Landing:
    told = json.loads(body)
    rows: list[Record] = [msgspec.convert(row, TABLES[table], strict=False) for table, row in told["rows"]]
    return Landing(rows, [(table, key) for table, key in told["removed"]])


class FakeProvider:
    def __init__(self, bank: Bank, name: str) -> None:
        self._bank, self._name = bank, name

    async def check(self) -> Identity:
        return Identity(self._name, f"Bank of {self._name}")

    async def fetch(self, stream: str, cursor: bytes | None) -> Page:
        self._bank.fetches.append(stream)
        if self._bank.raises.get(stream):
            raise self._bank.raises[stream].pop(0)
        loop, page = json.loads(cursor or b"[0, 0]")
        loops = self._bank.loops.get(stream, [])
        if loop >= len(loops):
            return Page(encode(Landing()), json.dumps([loop, 0]).encode(), has_more=False)
        more = page + 1 < len(loops[loop])
        following = [loop, page + 1] if more else [loop + 1, 0]
        return Page(encode(loops[loop][page]), json.dumps(following).encode(), more)


def provider_spec(bank: Bank) -> ProviderSpec:
    return ProviderSpec(
        slug="plaid",  # the trigger table knows this name
        label="Fake bank",
        env="FAKE",
        app=App,
        settings=Login,
        streams=(
            StreamSpec("accounts", ("accounts",), snapshot=("accounts",)),
            StreamSpec("transactions", ("transactions",)),
        ),
        open=lambda access: FakeProvider(bank, _login(access).name),
        land=land,
    )


def _login(access: Access) -> Login:
    assert isinstance(access.settings, Login)
    return access.settings


# --- destination -----------------------------------------------------------------------------------------


@dataclass
class Standing:
    """One row as it stands at the destination."""

    id: str
    key: str
    cells: dict[str, Cell]


@dataclass
class Ledger:
    """The place that the destination in memory writes to, with the faults it is told to have."""

    tables: dict[str, list[Standing]] = field(default_factory=dict)
    writes: list[tuple[str, Sequence[Change]]] = field(default_factory=list)
    describes: int = 0
    rejects: Callable[[Change], str | None] = lambda _change: None
    fail_before: list[Exception] = field(default_factory=list)  # raised before anything is done, one per write
    fail_after: list[Exception] = field(default_factory=list)  # raised when all is done, one per write
    undecided: list[str] = field(default_factory=list)  # keys done, whose reply was lost
    refuses: Exception | None = None  # raised when the credential is proved
    broken: ActionRequired | None = None
    missing: set[tuple[str, str]] = field(default_factory=set)  # (table, column) that the user deleted
    busy: int = 0
    most_busy: int = 0
    made: int = 0

    def rows(self, table: str) -> dict[str, dict[str, Cell]]:
        """Give the cells by key; two rows of one key fail the test."""
        found = self.tables.get(table, [])
        assert len({row.key for row in found}) == len(found), f"{table} holds a key twice"
        return {row.key: row.cells for row in found}


class FakeDestination:
    def __init__(self, ledger: Ledger, name: str) -> None:
        self._ledger, self._name = ledger, name

    async def check(self) -> Identity:
        if self._ledger.refuses is not None:
            raise self._ledger.refuses
        return Identity(self._name, f"Ledger {self._name}")

    async def describe(self) -> Schema:
        ledger = self._ledger
        ledger.describes += 1
        if ledger.broken is not None:
            raise ledger.broken
        every = frozenset(Kind)
        return Schema(
            tuple(
                RemoteTable(
                    table,
                    table,
                    tuple(
                        RemoteField(f"{table}.{column}", column, "any", every)
                        for column in ("key", "removed", *_columns(table))
                        if (table, column) not in ledger.missing
                    ),
                )
                for table in ledger.tables
            )
        )

    async def prepare(self, tables: Sequence[TableMapping]) -> Sequence[TableMapping]:
        for mapping in tables:
            self._ledger.tables.setdefault(mapping.table, [])
        return [
            replace(
                mapping,
                table_id=mapping.table,
                key_field=replace(mapping.key_field, field_id=f"{mapping.table}.key"),
                fields=tuple(replace(f, field_id=f"{mapping.table}.{f.column}") for f in mapping.fields),
            )
            for mapping in tables
        ]

    async def write(self, table: TableMapping, changes: Sequence[Change]) -> Sequence[Outcome]:
        ledger = self._ledger
        ledger.busy += 1
        ledger.most_busy = max(ledger.most_busy, ledger.busy)
        try:
            await asyncio.sleep(0.001)
            if ledger.fail_before:
                raise ledger.fail_before.pop(0)
            ledger.writes.append((table.table, changes))
            outcomes = [self._apply(table.table_id, change) for change in changes]
            if ledger.fail_after:
                raise ledger.fail_after.pop(0)
            return outcomes
        finally:
            ledger.busy -= 1

    def _apply(self, table: str, change: Change) -> Outcome:
        ledger = self._ledger
        rows = ledger.tables[table]
        reason = ledger.rejects(change)
        if reason is not None:
            return Rejected(change.key, reason)
        standing = next((row for row in rows if row.id == change.remote_id), None)
        if change.doubtful and standing is None:
            standing = next((row for row in rows if row.key in (change.key, change.was_key)), None)
        if change.act is Act.DELETE:
            if standing is not None:
                rows.remove(standing)
            return Written(change.key, change.remote_id or "")
        if standing is None:
            if change.act is Act.UPDATE:
                return Gone(change.key)
            ledger.made += 1
            standing = Standing(f"row{ledger.made}", change.key, {})
            rows.append(standing)
        standing.key = change.key
        standing.cells.update(change.cells)
        if change.key in ledger.undecided:
            ledger.undecided.remove(change.key)
            return Undecided(change.key, RetryLater("The reply was lost.", after=0.01, fate_unknown=True))
        return Written(change.key, standing.id)

    async def read(self, table: TableMapping) -> AsyncIterator[RemoteRow]:
        for row in self._ledger.tables[table.table_id]:
            yield RemoteRow(row.key, row.id, row.cells)


def _columns(table: str) -> Sequence[str]:
    return (*TABLES[table].__struct_fields__, *TABLES[table].said) if table in TABLES else ()


def destination_spec(slug: str, ledgers: dict[str, Ledger], batch: int = 10) -> DestinationSpec:
    """Give a kind whose settings' name says which ledger it writes to."""
    return DestinationSpec(
        slug=slug,
        label=slug.title(),
        env=slug.upper(),
        app=App,
        settings=Login,
        batch=batch,
        open=lambda access: FakeDestination(ledgers[_login(access).name], _login(access).name),
    )
