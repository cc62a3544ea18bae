"""Prepares a destination: makes the tables that its mapping names, and binds the mapping to their ids."""

import msgspec

from counterfoil.engine import Concurrency, Context, function
from counterfoil.store import destinations
from counterfoil.sync.mapping import is_bound, with_links
from counterfoil.sync.steps import DestinationSync, SyncSteps


class Prepared(msgspec.Struct, frozen=True):
    """A destination stands ready; these of its tables have something to do."""

    pending: list[str]


async def prepare(steps: SyncSteps, asked: DestinationSync) -> Prepared:
    """Make what is missing; a repeat finds it made. Does nothing where every table and field is bound already."""
    db = steps.doors.db
    destination = await db.read(destinations.get, asked.destination_id)
    bound = False
    while not bound:
        targets = (await db.read(destinations.targets, asked.destination_id)).values()
        enabled = [target for target in targets if target.enabled]
        bound = all(is_bound(target.mapping) for target in enabled)
        if not bound:
            door = await steps.doors.destination(destination)
            ready = with_links(await door.prepare(steps.ordered([target.mapping for target in enabled])))
            # Where the user changed the mapping meanwhile, what they want now is prepared.
            editions = {target.table: target.edition for target in enabled}
            bound = await db.run(destinations.bind, asked.destination_id, ready, editions)
    outlook = await steps.connected_destinations(destination.workspace_id, asked.destination_id)
    return Prepared([table for one in outlook for table in one.tables])


@function(
    "prepare-destination",
    concurrency=Concurrency(limit=1, key="event.data.destination_id", scope="destination"),
)
async def prepare_destination(ctx: Context[DestinationSync, SyncSteps]) -> Prepared:
    """Prepare a destination, alone with it."""
    return await ctx.step.run("prepare", prepare, ctx.utils, ctx.event.data)
