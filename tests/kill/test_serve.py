"""`counterfoil serve` is killed after it has answered a webhook: what it was told of arrives all the same."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx2

from kill.stage import Stage, raised
from kill.trap import AtCall

PATIENCE: Final = 60.0  # seconds


def test_a_webhook_that_was_answered_outlives_the_server(tmp_path: Path) -> None:
    with raised(tmp_path, seed=3, transactions=40) as stage:
        stage.begin()
        stage.settled()
        stage.stop()
        port = _free_port()
        stage.listen(f"http://127.0.0.1:{port}/webhooks/plaid")
        with _serving(stage, port):
            stage.live_on()
            _until(lambda: set(stage.deliveries()) == {200})
        with _serving(stage, port) as second:
            _until(lambda: _holds(stage))
            stage.trap.set(second.pid, AtCall("airtable", "PATCH /v0/app.*", "unanswered"))
            stage.live_on()
            _until(lambda: second.poll() is not None)
        with _serving(stage, port):
            _until(lambda: _holds(stage))


@contextmanager
def _serving(stage: Stage, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    """Run the server as people do, on the stage's data directory; at the end it is killed."""
    environ = {**os.environ, **stage.environ, "COUNTERFOIL_DATA_DIR": str(stage.folder)}
    command = [sys.executable, "-m", "counterfoil", "serve", "--port", str(port)]
    server = subprocess.Popen(command, env=environ, stderr=subprocess.DEVNULL)
    try:
        _until(lambda: _is_ready(stage.client, port))
        yield server
    finally:
        server.kill()
        server.wait()


def _is_ready(client: httpx2.Client, port: int) -> bool:
    try:
        return client.get(f"http://127.0.0.1:{port}/readyz").status_code == 200
    except httpx2.TransportError:
        return False


def _holds(stage: Stage) -> bool:
    try:
        stage.check()
    except AssertionError:
        return False
    return True


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.2)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
