"""Several processes on one PostgreSQL: who lives, what a dead worker left, and news between them."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Final

import psycopg
import sqlalchemy as sa

from counterfoil.engine.ledger import Ledger
from counterfoil.engine.locks import LockSession
from counterfoil.engine.roster import Roster
from counterfoil.engine.tables import CHANNEL

REAP: Final = 3.0  # seconds between two looks for dead workers

log = logging.getLogger(__name__)


class Cluster:
    """This process among the others. Without a `session` it only sends and listens."""

    def __init__(self, url: sa.URL, executor: str, ledger: Ledger, roster: Roster, session: LockSession | None) -> None:
        self._url = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._executor = executor
        self._ledger = ledger
        self._roster = roster
        self.session = session
        self.listening = asyncio.Event()

    def join(self) -> None:
        """Open the lock session, show that we live and take over what the dead have left; blocks."""
        if self.session is not None:
            self.session.open()
            self._roster.join()
            self._roster.adopt()
            self._ledger.count_anew()

    def leave(self) -> None:
        """Give our locks and our place back; blocks."""
        if self.session is not None:
            self._roster.leave()
            self.session.close()

    def duties(self, heard: Callable[[str], None]) -> list[Coroutine[Any, Any, None]]:
        """Give what this process does for as long as it lives."""
        if self.session is None:
            return [self._listen(heard)]
        return [self._listen(heard), self._reap(heard), self.session.watch()]

    async def _reap(self, heard: Callable[[str], None]) -> None:
        while True:
            await asyncio.sleep(REAP)
            try:
                if await asyncio.to_thread(self._roster.adopt):
                    heard("queue *")
                await asyncio.to_thread(self._ledger.count_anew)
            except sa.exc.DBAPIError:
                log.warning("the database does not answer; trying again")

    async def _listen(self, heard: Callable[[str], None]) -> None:
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(self._url, autocommit=True) as connection:
                    await connection.execute(f"LISTEN {CHANNEL}")
                    self.listening.set()
                    heard("queue *")  # whatever was told while nobody listened
                    async for notice in connection.notifies():
                        teller, _, text = notice.payload.partition(" ")
                        if teller != self._executor:
                            heard(text)
            except psycopg.Error:
                await asyncio.sleep(1)
