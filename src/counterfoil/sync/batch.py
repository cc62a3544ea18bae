"""One batch of changes: planned and marked in one transaction, settled and counted in another."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from counterfoil.errors import ActionRequired, RetryLater
from counterfoil.plan import UNKNOWN, Entry, LinkTo, Planned, Row, State, plan, settle
from counterfoil.ports import Act, Link, Outcome, Rejected, Undecided, Written
from counterfoil.store import Tx, destinations, mirror, rows, syncs
from counterfoil.store.destinations import Selection, Target

CHUNK: Final = 1_000  # rows planned together: what is held in memory
LOOK: Final = 5_000  # rows compared in one transaction, which holds up other writers; a batch of new rows may have more


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sync function writes: one table of one destination."""

    workspace_id: str
    destination_id: str
    selection: Selection
    target: Target

    @property
    def table(self) -> str:
        return self.target.table


@dataclass(frozen=True, slots=True)
class Batch:
    """Changes that are marked in flight, and how far the planning has come once they are settled."""

    planned: Sequence[Planned]
    watermark: int
    open_after: str | None  # the last open key looked at; None when all have been
    last: bool


def next_batch(tx: Tx, place: Place, size: int, *, watermark: int, open_after: str | None) -> Batch:
    """Plan the next changes and mark them in flight.

    First the rows left open by earlier syncs, in the order of their keys from `open_after` ("" to begin, None when
    done), then the rows past `watermark`. Where the user has changed what is to be done there is nothing left to do
    here: the change has asked for a sync of its own.
    """
    if not _is_current(tx, place):
        return Batch([], watermark, None, last=True)
    if open_after is not None:
        keys = mirror.open_keys(tx, place.destination_id, place.table, after=open_after, limit=size)
        left = best_of_each(tx, place, rows.by_keys(tx, place.workspace_id, place.table, keys))
        planned = _mark(tx, place, [decided for _, decided in decide(tx, place, left, stored(tx, place))])
        return Batch(planned, watermark, keys[-1] if len(keys) == size else None, last=False)
    decisions: list[Planned | Entry] = []
    changes = looked = idle = 0
    more = True
    while more and changes < size and looked < max(LOOK, size):
        # As many as there may be changes; the more of those seen were none, the more are seen at once.
        limit = min(CHUNK, size - changes + 2 * idle)
        found = rows.changed(tx, place.workspace_id, place.table, after=watermark, limit=limit)
        more = len(found) == limit
        looked += len(found)
        upto = found[-1].version if found else watermark
        for version, decided in decide(tx, place, best_of_each(tx, place, found), stored(tx, place)):
            decisions.append(decided)
            changes += isinstance(decided, Planned)
            if changes == size:
                more, upto = more or version < upto, version
                break
        watermark, idle = upto, looked - changes
    return Batch(_mark(tx, place, decisions), watermark, None, last=not more)


def _is_current(tx: Tx, place: Place) -> bool:
    now = destinations.target(tx, place.destination_id, place.table)
    return now is not None and now.edition == place.target.edition


# (canonical table, keys) -> what is believed to stand at the destination
EntriesOf = Callable[[str, Sequence[str]], Mapping[str, Entry]]


def stored(tx: Tx, place: Place) -> EntriesOf:
    """Give the mirror as it is stored."""
    return partial(mirror.entries, tx, place.destination_id)


def best_of_each(tx: Tx, place: Place, found: Sequence[Row]) -> list[tuple[int, Row]]:
    """Give, in place of each row, the one that counts among those of its key, with the version of the row it is for.

    Two connections may bring the same security: the wanted one counts, else the newest.
    """
    shared = rows.shared_keys(tx, place.table, [row.key for row in found])
    best: dict[str, Row] = {}
    for row in rows.by_keys(tx, place.workspace_id, place.table, sorted(shared)):
        known = best.get(row.key)
        if known is None or (row.wanted, row.version) > (known.wanted, known.version):
            best[row.key] = row
    chosen: dict[str, tuple[int, Row]] = {}
    for row in found:
        chosen.pop(row.key, None)  # versions come in their order
        chosen[row.key] = (row.version, best.get(row.key, row))
    return list(chosen.values())


def decide(
    tx: Tx, place: Place, found: Sequence[tuple[int, Row]], entries_of: EntriesOf
) -> Iterator[tuple[int, Planned | Entry]]:
    """Plan rows, in the order given; what comes back has the version that its row was given with."""
    chosen = [(version, select(row, place.table, place.selection)) for version, row in found]
    keys = [row.key for _, row in chosen] + [row.replaces for _, row in chosen if row.replaces]
    entries = entries_of(place.table, keys)
    link = links(tx, place, [row for _, row in chosen], entries_of)
    for version, row in chosen:
        for decided in plan([row], entries, place.target.mapping, removal=place.selection.removal, link=link):
            yield version, decided


