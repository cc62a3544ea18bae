"""`counterfoil destinations authorise`, as a person runs it, with the person's browser beside."""

import asyncio
import json
import re
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from counterfoil.store import tokens, workspaces
from counterfoil.web.api.callers import new_token
from web.site import Browser, Site
from web.vendor_pages import HOME, Vendors, answered, consent_vendors, registered

pytestmark = pytest.mark.anyio


@dataclass
class Terminal:
    """A terminal on another machine than the server, and the owner's browser."""

    there: Vendors
    browser: Browser
    server: tuple[str, str]  # address and token

    async def authorise(self, *words: str, typed: str = "", outcome: str = "allow") -> tuple[int, Any, str]:
        """Run the command, go where it says, and give its status, what it printed for scripts and for people."""
        run = await self._start(*words)
        assert run.stderr is not None
        told = ""
        while (found := re.search(r"http://127\S+authorize\S+", told)) is None:
            line = (await run.stderr.readline()).decode()
            assert line, told
            told += line
        way_back = await asyncio.to_thread(answered, found[0], outcome)
        await self.browser.open(way_back)
        out, rest = await run.communicate(typed.encode())
        return run.returncode or 0, json.loads(out or "null"), told + rest.decode()

    async def run(self, *words: str, typed: str = "") -> tuple[int, Any, str]:
        """Run a command that needs no browser; give the same."""
        run = await self._start(*words)
        out, told = await run.communicate(typed.encode())
        return run.returncode or 0, json.loads(out.strip() or "null"), told.decode()

    async def _start(self, *words: str) -> asyncio.subprocess.Process:
        url, token = self.server
        command = ["-m", "counterfoil", "destinations", *words, "--json", "--url", url, "--token", token]
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(sys.executable, *command, stdin=pipe, stdout=pipe, stderr=pipe)


@pytest.fixture
async def terminal(tmp_path: Path) -> AsyncIterator[Terminal]:
    with consent_vendors() as there:
        async with registered(tmp_path, there.environ, public_url=HOME) as site, listening(site) as url:
            workspace = await site.product.db.run(workspaces.first)
            token = new_token()
            granted: dict[str, Any] = {"token": token, "name": "test", "scope": "write", "expires_at": None}
            await site.product.db.run(tokens.add, workspace.id, **granted)
            yield Terminal(there, await site.owner(), (url, token))


@asynccontextmanager
async def listening(site: Site) -> AsyncIterator[str]:
    """Let others than the owner's browser reach the site."""
    server = uvicorn.Server(uvicorn.Config(site.app, lifespan="off", log_level="critical"))
    with socket.create_server(("127.0.0.1", 0)) as door:
        serving = asyncio.create_task(server.serve([door]))
        yield f"http://127.0.0.1:{door.getsockname()[1]}"
        server.should_exit = True
        await serving


async def test_a_place_is_chosen_in_the_terminal_and_its_login_renewed_later(terminal: Terminal) -> None:
    status, added, told = await terminal.authorise("authorise", "airtable", "--no-start", typed="1\n")
    assert (status, added["kind"], added["state"]) == (0, "airtable", "paused"), told
    assert "1  Household" in told
    terminal.there.emulators["airtable"].state.oauth.withdraw()
    status, renewed, told = await terminal.authorise("reauthorise", added["id"])
    assert (status, renewed["id"]) == (0, added["id"]), told


async def test_who_declines_is_told_so_in_the_terminal(terminal: Terminal) -> None:
    status, _, told = await terminal.authorise("authorise", "notion", outcome="deny")
    assert status == 1 and "You did not allow it at Notion" in told and "Begin again" in told


async def test_a_removal_says_what_ends_asks_and_waits_for_the_vendor(terminal: Terminal) -> None:
    _, added, _ = await terminal.authorise("authorise", "notion", "--no-start", typed="1\n")
    status, _, told = await terminal.run("remove", added["id"], typed="n\n")
    assert status == 1 and "Counterfoil forgets it" in told and "is ended there too" in told
    assert [call for call in terminal.there.emulators["notion"].faults.calls if "revoke" in call.path] == []
    status, done, told = await terminal.run("remove", added["id"], typed="y\n")
    assert (status, done["ends_at_vendor"]) == (0, True) and "does not answer" not in told
    [call] = [call for call in terminal.there.emulators["notion"].faults.calls if "revoke" in call.path]
    assert call.status == 200
