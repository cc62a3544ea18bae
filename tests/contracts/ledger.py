"""A small stand-in for the product's store: reads a provider's streams and keeps one connection's rows in memory."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import msgspec

from counterfoil.errors import ActionRequired, CounterfoilError, NotOffered, RestartFetch, RetryLater
from counterfoil.model import TABLES, Column, Kind, Record, columns
from counterfoil.ports import Landing, Page, Provider, ProviderSpec, StreamSpec

_ROUNDS = 12  # far more repeats than any planned fault needs

Rows = dict[str, dict[str, Record]]  # table -> key -> row


@dataclass(frozen=True, slots=True)
class Ledger:
    """The canonical rows of one connection and the cursors that go with them. Never changed, only succeeded."""

    rows: Rows = field(default_factory=lambda: {table: {} for table in TABLES})
    cursors: dict[str, bytes | None] = field(default_factory=dict)

    def after(self, spec: ProviderSpec, stream: str, pages: Sequence[Page]) -> "Ledger":
        """Give the ledger after a finished loop: all pages together, snapshots closed, and the last cursor."""
        declared = spec.stream(stream)
        rows = {table: dict(kept) for table, kept in self.rows.items()}
        brought: set[tuple[str, str]] = set()
        for page in pages:
            brought |= _apply(rows, spec.land(stream, page.body), declared)
        for table in declared.snapshot:
            rows[table] = {key: row for key, row in rows[table].items() if (table, key) in brought}
        return replace(self, rows=rows, cursors={**self.cursors, stream: pages[-1].cursor})

    def dangling(self) -> list[str]:
        """Name the links that point to no row."""
        return [
            f"{table} {row.key}: {name} -> {key}"
            for table, kept in self.rows.items()
            for name, column in _links(table)
            for row in kept.values()
            if (key := getattr(row, name)) is not None and key not in self.rows[column.to or ""]
        ]


def _apply(rows: Rows, landing: Landing, declared: StreamSpec) -> set[tuple[str, str]]:
    brought: set[tuple[str, str]] = set()
    for row in landing.rows:
        rows[row.table][row.key] = row
        brought.add((row.table, row.key))
    for patch in landing.patches:
        row = patch.row
        kept = rows[row.table].get(row.key)
        changes = {column: getattr(row, column) for column in patch.columns}
        rows[row.table][row.key] = row if kept is None else msgspec.structs.replace(kept, **changes)
        brought.add((row.table, row.key))
    for table, key in landing.removed:
        rows[table].pop(key, None)
    touched = {table for table, _ in brought} | {table for table, _ in landing.removed}
    assert touched <= set(declared.tables), f"stream {declared.name} lands in tables that it does not declare"
    return brought


def _links(table: str) -> list[tuple[str, Column]]:
    return [(name, column) for name, column in columns(table).items() if column.kind is Kind.LINK]


@dataclass(slots=True)
class Reading:
    """Reads one connection as the product does, and notes what happened on the way."""

    spec: ProviderSpec
    provider: Provider
    ledger: Ledger = field(default_factory=Ledger)
    pages: list[Page] = field(default_factory=list)  # of the last finished loop
    restarts: int = 0
    waits: list[float] = field(default_factory=list)
    not_offered: list[str] = field(default_factory=list)
    errors: list[CounterfoilError] = field(default_factory=list)

    async def everything(self) -> Ledger:
        """Read every stream in the order of the spec."""
        for stream in self.spec.streams:
            await self.stream(stream.name)
        return self.ledger

    async def stream(self, stream: str, *, after_page: Callable[[int], None] | None = None) -> Ledger:
        """Read one stream to its end and commit it; `after_page` is told how many pages are staged.

        Errors that say what must happen next are taken as if it had happened. Where the provider has nothing yet the
        ledger stays as it is.
        """
        first = cursor = self.ledger.cursors.get(stream)
        staged: list[Page] = []
        for _ in range(1_000):
            try:
                page = await self._patiently(stream, cursor)
            except RestartFetch:
                self.restarts += 1
                assert self.restarts <= _ROUNDS, "restarts without end"
                staged, cursor = [], first
                continue
            except NotOffered:
                self.not_offered.append(stream)
                return self.ledger
            if page.wait is not None:
                assert page.cursor == cursor, "a page that asks to wait must not move the cursor"
                self.waits.append(page.wait)
                return self.ledger
            staged.append(page)
            cursor = page.cursor
            if after_page is not None:
                after_page(len(staged))
            if not page.has_more:
                break
        self.pages = staged
        self.ledger = self.ledger.after(self.spec, stream, staged)
        return self.ledger

    async def _patiently(self, stream: str, cursor: bytes | None) -> Page:
        for _ in range(_ROUNDS):
            try:
                return await self.provider.fetch(stream, cursor)
            except (RetryLater, ActionRequired) as error:
                self.errors.append(error)
        raise AssertionError(f"still failing after {_ROUNDS} rounds: {self.errors[-1]!r}")

    def landed(self, stream: str) -> list[Landing]:
        """Give what each page of the last finished loop meant."""
        return [self.spec.land(stream, page.body) for page in self.pages]
