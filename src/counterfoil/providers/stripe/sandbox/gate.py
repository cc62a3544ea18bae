"""What every call at the emulated API goes through: key, permission, version, limits, parameters, repeats."""

import base64
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from counterfoil.providers.stripe.client import VERSION
from counterfoil.sandbox.kit import Json, Refusal
from counterfoil.sandbox.limits import Limits

Body = dict[str, Any]
READS: Final = frozenset({
    "balance_read", "balance_transaction_source_read", "charge_read", "dispute_read", "payout_read", "event_read",
    "accounts_kyc_basic_read", "financial_connections_account_read",
})  # fmt: skip

_OPEN: Final = frozenset({"type", "reporting_category", "balance_type", "category", "subcategory", "reason", "method"})


@dataclass(frozen=True, slots=True)
class Call:
    """One accepted call: the parameters as nested dicts and lists, the parts of the path by name."""

    params: Body
    path: Mapping[str, str]
    allowed: Callable[[str], None]  # refuses a permission that the key lacks


@dataclass(slots=True)
class Gate:
    """The keys and what they may do (None: everything), and the answers kept for repeated POSTs."""

    account: str
    live: bool
    limits: Limits
    keys: dict[str, frozenset[str] | None]
    expired: set[str] = field(default_factory=set)
    novel: bool = False  # answers hold fields and values that nobody has seen before
    _answers: dict[str, tuple[str, int, bytes]] = field(default_factory=dict)
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    def route(
        self, method: str, path: str, permission: str | None, answer: Callable[[Call], Body], accepts: str = ""
    ) -> Route:
        """Make a route; `accepts` names the parameters, expand always among them."""
        names = frozenset(f"{accepts} expand".split())

        async def endpoint(request: Request) -> Response:
            headers = {"request-id": f"req_Sandbox{next(self._numbers):08d}", "stripe-version": VERSION}
            try:
                response = await self._answer(request, f"{method} {path}", permission, answer, names)
            except Refusal as refusal:
                response = refusal.response
            headers["stripe-version"] = request.headers.get("stripe-version", VERSION)
            response.headers.update(headers)
            return response

        return Route(path, endpoint, methods=[method])

    async def _answer(
        self, request: Request, name: str, permission: str | None, answer: Callable[[Call], Body], names: frozenset[str]
    ) -> Response:
        key = self._key(request)
        self._limit(name)
        version = request.headers.get("stripe-version", VERSION)
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}(\.[a-z]+)?", version):
            raise refused(400, f"Invalid Stripe API version: {version}")
        if permission:
            self._allow(key, permission)
        text = request.url.query if request.method == "GET" else (await request.body()).decode()
        params = nested(parse_qsl(text, keep_blank_values=True))
        for unknown in params.keys() - names:
            raise refused(400, f"Received unknown parameter: {unknown}", code="parameter_unknown", param=unknown)
        call = Call(params, request.path_params, lambda needed: self._allow(key, needed))
        repeat = request.headers.get("idempotency-key") if request.method == "POST" else None
        if repeat is None:
            body = answer(call)
            return Json(unheard_of(body) if self.novel else body)
        return self._once(repeat, f"{key} {request.url.path} {text}", lambda: Json(answer(call)))

    def _once(self, repeat: str, fingerprint: str, answer: Callable[[], Response]) -> Response:
        """https://docs.stripe.com/api/idempotent_requests"""
        if len(repeat) > 255:
            raise refused(400, "Idempotency keys may have at most 255 characters.")
        kept = self._answers.get(repeat)
        if kept is None:
            response = answer()
            self._answers[repeat] = (fingerprint, response.status_code, bytes(response.body))
            return response
        if kept[0] != fingerprint:
            raise refused(
                400,
                "Keys for idempotent requests can only be used with the same parameters they were first used with.",
                kind="idempotency_error",
            )
        return Response(kept[2], kept[1], {"idempotent-replayed": "true"}, "application/json")

    def _key(self, request: Request) -> str:
        scheme, _, rest = request.headers.get("authorization", "").partition(" ")
        key = rest.strip()
        if scheme.lower() == "basic":
            key = base64.b64decode(key).decode(errors="replace").partition(":")[0]
        if not key:
            raise refused(401, "You did not provide an API key.")
        if key in self.expired:
            raise refused(401, f"Expired API Key provided: {_hidden(key)}", code="api_key_expired")
        if key not in self.keys:
            raise refused(401, f"Invalid API Key provided: {_hidden(key)}")
        other = request.headers.get("stripe-account", self.account)
        if other != self.account:
            raise refused(403, f"The provided key '{_hidden(key)}' does not have access to account '{other}'.")
        return key

    def _allow(self, key: str, permission: str) -> None:
        granted = self.keys[key]
        if granted is None or permission in granted or permission.replace("_read", "_write") in granted:
            return
        raise refused(
            403,
            f"The provided key '{_hidden(key)}' does not have the required permissions for this endpoint on account "
            f"'{self.account}'. Having the 'rak_{permission}' permission would allow this request to continue.",
            code="more_permissions_required",
        )

    def _limit(self, name: str) -> None:
        """https://docs.stripe.com/rate-limits: no Retry-After, but the reason."""
        for reason, window, most in (
            ("endpoint-rate", name, 25),
            ("global-rate", "account", 100 if self.live else 25),
        ):
            if self.limits.take(window, most, 1.0) is not None:
                raise too_many(reason)


