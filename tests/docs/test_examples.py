"""The examples of the docs run as they stand."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from counterfoil.bootstrap import load_functions
from counterfoil.engine import Engine, Event
from counterfoil.errors import BadSettings
from counterfoil.sandbox.kit import Emulator
from counterfoil.sandbox.server import serving
from counterfoil.sync.steps import Finished

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
pytestmark = pytest.mark.anyio


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def test_composed_syncs_bring_accounts_before_transactions_to_every_destination(tmp_path: Path) -> None:
    composed = example("composed_syncs")
    ledgers = composed.Ledgers(
        bank={"accounts": {"a": 1}, "transactions": {"t": 5, "u": 6}},
        held={"notion": {"transactions": {"t": 4}}, "airtable": {}},
    )
    functions = [composed.sync_accounts, composed.sync_transactions, composed.default_update]
    engine: Engine[object] = Engine(functions, tmp_path / "engine.db", app_version="1", utils=lambda _ctx: ledgers)
    await engine.start()
    try:
        for _ in range(3):
            await engine.send(Event("plaid/transactions.default_update", composed.BankEvent("bank")))
        await engine.drained(30)
    finally:
        await engine.stop()
    assert ledgers.held["notion"] == ledgers.held["airtable"] == ledgers.bank
    for destination in ledgers.held:
        lines = [line for line in ledgers.log if line.startswith(destination)]
        assert len(lines) == 6
        assert lines.index(next(x for x in lines if "transactions" in x)) > 0, "accounts come first"


async def test_a_users_own_function_tells_a_webhook_that_a_sync_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[bytes] = []
    answers = [503, 200]  # the first try fails: the step is tried again

    async def take(request: Request) -> Response:
        told.append(await request.body())
        return Response(status_code=answers.pop(0))

    monkeypatch.syspath_prepend(str(EXAMPLES))
    functions = load_functions("tell_webhook")
    with serving(Emulator("hook", [Route("/", take, methods=["POST"])], lambda _url: {})) as served:
        monkeypatch.setenv("MY_WEBHOOK", served.urls["hook"])
        engine: Engine[object] = Engine(functions, tmp_path / "engine.db", app_version="1", backoff=0.01)
        await engine.start()
        try:
            await engine.send(Event("app/sync.finished", Finished(sync_id="s1", state="done")))
            await engine.drained(30)
        finally:
            await engine.stop()
    assert told == [b'{"sync":"s1","state":"done"}'] * 2


def test_a_module_that_cannot_be_loaded_or_holds_nothing_is_named() -> None:
    with pytest.raises(BadSettings, match="no_such_module"):
        load_functions("no_such_module")
    with pytest.raises(BadSettings, match="holds no durable functions"):
        load_functions("json")
