"""Emulators that watch the calls they get, and kill the caller at one of them."""

import asyncio
import dataclasses
import os
import re
import signal
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from counterfoil.sandbox.kit import Emulator

Moment = Literal["lost", "unanswered", "answered"]


@dataclass(frozen=True, slots=True)
class AtCall:
    """The caller dies at a call: the call is `lost` on its way, carried out but `unanswered`, or just `answered`."""

    vendor: str
    call: str  # matched in full against "<method> <path>"
    moment: Moment
    skip: int = 0  # calls that match and go by before


@dataclass(slots=True)
class Trap:
    """Kills one process at one call."""

    victim: int = 0
    point: AtCall | None = None
    calls: list[tuple[str, str]] = field(default_factory=list)  # (vendor, "<method> <path>") of all that came
    _left: int = 0

    def set(self, victim: int, point: AtCall) -> None:
        self.victim, self._left, self.point = victim, point.skip, point

    def moment(self, vendor: str, call: str) -> Moment | None:
        """Note a call; give the moment of death where it is the one."""
        self.calls.append((vendor, call))
        point = self.point
        if point is None or point.vendor != vendor or not re.fullmatch(point.call, call):
            return None
        if self._left:
            self._left -= 1
            return None
        self.point = None
        return point.moment

    def kill(self) -> None:
        os.kill(self.victim, signal.SIGKILL)


class Watched(Emulator):
    """An emulator behind a trap."""

    trap: Trap

    def app(self) -> ASGIApp:
        """Give the ASGI application."""
        return _Gate(Emulator.app(self), self.slug, self.trap)


def watch(emulators: Sequence[Emulator], trap: Trap) -> list[Emulator]:
    """Put emulators behind a trap."""
    watched: list[Emulator] = []
    for emulator in emulators:
        one = Watched(**{part.name: getattr(emulator, part.name) for part in dataclasses.fields(Emulator)})
        one.trap = trap
        watched.append(one)
    return watched


class _Gate:
    def __init__(self, app: ASGIApp, vendor: str, trap: Trap) -> None:
        self._app, self._vendor, self._trap = app, vendor, trap

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/_sandbox"):
            await self._app(scope, receive, send)
            return
        moment = self._trap.moment(self._vendor, f"{scope['method']} {scope['path']}")
        if moment == "lost":
            self._trap.kill()
            return
        answer: list[Message] = []

        async def keep(message: Message) -> None:
            answer.append(message)

        await self._app(scope, receive, keep)
        if moment == "unanswered":
            self._trap.kill()
        for message in answer:
            await send(message)
        if moment == "answered":
            await asyncio.sleep(0)  # the last bytes are on their way
            self._trap.kill()
