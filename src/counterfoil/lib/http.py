"""The one door to every vendor: budgets, timeouts, waiting as told, and faults named by what must happen next."""

import asyncio
import random
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import httpx2
import msgspec
import structlog

from counterfoil.errors import RetryLater
from counterfoil.lib.budget import Budget, Budgets, LocalBudgets
from counterfoil.lib.metrics import VENDOR_CALLS

log = structlog.get_logger()
T = TypeVar("T")

_TIMEOUT: Final = httpx2.Timeout(60.0, connect=10.0)
_READS_REPEATED: Final = 3  # times a safe request is sent again within one call
_SLOW_DOWN: Final = (429, 529)  # 529 is what Notion answers when its own service is overloaded; not carried out either
_PATIENCE: Final = 65.0  # seconds that a 429 may ask for and still be waited out within the call
_encoder: Final = msgspec.json.Encoder(decimal_format="number", order=None)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a vendor answered. Any status: the connector names what a refusal means."""

    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def decode(self, shape: type[T]) -> T:
        """Decode the JSON body into `shape`; numbers with a fraction become Decimal where the shape says so.

        Raises `RetryLater` with an unknown fate where the body is not what was promised: half of it, or a web page.
        """
        try:
            return msgspec.json.decode(self.body, type=shape)
        except msgspec.DecodeError as error:
            raise RetryLater(
                f"The service answered with something unreadable (status {self.status}).", after=10, fate_unknown=True
            ) from error


def backoff(attempt: int) -> float:
    """Give the seconds to wait before a request is sent again: growing, never above 8, with jitter."""
    ceiling = min(8.0, 0.2 * 2.0**attempt)
    return random.uniform(ceiling / 2, ceiling)  # noqa: S311  # jitter, not a secret


class Http:
    """Sends requests to vendors. One per process and event loop; `aclose` it at the end."""

    def __init__(
        self,
        *,
        budgets: Budgets | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
        timeout: httpx2.Timeout = _TIMEOUT,
        backoff: Callable[[int], float] = backoff,
    ) -> None:
        self._budgets = budgets or LocalBudgets()
        self._backoff = backoff
        self._client = httpx2.AsyncClient(
            transport=transport,
            timeout=timeout,
            follow_redirects=False,
            trust_env=True,
            limits=httpx2.Limits(max_connections=100, max_keepalive_connections=50, keepalive_expiry=30),
        )

    async def aclose(self) -> None:
        await self._client.aclose()

    async def send(
        self,
        method: str,
        url: str,
        *,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        params: Sequence[tuple[str, str]] | Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        spend: Sequence[Budget] = (),
        pause_on_429: float | None = None,
        repeatable: bool | None = None,
        patience: float = _PATIENCE,
        hopeless: Callable[[Reply], bool] | None = None,
        body: bytes | None = None,
        at: str | None = None,
    ) -> Reply:
        """Send one request and give the reply, whatever its status, except where only waiting helps.

        `json` is encoded by msgspec with Decimals as exact JSON numbers; `body` goes as it is. `at` is the network
        address to go to in place of asking the resolver, on a connection of its own. `spend` are the budgets that the
        call counts against. A `repeatable` request (by default GET) is sent again, a few times with growing pauses,
        after a lost connection or a 5xx; any other is sent once. A 429 or 529 was not carried out, so it is waited out
        and sent again whatever the method: for `Retry-After`, else `pause_on_429` seconds during which the last budget
        lets nothing pass. One that is `hopeless`, because no waiting mends it, is given back like any reply. Raises
        `RetryLater` when the connection was lost (`fate_unknown` unless the request never left), and on a 429 that
        asks for more than `patience` seconds.
        """
        content = _encoder.encode(json) if json is not None else body
        request_headers = dict(headers or {})
        if content is not None:
            request_headers.setdefault("content-type", "application/json")
        query = httpx2.QueryParams(list(params.items()) if isinstance(params, Mapping) else list(params or ()))
        safe = method == "GET" if repeatable is None else repeatable
        request = self._client.build_request(
            method,
            url,
            content=content,
            data=dict(form) if form else None,
            params=query or None,
            headers=request_headers,
        )
        if at is not None:
            _pin(request, at)
        tries = 0
        while True:
            tries += 1
            try:
                reply = await self._send_once(request, spend)
            except RetryLater:
                if not safe or tries > _READS_REPEATED:
                    raise
                await asyncio.sleep(self._backoff(tries))
                continue
            if reply.status in _SLOW_DOWN and not (hopeless and hopeless(reply)):
                unsaid = self._backoff(tries + 2) if pause_on_429 is None else pause_on_429
                wait = retry_after(reply.headers, unsaid)
                if spend:
                    self._budgets.pause(spend[-1], wait)
                log.warning("vendor_says_slow_down", url=_path(request), wait=round(wait, 1))
                if wait > patience or tries > 10:
                    raise RetryLater("The service asks to slow down.", after=wait)
                if not spend:
                    await asyncio.sleep(wait)
                continue
            if reply.status in (500, 502, 503, 504) and safe and tries <= _READS_REPEATED:
                await asyncio.sleep(self._backoff(tries))
                continue
            return reply

    async def _send_once(self, request: httpx2.Request, spend: Sequence[Budget]) -> Reply:
        async with AsyncExitStack() as places:
            for nth, budget in enumerate(spend, 1):
                await places.enter_async_context(self._budgets.place(budget, outer=nth < len(spend)))
            try:
                response = await self._client.send(request)
            except httpx2.TransportError as error:
                VENDOR_CALLS.labels(_label(request), "lost").inc()
                left = not isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout)
                log.info("vendor_unreachable", url=_path(request), error=type(error).__name__)
                raise RetryLater(f"The connection to {_name(request)} was lost.", after=5, fate_unknown=left) from error
            except httpx2.DecodingError as error:
                raise RetryLater("The reply could not be unpacked.", after=5, fate_unknown=True) from error
        VENDOR_CALLS.labels(_label(request), str(response.status_code)).inc()
        return Reply(response.status_code, response.headers, response.content)


def _pin(request: httpx2.Request, address: str) -> None:
    """Send the request to that address; the name is still what the certificate must be for, and what the host hears."""
    request.extensions = {**request.extensions, "sni_hostname": request.url.host}
    request.headers["connection"] = "close"  # one address may serve many names, and a connection is for one of them
    request.url = request.url.copy_with(host=address)


def retry_after(headers: Mapping[str, str], default: float) -> float:
    """Give the seconds that a Retry-After header asks for (whole or broken seconds), else the default."""
    text = headers.get("retry-after", "").strip()
    return float(text) if re.fullmatch(r"\d+(\.\d+)?", text) else default


def _name(request: httpx2.Request) -> str:
    name: str = request.extensions.get("sni_hostname", request.url.host)
    return name


def _label(request: httpx2.Request) -> str:
    # Addresses that users name are nobody else's to count.
    return "users' own" if "sni_hostname" in request.extensions else request.url.host


def _path(request: httpx2.Request) -> str:
    # Queries may hold filters with bank text, paths hold ids only; the path of a user's own address may be a secret.
    if "sni_hostname" in request.extensions:
        return f"{request.method} {_name(request)}"
    return f"{request.method} {request.url.host}{request.url.path}"
