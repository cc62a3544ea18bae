"""Channels: where people want to be told, of what, and whether at once or once a day."""

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from counterfoil.errors import BadRequest, NotThere
from counterfoil.lib.ids import new_id
from counterfoil.lib.secrets import Vault
from counterfoil.store import workspaces
from counterfoil.store.connections import Problem, problem_of
from counterfoil.store.schema import channels

MOST: Final = 20  # channels of one workspace
KINDS: Final = ("attention", "mended", "failed", "weekly")  # of notices


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Where a channel leads: an e-mail address, a webhook's address, or an apprise URL; kept encrypted."""

    address: str
    secret: str | None = None  # webhooks: what messages are signed with
    old_secret: str | None = None  # signs too, until the receiver has had time to learn the new one
    old_until: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Rhythm:
    """When a channel tells: at once, or gathered at an hour of the day in its time zone."""

    hour: int | None
    timezone: str
    digest_at: dt.datetime | None
    weekly_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel, without its target."""

    id: str
    workspace_id: str
    kind: str  # email | webhook | apprise
    label: str
    kinds: tuple[str, ...]
    rhythm: Rhythm
    problem: Problem | None
    created_at: dt.datetime


_VISIBLE: Final = [c for c in channels.c if c.name != "target"]


def add(
    tx: sa.Connection,
    vault: Vault,
    workspace_id: str,
    *,
    kind: str,
    label: str,
    target: Target,
    kinds: Sequence[str],
    rhythm: Rhythm,
) -> Channel:
    """Add a channel. Raises `BadRequest` where there are too many."""
    workspaces.hold(tx, workspace_id)  # another may be added in this moment
    counted = sa.select(sa.func.count()).where(channels.c.workspace_id == workspace_id)
    if tx.execute(counted).scalar_one() >= MOST:
        raise BadRequest(f"There are {MOST} channels already.", remedy="Remove one first.")
    channel_id = new_id()
    tx.execute(
        channels.insert().values(
            id=channel_id,
            workspace_id=workspace_id,
            kind=kind,
            label=label,
            target=_sealed(vault, channel_id, target),
            created_at=dt.datetime.now(dt.UTC),
            **_wishes(kinds, rhythm),
        )
    )
    return find(tx, workspace_id, channel_id)


def find(tx: sa.Connection, workspace_id: str, channel_id: str) -> Channel:
    """Give one channel of a workspace. Raises `NotThere`, also for somebody else's."""
    mine = (channels.c.workspace_id == workspace_id) & (channels.c.id == channel_id)
    return _found(tx.execute(sa.select(*_VISIBLE).where(mine)).mappings().first(), channel_id)


def hold(tx: sa.Connection, workspace_id: str, channel_id: str) -> Channel:
    """Give one channel that is to be changed; until the transaction ends nobody else changes it. Raises `NotThere`."""
    mine = (channels.c.workspace_id == workspace_id) & (channels.c.id == channel_id)
    held = sa.select(*_VISIBLE).where(mine).with_for_update(key_share=True)
    return _found(tx.execute(held).mappings().first(), channel_id)


def get(tx: sa.Connection, channel_id: str) -> Channel | None:
    """Give one channel, None where it was removed meanwhile."""
    row = tx.execute(sa.select(*_VISIBLE).where(channels.c.id == channel_id)).mappings().first()
    return None if row is None else _channel(row)


def of_workspace(tx: sa.Connection, workspace_id: str) -> list[Channel]:
    """Give a workspace's channels, oldest first."""
    query = sa.select(*_VISIBLE).where(channels.c.workspace_id == workspace_id).order_by(channels.c.id)
    return [_channel(row) for row in tx.execute(query).mappings()]


