"""Whether all is well, in one sentence, and what needs somebody."""

import datetime as dt
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from counterfoil.plan import State
from counterfoil.store import Tx, connections, destinations, glance, mirror, syncs
from counterfoil.store.connections import Connection, Problem
from counterfoil.store.destinations import Destination
from counterfoil.store.syncs import Sync
from counterfoil.web import words

Counts = Mapping[tuple[str, State], int]


@dataclass(frozen=True, slots=True)
class Place:
    """A destination, how many rows are still to be looked at for it, and what is wrong with its tables."""

    destination: Destination
    pending: int
    table_problems: Sequence[tuple[str, Problem]]  # (the table's label, problem)
    counts: Counts  # rows by table and what is believed of them

    @property
    def standing(self) -> int:
        """How many rows stand there."""
        return self._in(State.SYNCED)

    @property
    def refused(self) -> int:
        """How many rows it refuses."""
        return self._in(State.REJECTED)

    def _in(self, state: State) -> int:
        return sum(number for (_, what), number in self.counts.items() if what is state)

    @property
    def is_well(self) -> bool:
        """Say whether it goes on by itself."""
        return self.destination.state == "active" and not self.table_problems


@dataclass(frozen=True, slots=True)
class Overview:
    """A workspace at a glance."""

    connections: Sequence[Connection]
    places: Sequence[Place]
    syncs: Sequence[Sync]
    names: Mapping[str, str]  # what the syncs are for

    @property
    def last_change(self) -> dt.datetime | None:
        """When the newest sync ended."""
        return max((sync.finished_at for sync in self.syncs if sync.finished_at), default=None)


@dataclass(frozen=True, slots=True)
class Health:
    """One sentence, and how good it is: good | busy | warn | bad | calm."""

    tone: str
    sentence: str


class Tally:
    """Remembers how many rows stand at each destination: counting reads the whole mirror of it.

    A count is made anew once something has happened, but counting never takes more than a tenth of the time. All that
    are asked for together are counted together: no destination waits for another to be at rest.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[str, tuple[object, Counts]] = {}
        self._rest_until = 0.0

    def of(self, tx: Tx, markers: Mapping[str, object]) -> Mapping[str, Counts]:
        """Give the rows of destinations by table and state; a marker differs once they may have changed."""
        began = self._clock()
        rests = began < self._rest_until
        for destination_id, marker in markers.items():
            known = self._known.get(destination_id)
            if known is None or (known[0] != marker and not rests):
                self._known[destination_id] = (marker, mirror.counts(tx, destination_id))
                self._rest_until = began + 10 * (self._clock() - began)
        return {destination_id: self._known[destination_id][1] for destination_id in markers}


def read(tx: Tx, workspace_id: str, tally: Tally, *, newest: int = 6) -> Overview:
    """Read what the overview needs."""
    known = [one for one in connections.of_workspace(tx, workspace_id) if one.state != "removed"]
    shown = [one for one in destinations.of_workspace(tx, workspace_id) if one.state != "removed"]
    logged = syncs.of_workspace(tx, workspace_id, newest)
    names = names_of(tx, workspace_id, logged)
    return Overview(known, places_of(tx, workspace_id, shown, tally), logged, names)


def places_of(tx: Tx, workspace_id: str, shown: Sequence[Destination], tally: Tally) -> list[Place]:
    """Read how far each of the destinations has come."""
    ways = glance.ways(tx, workspace_id)
    latest = glance.newest(tx, workspace_id, {way.table for way in ways})
    last = glance.last_sync(tx, workspace_id)
    counted: dict[tuple[str, int], int] = {}
    own = {destination.id: [way for way in ways if way.destination_id == destination.id] for destination in shown}
    markers = {one: (last, tuple(way.watermark for way in mine)) for one, mine in own.items()}
    counts = tally.of(tx, markers)
    places = []
    for destination in shown:
        mine = own[destination.id]
        pending = 0
        for way in mine:
            if latest[way.table] > way.watermark:
                place = (way.table, way.watermark)
                if place not in counted:
                    counted[place] = glance.newer(tx, workspace_id, *place)
                pending += counted[place]
        targets = destinations.targets(tx, destination.id) if any(way.has_problem for way in mine) else {}
        problems = [(t.mapping.label, t.problem) for t in targets.values() if t.enabled and t.problem is not None]
        places.append(Place(destination, pending, problems, counts[destination.id]))
    return places


def names_of(tx: Tx, workspace_id: str, shown: Iterable[Sync]) -> dict[str, str]:
    """Give what syncs are for: a connection's label by its id, destinations' labels by the sync's own id."""
    labels = {one.id: one.label for one in destinations.of_workspace(tx, workspace_id)}
    names = {one.id: one.label for one in connections.of_workspace(tx, workspace_id, removed=True)}
    own = [sync.id for sync in shown if sync.connection_id is None]
    for sync_id, wrote_to in syncs.destinations_of(tx, own).items():
        names[sync_id] = ", ".join(labels.get(one, "Removed destination") for one in wrote_to)
    return names


def health(seen: Overview, now: dt.datetime | None = None) -> Health:
    """Say how a workspace is."""
    if not seen.connections and not seen.places:
        return Health("calm", "Nothing is connected yet.")
    if not seen.connections:
        return Health("calm", "No bank is connected yet.")
    if not seen.places:
        return Health("calm", "No destination is connected yet.")
    needy = [one.label for one in seen.connections if one.state == "action_required"]
    needy += [place.destination.label for place in seen.places if not place.is_well and _is_on(place)]
    on = [place for place in seen.places if _is_on(place)]
    current = [place for place in on if place.is_well and not place.pending]
    change = f"last change {words.ago(seen.last_change, now)}"
    if needy:
        who = needy[0] if len(needy) == 1 else f"{words.count(len(needy), 'thing')}"
        return Health("bad", f"{who} {'needs' if len(needy) == 1 else 'need'} you, {change}.")
    if not on:
        return Health("warn", "Every destination is paused.")
    if any(sync.state == "running" for sync in seen.syncs) or len(current) < len(on):
        pending = max(place.pending for place in on)
        rest = f", {words.count(pending, 'row')} to go" if pending else ""
        return Health("busy", f"Syncing {words.count(len(on) - len(current) or len(on), 'destination')} now{rest}.")
    if len(on) == 1:
        return Health("good", f"{on[0].destination.label} is up to date, {change}.")
    return Health("good", f"All {len(on)} destinations are up to date, {change}.")


def _is_on(place: Place) -> bool:
    return place.destination.state != "paused"


def place_state(place: Place) -> tuple[str, str]:
    """Give a destination's state as a word and its tone."""
    if place.destination.state == "active" and not place.is_well:
        return ("Needs you", "bad")
    if place.destination.state == "active":
        return ("Syncing", "busy") if place.pending else ("Up to date", "good")
    return words.CONNECTION_STATES.get(place.destination.state, (place.destination.state, "calm"))
