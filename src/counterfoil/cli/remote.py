"""Whom a command asks: a server's API, or the same API in this process, on the local data directory."""

import functools
import inspect
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Annotated, Any, Final, TypeVar

import typer

from counterfoil.errors import BadRequest, BadSettings

if TYPE_CHECKING:
    import httpx2

R = TypeVar("R")
Url = Annotated[
    str | None,
    typer.Option("--url", help="A server's address; else COUNTERFOIL_URL, else the local data directory."),
]
Secret = Annotated[
    str | None, typer.Option("--token", help="An API token of that server; better in COUNTERFOIL_TOKEN or its _FILE.")
]
_BASE: Final = "/api/v1"


@dataclass(frozen=True, slots=True)
class Target:
    """What the command's options say of whom to ask."""

    url: str | None = None
    token: str | None = None


_LOCAL: Final = Target()
_target: ContextVar[Target] = ContextVar("target", default=_LOCAL)


def remote(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that name a server."""

    @functools.wraps(command)
    def run(*, url: Url = None, token: Secret = None, **given: Any) -> None:
        _target.set(Target(url, token))
        command(**given)

    signature = inspect.signature(command)
    server = [
        inspect.Parameter("url", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Url),
        inspect.Parameter("token", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Secret),
    ]
    run.__signature__ = signature.replace(parameters=[*signature.parameters.values(), *server])  # type: ignore[attr-defined]
    run.__annotations__ = {**command.__annotations__, "url": Url, "token": Secret}
    return run


class Client:
    """Asks the API, and turns its problems into our errors."""

    def __init__(self, http: "httpx2.AsyncClient") -> None:
        self._http = http

    async def ask(
        self, method: str, path: str, *, params: Mapping[str, Any] | None = None, body: Any = None
    ) -> dict[str, Any]:
        """Send one request and give the answer, {} for one without a body. Raises `BadRequest`."""
        import httpx2

        given = {name: value for name, value in (params or {}).items() if value is not None}
        try:
            reply = await self._http.request(method, _BASE + path, params=given, json=body)
        except httpx2.TransportError as error:
            raise BadRequest(
                f"{self._http.base_url} cannot be reached.", remedy="Check --url, and whether the server runs."
            ) from error
        if reply.is_success:
            return reply.json() if reply.content else {}
        raise _problem(reply)

    async def save(self, path: str, file: IO[bytes], **params: Any) -> None:
        """Write what an address sends to a file, as it comes. Raises `BadRequest`."""
        given = {name: value for name, value in params.items() if value is not None}
        async with self._http.stream("GET", _BASE + path, params=given) as reply:
            if not reply.is_success:
                await reply.aread()
                raise _problem(reply)
            async for piece in reply.aiter_bytes():
                file.write(piece)

    async def listed(self, path: str, limit: int, **params: Any) -> list[dict[str, Any]]:
        """Give up to so many entries of a list, page by page."""
        found: list[dict[str, Any]] = []
        cursor: str | None = None
        while len(found) < limit:
            most = min(200, limit - len(found))
            page = await self.ask("GET", path, params={**params, "limit": most, "cursor": cursor})
            found += page["results"]
            cursor = page["next"]
            if cursor is None:
                break
        return found[:limit]


def _problem(reply: "httpx2.Response") -> BadRequest:
    if reply.headers.get("content-type") != "application/problem+json":
        return BadRequest(
            f"The server answered with the status {reply.status_code}.", remedy="Check that --url is Counterfoil's."
        )
    told = reply.json()
    faults = "".join(f"\n  {fault['where']}: {fault['message']}" for fault in told.get("errors", ()))
    return BadRequest(told["detail"] + faults, remedy=told["remedy"])


def asking(act: Callable[[Client], Awaitable[R]], *, worker: bool | None = False) -> R:
    """Run an act that asks the API; on the local data directory, `worker` None works where no other process does."""
    import asyncio

    async def run() -> R:
        async with _client(worker) as client:
            return await act(client)

    return asyncio.run(run())


def server() -> str | None:
    """Give the address of the server that the command is to ask, None for the local data directory."""
    from counterfoil.config import read_environment

    return _target.get().url or read_environment(os.environ).get("url")


@asynccontextmanager
async def _client(worker: bool | None) -> AsyncIterator[Client]:
    from counterfoil.config import read_environment

    url = server()
    if url is None:
        async with _local(worker) as client:
            yield client
        return
    token = _target.get().token or read_environment(os.environ).get("token")
    if token is None:
        raise BadSettings(
            f"There is no API token for {url}.",
            remedy="Set COUNTERFOIL_TOKEN; make one on the server with: counterfoil token create",
        )
    import httpx2

    headers = {"authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(base_url=url.rstrip("/"), headers=headers, timeout=60) as http:
        yield Client(http)


@asynccontextmanager
async def _local(worker: bool | None) -> AsyncIterator[Client]:
    import httpx2
    from starlette.datastructures import State

    from counterfoil.bootstrap import configure_logs, read_settings, running
    from counterfoil.store import workspaces
    from counterfoil.web.api import operations
    from counterfoil.web.api.callers import Caller, Scope

    settings = read_settings()
    configure_logs(settings)
    async with running(settings, os.environ, worker=worker) as product:
        workspace = await product.db.run(workspaces.first)
        # Whoever may read the data directory may do everything.
        owner = Caller(workspace.id, "the command line", Scope.ADMIN, operates=True)
        api = operations.application(State({"product": product}), owner)
        transport = httpx2.ASGITransport(app=api, root_path="/api")
        async with httpx2.AsyncClient(transport=transport, base_url="http://local", timeout=None) as http:
            yield Client(http)
