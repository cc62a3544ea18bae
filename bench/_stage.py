"""A product with one destination, whose vendor is emulated in a process of its own, so that neither slows the other."""

import datetime as dt
import multiprocessing
import os
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any, Final

import httpx2
import structlog

from counterfoil.bootstrap import Product, configure_logs, running
from counterfoil.config import Settings
from counterfoil.destinations.airtable import sandbox as airtable
from counterfoil.destinations.coda import sandbox as coda
from counterfoil.destinations.google_sheets import sandbox as google
from counterfoil.destinations.notion import sandbox as notion
from counterfoil.model import Account, Transaction
from counterfoil.ports import Identity, Landing, Written
from counterfoil.sandbox.kit import Emulator
from counterfoil.sandbox.server import serving
from counterfoil.store import Tx, connections, destinations, rows, syncs, workspaces
from counterfoil.store.landing import Lander
from counterfoil.sync.batch import Place, next_batch, record
from counterfoil.sync.mapping import is_bound

EMULATORS: Final[Mapping[str, Callable[[], Emulator]]] = {
    "notion": notion.emulator,
    "airtable": airtable.emulator,
    "coda": coda.emulator,
    "google_sheets": google.emulator,
}
TABLES: Final = ("accounts", "transactions")
ACCOUNT: Final = Account(key="acc-1", name="Checking", currency="USD", current=Decimal("1250.00"))


def transaction(number: int, cents: int = 0) -> Transaction:
    """Make a transaction as a bank sends it: about as many columns are filled."""
    return Transaction(
        key=f"tx-{number:06}",
        summary=f"Coffee & more, shop {number % 997}",
        date=dt.date(2026, 1, 1) - dt.timedelta(days=number % 700),
        amount=Decimal(-(100 + number % 9_900 + cents)) / 100,
        currency="USD",
        account=ACCOUNT.key,
        merchant=f"Shop {number % 997}",
        original_text=f"POS DEBIT {number % 997} SPRINGFIELD",
        authorized_on=dt.date(2026, 1, 1) - dt.timedelta(days=number % 700),
        channel="in store",
        type="place",
    )


@dataclass(frozen=True, slots=True)
class Vendor:
    """An emulator in its own process."""

    url: str
    credentials: Mapping[str, Any]
    pipe: Pipe

    def refused(self) -> int:
        """Give how many calls have been over the vendor's limits."""
        self.pipe.send("refused")
        count: int = self.pipe.recv()
        return count

    def calls(self) -> Counter[str]:
        """Give the calls since the last `forget`, by method and by the last part of the path that is no id."""
        found = httpx2.get(f"{self.url}/_sandbox/calls", timeout=60).raise_for_status().json()
        return Counter(f"{call['method']} {call['path']}" for call in found)

    def forget(self) -> None:
        """Begin to count the calls anew."""
        httpx2.delete(f"{self.url}/_sandbox/calls").raise_for_status()

    def act(self, name: str, body: Any) -> Any:
        """Do what a user of the vendor does."""
        reply = httpx2.post(f"{self.url}/_sandbox/{name}", json=body, timeout=600)
        return reply.raise_for_status().json()


def _emulate(kind: str, pipe: Pipe) -> None:
    with serving(EMULATORS[kind]()) as served:
        [(slug, emulator)] = served.emulators.items()
        pipe.send((served.urls[slug], dict(emulator.credentials(served.urls[slug]))))
        while pipe.recv() == "refused":
            pipe.send(emulator.limits.refused)


