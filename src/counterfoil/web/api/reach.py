"""Which events and runs a caller may see: the engine knows nothing of workspaces, their data name what they concern."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

from counterfoil.store import Database, Tx, connections, destinations, syncs
from counterfoil.errors import NotThere
from counterfoil.web.api.callers import Caller

_STEP: Final = 200  # entries read at once while looking for a caller's own


class Listed(Protocol):
    """An event or a run."""

    @property
    def id(self) -> str: ...


L = TypeVar("L", bound=Listed)


@dataclass(frozen=True, slots=True)
class Reach:
    """What a caller may see: everything, or what concerns these connections and destinations."""

    everything: bool
    ids: frozenset[str] = frozenset()

    def covers(self, data: Any, syncs_of: frozenset[str] = frozenset()) -> bool:
        """Say whether an event's data concern the caller's workspace."""
        if self.everything:
            return True
        named = _named(data)
        return bool(named) and all(value in self.ids or value in syncs_of for value in named)


def _named(data: Any) -> list[str]:
    if not isinstance(data, Mapping):
        return []
    return [
        value for name in ("connection_id", "destination_id", "sync_id") if isinstance(value := data.get(name), str)
    ]


async def reach_of(db: Database, caller: Caller) -> Reach:
    """Find what a caller may see."""
    if caller.operates:
        return Reach(everything=True)
    return await db.read(_reach, caller.workspace_id)


def _reach(tx: Tx, workspace_id: str) -> Reach:
    owned = [*connections.of_workspace(tx, workspace_id), *destinations.of_workspace(tx, workspace_id)]
    return Reach(everything=False, ids=frozenset(one.id for one in owned))
