"""Two transactions of which the second begins before the first has ended."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

import sqlalchemy as sa

from counterfoil.store import Database, Tx

A = TypeVar("A")
B = TypeVar("B")


def at_once(db: Database, first: Callable[[Tx], A], second: Callable[[Tx], B]) -> tuple[A, B]:
    """Give what both gave; `second` begins when `first` has done all it does, and has not committed it."""

    def call() -> B:
        with db.begin() as tx:
            return second(tx)

    with ThreadPoolExecutor(1) as elsewhere:
        with db.begin() as tx:
            one = first(tx)
            other = elsewhere.submit(call)
            _until_it_waits(db, other)
        return one, other.result(timeout=30)


def _until_it_waits(db: Database, other: Future[B]) -> None:
    """Wait until the other is done, or waits for a lock."""
    if db.engine.dialect.name == "sqlite":
        wait([other], timeout=0.05)  # it waits with its first statement
        return
    asked = sa.text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    while not other.done():
        with db.reading() as tx:
            if tx.execute(asked).scalar_one():
                return
        time.sleep(0.01)
