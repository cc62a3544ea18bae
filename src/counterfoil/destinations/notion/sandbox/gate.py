"""Who may pass in the Notion emulator: tokens, API versions, rate limits, and answers armed on purpose."""

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from counterfoil.destinations.notion.sandbox.objects import NEWEST, OLDER, Objects
from counterfoil.destinations.notion.sandbox.state import Workspace, invalid, refusal, refuse
from counterfoil.sandbox.kit import Handler, Json, Refusal
from counterfoil.sandbox.limits import Limits

_BODY_LIMIT: Final = 500_000  # bytes
_STATUS: Final = {
    "conflict_error": 409,
    "row_limit_exceeded": 409,
    "internal_server_error": 500,
    "bad_gateway": 502,
    "service_unavailable": 503,
    "database_connection_unavailable": 503,
    "gateway_timeout": 504,
    "service_overload": 529,
    "restricted_resource": 403,
}


class Armed(msgspec.Struct, kw_only=True):
    """An answer that waits for its call: a code of the vendor's, given before or after the call took effect."""

    code: str
    saved: bool = False
    times: int = 1
    method: str = ".*"  # regular expressions, matched in full
    path: str = ".*"
    retry_after: int | None = None


@dataclass(frozen=True, slots=True)
class Rates:
    """The vendor's limits. An average with bursts, or a budget per minute, and what the whole workspace may spend."""

    per_second: float = 3.0
    burst: float = 3.0
    per_minute: int | None = None
    workspace_per_minute: int | None = None


@dataclass(slots=True)
class Call:
    """One admitted call."""

    request: Request
    body: dict[str, Any]
    objects: Objects
    version: str

    def path(self, name: str) -> str:
        """Give a part of the path."""
        return str(self.request.path_params[name])

    def only(self) -> list[str]:
        """Give the property ids of `filter_properties`, written with or without brackets."""
        query = self.request.query_params
        return [*query.getlist("filter_properties"), *query.getlist("filter_properties[]")]


@dataclass(slots=True)
class Gate:
    """Lets calls through to their endpoints."""

    workspace: Workspace
    limits: Limits
    rates: Rates
    tokens: dict[str, bool] = field(default_factory=dict)  # token -> still valid
    armed: list[Armed] = field(default_factory=list)

    def endpoint(self, answer: Callable[[Call], dict[str, Any]]) -> Handler:
        """Make a handler of a function from an admitted call to a body."""

        async def handler(request: Request) -> Response:
            version = self._admit(request)
            body = _json(await request.body())
            armed = self._next_armed(request)
            if armed is not None and not armed.saved:
                raise _armed_refusal(armed, None)
            shown = answer(Call(request, body, Objects(self.workspace, version), version))
            if armed is not None:
                # The vendor names the page of a create that it saved although it says 503; updates omit it.
                created = shown["id"] if request.method == "POST" and armed.code == "service_unavailable" else None
                raise _armed_refusal(armed, created)
            return Json(shown)

        return handler

    def _admit(self, request: Request) -> str:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not self.tokens.get(token, False):
            refuse(401, "unauthorized", "API token is invalid.")
        self._spend(token)
        version = request.headers.get("notion-version")
        if version is None:
            refuse(400, "missing_version", "Notion-Version header should be defined, instead was `undefined`.")
        if version not in (OLDER, NEWEST):
            invalid(f"Notion-Version header should be `{OLDER}` or `{NEWEST}`, instead was `{version}`.")
        return version

    def _spend(self, token: str) -> None:
        rates = self.rates
        if rates.per_minute is None:
            wait = self.limits.take_average(token, rates.per_second, rates.burst)
        else:
            wait = self.limits.take(token, rates.per_minute, 60.0)
        if wait is not None:
            raise slow_down(wait, "public_api_request_rate_limit")
        if rates.workspace_per_minute is not None:
            wait = self.limits.take("workspace", rates.workspace_per_minute, 60.0)
            if wait is not None:
                raise slow_down(wait, "public_api_space_request_rate_limit")

    def _next_armed(self, request: Request) -> Armed | None:
        for armed in self.armed:
            if re.fullmatch(armed.method, request.method) and re.fullmatch(armed.path, request.url.path):
                armed.times -= 1
                if armed.times <= 0:
                    self.armed.remove(armed)
                return armed
        return None


def slow_down(wait: float, reason: str = "public_api_request_rate_limit") -> Refusal:
    """Make the vendor's 429; Retry-After is whole seconds."""
    message = "You have been rate limited. Please try again in a few minutes."
    return refusal(429, "rate_limited", message, {"rate_limit_reason": reason}, max(1, math.ceil(wait)))


def _armed_refusal(armed: Armed, created: str | None) -> Refusal:
    if armed.code == "rate_limited":
        return slow_down(armed.retry_after or 1)
    more: dict[str, Any] = {}
    if armed.saved:
        more["retry_guidance"] = ["The write may have been saved.", "Read it back before you send it again."]
    if created is not None:
        more["committed_resource_id"] = created
    return refusal(_STATUS[armed.code], armed.code, "Armed by a control call.", more, armed.retry_after)


def _json(raw: bytes) -> dict[str, Any]:
    if len(raw) > _BODY_LIMIT:
        invalid(f"body failed validation: the body should have at most {_BODY_LIMIT} bytes.")
    try:
        body = json.loads(raw) if raw else {}
    except ValueError:
        refuse(400, "invalid_json", "Error parsing JSON body.")
    if not isinstance(body, dict):
        invalid("body failed validation: body should be an object.")
    return body
