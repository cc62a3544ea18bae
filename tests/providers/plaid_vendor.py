"""Plaid behind httpx2's MockTransport, for tests of which request is sent and what a reply leads to."""

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx2
from pydantic import BaseModel, SecretStr

from contracts.stage import Hurried
from counterfoil.lib.http import Http
from counterfoil.ports import Access
from counterfoil.providers.plaid.provider import PlaidProvider
from counterfoil.providers.plaid.settings import PlaidApp, PlaidSettings

NOW = dt.datetime(2026, 3, 6, 10, 0, tzinfo=dt.UTC)
SETTINGS = PlaidSettings(access_token=SecretStr("access-sandbox-secret"), item_id="item-1")


@dataclass(slots=True)
class Vendor:
    """Answers by path; a list answers one after the other, the last one for good. Notes what was asked."""

    answers: dict[str, Any]
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    headers: list[httpx2.Headers] = field(default_factory=list)
    budgets: Hurried = field(default_factory=Hurried)

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.path
        self.asked.append((path, json.loads(request.content)))
        self.headers.append(request.headers)
        answer = self.answers[path]
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        status, body = answer if isinstance(answer, tuple) else (200, answer)
        return httpx2.Response(status, content=body if isinstance(body, bytes) else json.dumps(body).encode())

    def http(self) -> Http:
        """Give the way to this vendor."""
        return Http(transport=httpx2.MockTransport(self._answer), budgets=self.budgets, backoff=lambda attempt: 0.0)

    def app(self) -> PlaidApp:
        """Give an installation that is registered here."""
        return PlaidApp(url="https://plaid.test", client_id="client-1", secret=SecretStr("app-secret"))

    def provider(self, now: Callable[[], dt.datetime] = lambda: NOW, app: PlaidApp | None = None) -> PlaidProvider:
        """Open a connection here."""
        return PlaidProvider(Access(self.http(), app or self.app(), SETTINGS, _keep), now=now)

    def paths(self) -> list[str]:
        """Give the paths in the order they were asked."""
        return [path for path, _ in self.asked]


async def _keep(settings: BaseModel) -> None:
    raise AssertionError("Plaid's tokens do not change")


def refused(code: str, kind: str = "ITEM_ERROR", status: int = 400) -> tuple[int, dict[str, Any]]:
    """Give an error as Plaid words it."""
    message = f"the token access-sandbox-secret is no good: {code}"
    return status, {
        "error_type": kind,
        "error_code": code,
        "error_message": message,
        "display_message": None,
        "request_id": "r1",
    }
