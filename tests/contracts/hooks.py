"""What a destination's test class fills in, and the fixtures that all cases share."""

import datetime as dt
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar

import httpx2
import pytest
from pydantic import BaseModel

from contracts.mirror import Mirror
from contracts.samples import mappings
from contracts.stage import Control, Hurried, Place, Stage, staged
from counterfoil.lib.budget import Budgets
from counterfoil.lib.http import Http
from counterfoil.model import Kind
from counterfoil.ports import Access, Cell, DestinationSpec, FieldMapping, Link, TableMapping
from counterfoil.sandbox.kit import Emulator

UNHURRIED = httpx2.Timeout(30)
HURRIED = httpx2.Timeout(0.4)  # for the faults that answer nothing
HANG = 0.6  # seconds that a hanging emulator keeps silent: longer than HURRIED


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One kind of call that the connector makes; `method` and `path` are regular expressions, matched in full.

    `after` is a fault that must come first where the calm story does not make this call (a lookup after a lost reply).
    """

    method: str
    path: str
    writes: bool = False
    after: Mapping[str, Any] | None = None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class Hooks(ABC):
    """Subclass `DestinationContract`, name the class Test…, and fill these in."""

    spec: ClassVar[DestinationSpec]
    endpoints: ClassVar[Sequence[Endpoint]]  # every call that the connector makes
    place_field: ClassVar[str]  # the settings field that names the user's place
    unknown_place: ClassVar[str]  # a well-formed id of a place that nobody knows
    exempt: ClassVar[Mapping[str, str]] = {}  # test name -> why this kind cannot do it
    refused_cells: ClassVar[Mapping[str, Cell]] = {"original_text": "x" * 250_000}  # a transaction the vendor refuses
    strange_type: ClassVar[str] = "checkbox"  # the vendor's word for a type that takes no money
    saturating: ClassVar[tuple[int, int]] = (1, 200)  # writes and rows per write that go over the limit if not paced
    unauthorised: ClassVar[Any] = None  # the vendor's body of a 401

    @abstractmethod
    def emulator(self) -> Emulator:
        """Make a fresh emulator."""

    @abstractmethod
    def app(self, url: str) -> BaseModel:
        """Make the deployment's settings for an emulator at that url."""

    @abstractmethod
    def settings(self, url: str, credentials: Mapping[str, Any]) -> BaseModel:
        """Make the user's settings from what the emulator gave out."""

    def secrets(self, credentials: Mapping[str, Any]) -> Sequence[str]:
        """Give the texts that must never be seen in an error or a log."""
        return [str(credentials["token"])]

    def vendor_type(self, field: FieldMapping) -> str | None:
        """Name the vendor's type for a field that a user would make (only for kinds that cannot create tables)."""
        return None

    def shown(self, kind: Kind, cell: Cell) -> Any:
        """Give what the vendor holds for a cell, where that is not the same."""
        return cell

    def id_under(self, key: str, row_id: str) -> str:
        """Give the id of a row once it has taken over this key: the same, unless the vendor knows rows by it only."""
        return row_id

    def __init_subclass__(cls) -> None:
        for name, reason in cls.exempt.items():
            assert callable(getattr(cls, name, None)), f"no such test to be exempt from: {name}"
            assert reason, f"say why {cls.__name__} is exempt from {name}"
            setattr(cls, name, None)  # not collected

    # --- fixtures ---

    @pytest.fixture
    def anyio_backend(self) -> str:
        return "asyncio"

    @pytest.fixture(scope="class")
    @classmethod
    def stage(cls) -> Iterator[Stage]:
        with staged(cls.spec.slug) as stage:
            yield stage

    @pytest.fixture
    async def place(self, stage: Stage) -> AsyncIterator[Place]:
        """A fresh place at a vendor without rate limits."""
        async for place in self.opened(stage, timeout=UNHURRIED):
            yield place

    async def opened(
        self, stage: Stage, *, timeout: httpx2.Timeout, budgets: Budgets | None = None
    ) -> AsyncIterator[Place]:
        """Open a fresh place, once."""
        emulator, spec = self.emulator(), type(self).spec
        stage.show(emulator)
        if emulator.started is not None:
            await emulator.started(stage.url)
        http = Http(budgets=budgets or Hurried(), timeout=timeout, backoff=lambda _attempt: 0.01)
        credentials = emulator.credentials(stage.url)
        app, settings = self.app(stage.url), self.settings(stage.url, credentials)
        control = Control(stage.url)
        if budgets is None:
            control.act("rate", scale="off")
        saved: list[BaseModel] = []

        async def save(changed: BaseModel) -> None:
            saved.append(changed)

        destination = spec.open(Access(http, app, settings, save))
        place = Place(
            spec, emulator, control, http, app, settings, credentials, destination, Mirror(spec.batch), saved=saved
        )
        try:
            yield place
        finally:
            control.close()
            await http.aclose()

    # --- words that the cases share ---

    def furnish(self, place: Place, tables: Sequence[TableMapping]) -> None:
        """Make the tables by hand where the vendor lets no program make them."""
        if place.spec.can_create_tables:
            return
        for table in tables:
            fields = [
                {"name": field.label, "type": self.vendor_type(field)} for field in (table.key_field, *table.fields)
            ]
            place.control.act("add_table", name=table.label, fields=fields, rows=[])

    async def prepared(self, place: Place, *tables: str | TableMapping) -> dict[str, TableMapping]:
        """Prepare tables, given by canonical name or as a mapping; give their mappings by name."""
        wanted = [one for table in tables for one in (mappings(table) if isinstance(table, str) else [table])]
        self.furnish(place, wanted)
        done = await place.patiently(lambda: place.destination.prepare(wanted))
        return {table.table: table for table in done}

    def alike(self, field: FieldMapping, cell: Cell, seen: Any) -> bool:
        """Say whether the vendor's cell (as `tables` shows it, or as `read` gives it) holds what was written."""
        expected = self.shown(field.kind, cell)
        if isinstance(expected, Link):
            linked = type(self).spec.links and field.to_table_id is not None
            expected = expected.remote_id if linked else expected.name
            seen = (seen.remote_id if linked else seen.name) if isinstance(seen, Link) else seen
        if isinstance(seen, list):
            seen = seen[0] if len(seen) == 1 else seen or None
        if field.kind is Kind.FLAG:
            return bool(expected) == (seen is True)
        if expected in (None, ""):
            return seen in (None, "")
        if isinstance(expected, Decimal):
            return isinstance(seen, int | Decimal) and not isinstance(seen, bool) and expected == seen
        if isinstance(expected, dt.datetime):
            return seen is not None and _moment(seen) == _moment(expected)
        if isinstance(expected, dt.date):
            return str(seen) == expected.isoformat()
        return bool(seen == expected)

    def assert_holds(self, table: TableMapping, row: Mapping[str, Any], cells: Mapping[str, Cell]) -> None:
        """Assert that a row of the `tables` action holds these cells."""
        for column, cell in cells.items():
            field = table.field(column)
            seen = row["cells"].get(field.label)
            assert self.alike(field, cell, seen), f"{column}: wrote {cell!r}, holds {seen!r}"


def _moment(value: Any) -> dt.datetime:
    moment = value if isinstance(value, dt.datetime) else dt.datetime.fromisoformat(str(value))
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
