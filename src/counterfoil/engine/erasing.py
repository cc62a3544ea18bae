"""Deletes what the engine keeps about certain things: events and runs whose data name them."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from dbos._sys_db import SystemDatabase

from counterfoil.engine.tables import ACTIVE, envelope_of, events_table, once_table

_PART: Final = 500  # rows read at once, or deleted by one statement


class Eraser:
    """Finds and deletes runs and events. Every method blocks: call it from a thread."""

    def __init__(self, tables: SystemDatabase) -> None:
        self._db = tables.engine
        self._status = tables.tables.workflow_status
        self._input = tables.tables.workflow_input
        self._parts = (tables.tables.operation_outputs, self._input, tables.tables.workflow_output, self._status)

    def active(self, names: Collection[str], spared: str) -> list[str]:
        """Give the runs that wait or run and name one of these, without the spared one."""
        return [id for id, status in self._runs(names) if status in ACTIVE and id != spared]

    def erase(self, names: Collection[str], spared: str) -> int:
        """Delete what names one of these: runs that have ended, and events; give the number of runs.

        The spared run, at work on this, stays with its event.
        """
        runs = [id for id, status in self._runs(names) if status not in ACTIVE and id != spared]
        with self._db.connect() as connection:
            query = sa.select(events_table.c.id, events_table.c.data, events_table.c.runs)
            rows = connection.execute(query.execution_options(yield_per=_PART))
            events = [
                row.id
                for row in rows
                if _names(msgspec.json.decode(row.data), names) and spared not in msgspec.json.decode(row.runs)
            ]
        with self._db.begin() as connection:
            for part in _parts(runs):
                for table in self._parts:
                    connection.execute(sa.delete(table).where(table.c.workflow_uuid.in_(part)))
            for part in _parts(events):
                connection.execute(sa.delete(events_table).where(events_table.c.id.in_(part)))
            for part in _parts(list(names)):
                connection.execute(sa.delete(once_table).where(once_table.c.key.in_(part)))
        return len(runs)

    def _runs(self, names: Collection[str]) -> Iterator[tuple[str, str]]:
        status, given = self._status.c, self._input.c
        query = sa.select(status.workflow_uuid, status.status, given.inputs)
        with self._db.connect() as connection:
            joined = query.join(self._input, given.workflow_uuid == status.workflow_uuid)
            for row in connection.execute(joined.execution_options(yield_per=_PART)):
                if _names(envelope_of(row.inputs).event.get("data"), names):
                    yield row.workflow_uuid, row.status


def _names(data: Any, names: Collection[str]) -> bool:
    if isinstance(data, Mapping):
        return any(_names(value, names) for value in data.values())
    if isinstance(data, list):
        return any(_names(value, names) for value in data)
    return isinstance(data, str) and data in names


def _parts(ids: Sequence[str]) -> Iterable[Sequence[str]]:
    return (ids[start : start + _PART] for start in range(0, len(ids), _PART))
