"""The sync log: what ran, why, what it did to each table, and what went wrong."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import sqlalchemy as sa

from counterfoil.errors import NotThere
from counterfoil.lib.ids import new_id
from counterfoil.store.connections import Problem, problem_of
from counterfoil.store.schema import sync_tables, syncs
from counterfoil.store.upsert import insert


class Counts(msgspec.Struct, kw_only=True):
    """What one sync did to one table of one destination."""

    created: int = 0
    updated: int = 0
    deleted: int = 0
    rejected: int = 0
    gone: int = 0  # the user had deleted the row

    def add(self, other: "Counts") -> None:
        """Add another's counts to these."""
        for name in self.__struct_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(frozen=True, slots=True)
class Sync:
    """One sync's line in the log."""

    id: str
    workspace_id: str
    connection_id: str | None
    cause: str
    run_id: str
    state: str
    started_at: dt.datetime
    finished_at: dt.datetime | None
    note: str | None


@dataclass(frozen=True, slots=True)
class TableLine:
    """One table's line in a sync's log."""

    destination_id: str
    table: str
    counts: Counts
    problem: Problem | None


def start(tx: sa.Connection, *, workspace_id: str, connection_id: str | None, cause: str, run_id: str) -> str:
    """Open a sync's log and give its id; a repeated step finds the one it opened before."""
    known = of_run(tx, run_id)
    if known is not None:
        return known
    sync_id = new_id()
    tx.execute(
        syncs.insert().values(
            id=sync_id,
            workspace_id=workspace_id,
            connection_id=connection_id,
            cause=cause,
            run_id=run_id,
            state="running",
            started_at=dt.datetime.now(dt.UTC),
        )
    )
    return sync_id


def of_run(tx: sa.Connection, run_id: str) -> str | None:
    """Give the sync that a run opened."""
    return tx.execute(sa.select(syncs.c.id).where(syncs.c.run_id == run_id)).scalar()


def last_start(tx: sa.Connection, connection_id: str) -> dt.datetime | None:
    """Give when the connection's newest sync began."""
    query = sa.select(syncs.c.started_at).where(syncs.c.connection_id == connection_id)
    return tx.execute(query.order_by(syncs.c.started_at.desc()).limit(1)).scalar()


def finish(tx: sa.Connection, sync_id: str, state: str, note: str | None = None) -> None:
    """Close a sync's log."""
    values = {"state": state, "note": note, "finished_at": dt.datetime.now(dt.UTC)}
    tx.execute(sa.update(syncs).where(syncs.c.id == sync_id).values(**values))


def add_counts(tx: sa.Connection, sync_id: str, destination_id: str, table: str, counts: Counts) -> None:
    """Add to a table's line. Runs in the transaction that saves the mirror, so that a repeat counts nothing twice."""
    new = insert(tx, sync_tables)
    values = {name: getattr(counts, name) for name in counts.__struct_fields__}
    tx.execute(
        new.values(sync_id=sync_id, destination_id=destination_id, name=table, **values).on_conflict_do_update(
            index_elements=["sync_id", "destination_id", "name"],
            set_={name: sync_tables.c[name] + new.excluded[name] for name in values},
        )
    )


def set_problem(tx: sa.Connection, sync_id: str, destination_id: str, table: str, problem: Problem) -> None:
    """Note on a table's line why it stopped."""
    add_counts(tx, sync_id, destination_id, table, Counts())
    tx.execute(
        sa.update(sync_tables)
        .where(
            sync_tables.c.sync_id == sync_id,
            sync_tables.c.destination_id == destination_id,
            sync_tables.c.name == table,
        )
        .values(problem_code=problem.code, problem=problem.message, remedy=problem.remedy)
    )


def get(tx: sa.Connection, sync_id: str) -> Sync | None:
    """Give one sync."""
    row = tx.execute(sa.select(syncs).where(syncs.c.id == sync_id)).first()
    return None if row is None else Sync(*row)


def find(tx: sa.Connection, workspace_id: str, sync_id: str) -> Sync:
    """Give one sync of a workspace. Raises `NotThere`, also for somebody else's."""
    row = tx.execute(sa.select(syncs).where(syncs.c.workspace_id == workspace_id, syncs.c.id == sync_id)).first()
    if row is None:
        raise NotThere(f"There is no sync {sync_id}.", remedy="List them: counterfoil syncs")
    return Sync(*row)


def page(
    tx: sa.Connection,
    workspace_id: str,
    *,
    before: tuple[dt.datetime, str] | None,
    limit: int,
    connection_id: str | None = None,
    state: str | None = None,
) -> list[Sync]:
    """Give a workspace's syncs, newest first, from the one that follows the start and id of the last one seen."""
    query = sa.select(syncs).where(syncs.c.workspace_id == workspace_id)
    if connection_id is not None:
        query = query.where(syncs.c.connection_id == connection_id)
    if state is not None:
        query = query.where(syncs.c.state == state)
    if before is not None:
        started_at, sync_id = before
        same = (syncs.c.started_at == started_at) & (syncs.c.id < sync_id)
        query = query.where((syncs.c.started_at < started_at) | same)
    return [Sync(*row) for row in tx.execute(query.order_by(syncs.c.started_at.desc(), syncs.c.id.desc()).limit(limit))]


def of_workspace(tx: sa.Connection, workspace_id: str, limit: int = 50) -> list[Sync]:
    """Give a workspace's syncs, newest first."""
    query = sa.select(syncs).where(syncs.c.workspace_id == workspace_id)
    return [Sync(*row) for row in tx.execute(query.order_by(syncs.c.started_at.desc()).limit(limit))]


def lines(tx: sa.Connection, sync_id: str) -> list[TableLine]:
    """Give a sync's lines."""
    found = tx.execute(sa.select(sync_tables).where(sync_tables.c.sync_id == sync_id)).mappings()
    return [
        TableLine(
            row["destination_id"],
            row["name"],
            Counts(**{name: row[name] for name in Counts.__struct_fields__}),
            problem_of(row),
        )
        for row in found
    ]


def destinations_of(tx: sa.Connection, sync_ids: Sequence[str]) -> dict[str, list[str]]:
    """Give for each sync the ids of the destinations that it did something at, or tried to."""
    c = sync_tables.c
    query = sa.select(c.sync_id, c.destination_id).distinct().where(c.sync_id.in_(sync_ids))
    found: dict[str, list[str]] = {}
    for sync_id, destination_id in tx.execute(query.order_by(c.sync_id, c.destination_id)):
        found.setdefault(sync_id, []).append(destination_id)
    return found


def of_destination(tx: sa.Connection, workspace_id: str, destination_id: str, limit: int) -> list[Sync]:
    """Give the newest syncs that did something, or tried to, at a destination."""
    concerned = sa.exists().where(sync_tables.c.sync_id == syncs.c.id, sync_tables.c.destination_id == destination_id)
    query = sa.select(syncs).where(syncs.c.workspace_id == workspace_id, concerned)
    return [Sync(*row) for row in tx.execute(query.order_by(syncs.c.started_at.desc()).limit(limit))]
