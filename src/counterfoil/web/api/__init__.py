"""The JSON API under /api/v1: thin operations over intake, store and engine, one module for each noun."""

import asyncio

from starlette.datastructures import State
from starlette.types import ASGIApp, Receive, Scope, Send


class Api:
    """The API for the product in `state.product`, made when its first request comes.

    Its operations take as long to load as all pages together; without them a server is ready half a second sooner.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self._made: ASGIApp | None = None
        self._making = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        made = self._made or await self._make()
        await made(scope, receive, send)

    async def _make(self) -> ASGIApp:
        async with self._making:
            if self._made is None:
                self._made = await asyncio.to_thread(_application, self._state)
            return self._made


def _application(state: State) -> ASGIApp:
    from counterfoil.web.api import operations

    return operations.application(state)
