"""Which events and runs a caller may see: the engine knows no workspaces, but data name what they concern.

Where an installation has one workspace, its callers see them all. Where there are several, each sees those whose data
name a connection, a destination or a sync of its own, and nothing else.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, TypeVar

from counterfoil.engine import EventView, RunView
from counterfoil.errors import NotThere
from counterfoil.store import Database, workspaces
from counterfoil.web.api.callers import Caller

_AT_ONCE: Final = 200  # entries read at once while looking for a caller's own
_NAMES: Final = ("workspace_id", "connection_id", "destination_id", "sync_id", "visit_id", "relink_id")

L = TypeVar("L", EventView, RunView)


async def visible(db: Database, caller: Caller, found: Sequence[L]) -> list[L]:
    """Give those that the caller may see, in their order."""
    if caller.operates:
        return list(found)
    named = {one.id: _named(one) for one in found}
    ids = {id for ids in named.values() for id in ids}
    own = await db.read(workspaces.owned, caller.workspace_id, ids) if ids else set()
    return [one for one in found if named[one.id] and named[one.id] <= own]


async def page(
    db: Database, caller: Caller, before: str | None, limit: int, read: Callable[[str | None, int], Awaitable[list[L]]]
) -> list[L]:
    """Give up to `limit` entries that the caller may see; `read(before, limit)` reads the engine's list on."""
    if caller.operates:
        return await read(before, limit)
    mine: list[L] = []
    while len(mine) < limit:
        found = await read(before, _AT_ONCE)
        mine += await visible(db, caller, found)
        if len(found) < _AT_ONCE:
            break
        before = found[-1].id
    return mine[:limit]


async def must_see(db: Database, caller: Caller, found: L) -> L:
    """Give it back. Raises `NotThere` where the caller may not see it."""
    if not await visible(db, caller, [found]):
        kind = "event" if isinstance(found, EventView) else "run"
        raise NotThere(f"There is no {kind} {found.id}.", remedy=f"Take an id from the list of {kind}s.")
    return found


def _named(one: EventView | RunView) -> frozenset[str]:
    data = one.data if isinstance(one, EventView) else one.event.get("data")
    if not isinstance(data, Mapping):
        return frozenset()
    return frozenset(value for name in _NAMES if isinstance(value := data.get(name), str))
