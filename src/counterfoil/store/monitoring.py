"""Figures of the whole installation, for monitoring: how many of what, by kind and state, and nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from counterfoil.store.schema import connections, destinations, sync_tables, syncs

_ACTS: Final = ("created", "updated", "deleted", "rejected")


@dataclass(frozen=True, slots=True)
class Installation:
    """How many of what, over all workspaces. Keys are the labels in the order of the field's comment."""

    syncs: Mapping[tuple[str], int]  # state
    rows: Mapping[tuple[str, str], int]  # kind of destination, act
    connections: Mapping[tuple[str, str], int]  # provider, state
    destinations: Mapping[tuple[str, str], int]  # kind, state


def of_installation(tx: sa.Connection) -> Installation:
    """Count everything once."""
    states = sa.select(syncs.c.state, sa.func.count()).group_by(syncs.c.state)
    sums = [sa.func.sum(sync_tables.c[act]) for act in _ACTS]
    written = sa.select(destinations.c.kind, *sums).join_from(sync_tables, destinations).group_by(destinations.c.kind)
    return Installation(
        syncs={(state,): count for state, count in tx.execute(states)},
        rows={
            (kind, act): count
            for kind, *counts in tx.execute(written)
            for act, count in zip(_ACTS, counts, strict=True)
        },
        connections=_by_state(tx, connections.c.provider, connections.c.state),
        destinations=_by_state(tx, destinations.c.kind, destinations.c.state),
    )


def _by_state(tx: sa.Connection, kind: sa.Column[str], state: sa.Column[str]) -> Mapping[tuple[str, str], int]:
    query = sa.select(kind, state, sa.func.count()).group_by(kind, state)
    return {(one, stands): count for one, stands, count in tx.execute(query)}
