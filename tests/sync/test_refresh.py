"""A person asks for a refresh: the bank is asked for news first where its provider lets us."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest

from counterfoil.engine import Engine
from counterfoil.errors import RetryLater
from counterfoil.lib.http import Http
from counterfoil.lib.secrets import Vault, new_key
from counterfoil.linking import ConnectFlow
from counterfoil.store import Database, syncs, workspaces
from counterfoil.sync.doors import Doors
from counterfoil.sync.intake import Intake
from counterfoil.sync.steps import SyncSteps
from counterfoil.sync.story import FUNCTIONS
from counterfoil.sync.triggers import REFRESH
from fakes import App, Bank, Login, provider_spec

pytestmark = pytest.mark.anyio
NEWS = "plaid/transactions.sync_updates_available"


@dataclass
class Flow:
    """A connect flow of which only `refresh` is asked."""

    answer: bool | Exception
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def refresh(self, *_: Any) -> bool:
        self.asked.set()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@dataclass
class Place:
    bank: Bank
    flow: Flow
    intake: Intake
    engine: Engine[SyncSteps]
    db: Database
    workspace_id: str

    async def newest_note(self) -> str | None:
        return (await self.db.read(syncs.of_workspace, self.workspace_id))[0].note


@asynccontextmanager
async def place(folder: Path, answer: bool | Exception, patience: float = 5.0) -> AsyncIterator[Place]:
    bank, flow, http, db = Bank(), Flow(answer), Http(), Database.open(folder / "store.db")
    db.migrate()
    spec = replace(provider_spec(bank), connect=cast(ConnectFlow, flow), refreshed_by=NEWS)
    doors = Doors(db, Vault.of(new_key()), http, {spec.slug: spec}, {}, {spec.slug: App()})
    steps = SyncSteps(doors, pace=0.0, patience=patience)
    engine: Engine[SyncSteps] = Engine(FUNCTIONS, folder / "engine.db", app_version="test", utils=lambda _: steps)
    await engine.start()
    workspace = await db.run(workspaces.create, "Home")
    try:
        yield Place(bank, flow, Intake(doors, engine), engine, db, workspace.id)
    finally:
        await engine.stop()
        await http.aclose()
        db.close()


async def test_the_sync_waits_for_the_banks_answer_and_reads_after_it(tmp_path: Path) -> None:
    async with place(tmp_path, answer=True) as it:
        connection = await it.intake.connect(it.workspace_id, "plaid", Login(name="first"))
        await it.engine.drained(30)
        it.bank.fetches.clear()
        await it.intake.request_sync(connection.id, REFRESH)
        await it.flow.asked.wait()
        await asyncio.sleep(0.1)
        assert it.bank.fetches == []  # nothing is read before the bank has answered
        await it.intake.request_sync(connection.id, NEWS)
        await it.engine.drained(30)
        assert it.bank.fetches.count("transactions") == 1  # the answer's own request was part of it
        assert await it.newest_note() is None


@pytest.mark.parametrize("answer", [False, RetryLater("too often", after=30)])
async def test_without_the_offer_it_syncs_at_once_and_says_that_the_bank_was_not_asked(
    tmp_path: Path, answer: bool | Exception
) -> None:
    async with place(tmp_path, answer) as it:
        connection = await it.intake.connect(it.workspace_id, "plaid", Login(name="first"))
        await it.engine.drained(30)
        it.bank.fetches.clear()
        await it.intake.request_sync(connection.id, REFRESH)
        await it.engine.drained(30)
        assert "transactions" in it.bank.fetches
        assert "was not asked" in (await it.newest_note() or "")


async def test_a_bank_that_has_no_news_is_waited_for_only_so_long(tmp_path: Path) -> None:
    async with place(tmp_path, answer=True, patience=0.2) as it:
        connection = await it.intake.connect(it.workspace_id, "plaid", Login(name="first"))
        await it.engine.drained(30)
        await it.intake.request_sync(connection.id, REFRESH)
        await it.engine.drained(30)
        assert "had none" in (await it.newest_note() or "")
