"""Fetching one stream: pages are staged as they come, and landed together when the loop has ended."""

import time
from dataclasses import dataclass
from typing import Final

import msgspec

from counterfoil.errors import NotOffered, RestartFetch, RetryLater
from counterfoil.ports import Page, ProviderSpec
from counterfoil.store import Tx, connections, pages
from counterfoil.store.connections import Connection
from counterfoil.sync.doors import Doors

STEP_SECONDS: Final = 30.0
RESTARTS: Final = 20  # loops begun anew in one step before the provider is left alone for a while


class Fetched(msgspec.Struct, frozen=True):
    """How far a stream's loop has come."""

    done: bool
    offered: bool = True
    landed: bool = False  # the loop was a single page, which needs no step of its own to land
    wait: float | None = None  # the provider has nothing yet and asks to be called again after so many seconds


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a loop goes on: behind the last page that was staged, or where the last loop ended."""

    connection: Connection
    credential: bytes
    position: int  # of the last page, -1 before the first
    cursor: bytes | None
    more: bool


async def fetch_pages(doors: Doors, connection_id: str, stream: str) -> Fetched:
    """Stage pages until the loop has ended or the step has taken its time. A repeat goes on behind the last page."""
    began = time.monotonic()
    for _ in range(RESTARTS):
        place = await doors.db.read(_place, doors, connection_id, stream)
        try:
            return await _loop(doors, place, stream, began)
        except RestartFetch:
            # What was read no longer fits together: some of it may have vanished since.
            await doors.db.run(pages.discard, connection_id, stream)
        except NotOffered:
            await doors.db.run(_drop_stream, connection_id, stream)
            return Fetched(done=True, offered=False)
    raise RetryLater("The bank's data kept changing while it was read.", after=60)


def _place(tx: Tx, doors: Doors, connection_id: str, stream: str) -> _Place:
    connection = connections.get(tx, connection_id)
    credential = connections.credential(tx, doors.vault, connection_id)
    staged = pages.last_staged(tx, connection_id, stream)
    if staged is None:
        return _Place(connection, credential, -1, connections.cursor(tx, connection_id, stream), True)
    return _Place(connection, credential, *staged)


async def _loop(doors: Doors, place: _Place, stream: str, began: float) -> Fetched:
    connection_id, spec = place.connection.id, doors.provider_spec(place.connection.provider)
    provider = doors.provider_with(place.connection, place.credential)
    position, cursor, more = place.position, place.cursor, place.more
    while more:
        page = await provider.fetch(stream, cursor)
        if page.wait is not None:
            return Fetched(done=False, wait=page.wait)
        position += 1
        if position == 0 and not page.has_more:
            await doors.db.run(_take_whole, connection_id, spec, stream, page)
            return Fetched(done=True, landed=True)
        await doors.db.run(pages.stage, connection_id, stream, position, page)
        cursor, more = page.cursor, page.has_more
        if more and time.monotonic() - began > STEP_SECONDS:
            return Fetched(done=False)
    return Fetched(done=True)


def _take_whole(tx: Tx, connection_id: str, spec: ProviderSpec, stream: str, page: Page) -> None:
    pages.stage(tx, connection_id, stream, 0, page)
    pages.commit(tx, connection_id, spec.stream(stream), spec.land)


def _drop_stream(tx: Tx, connection_id: str, stream: str) -> None:
    pages.discard(tx, connection_id, stream)
    connections.save_cursor(tx, connection_id, stream, None, offered=False)


class Landed(msgspec.Struct, frozen=True):
    """How many rows a loop changed."""

    changed: int
    removed: int


async def commit_fetch(doors: Doors, connection_id: str, stream: str) -> Landed:
    """Land a finished loop: canonical rows and cursor in one transaction. A repeat finds nothing staged."""
    connection = await doors.db.read(connections.get, connection_id)
    spec = doors.provider_spec(connection.provider)
    if await doors.db.read(pages.last_staged, connection_id, stream) is None:
        return Landed(0, 0)
    landed = await doors.db.run(pages.commit, connection_id, spec.stream(stream), spec.land)
    return Landed(landed.changed, landed.removed)
