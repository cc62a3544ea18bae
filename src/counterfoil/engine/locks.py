"""Physical locks, held around a run: the queue gives order, these give exclusion."""

import asyncio
import fcntl
import logging
import os
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Final, TypeVar

import sqlalchemy as sa

from counterfoil.errors import BadSettings

T = TypeVar("T")

RETRY: Final = 0.25  # seconds between two tries for a key that another process holds; rare, since the queue gives turns
CHECK: Final = 2.0  # seconds between two looks whether the lock session still stands
LOST: Final = 75  # the exit status of a process that lost its locks (EX_TEMPFAIL: start it again)

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Places:
    free: asyncio.Semaphore
    users: int = 0


class Locks:
    """The keys of one process, first come first served; with a `session` they hold for all processes."""

    def __init__(self, session: "LockSession | None" = None) -> None:
        self._session = session
        self._keys: dict[str, _Places] = {}

    @asynccontextmanager
    async def hold(self, name: str, limit: int) -> AsyncIterator[None]:
        """Wait for one of the key's `limit` places and keep it."""
        places = self._keys.setdefault(name, _Places(asyncio.Semaphore(limit)))
        places.users += 1
        try:
            async with places.free:
                if self._session is None:
                    yield
                    return
                number = await self._session.take(name, limit)
                try:
                    yield
                finally:
                    await self._session.give(number)
        finally:
            places.users -= 1
            if places.users == 0:
                del self._keys[name]


class LockSession:
    """One connection to Postgres that holds the advisory locks of this process.

    The server gives its locks to others as soon as the connection is gone, while runs here would go on: so `lost`,
    called when that is noticed, must end the process at once.
    """

    def __init__(self, url: sa.URL, worker: str, lost: Callable[[], None]) -> None:
        self._engine = sa.create_engine(url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
        self._worker = worker
        self._lost = lost
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="locks")
        self._held: set[int] = set()  # the server would grant the same session the same lock twice
        self._connection: sa.Connection | None = None

    def open(self) -> None:
        """Connect, and lock this worker's name: it counts as alive for as long as that lock is held.

        A server that can no longer reach this machine drops the session within half a minute.
        """
        connection = self._connection = self._engine.connect()
        for setting in (
            "application_name = 'counterfoil locks'",
            "tcp_keepalives_idle = 10",
            "tcp_keepalives_interval = 5",
            "tcp_keepalives_count = 3",
        ):
            connection.exec_driver_sql(f"SET {setting}")
        connection.execute(sa.select(sa.func.pg_advisory_lock(lock_number(self._worker))))

    def close(self) -> None:
        """Give every lock back."""
        self._thread.shutdown()
        if self._connection is not None:
            self._connection.close()
        self._engine.dispose()

    async def watch(self) -> None:
        """Look from time to time whether the session still stands."""
        while True:
            await self._ask(lambda connection: connection.exec_driver_sql("SELECT 1"))
            await asyncio.sleep(CHECK)

    async def take(self, name: str, limit: int) -> int:
        """Wait for a place of the key among all processes; give its number."""
        numbers = [lock_number(f"{name}/{place}") for place in range(limit)]
        while True:
            taking = asyncio.ensure_future(self._ask(lambda connection: self._try(connection, numbers)))
            try:
                number = await asyncio.shield(taking)
            except asyncio.CancelledError:
                if (late := await taking) is not None:
                    await self.give(late)
                raise
            if number is not None:
                return number
            await asyncio.sleep(RETRY)

    def _try(self, connection: sa.Connection, numbers: list[int]) -> int | None:
        for number in numbers:
            query = sa.select(sa.func.pg_try_advisory_lock(number))
            if number not in self._held and connection.execute(query).scalar_one():
                self._held.add(number)
                return number
        return None

    async def give(self, number: int) -> None:
        """Give a place back."""

        def unlock(connection: sa.Connection) -> None:
            connection.execute(sa.select(sa.func.pg_advisory_unlock(number)))
            self._held.discard(number)

        await asyncio.shield(self._ask(unlock))

    async def _ask(self, question: Callable[[sa.Connection], T]) -> T:
        def ask() -> T:
            assert self._connection is not None
            try:
                return question(self._connection)
            except sa.exc.DBAPIError:
                self._lost()
                raise

        return await asyncio.get_running_loop().run_in_executor(self._thread, ask)


def exit_now() -> None:
    """End the process without another step: its locks are gone, and another process may run its keys by now."""
    log.critical("the lock session was lost; ending the process so that no key runs twice")
    os._exit(LOST)


class OneWorker:
    """A lock on a file beside the SQLite database: the system frees it when the process ends, however it ends."""

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(database.name + ".worker")
        self._file: int | None = None

    def take(self) -> None:
        """Be the only worker. Raises `BadSettings` where another process is."""
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(file)
            raise BadSettings(
                f"Another worker already uses {self._path.parent}.",
                remedy="Stop the other process, or use PostgreSQL (COUNTERFOIL_DATABASE_URL) to run several workers.",
            ) from error
        self._file = file

    def give(self) -> None:
        """Let another process be the worker."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def lock_number(name: str) -> int:
    """Give the number by which PostgreSQL knows the lock of that name."""
    return int.from_bytes(blake2b(name.encode(), digest_size=8, person=b"cf-locks").digest(), "big", signed=True)
