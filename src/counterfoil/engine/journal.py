"""The steps that runs have done. They are written more often than all else, so their statements are built only once."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from dbos._sys_db import SystemDatabase, db_retry
from sqlalchemy.dialects import postgresql, sqlite

from counterfoil.engine.durable import APP, Disowned
from counterfoil.engine.events import now_ms
from counterfoil.engine.failures import NonRetriable


@dataclass(frozen=True, slots=True)
class Recorded:
    """A step as the journal has it: JSON of its result or of its failure, or the run that it invoked."""

    name: str
    output: str | None
    error: str | None
    child: str | None
    started: int


class Journal:
    """Every step of every run, under a number made from its name. Every method blocks: call it from a thread."""

    def __init__(self, tables: SystemDatabase) -> None:
        self._db = tables.engine
        self._insert = _insert(tables)
        steps = tables.tables.operation_outputs.c
        self._select = sa.select(
            steps.function_id,
            steps.function_name,
            steps.output,
            steps.error,
            steps.child_workflow_id,
            steps.started_at_epoch_ms,
        ).where(steps.workflow_uuid == sa.bindparam("run"))
        # Without a database everything pauses until it is back: a step that was done must not be done again.
        self._patiently = db_retry(sys_db=tables)(self._record)

    def of(self, run_id: str) -> dict[int, Recorded]:
        """Give every recorded step of a run by its number."""
        with self._db.connect() as connection:
            rows = connection.execute(self._select, {"run": run_id}).all()
        return {row[0]: Recorded(*tuple(row)[1:]) for row in rows}

    def record(self, run_id: str, owner: str, number: int, step: Recorded) -> None:
        """Keep what a step of the run came to. Raises `Disowned` where the run is no longer ours."""
        self._patiently(run_id, owner, number, step, now_ms())

    def _record(self, run_id: str, owner: str, number: int, step: Recorded, ended: int) -> None:
        with self._db.begin() as connection:
            self.put(connection, run_id, owner, number, step, ended)

    def put(self, connection: sa.Connection, run_id: str, owner: str, number: int, step: Recorded, ended: int) -> None:
        """Keep a step as part of a transaction, until whose end nobody can take the run from us. Raises `Disowned`."""
        values = {
            "run": run_id,
            "owner": owner,
            "number": number,
            "name": step.name,
            "output": step.output,
            "error": step.error,
            "child": step.child,
            "started": step.started,
            "ended": ended,
        }
        kept = connection.execute(self._insert, values).scalar()
        if kept is None:
            raise Disowned
        if kept != ended:
            raise NonRetriable(f"The step {step.name} of the run {run_id} was recorded before.")


def _insert(tables: SystemDatabase) -> sa.Executable:
    """Build one statement that checks the owner, keeps his run's row locked, and adds the step.

    It gives the moment under which the step stands: ours, also where a first try got through and its answer was lost.
    """
    status, steps = tables.tables.workflow_status, tables.tables.operation_outputs
    ended = sa.bindparam("ended", type_=sa.BigInteger)
    values: dict[str, Any] = {
        "workflow_uuid": status.c.workflow_uuid,
        "function_id": sa.bindparam("number", type_=sa.Integer),
        "function_name": sa.bindparam("name", type_=sa.Text),
        "output": sa.bindparam("output", type_=sa.Text),
        "error": sa.bindparam("error", type_=sa.Text),
        "child_workflow_id": sa.bindparam("child", type_=sa.Text),
        "started_at_epoch_ms": sa.bindparam("started", type_=sa.BigInteger),
        "completed_at_epoch_ms": ended,
        "retention_timestamp": ended,
        "application_name": sa.literal(APP),
        "serialization": sa.literal("json"),
    }
    mine = (
        sa.select(*values.values())
        .where(status.c.workflow_uuid == sa.bindparam("run"), status.c.owner_xid == sa.bindparam("owner"))
        .with_for_update(key_share=True)
    )
    insert: Any = (postgresql if tables.engine.dialect.name == "postgresql" else sqlite).insert(steps)
    statement: sa.Executable = (
        insert.from_select(list(values), mine)
        .on_conflict_do_update(
            index_elements=["workflow_uuid", "function_id"],
            set_={"completed_at_epoch_ms": steps.c.completed_at_epoch_ms},
        )
        .returning(steps.c.completed_at_epoch_ms)
    )
    return statement
