"""Notices: what there is to tell of a workspace, and the messages that carry it to each channel, once."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import sqlalchemy as sa

from counterfoil.lib.ids import new_id
from counterfoil.store.channels import Channel
from counterfoil.store.schema import channels, messages, notices, sync_tables, syncs, tellings

TEST: Final = "test"
DIGEST: Final = "digest"
SINGLE: Final = "notice"


class Waiting(msgspec.Struct, frozen=True):
    """A message that is to be sent."""

    message_id: str
    channel_id: str


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to tell, in plain words: no bank rows, no secrets. `incident` is unique in its workspace."""

    workspace_id: str
    kind: str  # attention | mended | failed | weekly
    incident: str
    title: str
    body: str
    remedy: str = ""
    path: str = "/"
    code: str | None = None
    connection_id: str | None = None
    destination_id: str | None = None
    lasts: bool = False  # until it is ended, the same is not told again
    id: str = ""
    at: dt.datetime | None = None  # when it was kept


@dataclass(frozen=True, slots=True)
class Message:
    """One message to one channel; `id` is what the receiver knows it by."""

    id: str
    channel_id: str
    kind: str
    state: str  # waiting | sent | failed
    tries: int
    reason: str | None
    created_at: dt.datetime
    sent_at: dt.datetime | None


_MESSAGE: Final = [messages.c[name] for name in Message.__dataclass_fields__]


def tell(tx: sa.Connection, notice: Notice, to: Iterable[Channel]) -> list[Waiting]:
    """Keep a notice and what carries it to each channel that wants it; give what is to be sent now.

    Repeated, for the same incident, it keeps nothing new and gives the same messages.
    """
    known = sa.select(notices.c.id).where(
        notices.c.workspace_id == notice.workspace_id, notices.c.incident == notice.incident
    )
    notice_id = tx.execute(known).scalar()
    if notice_id is None:
        notice_id = new_id()
        left_out = ("id", "at", "lasts")
        values = {name: getattr(notice, name) for name in Notice.__dataclass_fields__ if name not in left_out}
        now, is_open = dt.datetime.now(dt.UTC), True if notice.lasts else None
        tx.execute(notices.insert().values(id=notice_id, at=now, open=is_open, **values))
    for channel in to:
        if notice.kind in channel.kinds:
            _put(tx, channel, notice_id)
    query = sa.select(tellings.c.message_id, tellings.c.channel_id).where(
        tellings.c.notice_id == notice_id, tellings.c.message_id.is_not(None)
    )
    return [Waiting(*row) for row in tx.execute(query.order_by(tellings.c.message_id))]


def _put(tx: sa.Connection, channel: Channel, notice_id: str) -> None:
    mine = (tellings.c.channel_id == channel.id) & (tellings.c.notice_id == notice_id)
    if tx.execute(sa.select(tellings.c.notice_id).where(mine)).first() is not None:
        return
    message_id = _new_message(tx, channel.id, SINGLE) if channel.rhythm.hour is None else None
    tx.execute(tellings.insert().values(channel_id=channel.id, notice_id=notice_id, message_id=message_id))


def gather(tx: sa.Connection, channel_id: str) -> Waiting | None:
    """Put all that waits for a channel's digest into one message, None where nothing waits."""
    waits = (tellings.c.channel_id == channel_id) & tellings.c.message_id.is_(None)
    if tx.execute(sa.select(tellings.c.notice_id).where(waits).limit(1)).first() is None:
        return None
    message_id = _new_message(tx, channel_id, DIGEST)
    tx.execute(sa.update(tellings).where(waits).values(message_id=message_id))
    return Waiting(message_id, channel_id)


def test(tx: sa.Connection, channel_id: str) -> Waiting:
    """Make a message that only shows that the way is open."""
    return Waiting(_new_message(tx, channel_id, TEST), channel_id)


def _new_message(tx: sa.Connection, channel_id: str, kind: str) -> str:
    message_id, now = new_id(), dt.datetime.now(dt.UTC)
    tx.execute(
        messages.insert().values(
            id=message_id, channel_id=channel_id, kind=kind, state="waiting", tries=0, created_at=now
        )
    )
    return message_id


# --- incidents -------------------------------------------------------------------------------------------


def open_ones(tx: sa.Connection, workspace_id: str) -> list[Notice]:
    """Give the incidents of a workspace that were told and still last, oldest first."""
    query = sa.select(notices).where(notices.c.workspace_id == workspace_id, notices.c.open.is_not(None))
    return [_notice(row) for row in tx.execute(query.order_by(notices.c.id)).mappings()]


def end(tx: sa.Connection, notice_id: str) -> None:
    """Say that an incident is over."""
    tx.execute(sa.update(notices).where(notices.c.id == notice_id).values(open=None))


@dataclass(frozen=True, slots=True)
class Week:
    """What a workspace's syncs did in seven days; `name` is the week's own, such as 2026-W07."""

    name: str
    syncs: int
    failed: int
    rows: Mapping[str, int]  # "created", "updated", "deleted"


