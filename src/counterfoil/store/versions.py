"""Versions of canonical rows: one rising sequence for each workspace, under its row's lock."""

from typing import Final

import sqlalchemy as sa

from counterfoil.store.schema import workspaces


class Versions:
    """Gives versions to rows that change in one transaction. Call `finish` at its end.

    Holds the workspace's row until the commit: versions become visible in the order they are given, and those of one
    transaction follow one another without a gap.
    """

    def __init__(self, tx: sa.Connection, workspace_id: str) -> None:
        self._tx = tx
        self._workspace_id = workspace_id
        tx.execute(_LOCK, {"workspace": workspace_id})
        self.reached: int = tx.execute(_READ, {"workspace": workspace_id}).scalar_one()
        self.first: int = self.reached

    def next(self) -> int:
        """Give the version of one more changed row."""
        self.reached += 1
        return self.reached

    def finish(self) -> None:
        """Write the version reached."""
        if self.reached != self.first:
            self._tx.execute(_WRITE, {"workspace": self._workspace_id, "reached": self.reached})


# An update that changes nothing takes the row's lock on Postgres; SQLite's transaction is exclusive already.
_LOCK: Final = (
    sa.update(workspaces)
    .where(workspaces.c.id == sa.bindparam("workspace"))
    .values(row_version=workspaces.c.row_version)
)
_READ: Final = sa.select(workspaces.c.row_version).where(workspaces.c.id == sa.bindparam("workspace"))
_WRITE: Final = (
    sa.update(workspaces)
    .where(workspaces.c.id == sa.bindparam("workspace"))
    .values(row_version=sa.bindparam("reached"))
)