def too_many(reason: str) -> Refusal:
    """The answer to a call too many."""
    body = {"type": "invalid_request_error", "code": "rate_limit", "message": "Request rate limit exceeded."}
    return Refusal(429, {"error": body}, {"stripe-rate-limited-reason": reason, "stripe-should-retry": "true"})


def refused(
    status: int, message: str, *, kind: str = "invalid_request_error", code: str | None = None, param: str | None = None
) -> Refusal:
    """Stripe's error body. https://docs.stripe.com/api/errors"""
    error = {"type": kind, "message": message, "code": code, "param": param}
    return Refusal(status, {"error": {name: value for name, value in error.items() if value is not None}})


def missing(kind: str, key: str, param: str = "id", status: int = 404) -> Refusal:
    """An id that is not known; 404 in the path, 400 in a parameter."""
    return refused(status, f"No such {kind}: '{key}'", code="resource_missing", param=param)


def unheard_of(value: Any) -> Any:
    """Add a field to every object and replace the words of open lists, as a later version of the API may."""
    if isinstance(value, list):
        return [unheard_of(one) for one in value]
    if not isinstance(value, dict):
        return value
    found = {name: "novelty" if name in _OPEN and inner else unheard_of(inner) for name, inner in value.items()}
    return {**found, "novelty": {"novelty": [1.5, None]}} if "object" in value else found


def nested(pairs: Iterable[tuple[str, str]]) -> Body:
    """Read bracketed names: created[gte]=1, expand[]=a, expand[0]=a (which stripe-python writes)."""
    top: Body = {}
    for name, value in pairs:
        first, *rest = re.findall(r"[^\[\]]+|(?<=\[)(?=\])", name) or [name]
        place: Body = top
        for step, following in zip([first, *rest], [*rest, None], strict=True):
            if following is None:
                place[step or str(len(place))] = value
            else:
                place = place.setdefault(step or str(len(place)), {})
    return {name: _listed(value) for name, value in top.items()}


def _listed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if value and all(step.isdigit() for step in value):
        return [_listed(value[step]) for step in sorted(value, key=int)]
    return {step: _listed(inner) for step, inner in value.items()}


def _hidden(key: str) -> str:
    return f"{key[:8]}*********{key[-4:]}"


def whole(params: Mapping[str, Any], name: str, default: int | None = None) -> int:
    """Read an integer parameter."""
    text = params.get(name)
    if text is None and default is not None:
        return default
    if text is None:
        raise refused(400, f"Missing required param: {name}.", code="parameter_missing", param=name)
    if not re.fullmatch(r"-?\d+", str(text)):
        raise refused(400, f"Invalid integer: {text}", code="parameter_invalid_integer", param=name)
    return int(text)
