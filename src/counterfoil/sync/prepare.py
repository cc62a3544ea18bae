"""Prepares a destination: makes the tables that its mapping names, and binds the mapping to their ids."""

from collections.abc import Mapping, Sequence

import msgspec

from counterfoil.engine import Concurrency, Context, function
from counterfoil.ports import TableMapping
from counterfoil.store import Tx, destinations
from counterfoil.sync.mapping import with_links
from counterfoil.sync.steps import DestinationSync, SyncSteps


class Prepared(msgspec.Struct, frozen=True):
    """A destination stands ready; these of its tables have something to do."""

    pending: list[str]


async def prepare(steps: SyncSteps, asked: DestinationSync) -> Prepared:
    """Make what is missing; a repeat finds it made. Does nothing where all stands ready already."""
    db = steps.doors.db
    destination = await db.read(destinations.get, asked.destination_id)
    bound = False
    while not bound:
        targets = (await db.read(destinations.targets, asked.destination_id)).values()
        enabled = [target for target in targets if target.enabled]
        bound = all(target.prepared for target in enabled)
        if not bound:
            door = await steps.doors.destination(destination)
            can_create = steps.doors.destination_spec(destination.kind).can_create_tables
            standing = {table.id for table in (await door.describe()).tables} if can_create else None
            ready = with_links(await door.prepare(steps.ordered([target.mapping for target in enabled])))
            made = [mapping.table for mapping in ready if standing is not None and mapping.table_id not in standing]
            editions = {target.table: target.edition for target in enabled}
            bound = await db.run(_save, asked.destination_id, ready, editions, made)
    outlook = await steps.connected_destinations(destination.workspace_id, asked.destination_id)
    return Prepared([table for one in outlook for table in one.tables])


def _save(
    tx: Tx, destination_id: str, ready: Sequence[TableMapping], editions: Mapping[str, int], made: Sequence[str]
) -> bool:
    """Keep what was prepared; False where the user changed the mapping meanwhile: then that is to be prepared."""
    if not destinations.bind(tx, destination_id, ready, editions):
        return False
    for table in made:
        # No row can stand in a table that we have just made: its first sync need not read it.
        destinations.set_adopted(tx, destination_id, table)
    return True


@function(
    "prepare-destination",
    concurrency=Concurrency(limit=1, key="event.data.destination_id", scope="destination"),
)
async def prepare_destination(ctx: Context[DestinationSync, SyncSteps]) -> Prepared:
    """Prepare a destination, alone with it."""
    return await ctx.step.run("prepare", prepare, ctx.utils, ctx.event.data)
