"""SQLite as we want it: a current library, one writer at a time, waiting instead of failing."""

import importlib
import sqlite3
import warnings
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import Any, Final, Literal

import sqlalchemy as sa

from counterfoil.errors import BadSettings, CounterfoilWarning

# Before this release a checkpoint that races a writer can corrupt a file in WAL mode: https://sqlite.org/wal.html#walresetbug
SAFE_WAL: Final = (3, 51, 3)
BUSY_MS: Final = 30_000
# Per connection: an index that is larger, such as the one that searches 100,000 rows, is read from the disk each time.
CACHE_KB: Final = 40_000

Transactions = Literal["block", "statement"]


def dbapi() -> ModuleType:
    """Give the DB-API module with the newest SQLite library: the system's, or the one that `pysqlite3` carries."""
    if sqlite3.sqlite_version_info >= SAFE_WAL:
        return sqlite3
    try:
        bundled = importlib.import_module("pysqlite3.dbapi2")
    except ImportError:
        return sqlite3
    return bundled if bundled.sqlite_version_info > sqlite3.sqlite_version_info else sqlite3


def sqlite_engine(path: Path | str, *, transactions: Transactions = "block", pool: int = 4) -> sa.Engine:
    """Make an engine for a database file: foreign keys on, 30 s of patience, WAL where the library is safe for it.

    With `transactions="block"` every transaction is one `BEGIN IMMEDIATE` from its first statement on, so that what it
    reads stays true until it commits; under `execution_options(readonly=True)` it is a plain `BEGIN`, which sees one
    snapshot and waits for nobody. With `"statement"` only the first write begins a transaction (what DBOS expects), and
    a commit outlives the process but not a power failure, unless it is made under `execution_options(flushed=True)`.
    Raises `BadSettings` where the file cannot be made or written. Warns (`CounterfoilWarning`) where WAL must stay off.
    """
    library = dbapi()
    wal = library.sqlite_version_info >= SAFE_WAL
    if not wal:
        warnings.warn(
            f"SQLite {library.sqlite_version} is not safe in WAL mode; using the slower default journal. "
            "Install the package pysqlite3, or a system library of 3.51.3 or later.",
            CounterfoilWarning,
            stacklevel=2,
        )
    _prepare(library, Path(path), wal)
    engine = sa.create_engine(
        sa.URL.create("sqlite+pysqlite", database=str(path)),
        module=library,
        poolclass=sa.QueuePool,
        pool_size=pool,
        max_overflow=0,
        pool_timeout=60,
        pool_use_lifo=True,  # the connection that was used last has its cache full
        connect_args={"check_same_thread": False},
    )

    @sa.event.listens_for(engine, "connect")
    def configure(connection: Any, _record: object) -> None:
        connection.isolation_level = None if transactions == "block" else "IMMEDIATE"
        connection.execute(f"PRAGMA busy_timeout={BUSY_MS}")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute(f"PRAGMA cache_size=-{CACHE_KB}")

    if transactions == "block":

        @sa.event.listens_for(engine, "begin")
        def begin(connection: sa.Connection) -> None:
            readonly = connection.get_execution_options().get("readonly", False)
            connection.exec_driver_sql("BEGIN" if readonly else "BEGIN IMMEDIATE")

    elif wal:  # a journal that is not flushed could damage the file: https://sqlite.org/pragma.html#pragma_synchronous

        @sa.event.listens_for(engine, "begin")
        def flush(connection: sa.Connection) -> None:
            wanted = "FULL" if connection.get_execution_options().get("flushed", False) else "NORMAL"
            if connection.info.get("synchronous") != wanted:
                connection.exec_driver_sql(f"PRAGMA synchronous={wanted}")
                connection.info["synchronous"] = wanted

    return engine


class FileWatch:
    """Says whether anyone has written to a SQLite file, on a connection of its own: it costs next to nothing."""

    def __init__(self, engine: sa.Engine) -> None:
        self._connection: sa.Connection | None = engine.connect()
        self._version = 0
        # A look may still be under way in a thread when all is closed: SQLite then reads memory that was given back.
        self._alone = Lock()

    def changed(self) -> bool:
        """Say whether another connection has written since the last call, whatever its process; not once closed."""
        with self._alone:
            if self._connection is None:
                return False
            version = self._connection.exec_driver_sql("PRAGMA data_version").scalar_one()
            changed, self._version = version != self._version, version
            return bool(changed)

    def close(self) -> None:
        """Let go of the connection, after a look that is under way."""
        with self._alone:
            if self._connection is not None:
                self._connection.close()
                self._connection = None


def _prepare(library: ModuleType, path: Path, wal: bool) -> None:
    """Make the file with its journal mode, once and alone: the mode cannot change while others use the file."""
    try:
        connection = library.connect(str(path), timeout=BUSY_MS / 1000)
        try:
            connection.execute(f"PRAGMA journal_mode={'WAL' if wal else 'DELETE'}")
            connection.execute("PRAGMA user_version").fetchone()
        finally:
            connection.close()
    except (library.OperationalError, library.DatabaseError) as error:
        raise BadSettings(
            f"The database file {path} cannot be used: {error}.",
            remedy="Check that the data directory exists, may be written to by this user, and has space left.",
        ) from error
