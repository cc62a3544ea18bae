"""One after the other where it matters: what several writers must not see half-done while runs are enqueued."""

from collections.abc import Iterable
from threading import Lock
from typing import Final

import sqlalchemy as sa

from counterfoil.engine.events import now_ms
from counterfoil.engine.locks import lock_number

# Whoever enqueues holds this shared, and whoever pauses or resumes alone: either sees all that the other has done.
_PAUSES: Final = lock_number("pauses")

# The locks before the clock: who waited for another came later, whatever the clocks of the two machines say.
_TAKE: Final = sa.text("""
    WITH held AS MATERIALIZED (
        SELECT pg_advisory_xact_lock_shared(:pauses) AS lock
        UNION ALL
        SELECT pg_advisory_xact_lock(number) FROM unnest(CAST(:numbers AS bigint[])) AS number
    )
    SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint) FROM (SELECT count(lock) FROM held) AS all_held
""")


class Turns:
    """Takes locks until the end of a transaction, before any row is locked there: nobody waits in a circle."""

    def __init__(self, postgres: bool) -> None:
        self._postgres = postgres
        self._last = 0
        self._alone = Lock()

    def take(self, connection: sa.Connection, names: Iterable[str], runs: int) -> range:
        """Let nobody else enqueue under these names, and nobody pause, until the transaction ends.

        Give each run its time, in milliseconds since 1970 by the database's clock. The times rise strictly, so that the
        order of a queue is the order of arrival even within a millisecond.
        """
        if self._postgres:
            numbers = sorted({lock_number(f"enqueue/{name}") for name in names})
            now: int = connection.execute(_TAKE, {"pauses": _PAUSES, "numbers": numbers}).scalar_one()
        else:
            begin_writing(connection)
            now = now_ms()
        with self._alone:
            first = max(self._last + 1, now)
            self._last = first + runs
        return range(first, first + runs)

    def alone(self, connection: sa.Connection) -> None:
        """Wait until nobody is enqueueing, and let nobody begin to."""
        if self._postgres:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_PAUSES)))
        else:
            begin_writing(connection)


def begin_writing(connection: sa.Connection) -> None:
    """Be SQLite's only writer from now on, and not from the first write on: what is read stays true."""
    driver = connection.connection.dbapi_connection
    if driver is not None and not driver.in_transaction:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
