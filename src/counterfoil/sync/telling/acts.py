"""What people do with channels: add, change, try, give another secret, remove."""

import datetime as dt
import enum
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from counterfoil.engine import Engine, RunFailed
from counterfoil.errors import ActionRequired, BadRequest, RetryLater
from counterfoil.lib import mail, outside, signing
from counterfoil.store import Tx, channels, notices
from counterfoil.store.channels import KINDS, Channel, Target
from counterfoil.store.notices import Message, Waiting
from counterfoil.sync.doors import Doors
from counterfoil.sync.telling.functions import waits
from counterfoil.sync.telling.rhythm import rhythm
from counterfoil.sync.telling.ways import WAYS, Outward, open_apprise

OLD_SECRET: Final = dt.timedelta(days=1)  # for which the secret before signs too


class Keep(enum.Enum):
    """Stands for what is not given where None has a meaning of its own."""

    IT = enum.auto()


@dataclass(frozen=True, slots=True)
class Added:
    """A new channel; a webhook's secret is shown this once."""

    channel: Channel
    secret: str | None


class Channels:
    """The acts on channels; every one is about a workspace's own, else it raises `NotThere`."""

    def __init__(self, doors: Doors, engine: Engine[Any], outward: Outward) -> None:
        self._doors = doors
        self._engine = engine
        self._outward = outward

    async def add(
        self, workspace_id: str, kind: str, address: str, kinds: Sequence[str], *, hour: int | None, timezone: str
    ) -> Added:
        """Add a channel. Raises `BadRequest` for an address, a kind of notice, an hour or a time zone of no use."""
        if kind not in WAYS:
            raise BadRequest(f"There is no channel {kind!r}.", remedy=f"There are: {', '.join(WAYS)}.")
        when = rhythm(hour, timezone, dt.datetime.now(dt.UTC))
        address = mail.read_address(address) if kind == "email" else address
        label = await self._checked(kind, address)
        secret = signing.new_secret() if kind == "webhook" else None
        added = await self._doors.db.run(
            channels.add,
            self._doors.vault,
            workspace_id,
            kind=kind,
            label=label,
            target=Target(address=address, secret=secret),
            kinds=known(kinds),
            rhythm=when,
        )
        return Added(added, secret)

    async def change(
        self,
        workspace_id: str,
        channel_id: str,
        kinds: Sequence[str] | None = None,
        *,
        hour: int | Keep | None = Keep.IT,
        timezone: str | None = None,
    ) -> Channel:
        """Change what is told and when, as far as it is given. Raises `BadRequest` for what is of no use.

        What waits for a digest that is no more goes out at once.
        """
        wished = None if kinds is None else known(kinds)
        channel, waiting = await self._doors.db.run(_change, workspace_id, channel_id, wished, hour, timezone)
        if waiting is not None:
            await self._engine.send(waits(waiting))
        return channel

    async def test(self, workspace_id: str, channel_id: str, *, wait: float = 8.0) -> Message:
        """Send a message that says it is a test, and give what became of it within so many seconds."""
        channel = await self._doors.db.read(channels.find, workspace_id, channel_id)
        waiting = await self._doors.db.run(notices.test, channel.id)
        accepted = await self._engine.send(waits(waiting))
        with suppress(TimeoutError, RunFailed):  # the message says why
            await self._engine.result(accepted.runs[0], timeout=wait)
        sent = await self._doors.db.read(notices.message, waiting.message_id)
        assert sent is not None
        return sent

    async def rotate(self, workspace_id: str, channel_id: str) -> str:
        """Give a webhook another secret, shown this once; for a day the one before signs too. Raises `BadRequest`."""
        secret, until = signing.new_secret(), dt.datetime.now(dt.UTC) + OLD_SECRET
        await self._doors.db.run(channels.change_secret, self._doors.vault, workspace_id, channel_id, secret, until)
        return secret

    async def _checked(self, kind: str, address: str) -> str:
        """Give how a channel is called, once its address is known to be of use. Raises `BadRequest`."""
        if kind == "email":
            return address
        try:
            if kind == "apprise":
                await open_apprise(self._outward, address)
                return urlsplit(address).scheme
            await outside.address_of(address, private=self._outward.private, resolve=self._outward.resolve)
        except ActionRequired as error:
            raise BadRequest(str(error), remedy=error.remedy) from error
        except RetryLater as error:
            raise BadRequest(str(error), remedy="Check the address.") from error
        return urlsplit(address).hostname or ""


def known(kinds: Sequence[str]) -> list[str]:
    """Put kinds of notices into their order. Raises `BadRequest` for one that there is not, and for none."""
    unknown = sorted(set(kinds) - set(KINDS))
    if unknown or not kinds:
        wrong = f"There are no notices of the kind {unknown[0]!r}." if unknown else "Nothing is to be told."
        raise BadRequest(wrong, remedy=f"Choose from: {', '.join(KINDS)}.")
    return [kind for kind in KINDS if kind in kinds]


def _change(
    tx: Tx,
    workspace_id: str,
    channel_id: str,
    kinds: Sequence[str] | None,
    hour: int | Keep | None,
    timezone: str | None,
) -> tuple[Channel, Waiting | None]:
    before = channels.hold(tx, workspace_id, channel_id)
    hour = before.rhythm.hour if hour is Keep.IT else hour
    when = rhythm(hour, before.rhythm.timezone if timezone is None else timezone, dt.datetime.now(dt.UTC))
    channels.change(tx, channel_id, before.kinds if kinds is None else kinds, when)
    waiting = notices.gather(tx, channel_id) if when.hour is None else None
    return channels.find(tx, workspace_id, channel_id), waiting
