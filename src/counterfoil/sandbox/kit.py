"""What every vendor emulator is made of: an ASGI app with routes, faults, limits, a clock and a call log."""

import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from counterfoil.sandbox.faults import FaultGate, Faults
from counterfoil.sandbox.limits import Limits
from counterfoil.sandbox.viewer import page


class Json(Response):
    """A JSON answer in which a Decimal is a number with all its digits."""

    media_type = "application/json"
    _encoder = msgspec.json.Encoder(decimal_format="number")

    def render(self, content: Any) -> bytes:
        return self._encoder.encode(content)


class Clock:
    """The emulator's time: the real one, moved forward by whoever tests."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def now(self) -> float:
        """Unix seconds."""
        return time.time() + self._ahead

    def advance(self, seconds: float) -> None:
        self._ahead += seconds


class Refusal(Exception):  # an answer, not a failure
    """Raised by a handler to answer with the vendor's own error body."""

    def __init__(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status)
        self.response = Json(body, status, dict(headers or {}))


Handler = Callable[[Request], Awaitable[Response]]
Action = Callable[[dict[str, Any]], Any]  # a control call's JSON body -> a JSON answer; may be async


@dataclass(slots=True)
class Emulator:
    """One vendor, ready to serve: `credentials` is what `sandbox --json` prints beside its url."""

    slug: str
    routes: Sequence[BaseRoute]
    credentials: Callable[[str], Mapping[str, Any]]  # (own base url) -> credentials
    limits: Limits = field(default_factory=Limits)
    clock: Clock = field(default_factory=Clock)
    faults: Faults = field(default_factory=Faults)
    actions: Mapping[str, Action] = field(default_factory=dict)  # POST /_sandbox/<name>
    started: Callable[[str], Awaitable[None]] | None = None  # called with the own base url once it is served
    refuse_429: Callable[[float], Response] | None = None  # the vendor's own body for a 429 that a fault asked for
    state: Any = None  # the vendor's own state, for tests in the same process

    def app(self) -> ASGIApp:
        """Give the ASGI application."""
        routes = [*_control_routes(self), *self.routes]
        return FaultGate(Starlette(routes=routes, exception_handlers={Refusal: _answer_refusal}), self)


async def _answer_refusal(_request: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, Refusal)
    return refusal.response


def _control_routes(emulator: Emulator) -> list[BaseRoute]:
    """`/_sandbox/...`: faults, rate, clock, calls, and the vendor's own actions."""

    async def faults(request: Request) -> Response:
        if request.method == "DELETE":
            emulator.faults.clear()
        else:
            emulator.faults.plan(await request.json())
        return JSONResponse({"planned": emulator.faults.pending()})

    async def rate(request: Request) -> Response:
        scale = (await request.json())["scale"]
        emulator.limits.scale = None if scale == "off" else float(scale)
        return JSONResponse({"scale": scale})

    async def clock(request: Request) -> Response:
        emulator.clock.advance(float((await request.json())["advance"]))
        return JSONResponse({"now": emulator.clock.now()})

    async def calls(request: Request) -> Response:
        if request.method == "DELETE":
            emulator.faults.calls.clear()
        return JSONResponse([msgspec.to_builtins(call) for call in emulator.faults.calls])

    async def act(request: Request) -> Response:
        action = emulator.actions.get(request.path_params["action"])
        if action is None:
            return JSONResponse({"error": f"no such action; there are: {sorted(emulator.actions)}"}, 404)
        raw = await request.body()
        answer = action(json.loads(raw) if raw else {})
        if isinstance(answer, Awaitable):
            answer = await answer
        return answer if isinstance(answer, Response) else Json(answer if answer is not None else {"ok": True})

    async def view(_request: Request) -> Response:
        if "tables" not in emulator.actions:
            return Response("This vendor holds no tables.", 404)
        return HTMLResponse(page(emulator.slug, emulator.actions["tables"]({})["tables"]))

    return [
        Route("/_sandbox/view", view, methods=["GET"]),
        Route("/_sandbox/faults", faults, methods=["POST", "DELETE", "GET"]),
        Route("/_sandbox/rate", rate, methods=["POST"]),
        Route("/_sandbox/clock", clock, methods=["POST"]),
        Route("/_sandbox/calls", calls, methods=["GET", "DELETE"]),
        Route("/_sandbox/{action}", act, methods=["POST"]),
    ]
