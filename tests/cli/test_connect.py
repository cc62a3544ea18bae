"""Commands that connect, repair and remove, as a person types them, with the person's browser beside."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from counterfoil.demo import vendors
from counterfoil.providers.plaid import sandbox as plaid
from counterfoil.providers.stripe import sandbox as stripe
from counterfoil.sandbox.server import serving
from counterfoil.sandbox.world import World

BANK = "ins_109509"


@dataclass(frozen=True)
class Shell:
    """A terminal on a data directory of its own, with the emulators as vendors."""

    folder: Path
    environ: Mapping[str, str]
    vendors: Mapping[str, Mapping[str, Any]]

    def start(self, *words: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "counterfoil", *words]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, env=self.environ, stdin=pipe, stdout=pipe, stderr=pipe, text=True)

    def run(self, *words: str, typed: str = "", fails: bool = False) -> tuple[str, str]:
        """Give what a command printed for scripts, and for people."""
        ended = self.start(*words)
        out, told = ended.communicate(typed, timeout=90)
        assert (ended.returncode != 0) is fails, told
        return out, told

    def walk(self, *words: str, outcome: str = "success", typed: str = "", fails: bool = False) -> tuple[str, str]:
        """Run a command that shows a page's address, and go there."""
        started = self.start(*words)
        assert started.stderr is not None
        shown = ""
        while (found := re.search(r"http\S+/hl/\S+", shown)) is None:
            line = started.stderr.readline()
            assert line, shown
            shown += line
        page = httpx2.get(found[0], params={"institution": BANK}).text
        ticked = re.findall(r'name="?account"? value="([^"]+)"', page)
        httpx2.post(found[0], data={"institution": BANK, "account": ticked, "outcome": outcome})
        out, told = started.communicate(typed, timeout=90)
        assert (started.returncode != 0) is fails, told
        return out, shown + told


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    world = World(seed=3)
    emulators = [plaid.emulator(world), stripe.emulator(world)]
    for emulator in emulators:
        emulator.limits.scale = None
    with serving(*emulators) as served:
        found = vendors.credentials(served)
        environ = {**os.environ, **vendors.environment(found, ""), "COUNTERFOIL_DATA_DIR": str(tmp_path)}
        del environ["COUNTERFOIL_PLAID_WEBHOOK_URL"]  # where nothing can reach us everything works by asking
        yield Shell(tmp_path, environ, found)


def test_a_bank_is_connected_repaired_and_removed(shell: Shell) -> None:
    _, told = shell.walk("connect", "plaid", "--choice", "bank")
    assert "Connected: Alder Credit Union (test data, no real money)" in told
    [connection] = json.loads(shell.run("connections", "--json")[0])
    _, told = shell.walk("repair", connection["id"])
    assert "the login works again" in told
    _, told = shell.run("disconnect", connection["id"], typed="n\n", fails=True)
    assert "cannot be taken up again" in told and "Nothing was done." in told
    shell.run("disconnect", connection["id"], "--yes")
    assert json.loads(shell.run("connections", "--json")[0]) == []
    url = f"{shell.vendors['plaid']['url']}/_sandbox/items"
    assert httpx2.post(url, json={}).json() == {"items": []}


def test_a_page_that_was_left_connects_nothing_and_says_so(shell: Shell) -> None:
    _, told = shell.walk("connect", "plaid", outcome="exit", fails=True)
    assert "Nothing was connected: the page was left." in told
    assert "What to do: Begin again" in told


def test_stripe_is_connected_with_a_key_from_a_file_that_nobody_sees(shell: Shell) -> None:
    key = shell.vendors["stripe"]["api_key"]
    file = shell.folder / "key.txt"
    file.write_text(key + "\n")
    out, told = shell.run("connect", "stripe", "--key-file", str(file), "--json")
    assert json.loads(out)["live"] is False and "test data" in told
    assert key not in out + told
    _, told = shell.run("connect", "stripe", "--choice", "bank", fails=True)
    assert "Stripe offers no choice." in told