def week(tx: sa.Connection, workspace_id: str, until: dt.datetime) -> Week:
    """Count what the seven days before a moment brought."""
    since = until - dt.timedelta(days=7)
    mine = (syncs.c.workspace_id == workspace_id, syncs.c.started_at >= since, syncs.c.finished_at.is_not(None))
    failed = sa.func.sum(sa.case((syncs.c.state == "done", 0), else_=1))
    ran, not_well = tx.execute(sa.select(sa.func.count(), failed).where(*mine)).one()
    did = ("created", "updated", "deleted")
    sums = sa.select(*(sa.func.sum(sync_tables.c[name]) for name in did)).join(syncs).where(*mine)
    counts = tx.execute(sums).one()
    year, number, _ = until.isocalendar()
    rows = {name: count or 0 for name, count in zip(did, counts, strict=True)}
    return Week(f"{year}-W{number:02}", ran, not_well or 0, rows)


# --- messages --------------------------------------------------------------------------------------------


def message(tx: sa.Connection, message_id: str) -> Message | None:
    """Give one message, None where its channel was removed."""
    row = tx.execute(sa.select(*_MESSAGE).where(messages.c.id == message_id)).first()
    return None if row is None else Message(*row)


def content(tx: sa.Connection, message_id: str) -> list[Notice]:
    """Give what a message tells of, oldest first."""
    query = sa.select(notices).join(tellings, tellings.c.notice_id == notices.c.id)
    rows = tx.execute(query.where(tellings.c.message_id == message_id).order_by(notices.c.id)).mappings()
    return [_notice(row) for row in rows]


def count_try(tx: sa.Connection, message_id: str) -> int:
    """Note that it is being sent; give how often it was tried, this time included."""
    mine = messages.c.id == message_id
    tx.execute(sa.update(messages).where(mine).values(tries=messages.c.tries + 1))
    tries: int = tx.execute(sa.select(messages.c.tries).where(mine)).scalar_one()
    return tries


def set_sent(tx: sa.Connection, message_id: str) -> None:
    """Note that it has arrived."""
    values = {"state": "sent", "reason": None, "sent_at": dt.datetime.now(dt.UTC)}
    tx.execute(sa.update(messages).where(messages.c.id == message_id).values(**values))


def set_reason(tx: sa.Connection, message_id: str, reason: str, *, final: bool) -> bool:
    """Note why a message that waits has not arrived, and where it is final that it will not; give whether it waited."""
    waits = (messages.c.id == message_id) & (messages.c.state == "waiting")
    state = "failed" if final else "waiting"
    return tx.execute(sa.update(messages).where(waits).values(state=state, reason=reason)).rowcount == 1


def give_up(tx: sa.Connection, before: dt.datetime) -> None:
    """Say of messages from before a moment that still wait that they will not arrive: their runs were cancelled."""
    old = (messages.c.state == "waiting") & (messages.c.created_at < before)
    reason = sa.func.coalesce(messages.c.reason, "Its sending was stopped.")
    tx.execute(sa.update(messages).where(old).values(state="failed", reason=reason))


def page(tx: sa.Connection, channel_id: str, *, before: str | None = None, limit: int = 50) -> list[Message]:
    """Give a channel's messages, newest first; `before` is the id of the last one seen."""
    query = sa.select(*_MESSAGE).where(messages.c.channel_id == channel_id)
    if before is not None:
        query = query.where(messages.c.id < before)
    return [Message(*row) for row in tx.execute(query.order_by(messages.c.id.desc()).limit(limit))]


def latest(tx: sa.Connection, workspace_id: str) -> dict[str, Message]:
    """Give the newest message of each channel, by the channel's id."""
    newest = sa.select(sa.func.max(messages.c.id)).join(channels).where(channels.c.workspace_id == workspace_id)
    query = sa.select(*_MESSAGE).where(messages.c.id.in_(newest.group_by(messages.c.channel_id)))
    return {row.channel_id: Message(*row) for row in tx.execute(query)}


def titles(tx: sa.Connection, message_ids: Sequence[str]) -> dict[str, list[str]]:
    """Give what each message is about."""
    query = sa.select(tellings.c.message_id, notices.c.title).join(notices, notices.c.id == tellings.c.notice_id)
    found: dict[str, list[str]] = {}
    for message_id, title in tx.execute(query.where(tellings.c.message_id.in_(message_ids)).order_by(notices.c.id)):
        found.setdefault(message_id, []).append(title)
    return found


def prune(tx: sa.Connection, before: dt.datetime) -> int:
    """Delete messages that were sent or given up before a moment, and notices that are over; give how many."""
    old = messages.c.created_at < before
    gone = tx.execute(sa.delete(messages).where(old, messages.c.state != "waiting")).rowcount
    tx.execute(sa.delete(notices).where(notices.c.at < before, notices.c.open.is_(None)))
    return gone


def _notice(row: sa.RowMapping) -> Notice:
    names = [name for name in Notice.__dataclass_fields__ if name != "lasts"]
    return Notice(**{name: row[name] for name in names}, lasts=row["open"] is not None)
