"""A saturating run over all six vendors at once never makes one of them say that it is too much."""

import asyncio
import datetime as dt
import multiprocessing
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from counterfoil.bootstrap import Product, running
from counterfoil.config import Settings
from counterfoil.demo import vendors
from counterfoil.demo.banks import Banks
from counterfoil.lib.budget import Budget, LocalBudgets
from counterfoil.sandbox.server import serving
from counterfoil.store import connections, syncs, workspaces
from counterfoil.store.destinations import Selection

pytestmark = pytest.mark.anyio

SPAWN = multiprocessing.get_context("spawn")
NOWHERE = "http://127.0.0.1:9/webhooks"  # webhooks are asked for and get lost: the syncs are asked for here
TRULY = dict.fromkeys(("plaid", "stripe", "notion", "airtable", "coda", "google"), 1.0)
# Scaled so that a short run reaches the limits of all whose windows are short.
QUICKLY = TRULY | {"stripe": 0.4, "notion": 15.0, "airtable": 1.5, "coda": 1.0, "google": 4.0}


class Shares:
    """Budgets scaled by vendor, as the emulators' limits are; notes whose requests had to wait."""

    def __init__(self, scales: Mapping[str, float]) -> None:
        self._by_vendor = {vendor: LocalBudgets(scale) for vendor, scale in scales.items()}
        self.waited: Counter[str] = Counter()

    def place(self, budget: Budget, *, outer: bool = False) -> AbstractAsyncContextManager[None]:
        return self._place(budget, outer)

    @asynccontextmanager
    async def _place(self, budget: Budget, outer: bool) -> AsyncIterator[None]:
        vendor, began = _vendor(budget), time.monotonic()
        async with self._by_vendor[vendor].place(budget, outer=outer):
            self.waited[vendor] += time.monotonic() - began > budget.window / 20
            yield

    def pause(self, budget: Budget, seconds: float) -> None:
        self._by_vendor[_vendor(budget)].pause(budget, seconds)


def _vendor(budget: Budget) -> str:
    return budget.name.replace(":", " ").split()[0]


@dataclass
class Saturated:
    """What a run came to."""

    refused: dict[str, int]  # calls over the limit, by vendor
    waited: Counter[str]  # calls that waited for their turn, by vendor
    states: Counter[str]  # of the syncs


def _emulate(scales: Mapping[str, float], pipe: Connection) -> None:
    """Serve the six in a process of their own, so that work of ours does not make calls look late."""
    emulators = vendors.emulators(11, 1.0)
    for emulator in emulators:
        emulator.limits.scale = scales[emulator.slug]
    with serving(*emulators) as served:
        keys = vendors.credentials(served)
        pipe.send((keys, dict(vendors.environment(keys, NOWHERE))))
        pipe.recv()
        pipe.send({emulator.slug: emulator.limits.refused for emulator in emulators})


async def saturated(folder: Path, scales: Mapping[str, float], *, days: int, rounds: int, reads: int) -> Saturated:
    """Sync two banks and Stripe to all four destinations, again and again.

    `days` of history go to the destinations; every connection's accounts are read `reads` times more, all at once.
    """
    ours, theirs = SPAWN.Pipe()
    child = SPAWN.Process(target=_emulate, args=(scales, theirs), daemon=True)
    child.start()
    keys, environ = await asyncio.to_thread(ours.recv)
    budgets = Shares(scales)
    async with running(Settings(data_dir=folder), environ, budgets=budgets) as product:
        states = await _work(product, keys, days, rounds, reads)
    ours.send("end")
    refused = await asyncio.to_thread(ours.recv)
    child.join(30)
    return Saturated(refused, budgets.waited, states)


async def _work(product: Product, keys: Mapping[str, Any], days: int, rounds: int, reads: int) -> Counter[str]:
    workspace = await product.db.run(workspaces.first)
    intake, doors = product.intake, product.doors
    banks = Banks(keys["plaid"], f"{NOWHERE}/plaid")
    logins: list[tuple[str, BaseModel]] = [
        ("plaid", await banks.link("ins_109509", ("transactions",))),
        ("plaid", await banks.link("ins_109510", ("investments",))),
        ("stripe", _settings(doors.provider_spec("stripe").settings, keys["stripe"])),
    ]
    chosen = Selection(since=dt.datetime.now(dt.UTC).date() - dt.timedelta(days=days))
    places = []
    for kind, slug in vendors.DESTINATIONS.items():
        settings = _settings(doors.destination_spec(kind).settings, keys[slug])
        places.append(await intake.add_destination(workspace.id, kind, settings, selection=chosen))
    connected = [await intake.connect(workspace.id, provider, settings) for provider, settings in logins]
    await product.engine.drained(280)
    for _ in range(rounds):
        await banks.go_on(3)
        for connection in connected:
            await intake.request_sync(connection.id, "app/sync.scheduled")
        for place in places:
            await intake.request_destination_sync(place.id, "app/reconcile.requested")
        await asyncio.gather(product.engine.drained(280), *(_read(product, one, reads) for one in connected))
    await banks.aclose()
    return Counter(sync.state for sync in await product.db.read(syncs.of_workspace, workspace.id, 1_000))


async def _read(product: Product, connection: connections.Connection, times: int) -> None:
    provider = await product.doors.provider(connection)
    await asyncio.gather(*(provider.fetch("accounts", None) for _ in range(times)))


def _settings(model: type[BaseModel], keys: Mapping[str, Any]) -> BaseModel:
    return model.model_validate({name: value for name, value in keys.items() if name in model.model_fields})


async def test_a_busy_product_stays_below_every_vendor_s_limits(tmp_path: Path) -> None:
    run = await saturated(tmp_path, QUICKLY, days=20, rounds=1, reads=20)
    assert run.refused == dict.fromkeys(QUICKLY, 0)
    assert set(run.waited) >= {"stripe", "notion", "airtable", "coda"}
    assert set(run.states) == {"done"}


@pytest.mark.long
@pytest.mark.timeout(1800)
async def test_the_true_limits_of_all_six_vendors_are_never_exceeded(tmp_path: Path) -> None:
    run = await saturated(tmp_path, TRULY, days=60, rounds=3, reads=110)
    assert run.refused == dict.fromkeys(TRULY, 0)
    assert set(run.waited) >= {"plaid", "stripe", "notion", "airtable", "coda"}
    assert set(run.states) == {"done"}
