"""Faults on demand: what a network or a vendor can do to a call, before or after it took effect."""

import asyncio
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

if TYPE_CHECKING:
    from counterfoil.sandbox.kit import Emulator

FaultKind = Literal[
    "delay",  # answer truthfully after `seconds`
    "cut_before",  # drop the connection, nothing done
    "cut_after",  # do it, then drop the connection without an answer
    "hang_before",  # take the request, do nothing, answer nothing for `seconds`, then drop
    "hang_after",  # do it, answer nothing for `seconds`, then drop
    "truncate",  # do it, send half of the body, drop
    "half_json",  # do it, send half of the body as if it were all
    "status",  # answer `status` with `body`, nothing done
    "status_after",  # do it, then answer `status` with `body`
    "rate_limited",  # 429 in the vendor's words, nothing done; Retry-After where `retry_after` is set
    "html",  # 502 with a web page, nothing done
    "wrong_type",  # do it, answer with text/html as the content type
    "empty",  # do it, answer 200 with no body
]

FAULT_KINDS: Final = tuple(FaultKind.__args__)  # type: ignore[attr-defined]
_LOGGED = 20_000


class Fault(msgspec.Struct, kw_only=True):
    """One planned fault: for the next `times` calls that match after `skip` of them went by unharmed."""

    kind: FaultKind
    method: str = ".*"  # regular expressions, matched in full
    path: str = ".*"
    times: int = 1
    skip: int = 0
    seconds: float = 0.0
    status: int = 500
    body: Any = None  # JSON; None gives a generic one
    retry_after: float | None = None


class Call(msgspec.Struct, frozen=True):
    """One call that arrived."""

    method: str
    path: str
    status: int | None  # None where the connection was dropped
    fault: str | None = None


@dataclass(slots=True)
class _Captured:
    start: Message
    body: bytes


class Faults:
    """The faults that wait for their call, and the log of the calls."""

    def __init__(self) -> None:
        self._planned: list[Fault] = []
        self.calls: list[Call] = []

    def plan(self, spec: dict[str, Any] | list[dict[str, Any]]) -> None:
        """Add one fault or several, as JSON."""
        specs = spec if isinstance(spec, list) else [spec]
        self._planned.extend(msgspec.convert(specs, list[Fault]))

    def clear(self) -> None:
        self._planned.clear()

    def pending(self) -> int:
        """How many planned faults still wait."""
        return len(self._planned)

    def next_for(self, method: str, path: str) -> Fault | None:
        for fault in self._planned:
            if not (re.fullmatch(fault.method, method) and re.fullmatch(fault.path, path)):
                continue
            if fault.skip:
                fault.skip -= 1
                continue
            fault.times -= 1
            if fault.times <= 0:
                self._planned.remove(fault)
            return fault
        return None

    def note(self, call: Call) -> None:
        if len(self.calls) < _LOGGED:
            self.calls.append(call)


class FaultGate:
    """The outermost layer of an emulator: logs each call and does to it what was planned."""

    def __init__(self, app: ASGIApp, emulator: "Emulator") -> None:
        self._app = app
        self._emulator = emulator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/_sandbox"):
            await self._app(scope, receive, send)
            return
        faults, method, path = self._emulator.faults, scope["method"], scope["path"]
        fault = faults.next_for(method, path)
        if fault is None:
            status: list[int] = []

            async def watched(message: Message) -> None:
                if message["type"] == "http.response.start":
                    status.append(message["status"])
                    faults.note(Call(method, path, message["status"]))
                await send(message)

            await self._app(scope, receive, watched)
            return
        faults.note(Call(method, path, None if fault.kind in _SILENT else fault.status, fault.kind))
        await self._harm(fault, scope, receive, send)

    async def _harm(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        if fault.seconds and fault.kind in ("delay", "hang_before"):
            await asyncio.sleep(fault.seconds)
        match fault.kind:
            case "delay":
                await self._app(scope, receive, send)
            case "cut_before" | "hang_before":
                await _drain(receive)
                _drop(send)
            case "status":
                await _drain(receive)
                await _answer(send, fault.status, _error_body(fault), b"application/json", fault.retry_after)
            case "html":
                await _drain(receive)
                await _answer(send, 502, b"<html><body><h1>502 Bad Gateway</h1></body></html>", b"text/html")
            case "rate_limited":
                await _drain(receive)
                await self._rate_limited(fault, scope, receive, send)
            case _:
                await _harm_after(fault, await self._carry_out(scope, receive), send)

    async def _rate_limited(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        if self._emulator.refuse_429 is None:
            await _answer(send, 429, b'{"error":"rate limited"}', b"application/json", fault.retry_after)
            return
        response = self._emulator.refuse_429(fault.retry_after or 0.0)
        if fault.retry_after is None and "retry-after" in response.headers:
            del response.headers["retry-after"]
        elif fault.retry_after is not None:
            response.headers["retry-after"] = f"{fault.retry_after:g}"
        await response(scope, receive, send)

    async def _carry_out(self, scope: Scope, receive: Receive) -> _Captured:
        start: Message = {}
        body = bytearray()

        async def capture(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            else:
                body.extend(message.get("body", b""))

        await self._app(scope, receive, capture)
        return _Captured(start, bytes(body))


_SILENT: Final = frozenset({"cut_before", "cut_after", "hang_before", "hang_after"})


async def _harm_after(fault: Fault, done: _Captured, send: Send) -> None:
    if fault.kind in ("cut_after", "hang_after"):
        await asyncio.sleep(fault.seconds)
        _drop(send)
    elif fault.kind == "truncate":
        await send(done.start)  # promises the whole length
        await send({"type": "http.response.body", "body": done.body[: len(done.body) // 2], "more_body": True})
        await asyncio.sleep(0.02)  # let the half leave the buffer before the connection goes
        _drop(send)
    elif fault.kind == "half_json":
        await _answer(send, done.start["status"], done.body[: len(done.body) // 2], b"application/json")
    elif fault.kind == "status_after":
        await _answer(send, fault.status, _error_body(fault), b"application/json", fault.retry_after)
    elif fault.kind == "wrong_type":
        await _answer(send, done.start["status"], done.body, b"text/html")
    elif fault.kind == "empty":
        await _answer(send, 200, b"", b"application/json")


def _error_body(fault: Fault) -> bytes:
    return msgspec.json.encode(fault.body if fault.body is not None else {"error": {"message": "planned fault"}})


async def _answer(send: Send, status: int, body: bytes, kind: bytes, retry_after: float | None = None) -> None:
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    if retry_after is not None:
        headers.append((b"retry-after", f"{retry_after:g}".encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _drain(receive: Receive) -> None:
    while (await receive()).get("more_body"):
        pass


def _drop(send: Send) -> None:
    # ASGI cannot abort a connection; uvicorn's `send` is a bound method of the object that holds the transport.
    send.__self__.transport.abort()  # type: ignore[attr-defined]
