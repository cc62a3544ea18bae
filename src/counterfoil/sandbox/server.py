"""Serves emulators over real HTTP on loopback, one port each."""

import asyncio
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import uvicorn

from counterfoil.errors import BadSettings
from counterfoil.sandbox.kit import Emulator


class Served:
    """Emulators that are up: their base urls by slug."""

    def __init__(self, emulators: Sequence[Emulator], first_port: int | None, host: str = "127.0.0.1") -> None:
        self.emulators = {emulator.slug: emulator for emulator in emulators}
        self._sockets = [listen(host, first_port and first_port + place) for place in range(len(emulators))]
        self.urls = {
            emulator.slug: f"http://{host}:{taken.getsockname()[1]}"
            for emulator, taken in zip(emulators, self._sockets, strict=True)
        }
        self._servers: list[uvicorn.Server] = []

    async def run(self, *, ready: asyncio.Event | threading.Event | None = None) -> None:
        """Serve until `stop` is called."""
        self._servers = [QuietServer(_config(emulator)) for emulator in self.emulators.values()]
        running = [
            asyncio.create_task(server.serve(sockets=[taken]))
            for server, taken in zip(self._servers, self._sockets, strict=True)
        ]
        while not all(server.started for server in self._servers):
            await asyncio.sleep(0.005)
            if any(task.done() for task in running):
                break
        for slug, emulator in self.emulators.items():
            if emulator.started is not None:
                await emulator.started(self.urls[slug])
        if ready is not None:
            ready.set()
        await asyncio.gather(*running)

    def stop(self) -> None:
        for server in self._servers:
            server.should_exit = True
            server.force_exit = True


class QuietServer(uvicorn.Server):
    """A server that leaves signals to whoever runs it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _config(emulator: Emulator) -> uvicorn.Config:
    return uvicorn.Config(
        emulator.app(),
        interface="asgi3",  # not guessed: a bound method would be taken for the older interface
        log_level="critical",
        access_log=False,
        lifespan="off",
        timeout_keep_alive=75,
    )


def listen(host: str, port: int | None) -> socket.socket:
    """Take a port (None: a free one). Raises `BadSettings` where it is taken."""
    # asyncio switches Nagle's algorithm off only where the protocol is named; with it every answer takes 40 ms more.
    taken = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind((host, port or 0))
    except OSError as error:
        raise BadSettings(f"Port {port} is taken.", remedy="Choose another first port with --port.") from error
    return taken


@contextmanager
def serving(*emulators: Emulator, first_port: int | None = None) -> Iterator[Served]:
    """Serve in a thread of its own, for tests and scripts."""
    served = Served(emulators, first_port)
    ready = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(served.run(ready=ready)), daemon=True)
    thread.start()
    if not ready.wait(20):
        raise RuntimeError("the sandbox did not start within 20 seconds")
    try:
        yield served
    finally:
        served.stop()
        thread.join(10)
