"""Opens the database, runs functions in a transaction, and brings the schema up to date."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

import sqlalchemy as sa

from counterfoil.errors import BadSettings
from counterfoil.lib.sqlite import sqlite_engine
from counterfoil.store import sizes

P = ParamSpec("P")
R = TypeVar("R")
Tx = sa.Connection  # one open transaction

_MIGRATIONS: Final = Path(__file__).parent / "migrations"
_ALONE: Final = 4749  # tells these advisory locks from others
_TRY_AGAIN: Final = 0.1  # seconds
_POOL: Final = 8  # connections


def newest_revision() -> str:
    """Give the revision of the schema that this code works with."""
    return max(path.stem.split("_")[0] for path in (_MIGRATIONS / "versions").glob("[0-9]*.py"))


class Database:
    """The product's database: a SQLite file in the data directory, or Postgres by URL."""

    unreachable: Final = sa.exc.OperationalError  # what a database that does not answer raises

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self._names: dict[str, asyncio.Lock] = {}
        self._few = asyncio.Semaphore(_POOL // 2)  # each of these holds a connection, and what it does needs another
        self._one_snapshot: dict[str, Any] = {"readonly": True}
        if engine.dialect.name == "postgresql":  # where each statement has a snapshot of its own otherwise
            self._one_snapshot = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}

    @classmethod
    def open(cls, where: Path | str) -> "Database":
        """Open a SQLite file (a path) or a Postgres database (a URL). Raises `BadSettings`."""
        if isinstance(where, Path):
            return cls(sqlite_engine(where))
        if not re.match(r"postgres(ql)?(\+psycopg)?://", where):
            raise BadSettings(
                "COUNTERFOIL_DATABASE_URL names a kind of database that is not supported.",
                remedy="Use postgresql://user:password@host/name, or leave it out to use SQLite.",
            )
        url = re.sub(r"^postgres(ql)?(\+psycopg)?://", "postgresql+psycopg://", where)
        return cls(sa.create_engine(url, pool_size=_POOL, max_overflow=4, pool_pre_ping=True))

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """Run a block in one transaction, committed at its end."""
        with self.engine.begin() as tx:
            yield tx

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Run a block that only reads, on one snapshot; it neither waits for writers nor holds them up."""
        with self.engine.connect().execution_options(**self._one_snapshot) as tx:
            yield tx

    async def run(self, fn: Callable[Concatenate[sa.Connection, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call `fn(tx, ...)` in one transaction, in a thread."""

        def call() -> R:
            with self.begin() as tx:
                return fn(tx, *args, **kwargs)

        return await asyncio.to_thread(call)

    async def read(self, fn: Callable[Concatenate[sa.Connection, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call `fn(tx, ...)`, which must only read, in a thread."""

        def call() -> R:
            with self.reading() as tx:
                return fn(tx, *args, **kwargs)

        return await asyncio.to_thread(call)

    @asynccontextmanager
    async def alone(self, name: str) -> AsyncIterator[None]:
        """Run a block that nobody else runs under this name, on Postgres in no process; it may take seconds."""
        async with self._names.setdefault(name, asyncio.Lock()), self._few:
            if self.engine.dialect.name != "postgresql":
                yield
                return
            key = sa.func.hashtextextended(name, _ALONE)
            tx = await asyncio.to_thread(self.engine.connect)
            try:
                ask = sa.select(sa.func.pg_try_advisory_xact_lock(key))
                while not await asyncio.to_thread(tx.scalar, ask):  # noqa: ASYNC110 - another process may hold it
                    await asyncio.sleep(_TRY_AGAIN)
                yield
            finally:
                await asyncio.shield(asyncio.to_thread(tx.close))

    def migrate(self) -> None:
        """Bring the schema up to date; quick where it is. Raises `BadSettings` where a newer version was here."""
        standing, newest = self.revision(), newest_revision()
        if standing == newest:
            return
        if standing is not None and standing > newest:
            raise BadSettings(
                "The database was brought up to date by a newer version of Counterfoil.",
                remedy="Install that version again, or restore the backup that was made before the upgrade.",
            )
        from alembic import command  # imported here: it takes longer than a start that has nothing to migrate
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS))
        with self.begin() as tx:
            if self.engine.dialect.name == "postgresql":
                tx.execute(sa.text("SELECT pg_advisory_xact_lock(4747001)"))  # several processes start at once
            config.attributes["connection"] = tx
            command.upgrade(config, "head")
            sizes.tell(tx)
        self.engine.dispose()  # a connection that was open before knows nothing of the sizes

    def revision(self) -> str | None:
        """Give the schema's revision, None for an empty database; a later one sorts after an earlier one."""
        with self.reading() as tx:
            if not sa.inspect(tx).has_table("alembic_version"):
                return None
            revision: str | None = tx.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
            return revision

    def close(self) -> None:
        self.engine.dispose()
