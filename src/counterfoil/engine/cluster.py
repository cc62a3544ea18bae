"""Several processes on one PostgreSQL: who lives, what a dead worker left, and news between them."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Final

import psycopg
import sqlalchemy as sa

from counterfoil.engine.ledger import CHANNEL, Ledger
from counterfoil.engine.locks import LockSession

BEAT: Final = 4.0  # seconds between two heart beats, and between two looks for dead workers
PATIENCE: Final = 15.0  # seconds without a beat after which a worker counts as dead

log = logging.getLogger(__name__)


class Cluster:
    """This process among the others. Without a `session` it only sends and listens."""

    def __init__(
        self, url: sa.URL, executor: str, ledger: Ledger, heard: Callable[[str], None], session: LockSession | None
    ) -> None:
        self._url = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._executor = executor
        self._ledger = ledger
        self._heard = heard
        self.session = session
        self.listening = asyncio.Event()

    def join(self) -> None:
        """Open the lock session, show that we live and take over what the dead have left; blocks."""
        if self.session is not None:
            self.session.open()
            self._ledger.beat()
            self._ledger.adopt(round(PATIENCE * 1000))

    def leave(self) -> None:
        """Give our locks and our place back; blocks."""
        if self.session is not None:
            self._ledger.beat(alive=False)
            self.session.close()

    def tell(self, text: str) -> None:
        """Tell all processes; blocks."""
        self._ledger.tell(text)

    def duties(self) -> list[Coroutine[Any, Any, None]]:
        """Give what this process does for as long as it lives."""
        if self.session is None:
            return [self._listen()]
        return [self._listen(), self._beat(), self.session.watch()]

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT)
            try:
                await asyncio.to_thread(self._ledger.beat)
                await asyncio.to_thread(self._ledger.adopt, round(PATIENCE * 1000))
            except sa.exc.DBAPIError:
                log.warning("the database does not answer; trying again")

    async def _listen(self) -> None:
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(self._url, autocommit=True) as connection:
                    await connection.execute(f"LISTEN {CHANNEL}")
                    self.listening.set()
                    self._heard("queue *")  # whatever was told while nobody listened
                    async for notice in connection.notifies():
                        teller, _, text = notice.payload.partition(" ")
                        if teller != self._executor:
                            self._heard(text)
            except psycopg.Error:
                await asyncio.sleep(1)
