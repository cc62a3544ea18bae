"""Syncs of a bank with 100,000 transactions that stand at their destinations: what nothing new and few changes cost.

Everything is real but the vendors, which are emulated in processes of their own, their limits switched off. The rows
are put into store, destinations and mirror without a write call, or the preparation would take an hour.
"""

import asyncio
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from _bank import Bank, bank
from _measure import at_most
from _stage import Vendor
from _stage import vendor as emulated
from counterfoil.bootstrap import Product, configure_logs, running
from counterfoil.config import Settings
from counterfoil.lib.budget import LocalBudgets
from counterfoil.model import KEY_LABEL
from counterfoil.plan import Planned
from counterfoil.ports import Written
from counterfoil.store import connections, destinations, syncs, workspaces
from counterfoil.sync.batch import Place, next_batch, record
from counterfoil.sync.fetch import commit_fetch, fetch_pages

ROWS: Final = 100_000
CHANGED: Final = 100
REST: Final = 1.5  # seconds between two syncs: one right after another waits, so that requests gather
STREAM: Final = "transactions"


def _into_airtable(place: Vendor, table: str, made: Sequence[Planned]) -> list[str]:
    loaded = [{KEY_LABEL: one.change.key, "Original text": one.change.cells["original_text"]} for one in made]
    ids: list[str] = place.act("bulk_rows", {"table": table, "rows": loaded})["ids"]
    return ids


def _into_google(place: Vendor, table: str, made: Sequence[Planned]) -> list[str]:
    loaded = [[one.change.key, one.change.cells["original_text"]] for one in made]
    place.act("bulk_rows", {"table": table, "columns": [KEY_LABEL, "Original text"], "rows": loaded})
    return [one.change.key for one in made]


@dataclass(frozen=True, slots=True)
class Kind:
    """How rows are put into a destination, which calls write, and how many calls are allowed."""

    load: Callable[[Vendor, str, Sequence[Planned]], list[str]]
    variable: str
    writes: tuple[str, ...]  # parts of "METHOD path"
    most_writes: int  # for the changed rows
    most_calls: int


