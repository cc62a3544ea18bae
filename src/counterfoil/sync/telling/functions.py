"""The durable functions that tell: one takes in needs, one looks what is due, one sends each message."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from counterfoil.engine import Concurrency, Context, Cron, Event, Failure, Function, Tick, function
from counterfoil.store import Tx, channels, notices, workspaces
from counterfoil.store.notices import Waiting
from counterfoil.sync.steps import Attention, SyncSteps
from counterfoil.sync.telling.facts import note_attention, note_mended, week_notice
from counterfoil.sync.telling.post import GIVES_UP, Delivery
from counterfoil.sync.telling.rhythm import rhythm

WAITS: Final = "app/message.waits"


def waits(waiting: Waiting) -> Event[Waiting]:
    """Give the event that has a message sent; however often it is sent itself, the message is sent once."""
    return Event(WAITS, waiting, id=f"message:{waiting.message_id}")


async def send_all(ctx: Context[Any, SyncSteps], waiting: Sequence[Waiting]) -> None:
    """Have messages sent."""
    for one in waiting:
        await ctx.step.send_event(f"message-{one.message_id}", waits(one))


@function("tell", on="app/attention.required")
async def tell(ctx: Context[Attention, SyncSteps]) -> int:
    """Tell that a person must act, once for each need; give how many messages go out now."""
    waiting = await ctx.step.run("note", note, ctx.utils, ctx.event.id, ctx.event.data)
    await send_all(ctx, waiting)
    return len(waiting)


async def note(steps: SyncSteps, event_id: str, needed: Attention) -> list[Waiting]:
    """Keep the need, and what carries it."""
    return await steps.doors.db.run(note_attention, event_id, needed.code, needed.connection_id, needed.destination_id)


@function("tell-due", on=Cron("*/5 * * * *"))
async def tell_due(ctx: Context[Tick, SyncSteps]) -> int:
    """Tell what is mended, and send the digests and weekly summaries whose hour has come."""
    waiting = await ctx.step.run("due", find_due, ctx.utils, ctx.event.data.at)
    await send_all(ctx, waiting)
    return len(waiting)


async def find_due(steps: SyncSteps, at: str) -> list[Waiting]:
    """Find what there is to send now."""
    return await steps.doors.db.run(_due, dt.datetime.fromisoformat(at).astimezone(dt.UTC))


def _due(tx: Tx, now: dt.datetime) -> list[Waiting]:
    notices.give_up(tx, now - 2 * GIVES_UP)
    living = [one.id for one in workspaces.every(tx)]
    waiting = [one for workspace_id in living for one in note_mended(tx, workspace_id)]
    for channel in channels.due(tx, living, now):
        after = rhythm(channel.rhythm.hour, channel.rhythm.timezone, now)
        if channel.rhythm.weekly_at > now:
            after = replace(after, weekly_at=channel.rhythm.weekly_at)
        elif "weekly" in channel.kinds:
            week = notices.week(tx, channel.workspace_id, now)
            told = notices.tell(tx, week_notice(tx, channel.workspace_id, week), [channel])
            waiting += [one for one in told if one.channel_id == channel.id]
        if channel.rhythm.digest_at is not None and channel.rhythm.digest_at <= now:
            gathered = notices.gather(tx, channel.id)
            waiting += [] if gathered is None else [gathered]
        channels.set_rhythm(tx, channel.id, after)
    return waiting


async def _give_up(ctx: Context[Waiting, SyncSteps], _failure: Failure) -> None:
    await ctx.step.run("give-up", ctx.utils.post.give_up, ctx.event.data.message_id)


@function(
    "deliver-message",
    on=WAITS,
    concurrency=Concurrency(limit=1, key="event.data.channel_id", scope="channel"),
    on_failure=_give_up,
)
async def deliver_message(ctx: Context[Waiting, SyncSteps]) -> Delivery:
    """Send one message, after those that came before it to the same channel; tried again for a day."""
    return await ctx.step.run("send", ctx.utils.post.send, ctx.event.data.message_id)


TELLING_FUNCTIONS: Final[tuple[Function[Any, Any], ...]] = (tell, tell_due, deliver_message)