def due(tx: sa.Connection, workspace_ids: Collection[str], now: dt.datetime) -> list[Channel]:
    """Give the channels of these workspaces whose digest or weekly summary is due.

    Whoever changes one in this moment comes before or after: the rhythm that is kept next begins with this one.
    """
    late = (channels.c.digest_at <= now) | (channels.c.weekly_at <= now)
    query = sa.select(*_VISIBLE).where(channels.c.workspace_id.in_(workspace_ids), late)
    found = tx.execute(query.order_by(channels.c.id).with_for_update(key_share=True))
    return [_channel(row) for row in found.mappings()]


def target(tx: sa.Connection, vault: Vault, channel_id: str) -> Target:
    """Give where a channel leads, decrypted."""
    sealed = tx.execute(sa.select(channels.c.target).where(channels.c.id == channel_id)).scalar_one()
    return msgspec.json.decode(vault.open(sealed, bound_to=f"channels:{channel_id}"), type=Target)


def change_secret(
    tx: sa.Connection, vault: Vault, workspace_id: str, channel_id: str, secret: str, until: dt.datetime
) -> None:
    """Give a webhook another secret; the one before signs too until a moment. Raises `BadRequest`, and `NotThere`."""
    hold(tx, workspace_id, channel_id)
    before = target(tx, vault, channel_id)
    if before.secret is None:
        raise BadRequest("Only webhooks are signed.", remedy="Choose a webhook.")
    after = Target(address=before.address, secret=secret, old_secret=before.secret, old_until=until)
    _update(tx, channel_id, target=_sealed(vault, channel_id, after))


def change(tx: sa.Connection, channel_id: str, kinds: Sequence[str], rhythm: Rhythm) -> None:
    """Keep what is told and when."""
    _update(tx, channel_id, **_wishes(kinds, rhythm))


def set_rhythm(tx: sa.Connection, channel_id: str, rhythm: Rhythm) -> None:
    """Keep when the channel tells next."""
    _update(tx, channel_id, **_times(rhythm))


def set_problem(tx: sa.Connection, channel_id: str, problem: Problem | None) -> None:
    """Keep why nothing arrives, or that it does again."""
    values: dict[str, str | None] = {"problem_code": None, "problem": None, "remedy": None}
    if problem is not None:
        values = {"problem_code": problem.code, "problem": problem.message, "remedy": problem.remedy}
    _update(tx, channel_id, **values)


def remove(tx: sa.Connection, workspace_id: str, channel_id: str) -> Channel:
    """Remove a channel with its log, and give what it was. Raises `NotThere`."""
    mine = (channels.c.workspace_id == workspace_id) & (channels.c.id == channel_id)
    return _found(tx.execute(sa.delete(channels).where(mine).returning(*_VISIBLE)).mappings().first(), channel_id)


def _update(tx: sa.Connection, channel_id: str, **values: Any) -> None:
    tx.execute(sa.update(channels).where(channels.c.id == channel_id).values(**values))


def _sealed(vault: Vault, channel_id: str, target: Target) -> bytes:
    return vault.seal(msgspec.json.encode(target), bound_to=f"channels:{channel_id}")


def _wishes(kinds: Sequence[str], rhythm: Rhythm) -> dict[str, Any]:
    return {"kinds": msgspec.json.encode(kinds).decode(), **_times(rhythm)}


def _times(rhythm: Rhythm) -> dict[str, Any]:
    return {name: getattr(rhythm, name) for name in Rhythm.__dataclass_fields__}


def _found(row: sa.RowMapping | None, channel_id: str) -> Channel:
    if row is None:
        raise NotThere(f"There is no channel {channel_id}.", remedy="List them: counterfoil channels")
    return _channel(row)


def _channel(row: sa.RowMapping) -> Channel:
    return Channel(
        id=row["id"],
        workspace_id=row["workspace_id"],
        kind=row["kind"],
        label=row["label"],
        kinds=msgspec.json.decode(row["kinds"], type=tuple[str, ...]),
        rhythm=Rhythm(**{name: row[name] for name in Rhythm.__dataclass_fields__}),
        problem=problem_of(row),
        created_at=row["created_at"],
    )
