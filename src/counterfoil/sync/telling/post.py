"""Sends what waits, message by message: a repeat keeps the message's id, and what cannot arrive is kept as such."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import msgspec

from counterfoil.engine import NonRetriable
from counterfoil.errors import ActionRequired, RetryLater
from counterfoil.lib.secrets import Vault
from counterfoil.store import Database, Tx, channels, notices
from counterfoil.store.channels import Channel, Target
from counterfoil.store.connections import Problem
from counterfoil.store.notices import Message, Notice
from counterfoil.sync.telling.letters import write
from counterfoil.sync.telling.ways import WAYS, Outward

PAUSES: Final = (10.0, 60.0, 300.0, 1800.0, 3600.0)  # seconds between tries; the last one again and again
GIVES_UP: Final = dt.timedelta(hours=24)


class Delivery(msgspec.Struct, frozen=True):
    """What became of a message."""

    state: str  # sent | gone: the channel was removed meanwhile
    tries: int


class Post:
    """Sends messages by their channels."""

    def __init__(self, db: Database, vault: Vault, outward: Outward, *, pauses: Sequence[float] = PAUSES) -> None:
        self._db = db
        self._vault = vault
        self.outward = outward
        self._pauses = pauses

    async def send(self, message_id: str) -> Delivery:
        """Send a message. Raises `RetryLater`, and `NonRetriable` where it is refused or too old by now."""
        loaded = await self._db.run(_load, self._vault, message_id)
        if loaded is None:
            return Delivery("gone", 0)
        message, channel, target, content = loaded
        if message.state != "waiting":
            return Delivery(message.state, message.tries)
        written = write(message, content, self.outward.public_url)
        try:
            await WAYS[channel.kind](self.outward, target, message, written)
        except RetryLater as error:
            age = dt.datetime.now(dt.UTC) - message.created_at
            problem = Problem("unreachable", str(error), "It is tried again by itself for a day.")
            await self._db.run(_not_arrived, message, problem, age > GIVES_UP)
            if age > GIVES_UP:
                raise NonRetriable(str(error)) from error
            pause = self._pauses[min(message.tries, len(self._pauses)) - 1]
            raise RetryLater(str(error), after=max(pause, min(error.after, self._pauses[-1]))) from error
        except ActionRequired as error:
            await self._db.run(_not_arrived, message, Problem.of(error), True)
            raise NonRetriable(str(error)) from error
        await self._db.run(_arrived, message)
        return Delivery("sent", message.tries)

    async def give_up(self, message_id: str) -> None:
        """Keep that a message will not arrive, whatever has stopped it."""
        await self._db.run(notices.set_reason, message_id, "Something went wrong here; see the run.", final=True)


def _load(tx: Tx, vault: Vault, message_id: str) -> tuple[Message, Channel, Target, list[Notice]] | None:
    message = notices.message(tx, message_id)
    channel = None if message is None else channels.get(tx, message.channel_id)
    if message is None or channel is None:
        return None
    if message.state == "waiting":
        message = replace(message, tries=notices.count_try(tx, message_id))
    return message, channel, channels.target(tx, vault, channel.id), notices.content(tx, message_id)


def _arrived(tx: Tx, message: Message) -> None:
    notices.set_sent(tx, message.id)
    channels.set_problem(tx, message.channel_id, None)


def _not_arrived(tx: Tx, message: Message, problem: Problem, final: bool) -> None:
    notices.set_reason(tx, message.id, problem.message, final=final)
    channels.set_problem(tx, message.channel_id, problem)
