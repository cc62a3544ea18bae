"""One batch of changes: planned and marked in one transaction, settled and counted in another."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from counterfoil.errors import ActionRequired, RetryLater
from counterfoil.plan import UNKNOWN, Entry, LinkTo, Planned, Row, State, plan, settle
from counterfoil.ports import Act, Link, Outcome, Rejected, Undecided, Written
from counterfoil.store import Tx, destinations, mirror, rows, syncs
from counterfoil.store.destinations import Selection, Target


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
    done), then the rows past `watermark`.
    """
    if open_after is not None:
        keys = mirror.open_keys(tx, place.destination_id, place.table, after=open_after, limit=size)
        found = rows.by_keys(tx, place.workspace_id, place.table, keys)
        planned = _plan_rows(tx, place, _one_per_key(found))
        _mark(tx, place, planned)
        return Batch(planned, watermark, keys[-1] if len(keys) == size else None, last=False)
    changed = rows.changed(tx, place.workspace_id, place.table, after=watermark, limit=size)
    planned = _plan_rows(tx, place, _one_per_key(changed))
    _mark(tx, place, planned)
    return Batch(planned, changed[-1].version if changed else watermark, None, last=len(changed) < size)


def _one_per_key(found: Sequence[Row]) -> list[Row]:
    """Two connections may bring the same security: the wanted one counts, else the newest."""
    chosen: dict[str, Row] = {}
    for row in found:
        known = chosen.get(row.key)
        if known is None or (row.wanted, row.version) > (known.wanted, known.version):
            chosen[row.key] = row
    return list(chosen.values())


def _plan_rows(tx: Tx, place: Place, found: Sequence[Row]) -> list[Planned]:
    gone = [row.key for row in found if not row.wanted]
    elsewhere = rows.live_keys(tx, place.workspace_id, place.table, gone)
    chosen = [select(row, place.table, place.selection) for row in found if row.wanted or row.key not in elsewhere]
    keys = [row.key for row in chosen] + [row.replaces for row in chosen if row.replaces]
    entries = mirror.entries(tx, place.destination_id, place.table, keys)
    link = links(tx, place, chosen)
    planned: list[Planned] = []
    corrected: list[Entry] = []
    for decided in plan(chosen, entries, place.target.mapping, removal=place.selection.removal, link=link):
        if isinstance(decided, Planned):
            planned.append(decided)
        else:
            corrected.append(decided)
    mirror.save(tx, place.destination_id, place.table, corrected)
    return planned


def select(row: Row, table: str, selection: Selection) -> Row:
    """Leave out what the user has not chosen: it is treated as if the provider had removed it."""
    account = row.key if table == "accounts" else row.cells.get("account")
    day = row.cells.get("date")
    chosen = selection.accounts is None or account is None or account in selection.accounts
    if selection.since is not None and isinstance(day, type(selection.since)):
        chosen = chosen and day >= selection.since
    return row if chosen else Row(row.key, row.version, row.cells, False, row.replaces, row.replaced_by)


def links(tx: Tx, place: Place, found: Sequence[Row]) -> LinkTo:
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
        entries = mirror.entries(tx, place.destination_id, table, keys)
        standing.update(((table, key), entry) for key, entry in entries.items())

    def link(table: str, key: str) -> tuple[Link, bool]:
        entry = standing.get((table, key))
        expected = (table, key) in names and (entry is None or entry.state in (*UNKNOWN, State.REJECTED))
        remote_id = entry.remote_id if entry else None
        return Link(key, remote_id, names.get((table, key))), remote_id is not None or not expected

    return link


def _mark(tx: Tx, place: Place, planned: Sequence[Planned]) -> None:
    moved = [p.old_key for p in planned if p.old_key is not None]
    mirror.save(tx, place.destination_id, place.table, [p.before for p in planned], moved)


def record(
    tx: Tx, place: Place, sync_id: str, batch: Batch, outcomes: Sequence[Outcome]
) -> tuple[syncs.Counts, RetryLater | ActionRequired | None]:
    """Settle a batch in the mirror and the log, all in one transaction; give what happened and what stopped it."""
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
    mirror.save(tx, place.destination_id, place.table, saved, gone)
    destinations.set_watermark(tx, place.destination_id, place.table, batch.watermark)
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