@contextmanager
def vendor(kind: str) -> Iterator[Vendor]:
    """Emulate the vendor of a destination kind, its documented limits enforced."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    child = context.Process(target=_emulate, args=(kind, theirs), daemon=True)
    child.start()
    try:
        url, credentials = ours.recv()
        yield Vendor(url, credentials, ours)
    finally:
        ours.send("end")
        child.join(20)


@dataclass(slots=True)
class Stage:
    """A product whose one destination is prepared and holds one account."""

    product: Product
    vendor: Vendor
    workspace_id: str
    connection_id: str
    destination_id: str

    async def land(self, records: Sequence[Transaction | Account]) -> None:
        """Land rows as a fetch does."""
        await self.product.db.run(_land, self.connection_id, self.workspace_id, records)

    async def sync(self) -> float:
        """Bring the destination up to date; give the seconds from the wish to its end."""
        began = time.perf_counter()
        await self.product.intake.request_destination_sync(self.destination_id, "app/destination.repaired")
        await self.product.engine.drained(1200)
        took = time.perf_counter() - began
        last = (await self.product.db.read(syncs.of_workspace, self.workspace_id))[0]
        if last.state != "done":
            lines = await self.product.db.read(syncs.lines, last.id)
            problems = [line.problem.message for line in lines if line.problem]
            raise RuntimeError(f"the sync ended {last.state}: {last.note} {problems}")
        return took

    async def done(self) -> syncs.Counts:
        """Give what the last sync did to the transactions."""
        last = (await self.product.db.read(syncs.of_workspace, self.workspace_id))[0]
        lines = await self.product.db.read(syncs.lines, last.id)
        return next((line.counts for line in lines if line.table == "transactions"), syncs.Counts())

    async def stand_already(self, count: int) -> None:
        """Make `count` transactions stand in the store, at the destination and in the mirror, without a write call."""
        made = [transaction(number) for number in range(count)]
        await self.land(made)
        db = self.product.db
        target = (await db.read(destinations.targets, self.destination_id))["transactions"]
        assert is_bound(target.mapping)
        kind = (await db.read(destinations.get, self.destination_id)).kind
        ids = _LOADERS[kind](self.vendor, target.mapping.table_id, made)
        await db.run(
            _believe, self.workspace_id, self.destination_id, dict(zip((m.key for m in made), ids, strict=True))
        )


def _land(tx: Tx, connection_id: str, workspace_id: str, records: Sequence[Transaction | Account]) -> None:
    lander = Lander(tx, connection_id, workspace_id)
    for start in range(0, len(records), 500):
        lander.apply(Landing(records[start : start + 500]))
    lander.finish()


def _believe(tx: Tx, workspace_id: str, destination_id: str, remote_ids: Mapping[str, str]) -> None:
    """Plan and settle as a sync does, with answers that say that all was written."""
    destination = destinations.get(tx, destination_id)
    sync_id = syncs.start(tx, workspace_id=workspace_id, connection_id=None, cause="bench", run_id="bench")
    target = destinations.targets(tx, destination_id)["transactions"]
    place = Place(workspace_id, destination_id, destination.selection, target)
    watermark, last = target.watermark, False
    while not last:
        batch = next_batch(tx, place, 2_000, watermark=watermark, open_after=None)
        outcomes = [Written(planned.change.key, remote_ids[planned.change.key]) for planned in batch.planned]
        record(tx, place, sync_id, batch, outcomes)
        watermark, last = batch.watermark, batch.last
    destinations.set_adopted(tx, destination_id, "transactions")
    syncs.finish(tx, sync_id, "done", None)


# --- rows that stand there already ---

_KEY: Final = "Counterfoil ID"


def _in_notion(place: Vendor, table: str, made: Sequence[Transaction]) -> list[str]:
    loaded = [{_KEY: row.key, "Summary": row.summary, "Amount": float(row.amount)} for row in made]
    ids: list[str] = place.act("bulk_rows", {"table": table, "rows": loaded, "ids": True})["ids"]
    return ids


def _in_airtable(place: Vendor, table: str, made: Sequence[Transaction]) -> list[str]:
    loaded = [{_KEY: row.key, "Summary": row.summary, "Amount": float(row.amount)} for row in made]
    ids: list[str] = place.act("bulk_rows", {"table": table, "rows": loaded})["ids"]
    return ids


def _in_coda(place: Vendor, table: str, made: Sequence[Transaction]) -> list[str]:
    loaded = [[row.key, row.summary, float(row.amount)] for row in made]
    fields = [_KEY, "Summary", "Amount"]
    ids: list[str] = place.act("bulk_rows", {"table": table, "fields": fields, "rows": loaded})["ids"]
    return ids


def _in_google(place: Vendor, table: str, made: Sequence[Transaction]) -> list[str]:
    loaded = [[row.key, row.summary, float(row.amount)] for row in made]
    place.act("bulk_rows", {"table": table, "columns": [_KEY, "Summary", "Amount"], "rows": loaded})
    return [row.key for row in made]


_LOADERS: Final[Mapping[str, Callable[[Vendor, str, Sequence[Transaction]], list[str]]]] = {
    "notion": _in_notion,
    "airtable": _in_airtable,
    "coda": _in_coda,
    "google_sheets": _in_google,
}


@asynccontextmanager
async def stage(kind: str) -> AsyncIterator[Stage]:
    """Start vendor and product, add the destination, and let it take one account."""
    configure_logs(Settings(log_level="warning"))
    with tempfile.TemporaryDirectory(prefix="counterfoil-bench-") as folder, vendor(kind) as place:
        settings = Settings(data_dir=Path(folder))
        variable = "GOOGLE" if kind == "google_sheets" else kind.upper()
        async with running(settings, {**_without_ours(), f"COUNTERFOIL_{variable}_URL": place.url}) as product:
            yield await _set_up(product, place, kind)
    structlog.reset_defaults()


def _without_ours() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("COUNTERFOIL_")}


async def _set_up(product: Product, place: Vendor, kind: str) -> Stage:
    db, doors = product.db, product.doors
    workspace = await db.run(workspaces.first)
    connection = await db.run(
        connections.add,
        doors.vault,
        workspace_id=workspace.id,
        provider="plaid",
        identity=Identity("bench", "Bank"),
        credential=b"{}",
    )
    spec = doors.destination_spec(kind)
    keys = {name: value for name, value in place.credentials.items() if name in spec.settings.model_fields}
    added = await product.intake.add_destination(workspace.id, kind, spec.settings.model_validate(keys), tables=TABLES)
    await product.engine.drained(120)
    made = Stage(product, place, workspace.id, connection.id, added.id)
    await made.land([ACCOUNT])
    await made.sync()
    return made


__all__ = ["ACCOUNT", "EMULATORS", "Stage", "Vendor", "rows", "stage", "transaction", "vendor"]
