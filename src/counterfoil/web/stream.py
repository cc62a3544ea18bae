"""Tells open pages that something has changed, by server-sent events; the page then asks for itself anew."""

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from counterfoil.store import Database, pulse
from counterfoil.web.auth import SignedInVisitor

router = APIRouter(include_in_schema=False)
LOOK: Final = 1.0  # seconds between two looks at the store
PING: Final = 15.0  # seconds of silence after which a proxy might hang up
AGE: Final = 300.0  # seconds after which the browser comes anew: its session is looked at again, and memory stays flat


class Pulse:
    """Looks whether anything has changed: once for all listeners of a workspace, and only while there are any."""

    def __init__(self, db: Database, *, look: float = LOOK) -> None:
        self._db = db
        self._look = look
        self._listeners: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._known: dict[str, str] = {}
        self._task: asyncio.Task[None] | None = None
        self._looked = asyncio.Event()

    @contextmanager
    def listening(self, workspace_id: str) -> Iterator[asyncio.Event]:
        """Give an event that is set after each change, for the listener to clear."""
        changed = asyncio.Event()
        self._listeners[workspace_id].add(changed)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        try:
            yield changed
        finally:
            self._listeners[workspace_id].discard(changed)
            if not self._listeners[workspace_id]:
                del self._listeners[workspace_id]
                self._known.pop(workspace_id, None)

    async def _run(self) -> None:
        while self._listeners:
            try:
                found = await self._db.read(pulse.of_workspaces, list(self._listeners))
            except self._db.unreachable:
                found = {}  # the pages say so themselves; the next look may succeed
            for workspace_id, print_ in found.items():
                if self._known.get(workspace_id) != print_:
                    for changed in self._listeners.get(workspace_id, ()):
                        changed.set()
                self._known[workspace_id] = print_
            self._looked.set()
            self._looked.clear()  # wakes those who wait now
            await asyncio.sleep(self._look)

    async def looked(self) -> None:
        """Wait until it has looked once more."""
        await self._looked.wait()

    def of(self, workspace_id: str) -> str | None:
        """Give what the last look has found, None where it could not look."""
        return self._known.get(workspace_id)

    async def aclose(self) -> None:
        """Stop looking."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)


@router.get("/stream")
async def stream(request: Request, visitor: SignedInVisitor, seen: str = "") -> StreamingResponse:
    """Send "changed" whenever a page about the workspace would look different from what the browser has seen.

    It says what that is: in the address when it begins, and in Last-Event-ID when it comes anew.
    """
    seen = request.headers.get("last-event-id") or seen
    told = lines(request.app.state.pulse, visitor.workspace.id, seen)
    return StreamingResponse(told, media_type="text/event-stream", headers={"x-accel-buffering": "no"})


async def lines(pulse_: Pulse, workspace_id: str, seen: str, age: float = AGE) -> AsyncGenerator[bytes, None]:
    """Give the stream's lines until it has reached its age (seconds, give or take a fifth).

    `seen` is the pulse of what the browser shows: what has changed before it could listen is told at once.
    """
    # Not all at once, lest all listeners come back in the same second.
    until = time.monotonic() + age * random.uniform(0.8, 1.2)  # noqa: S311  # spreads load, hides nothing
    with pulse_.listening(workspace_id) as changed:
        yield b"retry: 1000\n\n"
        await pulse_.looked()
        while (left := until - time.monotonic()) > 0:
            changed.clear()
            now = pulse_.of(workspace_id)
            if now is not None and now != seen:
                seen = now
                yield f"id: {now}\nevent: changed\ndata: .\n\n".encode()
            try:
                async with asyncio.timeout(min(PING, left)):
                    await changed.wait()
            except TimeoutError:
                yield b": still here\n\n"