def select(row: Row, table: str, selection: Selection) -> Row:
    """Leave out what the user has not chosen: it is treated as if the provider had removed it."""
    account = row.key if table == "accounts" else row.cells.get("account")
    day = row.cells.get("date")
    chosen = selection.accounts is None or account is None or account in selection.accounts
    if selection.since is not None and isinstance(day, type(selection.since)):
        chosen = chosen and day >= selection.since
    return row if chosen else Row(row.key, row.version, row.cells, False, row.replaces, row.replaced_by)


def links(tx: Tx, place: Place, found: Sequence[Row], entries_of: EntriesOf) -> LinkTo:
    """Look up, all at once, the rows that these rows point to."""
    pointed: dict[str, set[str]] = {}
    for mapped in place.target.mapping.fields:
        if mapped.to is not None:
            cells = (row.cells.get(mapped.column) for row in found)
            pointed.setdefault(mapped.to, set()).update(cell for cell in cells if isinstance(cell, str))
    names: dict[tuple[str, str], str] = {}
    standing: dict[tuple[str, str], Entry] = {}
    for table, wanted in pointed.items():
        keys = sorted(wanted)
        names.update(((table, key), name) for key, name in rows.titles(tx, place.workspace_id, table, keys).items())
        standing.update(((table, key), entry) for key, entry in entries_of(table, keys).items())

    def link(table: str, key: str) -> tuple[Link, bool]:
        entry = standing.get((table, key))
        expected = (table, key) in names and (entry is None or entry.state in (*UNKNOWN, State.REJECTED))
        remote_id = entry.remote_id if entry else None
        return Link(key, remote_id, names.get((table, key))), remote_id is not None or not expected

    return link


def _mark(tx: Tx, place: Place, decisions: Sequence[Planned | Entry]) -> list[Planned]:
    """Save what the decisions say of the mirror before anything leaves; give the changes."""
    planned = [decided for decided in decisions if isinstance(decided, Planned)]
    before = [decided.before if isinstance(decided, Planned) else decided for decided in decisions]
    moved = [p.old_key for p in planned if p.old_key is not None]
    mirror.save(tx, place.destination_id, place.table, before, moved)
    return planned


def record(
    tx: Tx, place: Place, sync_id: str, batch: Batch, outcomes: Sequence[Outcome]
) -> tuple[syncs.Counts, RetryLater | ActionRequired | None]:
    """Settle a batch in the mirror and the log, all in one transaction; give what happened and what stopped it.

    What was written before the user changed the mapping holds all the same, unless the table goes elsewhere by now.
    """
    by_key = {outcome.key: outcome for outcome in outcomes}
    counts = syncs.Counts()
    stopped: RetryLater | ActionRequired | None = None
    saved: list[Entry] = []
    gone: list[str] = []
    for planned in batch.planned:
        outcome = by_key.get(planned.change.key) or _unanswered(planned)
        if isinstance(outcome, Undecided):
            stopped = _graver(stopped, outcome.error)
        entry = settle(planned, outcome)
        if entry is None:
            gone.append(planned.before.key)
        else:
            saved.append(entry)
        _count(counts, planned.change.act, outcome)
    now = destinations.target(tx, place.destination_id, place.table)
    if now is not None and now.mapping.table_id == place.target.mapping.table_id:
        mirror.save(tx, place.destination_id, place.table, saved, gone)
    destinations.set_watermark(tx, place.destination_id, place.table, batch.watermark, place.target.edition)
    syncs.add_counts(tx, sync_id, place.destination_id, place.table, counts)
    return counts, stopped


def _unanswered(planned: Planned) -> Undecided:
    return Undecided(planned.change.key, RetryLater("The destination did not say what became of a row.", after=5))


def _graver(one: RetryLater | ActionRequired | None, other: RetryLater | ActionRequired) -> RetryLater | ActionRequired:
    return one if isinstance(one, ActionRequired) else other


def _count(counts: syncs.Counts, act: Act, outcome: Outcome) -> None:
    match outcome:
        case Written():
            name = {Act.CREATE: "created", Act.UPDATE: "updated", Act.DELETE: "deleted"}[act]
            setattr(counts, name, getattr(counts, name) + 1)
        case Rejected():
            counts.rejected += 1
        case Undecided():
            return
        case _:
            counts.gone += 1


def pending_tables(tx: Tx, workspace_id: str, targets: Mapping[str, Target]) -> list[str]:
    """Give the tables of a destination that have something to plan: one look into an index for each."""
    return [
        name
        for name, target in targets.items()
        if target.enabled
        and target.mapping.table_id
        and (
            rows.newest_version(tx, workspace_id, name) > target.watermark
            or mirror.open_keys(tx, target.destination_id, name, after="", limit=1)
        )
    ]
