"""What there is to tell: a need when it arises, that it is gone, a sync that failed, and how the week was.

Each is told once. An incident stays open while what it tells of lasts; whether it does is read from the connections
and destinations themselves, so that nobody who mends something has to think of saying so.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from counterfoil.errors import BadRequest
from counterfoil.store import Tx, channels, connections, destinations, notices, syncs
from counterfoil.store.connections import Problem
from counterfoil.store.notices import Notice, Waiting
from counterfoil.store.syncs import Sync, TableLine


@dataclass(frozen=True, slots=True)
class Subject:
    """A connection or a destination as messages speak of it."""

    workspace_id: str
    label: str
    path: str
    needs: tuple[Problem, ...]
    gone: bool

    def need(self, code: str | None) -> Problem | None:
        """Give the need of that code, while there is one."""
        return next((one for one in self.needs if one.code == code), None)


def note_attention(
    tx: Tx, event_id: str, code: str, connection_id: str | None, destination_id: str | None
) -> list[Waiting]:
    """Keep that a person must act, unless they have already, or know; give what is to be sent now."""
    subject = _subject(tx, connection_id, destination_id)
    need = None if subject is None else subject.need(code)
    if subject is None or need is None:
        return []
    incident = f"attention:{event_id}"
    for known in notices.open_ones(tx, subject.workspace_id):
        same = (known.code, known.connection_id, known.destination_id) == (code, connection_id, destination_id)
        if same and known.incident != incident:
            return []
    notice = Notice(
        subject.workspace_id,
        "attention",
        incident,
        title=f"{subject.label} needs you",
        body=need.message,
        remedy=need.remedy,
        path=subject.path,
        code=code,
        connection_id=connection_id,
        destination_id=destination_id,
        lasts=True,
    )
    return notices.tell(tx, notice, channels.of_workspace(tx, subject.workspace_id))


def note_mended(tx: Tx, workspace_id: str) -> list[Waiting]:
    """End the incidents that are over, and keep that those were mended which nothing else has taken the place of."""
    waiting: list[Waiting] = []
    for known in notices.open_ones(tx, workspace_id):
        subject = _subject(tx, known.connection_id, known.destination_id)
        if subject is not None and not subject.gone and (known.kind == "failed" or subject.need(known.code)):
            continue
        notices.end(tx, known.id)
        if subject is not None and not subject.gone and not subject.needs:
            waiting += _tell_mended(tx, known, subject)
    return waiting


def note_sync(tx: Tx, sync_id: str) -> list[Waiting]:
    """Keep what the end of a sync tells: that it failed, once until the next that does not; or what is mended."""
    sync = syncs.get(tx, sync_id)
    if sync is None:
        return []
    still_open = notices.open_ones(tx, sync.workspace_id)
    if sync.state == "done" and not still_open:
        return []  # nearly always
    waiting = note_mended(tx, sync.workspace_id)
    lines = syncs.lines(tx, sync_id)
    place = _place(sync, lines)
    subject = _subject(tx, *place)
    known = [one for one in still_open if one.kind == "failed" and (one.connection_id, one.destination_id) == place]
    if sync.state == "done":
        for one in known:
            notices.end(tx, one.id)
            waiting += _tell_mended(tx, one, subject) if subject is not None else []
        return waiting
    if subject is None or known or not _failed(sync, lines) or _is_told(tx, subject, lines):
        return waiting
    reasons = [line.problem.message for line in lines if line.problem is not None]
    notice = Notice(
        sync.workspace_id,
        "failed",
        f"failed:{sync_id}",
        title=f"A sync of {subject.label} failed",
        body=" ".join([sync.note or "", *dict.fromkeys(reasons)]).strip() or "It ended without a result.",
        remedy="The next sync tries again by itself. The page of this one tells what was done.",
        path=f"/syncs/{sync_id}",
        code="sync_failed",
        connection_id=place[0],
        destination_id=place[1],
        lasts=True,
    )
    return waiting + notices.tell(tx, notice, channels.of_workspace(tx, sync.workspace_id))


def week_notice(tx: Tx, workspace_id: str, week: notices.Week) -> Notice:
    """Say how the last seven days were, in numbers."""
    needs = sum(1 for one in notices.open_ones(tx, workspace_id) if one.kind == "attention")
    rows = ", ".join(f"{number:,} {word}" for word, number in week.rows.items() if number) or "none changed"
    ran = f"{week.syncs:,} syncs ran" if week.syncs != 1 else "1 sync ran"
    failed = "all of them well" if not week.failed else f"{week.failed:,} did not end well"
    return Notice(
        workspace_id,
        "weekly",
        f"weekly:{week.name}",
        title="Your week with Counterfoil",
        body=f"{ran}, {failed}. Rows at your destinations: {rows}.",
        remedy="" if not needs else "1 thing waits for you." if needs == 1 else f"{needs} things wait for you.",
    )


def _subject(tx: Tx, connection_id: str | None, destination_id: str | None) -> Subject | None:
    try:
        if connection_id is not None:
            return _connection(connections.get(tx, connection_id))
        if destination_id is not None:
            return _destination(tx, destination_id)
    except BadRequest:
        return None
    return None


def _connection(one: connections.Connection) -> Subject:
    needs = [one.problem] if one.problem is not None else []
    if one.notice is not None:
        needs.append(Problem(one.notice.code, one.notice.message, one.notice.remedy))
    gone = one.state == "removed" and not needs
    return Subject(one.workspace_id, one.label, f"/connections/{one.id}", tuple(needs), gone)


def _destination(tx: Tx, destination_id: str) -> Subject:
    one = destinations.get(tx, destination_id)
    found = [one.problem, *(target.problem for target in destinations.targets(tx, destination_id).values())]
    needs = tuple(problem for problem in found if problem is not None)
    return Subject(one.workspace_id, one.label, f"/destinations/{one.id}", needs, one.state == "removed")


def _place(sync: Sync, lines: Iterable[TableLine]) -> tuple[str | None, str | None]:
    """Give whose sync it was: a connection's, or that of the destination that it brought up to date."""
    if sync.connection_id is not None:
        return sync.connection_id, None
    return None, next((line.destination_id for line in lines), None)


def _failed(sync: Sync, lines: Iterable[TableLine]) -> bool:
    # A sync that is done in part has failed where a table says so; else a stream is only late.
    return sync.state == "failed" or any(line.problem is not None for line in lines)


def _is_told(tx: Tx, subject: Subject, lines: Iterable[TableLine]) -> bool:
    """Say whether somebody is asked to act already: that is told by itself."""
    concerned = {line.destination_id for line in lines if line.problem is not None}
    return bool(subject.needs) or any(_destination(tx, one).needs for one in concerned)


def _tell_mended(tx: Tx, known: Notice, subject: Subject) -> list[Waiting]:
    notice = Notice(
        known.workspace_id,
        "mended",
        f"mended:{known.id}",
        title=f"{subject.label} works again",
        body=f"This is over: {known.body}",
        path=subject.path,
        code=known.code,
        connection_id=known.connection_id,
        destination_id=known.destination_id,
    )
    return notices.tell(tx, notice, channels.of_workspace(tx, known.workspace_id))
