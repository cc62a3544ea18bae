"""How far a destination has come, and when it will be done, at the vendor's pace or the one that was measured."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from counterfoil.store import Tx, glance, syncs
from counterfoil.store.destinations import Destination
from counterfoil.web import words
from counterfoil.web.overview import Place

_LONG_ENOUGH: Final = 5.0  # seconds of a sync after which its own pace is believed
_ENOUGH: Final = 20  # rows


@dataclass(frozen=True, slots=True)
class Progress:
    """Rows done of all, and the seconds that are left, None where nothing is at work."""

    done: int
    total: int
    seconds: float | None

    def in_words(self) -> str:
        """Say when it will be done."""
        left = f"{self.done:,} of {self.total:,} rows"
        if self.seconds is None:
            return left
        return f"{left}, {words.about(self.seconds)} to go"


def read(tx: Tx, place: Place, pace: float, now: dt.datetime) -> Progress | None:
    """Give a destination's progress, None where nothing is left to do. `pace` is the vendor's, in rows a second."""
    if not place.pending or place.destination.state == "paused":
        return None
    workspace_id, destination_id = place.destination.workspace_id, place.destination.id
    place = replace(place, pending=_chosen(tx, place.destination))
    if not place.pending:
        return None
    running = [sync for sync in syncs.of_workspace(tx, workspace_id, 20) if sync.state == "running"]
    written = 0
    began: list[dt.datetime] = []
    for sync in running:
        lines = [line for line in syncs.lines(tx, sync.id) if line.destination_id == destination_id]
        written += sum(line.counts.created + line.counts.updated + line.counts.deleted for line in lines)
        began += [sync.started_at] if lines else []
    return estimate(place, written, began, pace, now)


def _chosen(tx: Tx, destination: Destination) -> int:
    """Count the rows that are still to be looked at, among those that the user wants there."""
    selection = destination.selection
    ways = [way for way in glance.ways(tx, destination.workspace_id) if way.destination_id == destination.id]
    return sum(
        glance.chosen(tx, destination.workspace_id, way.table, way.watermark, selection.accounts, selection.since)
        for way in ways
    )


def estimate(place: Place, written: int, began: Sequence[dt.datetime], pace: float, now: dt.datetime) -> Progress:
    """Work out when it will be done, from what running syncs have written since they began."""
    total = place.standing + place.pending
    if not began:
        return Progress(place.standing, total, None if place.standing else place.pending / pace)
    spent = (now - min(began)).total_seconds()
    measured = written / spent if spent > _LONG_ENOUGH and written >= _ENOUGH else pace
    return Progress(place.standing, total, place.pending / measured)