KINDS: Final[Mapping[str, Kind]] = {
    "airtable": Kind(_into_airtable, "AIRTABLE", ("PATCH ", "DELETE "), CHANGED // 10, CHANGED // 10 + 2),
    "google_sheets": Kind(_into_google, "GOOGLE", (":batchUpdate",), 1, 3),
}


@dataclass(frozen=True, slots=True)
class Cost:
    """What one sync cost, and its calls to each destination by table."""

    seconds: float
    cpu: float
    calls: Mapping[str, Mapping[str, int]]

    def total(self, kind: str) -> int:
        return sum(self.calls[kind].values())

    def writes(self, kind: str) -> int:
        return sum(n for call, n in self.calls[kind].items() if any(part in call for part in KINDS[kind].writes))


@dataclass(frozen=True, slots=True)
class World:
    """The product, its bank and its destinations."""

    product: Product
    source: Bank
    vendors: Mapping[str, Vendor]

    async def sync(self) -> Cost:
        """Ask for a sync of the connection and follow it to its end."""
        db = self.product.db
        workspace = await db.run(workspaces.first)
        [connection] = await db.read(connections.of_workspace, workspace.id)
        for place in self.vendors.values():
            place.forget()
        began, cpu = time.perf_counter(), time.process_time()
        await self.product.intake.request_sync(connection.id, "plaid/transactions.sync_updates_available")
        await self.product.engine.drained(600)
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        [last] = await db.read(syncs.of_workspace, workspace.id, 1)
        assert last.state == "done", last
        return Cost(seconds, cpu, {kind: place.calls() for kind, place in self.vendors.items()})

    async def begin(self) -> None:
        """Connect all, land the bank's rows, and make them stand at the destinations."""
        product, db = self.product, self.product.db
        workspace = await db.run(workspaces.first)
        for kind, place in self.vendors.items():
            model = product.doors.destination_spec(kind).settings
            keys = {name: value for name, value in place.credentials.items() if name in model.model_fields}
            await product.intake.add_destination(workspace.id, kind, model.model_validate(keys))
        connection = await product.intake.connect(workspace.id, "plaid", self.source.login)
        await product.engine.drained(120)
        self.source.act("bulk", count=ROWS)
        await fetch_pages(product.doors, connection.id, STREAM)
        await commit_fetch(product.doors, connection.id, STREAM)
        for destination in await db.read(destinations.of_workspace, workspace.id):
            await self._stand_already(destination)
        await self.sync()  # categories and balances

    async def _stand_already(self, destination: destinations.Destination) -> None:
        """Plan and settle as a sync does, with answers that say that all was written."""
        db, kind, vendor = self.product.db, KINDS[destination.kind], self.vendors[destination.kind]
        workspace_id = destination.workspace_id
        sync_id = await db.run(
            syncs.start, workspace_id=workspace_id, connection_id=None, cause="bench", run_id=destination.id
        )
        target = (await db.read(destinations.targets, destination.id))[STREAM]
        place = Place(workspace_id, destination.id, destination.selection, target)
        watermark, last = target.watermark, False
        while not last:
            batch = await db.run(next_batch, place, 5_000, watermark=watermark, open_after=None)
            made = batch.planned
            ids = await asyncio.to_thread(kind.load, vendor, target.mapping.table_id, made) if made else []
            outcomes = [Written(one.change.key, id) for one, id in zip(made, ids, strict=True)]
            await db.run(record, place, sync_id, batch, outcomes)
            watermark, last = batch.watermark, batch.last
        await db.run(destinations.set_adopted, destination.id, STREAM)
        await db.run(syncs.finish, sync_id, "done", None)


async def measure(world: World) -> None:
    """Print what the syncs cost."""
    await world.begin()
    print(f"A bank with {ROWS:,} transactions, all of them at Airtable and Google Sheets:")
    await asyncio.sleep(REST)
    _tell("nothing new", await world.sync(), lambda _: (0, 2))
    world.source.act("resend_unchanged", count=1_000)
    await asyncio.sleep(REST)
    _tell("1,000 rows sent again, unchanged", await world.sync(), lambda _: (0, 2))
    found = world.source.act("transactions", added=[{"amount": 1, "name": f"Row {n}"} for n in range(CHANGED)])
    await asyncio.sleep(REST)
    await world.sync()
    for what, change in (("changed texts", {"name": "New text"}), ("changed amounts, and so a balance", {"amount": 2})):
        modified = [{"transaction_id": known, **change} for known in found["added"]]
        world.source.act("transactions", modified=modified)
        await asyncio.sleep(REST)
        cost = await world.sync()
        _tell(f"{CHANGED} rows with {what}", cost, lambda kind: (KINDS[kind].most_writes, KINDS[kind].most_calls))


def _tell(what: str, cost: Cost, targets: Callable[[str], tuple[int, int]]) -> None:
    print(f" {what}: {cost.seconds:.2f} s, {cost.cpu:.2f} s of CPU")
    for kind in KINDS:
        writes, calls = targets(kind)
        print(at_most(f"{kind}, writes", cost.writes(kind), writes, ""))
        print(at_most(f"{kind}, calls in all", cost.total(kind), calls, ""))


def main() -> None:
    configure_logs(Settings(log_level="warning"))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="counterfoil-bench-")))
        source = stack.enter_context(bank())
        vendors = {kind: stack.enter_context(emulated(kind)) for kind in KINDS}
        environ = dict(source.environ)
        for kind, place in vendors.items():
            place.act("rate", {"scale": "off"})
            environ[f"COUNTERFOIL_{KINDS[kind].variable}_URL"] = place.url

        async def run() -> None:
            async with running(Settings(data_dir=folder), environ, budgets=LocalBudgets(1e6)) as product:
                await measure(World(product, source, vendors))

        asyncio.run(run())


if __name__ == "__main__":
    main()
