"""Several workers on one Postgres: killed, frozen and asked to leave in the middle of syncs."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pydantic import SecretStr

from counterfoil.bootstrap import Product, running
from counterfoil.config import Settings
from counterfoil.store import connections, syncs, workspaces
from kill.stage import PLACES, Stage, raised

pytestmark = pytest.mark.anyio
TAKE_OVER = 30.0  # seconds within which a dead worker's runs go on elsewhere
ROWS = 60


@dataclass
class Machines:
    """Workers as people run them, and the process that the test sends from."""

    stage: Stage
    product: Product
    environ: dict[str, str]
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "counterfoil", "worker"]
        worker = subprocess.Popen(command, env=self.environ, stderr=subprocess.PIPE)
        self.workers.append(worker)
        return worker

    async def up(self, worker: subprocess.Popen[bytes]) -> None:
        """Wait until a worker works."""
        assert worker.stderr is not None
        line = await asyncio.to_thread(worker.stderr.readline)
        assert b"works" in line, line + worker.stderr.read()

    async def begin(self) -> None:
        """Add both destinations and the connection."""
        workspace = await self.product.db.run(workspaces.first)
        for slug, kind in PLACES.items():
            settings = self.product.doors.destination_spec(kind).settings.model_validate(self.stage.keys(slug))
            await self.product.intake.add_destination(workspace.id, kind, settings)
        login = self.product.doors.provider_spec("plaid").settings.model_validate(self.stage.login)
        await self.product.intake.connect(workspace.id, "plaid", login)

    async def ask(self) -> None:
        """Let things happen at the bank, and ask for a sync."""
        self.stage.live_on()
        workspace = await self.product.db.run(workspaces.first)
        for connection in await self.product.db.read(connections.of_workspace, workspace.id):
            await self.product.intake.request_sync(connection.id, "app/sync.scheduled")

    async def settled(self) -> None:
        """Wait for the end of all work, and look at the truth."""
        await self.product.engine.drained(TAKE_OVER * 2)
        workspace = await self.product.db.run(workspaces.first)
        logged = await self.product.db.read(syncs.of_workspace, workspace.id, 1000)
        assert {sync.state for sync in logged} == {"done"}, [(sync.state, sync.note) for sync in logged]
        self.stage.check()

    def stop(self) -> None:
        for worker in self.workers:
            worker.kill()
            worker.wait()


@asynccontextmanager
async def machines(stage: Stage, database: str, count: int) -> AsyncIterator[Machines]:
    environ = dict(stage.environ) | {
        "COUNTERFOIL_DATABASE_URL": database,
        "COUNTERFOIL_DATA_DIR": str(stage.folder),
        "PATH": os.environ["PATH"],
    }
    settings = Settings(data_dir=stage.folder, database_url=SecretStr(database))
    async with running(settings, stage.environ, worker=False) as product:
        made = Machines(stage, product, environ)
        try:
            for worker in [made.start() for _ in range(count)]:
                await made.up(worker)
            yield made
        finally:
            made.stop()


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with raised(tmp_path, seed=7, transactions=ROWS) as made:
        yield made


async def test_a_killed_workers_syncs_are_taken_over_and_lose_and_double_nothing(
    stage: Stage, postgres_url: str
) -> None:
    async with machines(stage, postgres_url, count=2) as made:
        await made.begin()
        await made.settled()
        for delay in (0.05, 0.3, 0.8):
            await made.ask()
            await asyncio.sleep(delay)
            for worker in made.workers[-2:-1]:
                worker.kill()
                worker.wait()
            await made.up(made.start())
            await made.settled()


async def test_a_frozen_worker_that_wakes_up_does_no_harm(stage: Stage, postgres_url: str) -> None:
    async with machines(stage, postgres_url, count=2) as made:
        await made.begin()
        await made.settled()
        await made.ask()
        await asyncio.sleep(0.2)
        made.workers[0].send_signal(signal.SIGSTOP)
        made.stage.live_on()
        await asyncio.sleep(2)
        made.workers[0].send_signal(signal.SIGCONT)
        await made.ask()
        await made.settled()


async def test_a_worker_that_is_asked_to_leave_hands_over(stage: Stage, postgres_url: str) -> None:
    async with machines(stage, postgres_url, count=2) as made:
        await made.begin()
        await asyncio.sleep(0.3)
        made.workers[0].terminate()
        assert await asyncio.to_thread(made.workers[0].wait, 35) == 0
        await made.settled()
