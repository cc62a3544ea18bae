"""Which workers live, and what the dead have left."""

from collections.abc import Collection

import sqlalchemy as sa
from dbos._sys_db import SystemDatabase

from counterfoil.engine.durable import APP
from counterfoil.engine.events import now_ms
from counterfoil.engine.locks import lock_number
from counterfoil.engine.tables import workers_table


class Roster:
    """The list of the workers of one database. Every method is one short transaction and blocks."""

    def __init__(self, tables: SystemDatabase, version: str, executor: str, functions: Collection[str]) -> None:
        self._db = tables.engine
        self._status = tables.tables.workflow_status
        self._postgres = self._db.dialect.name == "postgresql"
        self._version = version
        self._executor = executor
        self._functions = functions

    def join(self) -> None:
        """Enter this worker in the list of the living; its lock, or the lock on the file, is already held."""
        with self._db.begin() as connection:
            row = {"id": self._executor, "version": self._version}
            connection.execute(sa.insert(workers_table).values(row))

    def leave(self) -> None:
        """Strike this worker out."""
        with self._db.begin() as connection:
            connection.execute(sa.delete(workers_table).where(workers_table.c.id == self._executor))

    def adopt(self) -> int:
        """Put every run whose worker is dead back into its queue, and take over what waits for a version that is gone.

        Only runs of these functions: what we do not know waits for someone who does.

        A worker is dead when nobody holds its lock; on SQLite there is one worker at most. This looks at the state and
        not at a worker's death, so that whoever dies half-way through leaves nothing behind. Gives the number of runs.
        """
        status = self._status
        with self._db.begin() as connection:
            others = sa.select(workers_table.c.id).where(workers_table.c.id != self._executor)
            for worker in connection.execute(others).scalars().all():
                if not self._postgres or self._is_dead(connection, worker):
                    connection.execute(sa.delete(workers_table).where(workers_table.c.id == worker))
            ours = sa.and_(status.c.application_name == APP, status.c.name.in_(self._functions))
            adopted = connection.execute(
                sa.update(status)
                .where(ours, status.c.status == "PENDING", status.c.executor_id.not_in(sa.select(workers_table.c.id)))
                .values(
                    status="ENQUEUED",
                    owner_xid=None,
                    started_at_epoch_ms=None,
                    application_version=self._version,
                    updated_at=now_ms(),
                )
            )
            gone = status.c.application_version.not_in(sa.select(workers_table.c.version))
            connection.execute(
                sa.update(status)
                .where(ours, status.c.status.in_(("ENQUEUED", "DELAYED")), gone)
                .values(application_version=self._version)
            )
            return adopted.rowcount

    def _is_dead(self, connection: sa.Connection, worker: str) -> bool:
        query = sa.select(sa.func.pg_try_advisory_xact_lock(lock_number(worker)))
        return bool(connection.execute(query).scalar_one())
