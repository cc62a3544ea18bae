"""A product by itself, with a bank and ledgers in memory, served to the browser under a name."""

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from playwright.sync_api import Page, expect

from web.site import PASSWORD, Site, site


@contextmanager
def served(folder: Path, prepare: Callable[[Site], Awaitable[object]]) -> Iterator[str]:
    """Serve a product that was prepared, on a thread and an event loop of its own; give its address.

    The address has a name: browsers make no passkeys for a number.
    """
    loop, stop, ready = asyncio.new_event_loop(), asyncio.Event(), threading.Event()

    async def run(door: socket.socket) -> None:
        async with site(folder) as started:
            await prepare(started)
            server = uvicorn.Server(uvicorn.Config(started.app, lifespan="off", log_level="critical"))
            serving = asyncio.create_task(server.serve([door]))
            ready.set()
            await stop.wait()
            server.should_exit = True
            await serving

    with socket.create_server(("127.0.0.1", 0)) as door:
        thread = threading.Thread(target=lambda: loop.run_until_complete(run(door)), name="served")
        thread.start()
        try:
            assert ready.wait(60)
            yield f"http://localhost:{door.getsockname()[1]}"
        finally:
            loop.call_soon_threadsafe(stop.set)
            thread.join()
            loop.close()


def sign_in(page: Page) -> None:
    """Sign the owner in with the password."""
    page.goto("/sign-in")
    page.get_by_label("E-mail address").fill("ada@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", level=1)).not_to_have_text("Sign in")
