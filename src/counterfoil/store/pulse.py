"""The pulse of a workspace: a cheap fingerprint that differs as soon as any page about it would."""

from collections.abc import Iterable
from hashlib import blake2b

import sqlalchemy as sa

from counterfoil.store.schema import connections, destinations, sync_tables, syncs, visits, workspaces


def of_workspaces(tx: sa.Connection, workspace_ids: Iterable[str]) -> dict[str, str]:
    """Give the fingerprint of each workspace."""
    return {workspace_id: of_workspace(tx, workspace_id) for workspace_id in workspace_ids}


def of_workspace(tx: sa.Connection, workspace_id: str) -> str:
    """Give the fingerprint of one workspace, the same in every process."""
    return blake2b(repr(list(_facts(tx, workspace_id))).encode(), digest_size=9).hexdigest()


def _facts(tx: sa.Connection, workspace_id: str) -> Iterable[tuple[object, ...]]:
    yield tuple(tx.execute(sa.select(workspaces.c.row_version).where(workspaces.c.id == workspace_id)).scalars())
    mine = syncs.c.workspace_id == workspace_id
    newest = sa.select(syncs.c.id, syncs.c.state).where(mine).order_by(syncs.c.started_at.desc()).limit(20)
    found = tx.execute(newest).all()
    yield tuple(map(tuple, found))
    running = [sync_id for sync_id, state in found if state == "running"]
    if running:
        counts = [sync_tables.c[name] for name in ("created", "updated", "deleted", "rejected", "gone")]
        lines = sa.select(sync_tables.c.sync_id, sync_tables.c.name, *counts, sync_tables.c.problem_code)
        yield tuple(map(tuple, tx.execute(lines.where(sync_tables.c.sync_id.in_(running)))))
    for table in (connections, destinations):
        states = sa.select(table.c.id, table.c.state, table.c.problem_code, table.c.label)
        yield tuple(map(tuple, tx.execute(states.where(table.c.workspace_id == workspace_id))))
    looks = sa.select(visits.c.id, visits.c.state).where(visits.c.workspace_id == workspace_id)
    yield tuple(map(tuple, tx.execute(looks.order_by(visits.c.created_at.desc()).limit(5))))
