"""Asks for syncs and follows them to their end, for the command line."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from counterfoil.store import Database, connections, requests, syncs, workspaces
from counterfoil.store.syncs import Counts
from counterfoil.sync.intake import Intake

LOOK: Final = 0.2  # seconds between two looks at the log


async def follow(intake: Intake, db: Database, connection_id: str | None) -> Sequence[dict[str, Any]]:
    """Ask for a sync of one connection, or of all, and wait for the end; give one line for each.

    Raises `BadRequest` for a connection that is not there.
    """
    workspace = await db.run(workspaces.first)
    if connection_id is not None:
        chosen = [await db.read(connections.get, connection_id)]
    else:
        chosen = await db.read(connections.of_workspace, workspace.id)
    return await asyncio.gather(*(_one(intake, db, connection) for connection in chosen))


async def _one(intake: Intake, db: Database, connection: connections.Connection) -> dict[str, Any]:
    event_id = await intake.request_sync(connection.id, "app/sync.requested")
    while True:
        sync_id = await db.read(requests.done_by, connection.id, event_id)
        sync = await db.read(syncs.get, sync_id) if sync_id is not None else None
        if sync is not None and sync.finished_at is not None:
            return await _line(db, connection, sync)
        await asyncio.sleep(LOOK)


async def _line(db: Database, connection: connections.Connection, sync: syncs.Sync) -> dict[str, Any]:
    counts, problems = Counts(), [sync.note] if sync.note else []
    for line in await db.read(syncs.lines, sync.id):
        counts.add(line.counts)
        if line.problem is not None:
            problems.append(f"{line.problem.message} {line.problem.remedy}")
    told = {name: getattr(counts, name) for name in counts.__struct_fields__}
    return {"connection": connection.label, "sync": sync.id, "state": sync.state, **told, "note": " ".join(problems)}
