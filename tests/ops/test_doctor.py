"""The doctor measures a real installation, and leaves it as it was."""

import datetime as dt
import json
import os
import subprocess
import sys
from email.utils import format_datetime
from pathlib import Path

import httpx2
import pytest
from pydantic import BaseModel, SecretStr

from counterfoil.config import Settings
from counterfoil.destinations import notion
from counterfoil.lib.http import Http
from counterfoil.lib.secrets import new_key
from counterfoil.ops.checks import Finding, Verdict
from counterfoil.ops.doctor import examine
from counterfoil.ports import ProviderSpec
from fakes import Bank, provider_spec
from ops.place import place

pytestmark = pytest.mark.anyio


class App(BaseModel):
    url: str = "https://bank.example"
    client_id: str = ""
    secret: SecretStr = SecretStr("")
    webhook_url: str | None = None


def bank() -> ProviderSpec:
    made = provider_spec(Bank())
    return ProviderSpec("bank", "Bank", "BANK", App, made.settings, made.streams, made.open, made.land)


def answering(status: int = 200, behind: float = 0.0) -> Http:
    """Give vendors that answer with a status, their clocks behind ours by so many seconds."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        assert "authorization" not in request.headers
        then = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=behind)
        return httpx2.Response(status, headers={"date": format_datetime(then, usegmt=True)})

    return Http(transport=httpx2.MockTransport(answer))


def unreachable() -> Http:
    def refuse(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("refused", request=request)

    return Http(transport=httpx2.MockTransport(refuse))


async def examined(folder: Path, http: Http, **environ: str) -> dict[str, Finding]:
    """Give the gravest finding of each check."""
    given = {"COUNTERFOIL_DATA_DIR": str(folder)} | {f"COUNTERFOIL_{name}": value for name, value in environ.items()}
    found = await examine(given, specs=[bank(), notion.SPEC], http=http)
    order = list(Verdict)
    return {finding.check: finding for finding in sorted(found, key=lambda one: order.index(one.verdict))}


async def test_a_new_installation_is_well_and_nothing_is_made(tmp_path: Path) -> None:
    found = await examined(tmp_path / "home", unreachable())
    assert {finding.verdict for finding in found.values()} == {Verdict.OK}
    assert found["bank"].text == "not set up"
    assert not (tmp_path / "home").exists()


async def test_a_working_installation_is_well(tmp_path: Path) -> None:
    with place(tmp_path):
        found = await examined(tmp_path, answering(404))
    assert {finding.verdict for finding in found.values()} == {Verdict.OK}
    assert "wal" in found["sqlite"].text
    assert found["secret key"].text == "opens all 2 stored credentials"
    assert found["bank"].text.startswith("bank.example answers")  # there is a connection to it
    assert found["clock"].text == "within 1 s of the vendors'"


async def test_a_vendor_that_cannot_be_reached_is_broken(tmp_path: Path) -> None:
    with place(tmp_path):
        found = await examined(tmp_path, unreachable())
    assert found["bank"].verdict is Verdict.BROKEN


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_vendor_that_is_busy_can_be_reached(tmp_path: Path, status: int) -> None:
    with place(tmp_path):
        assert (await examined(tmp_path, answering(status)))["bank"].verdict is Verdict.OK


async def test_a_clock_that_is_ahead_is_told(tmp_path: Path) -> None:
    with place(tmp_path):
        found = await examined(tmp_path, answering(behind=120))
    assert found["clock"].verdict is Verdict.BROKEN and "ahead" in found["clock"].text


async def test_a_lost_key_is_told_with_the_row_that_it_shuts(tmp_path: Path) -> None:
    with place(tmp_path) as home:
        (tmp_path / "secret.key").write_text(new_key())
        found = await examined(tmp_path, answering())
    assert found["secret key"].verdict is Verdict.BROKEN
    assert home.connection_id in found["secret key"].text


async def test_a_consent_page_that_has_nowhere_to_come_back_to_is_told(tmp_path: Path) -> None:
    client = {"NOTION_CLIENT_ID": "id", "NOTION_CLIENT_SECRET": "secret"}
    told = (await examined(tmp_path, answering(), **client))["notion"]
    assert told.verdict is Verdict.ATTENTION and "COUNTERFOIL_PUBLIC_URL" in (told.remedy or "")
    well = await examined(tmp_path, answering(), **client, PUBLIC_URL="https://money.example.com")
    assert well["notion"].verdict is Verdict.OK


async def test_a_misspelt_setting_is_told(tmp_path: Path) -> None:
    found = await examined(tmp_path, answering(), DATABSE_URL="x")
    assert found["settings"].verdict is Verdict.BROKEN and "DATABSE_URL" in found["settings"].text
    found = await examined(tmp_path, answering(), FUNCTIONS="no.such.module")
    assert found["functions"].verdict is Verdict.BROKEN


async def test_a_database_that_does_not_answer_is_told_without_its_password(tmp_path: Path) -> None:
    url = "postgresql://me:hunter2@127.0.0.1:1/none"
    found = await examined(tmp_path, answering(), DATABASE_URL=url)
    assert found["database"].verdict is Verdict.BROKEN
    assert not any("hunter2" in finding.text + finding.remedy for finding in found.values())


async def test_postgres_is_examined_too(tmp_path: Path, postgres_url: str) -> None:
    found = await examined(tmp_path, answering(), DATABASE_URL=postgres_url)
    assert found["database"].verdict is Verdict.OK and "empty" in found["database"].text


def test_the_command_says_by_its_status_whether_something_is_broken(tmp_path: Path) -> None:
    def doctor(**environ: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "counterfoil", "doctor", "--json"]
        given = {**os.environ, "COUNTERFOIL_DATA_DIR": str(tmp_path), **environ}
        return subprocess.run(command, env=given, capture_output=True, text=True, check=False)

    well = doctor()
    assert well.returncode == 0
    assert {finding["verdict"] for finding in json.loads(well.stdout)} <= {"ok", "attention"}
    ill = doctor(COUNTERFOIL_PORT="loud")
    assert ill.returncode == 1
    assert json.loads(ill.stdout)[-1]["text"].startswith("COUNTERFOIL_PORT cannot be used")


def test_a_network_of_proxies_that_is_none_is_refused(tmp_path: Path) -> None:
    assert Settings(trusted_proxies="10.0.0.0/8, ::1").trusted_proxies == ("10.0.0.0/8", "::1")
    with pytest.raises(ValueError, match="does not appear to be"):
        Settings(trusted_proxies=("nginx",))
