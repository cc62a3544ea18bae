"""Syncs: what ran, why, what it did to each table, and what went wrong."""

import datetime as dt
from typing import Literal

from pydantic import Field

from counterfoil.store import Tx
from counterfoil.store import syncs as stored
from counterfoil.web.api import paging, routes
from counterfoil.web.api.callers import Reader, Works
from counterfoil.web.api.paging import Cursor, Limit, Page
from counterfoil.web.api.shapes import Need, Shape

router = routes.router("syncs")
State = Literal["running", "done", "partial", "failed"]


class Sync(Shape):
    """One sync."""

    id: str
    connection_id: str | None
    cause: str = Field(description="the event that started it")
    run_id: str
    state: str = Field(description="running, done, partial or failed")
    started_at: dt.datetime
    finished_at: dt.datetime | None
    note: str | None


class TableLine(Shape):
    """What a sync did to one table of one destination."""

    destination_id: str
    table: str
    created: int
    updated: int
    deleted: int
    rejected: int
    gone: int = Field(description="rows that the user had deleted")
    problem: Need | None


class SyncWithTables(Sync):
    """One sync with a line for each table that it touched."""

    tables: list[TableLine]


@router.get("/syncs")
async def list_syncs(
    caller: Reader,
    product: Works,
    limit: Limit = 50,
    cursor: Cursor = None,
    connection_id: str | None = None,
    state: State | None = None,
) -> Page[Sync]:
    """List the syncs, newest first."""
    found = await product.db.read(
        stored.page,
        caller.workspace_id,
        before=_before(cursor),
        limit=limit + 1,
        connection_id=connection_id,
        state=state,
    )
    return paging.page_of(found, limit, Sync.model_validate, lambda one: (one.started_at.isoformat(), one.id))


@router.get("/syncs/{sync_id}")
async def show_sync(sync_id: str, caller: Reader, product: Works) -> SyncWithTables:
    """Show one sync, with what it did to each table."""
    return await product.db.read(_with_tables, caller.workspace_id, sync_id)


def _with_tables(tx: Tx, workspace_id: str, sync_id: str) -> SyncWithTables:
    found = Sync.model_validate(stored.find(tx, workspace_id, sync_id))
    return SyncWithTables(**dict(found), tables=[_line(line) for line in stored.lines(tx, sync_id)])


def _line(line: stored.TableLine) -> TableLine:
    counts = {name: getattr(line.counts, name) for name in line.counts.__struct_fields__}
    problem = None if line.problem is None else Need.model_validate(line.problem)
    return TableLine(destination_id=line.destination_id, table=line.table, problem=problem, **counts)


def _before(cursor: str | None) -> tuple[dt.datetime, str] | None:
    found = paging.pair(cursor)
    if found is None:
        return None
    try:
        moment = dt.datetime.fromisoformat(found[0])
    except ValueError:
        raise paging.foreign() from None
    if moment.tzinfo is None:
        raise paging.foreign()
    return moment, found[1]
