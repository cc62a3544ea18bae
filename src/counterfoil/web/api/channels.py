"""Channels: where people are told that something needs them, and what became of each message."""

import datetime as dt
from typing import Annotated, Any, Literal

from fastapi import Response
from pydantic import Field, StringConstraints

from counterfoil.store import channels as stored
from counterfoil.store import notices
from counterfoil.web.api import paging, routes
from counterfoil.web.api.callers import Admin, Reader, Works, note
from counterfoil.web.api.paging import Cursor, Limit, Page
from counterfoil.web.api.shapes import Need, Order, Shape

router = routes.router("channels")
Told = Literal["attention", "mended", "failed", "weekly"]
Hour = Annotated[int, Field(ge=0, le=23)]
Zone = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00]*$")]
Address = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000, pattern=r"^[^\x00]*$")]
_KINDS = "attention: something needs you; mended: it is over; failed: a sync failed by itself; weekly: a summary"


class Channel(Shape):
    """One channel. Its address and secret are not shown."""

    id: str
    kind: str = Field(description="email, webhook or apprise")
    label: str = Field(description="where it leads, without what is secret of it")
    kinds: list[str] = Field(description=_KINDS)
    hour: int | None = Field(description="of the daily digest; null: each notice at once")
    timezone: str
    digest_at: dt.datetime | None = Field(description="when the digest is due next")
    weekly_at: dt.datetime = Field(description="when the weekly summary is due next")
    problem: Need | None = Field(description="why nothing arrives")
    created_at: dt.datetime


class ChannelShown(Channel):
    """A new channel."""

    secret: str | None = Field(description="what a webhook is signed with; this is the only time that it is shown")


class NewChannel(Order):
    """Where to tell, and what."""

    kind: Literal["email", "webhook", "apprise"]
    address: Address = Field(description="an e-mail address, a webhook's address, or an apprise URL")
    kinds: list[Told] = Field(["attention", "mended", "failed"], min_length=1, description=_KINDS)
    hour: Hour | None = Field(None, description="of the daily digest; null: each notice at once")
    timezone: Zone = "UTC"


class ChannelChange(Order):
    """What to tell, and when; what is left out stays as it is."""

    kinds: list[Told] = Field([], min_length=1, description=_KINDS)
    hour: Hour | None = Field(None, description="of the daily digest; null: each notice at once")
    timezone: Zone = "UTC"


class NewSecret(Shape):
    """A webhook's new secret. This is the only time that it is shown; the one before signs too for a day."""

    secret: str


class Message(Shape):
    """One message."""

    id: str = Field(description="what the receiver knows it by on every try: `webhook-id`, or in the Message-ID")
    kind: str = Field(description="notice, digest or test")
    state: str = Field(description="waiting, sent or failed")
    tries: int
    reason: str | None = Field(description="why it has not arrived")
    created_at: dt.datetime
    sent_at: dt.datetime | None


class MessageInLog(Message):
    """One message, and what it tells of."""

    about: list[str]


@router.get("/channels")
async def list_channels(caller: Reader, product: Works, limit: Limit = 50, cursor: Cursor = None) -> Page[Channel]:
    """List the channels, oldest first."""
    found = await product.db.read(stored.of_workspace, caller.workspace_id)
    return paging.part_of(found, limit, cursor, _shape, lambda one: one.id)


@router.post("/channels", status_code=201, dependencies=routes.REPEATABLE)
async def add_channel(order: NewChannel, caller: Admin, product: Works) -> ChannelShown:
    """Add a channel. A webhook's secret is in this answer and never shown again."""
    added = await product.channels.add(
        caller.workspace_id, order.kind, order.address, order.kinds, hour=order.hour, timezone=order.timezone
    )
    await note(product, caller, "channel.added", added.channel.label)
    return ChannelShown(**dict(_shape(added.channel)), secret=added.secret)


@router.get("/channels/{channel_id}")
async def show_channel(channel_id: str, caller: Reader, product: Works) -> Channel:
    """Show one channel."""
    return _shape(await product.db.read(stored.find, caller.workspace_id, channel_id))


@router.patch("/channels/{channel_id}")
async def change_channel(channel_id: str, order: ChannelChange, caller: Admin, product: Works) -> Channel:
    """Change what is told and when. What waits for a digest that is no more goes out at once."""
    given: dict[str, Any] = order.model_dump(exclude_unset=True)
    changed = await product.channels.change(caller.workspace_id, channel_id, **given)
    await note(product, caller, "channel.changed", changed.label)
    return _shape(changed)


@router.post("/channels/{channel_id}/test", dependencies=routes.REPEATABLE)
async def test_channel(channel_id: str, caller: Admin, product: Works) -> Message:
    """Send a test, and say what became of it within some seconds."""
    return Message.model_validate(await product.channels.test(caller.workspace_id, channel_id))


@router.post("/channels/{channel_id}/rotate", dependencies=routes.REPEATABLE)
async def rotate_secret(channel_id: str, caller: Admin, product: Works) -> NewSecret:
    """Give a webhook another secret; for a day messages are signed with the one before as well."""
    secret = await product.channels.rotate(caller.workspace_id, channel_id)
    found = await product.db.read(stored.find, caller.workspace_id, channel_id)
    await note(product, caller, "channel.rotated", found.label)
    return NewSecret(secret=secret)


@router.delete("/channels/{channel_id}", status_code=204)
async def remove_channel(channel_id: str, caller: Admin, product: Works) -> Response:
    """Remove a channel with its log; nothing is told there any more."""
    gone = await product.db.run(stored.remove, caller.workspace_id, channel_id)
    await note(product, caller, "channel.removed", gone.label)
    return Response(status_code=204)


@router.get("/channels/{channel_id}/messages")
async def list_messages(
    channel_id: str, caller: Reader, product: Works, limit: Limit = 50, cursor: Cursor = None
) -> Page[MessageInLog]:
    """List what was sent by a channel, newest first; 90 days are kept."""
    before = paging.single(cursor)
    channel = await product.db.read(stored.find, caller.workspace_id, channel_id)
    found = await product.db.read(notices.page, channel.id, before=before, limit=limit + 1)
    about = await product.db.read(notices.titles, [one.id for one in found])

    def shape(one: notices.Message) -> MessageInLog:
        return MessageInLog(**dict(Message.model_validate(one)), about=about.get(one.id, []))

    return paging.page_of(found, limit, shape, lambda one: (one.id,))


def _shape(found: stored.Channel) -> Channel:
    problem = None if found.problem is None else Need.model_validate(found.problem)
    return Channel(
        id=found.id,
        kind=found.kind,
        label=found.label,
        kinds=list(found.kinds),
        hour=found.rhythm.hour,
        timezone=found.rhythm.timezone,
        digest_at=found.rhythm.digest_at,
        weekly_at=found.rhythm.weekly_at,
        problem=problem,
        created_at=found.created_at,
    )
