"""What the destination suite stands on: a served emulator, its control calls, and the place under test."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar

import httpx2
from pydantic import BaseModel
from starlette.types import ASGIApp, Receive, Scope, Send

from contracts.mirror import Mirror
from counterfoil.errors import ActionRequired, CounterfoilError, RetryLater
from counterfoil.lib.budget import Budget
from counterfoil.lib.http import Http
from counterfoil.ports import Access, Destination, DestinationSpec, RemoteRow, TableMapping
from counterfoil.sandbox.kit import Emulator
from counterfoil.sandbox.server import serving

T = TypeVar("T")
_ROUNDS = 10  # far more repeats than any planned fault needs


@dataclass(slots=True)
class Stage(Emulator):
    """One server for a class of tests; each test puts a fresh emulator on it."""

    url: str = ""
    current: ASGIApp | None = None

    def app(self) -> ASGIApp:
        return self._play

    async def _play(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.current is not None
        await self.current(scope, receive, send)

    def show(self, emulator: Emulator) -> None:
        """Serve this emulator from now on."""
        self.current = emulator.app()


@contextmanager
def staged(slug: str) -> Iterator[Stage]:
    """Serve an empty stage on a port of its own."""
    stage = Stage(slug, routes=(), credentials=lambda url: {})
    with serving(stage) as served:
        stage.url = served.urls[slug]
        yield stage


class Control:
    """The emulator's control calls."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._client = httpx2.Client(base_url=f"{url}/_sandbox", timeout=30, verify=False)

    def close(self) -> None:
        self._client.close()

    def act(self, action: str, **body: Any) -> Any:
        """Do what a user or the vendor could do (see the vocabulary of the destination emulators)."""
        reply = self._client.post(f"/{action}", json=body)
        assert reply.is_success, f"{action}: {reply.status_code} {reply.text}"
        return json.loads(reply.text, parse_float=Decimal)

    def plan(self, **fault: Any) -> None:
        """Plan a fault."""
        self.act("faults", **fault)

    def clear(self) -> None:
        """Forget the planned faults."""
        self._client.delete("/faults")

    def calls(self) -> list[dict[str, Any]]:
        """Give the calls so far: method, path, status, fault."""
        found: list[dict[str, Any]] = self._client.get("/calls").json()
        return found

    def forget_calls(self) -> None:
        """Empty the call log."""
        self._client.delete("/calls")

    def tables(self) -> list[dict[str, Any]]:
        """Give everything that the vendor holds, as it is."""
        found: list[dict[str, Any]] = self.act("tables")["tables"]
        return found

    def table(self, table_id: str) -> dict[str, Any]:
        """Give one table by the vendor's id."""
        return next(table for table in self.tables() if table["id"] == table_id)

    def rows(self, table: TableMapping) -> list[dict[str, Any]]:
        """Give the rows of a mapped table: id and cells by field name."""
        found: list[dict[str, Any]] = self.table(table.table_id)["rows"]
        return found

    def row(self, table: TableMapping, key: str) -> dict[str, Any]:
        """Give the one row of that key; two are an error."""
        found = [row for row in self.rows(table) if row["cells"].get(table.key_field.label) == key]
        assert len(found) == 1, f"{len(found)} rows of {key}"
        return found[0]


class Hurried:
    """Budgets that let everything pass and only note the pauses, so that tests take no real time."""

    def __init__(self) -> None:
        self.pauses: list[tuple[str, float]] = []

    def place(self, budget: Budget, *, outer: bool = False) -> AbstractAsyncContextManager[None]:
        return self._place()

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        yield

    def pause(self, budget: Budget, seconds: float) -> None:
        self.pauses.append((budget.name, seconds))


@dataclass(slots=True)
class Place:
    """One opened destination, the emulator behind it, and the mirror that stands for the product."""

    spec: DestinationSpec
    emulator: Emulator
    control: Control
    http: Http
    app: BaseModel
    settings: BaseModel
    credentials: Mapping[str, Any]
    destination: Destination
    mirror: Mirror
    saved: list[BaseModel] = field(default_factory=list)
    errors: list[CounterfoilError] = field(default_factory=list)

    def open(self, settings: BaseModel) -> Destination:
        """Open a destination with other settings."""
        return self.spec.open(Access(self.http, self.app, settings, self._save))

    async def _save(self, settings: BaseModel) -> None:
        self.saved.append(settings)

    async def patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        """Repeat as the product does, after every error that says what must happen next, as if it had happened."""
        for _ in range(_ROUNDS):
            try:
                return await call()
            except (RetryLater, ActionRequired) as error:
                self.errors.append(error)
        raise AssertionError(f"still failing after {_ROUNDS} rounds: {self.errors[-1]!r}")

    async def read(self, table: TableMapping) -> list[RemoteRow]:
        """Read a whole table."""
        return [row async for row in self.destination.read(table)]
