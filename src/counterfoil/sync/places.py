"""Where a row stands at each destination, and why it does not stand where it does not."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import BaseModel

from counterfoil.plan import Entry, Row, State
from counterfoil.ports import DestinationSpec
from counterfoil.store import Tx, destinations, mirror, rows
from counterfoil.store.destinations import Destination, Target
from counterfoil.sync.batch import select


class Standing(enum.Enum):
    """How a row stands at one destination."""

    WRITTEN = "written"
    OUTDATED = "outdated"  # it stands there; what has changed since follows with the next sync
    ON_ITS_WAY = "on_its_way"
    WAITING = "waiting"  # for the next sync
    REFUSED = "refused"
    DELETED_THERE = "deleted_there"  # by the user, and it stays so
    KEPT = "kept"  # gone here, left there by the user's choice
    LEAVING = "leaving"
    LEFT_OUT = "left_out"  # gone or hidden here, or its account or day is not chosen there
    OFF = "off"  # the table does not go there


@dataclass(frozen=True, slots=True)
class Place:
    """One destination, and how a row stands there."""

    destination: Destination
    standing: Standing
    reason: str | None  # of a refusal
    url: str | None  # where a person looks at it


def of_row(
    tx: Tx,
    workspace_id: str,
    table: str,
    key: str,
    specs: Mapping[str, DestinationSpec],
    apps: Mapping[str, BaseModel],
) -> list[Place]:
    """Give how a row stands at each destination of the workspace."""
    there = destinations.of_workspace(tx, workspace_id)
    targets = destinations.targets_of_table(tx, workspace_id, table)
    entries = mirror.everywhere(tx, [one.id for one in there], table, key)
    row = next(iter(rows.by_keys(tx, workspace_id, table, [key])), None)
    places = []
    for one in there:
        target, entry = targets.get(one.id), entries.get(one.id)
        url = _url_of(specs.get(one.kind), apps, one, target, entry)
        places.append(Place(one, standing(row, one, target, entry), entry.reason if entry else None, url))
    return places


_BY_STATE: Mapping[State, Standing] = {
    State.IN_FLIGHT: Standing.ON_ITS_WAY,
    State.LEAVING: Standing.LEAVING,
    State.TOMBSTONE: Standing.DELETED_THERE,
    State.REJECTED: Standing.REFUSED,
    State.KEPT: Standing.KEPT,
}


def standing(row: Row | None, destination: Destination, target: Target | None, entry: Entry | None) -> Standing:
    """Say how a row stands, from what the mirror believes of it."""
    if target is None or not target.enabled:
        return Standing.OFF
    if entry is not None and entry.state in _BY_STATE:
        return _BY_STATE[entry.state]
    waits = row is not None and row.version > target.watermark
    if entry is not None:
        return Standing.OUTDATED if waits or entry.again else Standing.WRITTEN
    wanted = row is not None and select(row, target.table, destination.selection).wanted
    return Standing.WAITING if wanted else Standing.LEFT_OUT


def _url_of(
    spec: DestinationSpec | None,
    apps: Mapping[str, BaseModel],
    destination: Destination,
    target: Target | None,
    entry: Entry | None,
) -> str | None:
    if spec is None or spec.row_url is None or target is None or entry is None or not entry.remote_id:
        return None
    if entry.state is State.TOMBSTONE:
        return None
    app = apps[spec.slug]
    if getattr(app, "url", None) != type(app).model_fields["url"].default:
        return None  # an emulator: the vendor itself knows nothing of the row
    return spec.row_url(destination.remote_id, target.mapping.table_id, entry.remote_id)
