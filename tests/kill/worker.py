"""The product in a process of its own: it follows orders from a pipe, and dies at a commit where told to."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from counterfoil.bootstrap import Product, running
from counterfoil.config import Settings
from counterfoil.lib.budget import LocalBudgets
from counterfoil.store import connections, syncs, workspaces

UNLIMITED: Final = 1e6  # times the vendors' limits: the emulators count nothing here
PATIENCE: Final = 60.0  # seconds after which a sync that has not ended is said to hang


@dataclass(frozen=True, slots=True)
class AtCommit:
    """The process dies at its nth commit from now on, to the store or to the engine: just before it, or just after."""

    number: int
    after: bool


def work(orders: Connection, folder: Path, environ: Mapping[str, str], death: AtCommit | None) -> None:
    """Run the product on a data directory and follow orders until killed; `death` counts from the start on."""
    if death is not None:
        _arm(death)
    asyncio.run(_work(orders, folder, environ))


async def _work(orders: Connection, folder: Path, environ: Mapping[str, str]) -> None:
    async with running(Settings(data_dir=folder), environ, budgets=LocalBudgets(UNLIMITED)) as product:
        while True:
            name, *rest = await asyncio.to_thread(orders.recv)
            orders.send(await _ORDERS[name](product, *rest))


async def _add_destination(product: Product, kind: str, keys: Mapping[str, Any]) -> None:
    settings = product.doors.destination_spec(kind).settings.model_validate(keys)
    workspace = await product.db.run(workspaces.first)
    await product.intake.add_destination(workspace.id, kind, settings)


async def _connect(product: Product, keys: Mapping[str, Any]) -> None:
    settings = product.doors.provider_spec("plaid").settings.model_validate(keys)
    workspace = await product.db.run(workspaces.first)
    await product.intake.connect(workspace.id, "plaid", settings)


async def _sync(product: Product) -> None:
    workspace = await product.db.run(workspaces.first)
    for connection in await product.db.read(connections.of_workspace, workspace.id):
        await product.intake.request_sync(connection.id, "app/sync.scheduled")


async def _settle(product: Product) -> list[tuple[str, str, str | None]]:
    """Wait for the end of all work; give cause, state and note of every sync."""
    await product.engine.drained(PATIENCE)
    workspace = await product.db.run(workspaces.first)
    logged = await product.db.read(syncs.of_workspace, workspace.id, 10_000)
    return [(sync.cause, sync.state, sync.note) for sync in logged]


async def _die_at(_product: Product, death: AtCommit) -> None:
    _arm(death)


_ORDERS: Final[Mapping[str, Callable[..., Awaitable[Any]]]] = {
    "add_destination": _add_destination,
    "connect": _connect,
    "sync": _sync,
    "settle": _settle,
    "die_at": _die_at,
}


def _arm(death: AtCommit) -> None:
    left = death.number
    doomed: list[Any] = []

    @sa.event.listens_for(sa.Engine, "commit")
    def count(connection: sa.Connection) -> None:
        nonlocal left
        left -= 1
        if left == 0 and not death.after:
            _die()
        if left == 0:
            doomed.append(connection.connection.dbapi_connection)

    @sa.event.listens_for(sa.pool.Pool, "checkin")
    def given_back(dbapi_connection: Any, _record: object) -> None:
        if doomed and dbapi_connection is doomed[0]:
            _die()


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
