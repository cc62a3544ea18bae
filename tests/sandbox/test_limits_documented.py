"""Every rate that a vendor documents is enforced by its emulator: so many calls pass, one more does not, time mends it.

Sources: https://developers.notion.com/reference/request-limits, https://airtable.com/developers/web/api/rate-limits,
https://coda.io/developers/apis/v1 (Rate Limiting), https://developers.google.com/workspace/sheets/api/limits,
https://plaid.com/docs/errors/rate-limit-exceeded/ (Sandbox), https://docs.stripe.com/rate-limits.
"""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from counterfoil.destinations.airtable import sandbox as airtable
from counterfoil.destinations.coda import sandbox as coda
from counterfoil.destinations.google_sheets import sandbox as google
from counterfoil.destinations.google_sheets.sandbox.oauth import SCOPES, Caller
from counterfoil.destinations.notion import sandbox as notion
from counterfoil.providers.plaid import sandbox as plaid
from counterfoil.providers.plaid.sandbox.errors import PlaidError
from counterfoil.providers.plaid.sandbox.limits import LIMITS
from counterfoil.providers.plaid.sandbox.limits import take as take_plaid
from counterfoil.providers.stripe import sandbox as stripe
from counterfoil.sandbox.kit import Emulator
from counterfoil.sandbox.limits import Limits
from counterfoil.sandbox.world import World

pytestmark = pytest.mark.anyio


class Desk:
    """Calls an emulator in the same process, at a time that only the test moves on."""

    def __init__(self, vendor: Emulator, client: httpx2.AsyncClient, headers: dict[str, str]) -> None:
        self.vendor, self.headers, self._client = vendor, headers, client
        self.time = time.monotonic()
        vendor.limits.now = lambda: self.time

    async def status(self, method: str, path: str, body: Any = None) -> int:
        """Give the status of one call."""
        reply = await self._client.request(method, path, json=body, headers=self.headers)
        return reply.status_code

    async def passed(self, asked: "Asked", times: int) -> int:
        """Make so many calls; give how many passed. All others were too many."""
        statuses = [await self.status(*asked) for _ in range(times)]
        passed = [status for status in statuses if status < 300]
        assert {status for status in statuses if status >= 300} <= {429}
        return len(passed)


Asked = tuple[str, str, Any]


def _bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def _google(email: str, vendor: Emulator) -> dict[str, str]:
    """Sign a person in."""
    vendor.state.accounts.tokens[email] = Caller(email, SCOPES, False, time.time() + 3_600)
    vendor.state.first.editors.add(email)
    return _bearer(email)


def _plaid(vendor: Emulator) -> dict[str, str]:
    return {"plaid-client-id": vendor.state.client_id, "plaid-secret": vendor.state.secret}


@asynccontextmanager
async def at(vendor: Emulator) -> AsyncIterator[Desk]:
    headers: dict[str, Callable[[], dict[str, str]]] = {
        "notion": lambda: {**_bearer(notion.TOKEN), "notion-version": "2026-03-11"},
        "airtable": lambda: _bearer(vendor.state.token),
        "coda": lambda: _bearer(coda.TOKEN),
        "google": lambda: _google("casey@example.com", vendor),
        "stripe": lambda: _bearer(vendor.state.secret_key),
        "plaid": lambda: _plaid(vendor),
    }
    transport = httpx2.ASGITransport(app=vendor.app())
    async with httpx2.AsyncClient(transport=transport, base_url="http://vendor") as client:
        yield Desk(vendor, client, headers[vendor.slug]())


@dataclass(frozen=True)
class Documented:
    """So many calls in so many seconds; the pause after one too many, where that is longer."""

    make: Callable[[], Emulator]
    ask: Callable[[Emulator], Asked]
    calls: int
    seconds: float
    pause: float | None = None


def _coda_rows(vendor: Emulator) -> str:
    doc = vendor.state.docs[vendor.credentials("")["doc_id"]]
    table = doc.tables[0]
    return f"/apis/v1/docs/{doc.id}/tables/{table.id}/rows"


def _book(vendor: Emulator) -> str:
    return f"/v4/spreadsheets/{vendor.state.first.id}"


def _base(vendor: Emulator) -> str:
    return vendor.state.bases[0].id  # type: ignore[no-any-return]


WORLD = World(3)
NOTHING: dict[str, Any] = {
    "requests": [{"updateSpreadsheetProperties": {"properties": {"title": "A"}, "fields": "title"}}]
}
DOCUMENTED: dict[str, Documented] = {
    # An average of three a second, and its newer form: a budget for each minute, by plan.
    "notion": Documented(notion.emulator, lambda _: ("GET", "/v1/users/me", None), 3, 1.0),
    "notion, by the minute": Documented(
        lambda: notion.emulator(rates=notion.Rates(per_minute=180)), lambda _: ("GET", "/v1/users/me", None), 180, 60.0
    ),
    "notion, business plan": Documented(
        lambda: notion.emulator(rates=notion.Rates(per_minute=600)), lambda _: ("GET", "/v1/users/me", None), 600, 60.0
    ),
    "airtable, a base": Documented(
        airtable.emulator, lambda vendor: ("GET", f"/v0/meta/bases/{_base(vendor)}/tables", None), 5, 1.0, 30.0
    ),
    "airtable, a user": Documented(airtable.emulator, lambda _: ("GET", "/v0/meta/whoami", None), 50, 1.0, 30.0),
    "coda, reads": Documented(coda.emulator, lambda _: ("GET", "/apis/v1/whoami", None), 100, 6.0),
    "coda, writes": Documented(
        coda.emulator, lambda vendor: ("DELETE", _coda_rows(vendor), {"rowIds": ["i-none"]}), 10, 6.0
    ),
    "coda, lists of docs": Documented(coda.emulator, lambda _: ("GET", "/apis/v1/docs", None), 4, 6.0),
    "google, reads of a user": Documented(google.emulator, lambda vendor: ("GET", _book(vendor), None), 60, 60.0),
    "google, writes of a user": Documented(
        google.emulator, lambda vendor: ("POST", f"{_book(vendor)}:batchUpdate", NOTHING), 60, 60.0
    ),
    "stripe, an endpoint": Documented(lambda: stripe.emulator(WORLD), lambda _: ("GET", "/v1/balance", None), 25, 1.0),
    "plaid, institutions": Documented(
        lambda: plaid.emulator(WORLD),
        lambda _: ("POST", "/institutions/get_by_id", {"institution_id": "ins_109509", "country_codes": ["US"]}),
        400,
        60.0,
    ),
}


@pytest.mark.parametrize("limit", DOCUMENTED.values(), ids=DOCUMENTED)
async def test_as_many_calls_pass_as_are_documented_and_one_more_must_wait(limit: Documented) -> None:
    async with at(limit.make()) as desk:
        asked = limit.ask(desk.vendor)
        assert await desk.passed(asked, limit.calls + 1) == limit.calls
        assert desk.vendor.limits.refused == 1
        desk.time += (limit.pause or limit.seconds) * 0.99
        if limit.pause is not None or limit.make is not notion.emulator:  # an average lets some pass earlier
            assert await desk.passed(asked, 1) == 0
        desk.time += limit.pause or limit.seconds
        assert await desk.passed(asked, limit.calls + 1) == limit.calls


async def test_notion_s_average_holds_over_a_minute_however_the_calls_are_spread() -> None:
    async with at(notion.emulator()) as desk:
        asked: Asked = ("GET", "/v1/users/me", None)
        passed = 0
        for _ in range(600):
            desk.time += 0.1
            passed += await desk.passed(asked, 1)
        assert 3 * 60 <= passed <= 3 * 60 + 3


async def test_reads_and_writes_are_counted_apart_where_the_vendor_does() -> None:
    async with at(google.emulator()) as desk:
        assert await desk.passed(("GET", _book(desk.vendor), None), 61) == 60
        assert await desk.passed(("POST", f"{_book(desk.vendor)}:batchUpdate", NOTHING), 61) == 60
    async with at(coda.emulator()) as desk:
        assert await desk.passed(("GET", "/apis/v1/whoami", None), 101) == 100
        assert await desk.passed(("GET", "/apis/v1/docs", None), 5) == 4
        assert await desk.passed(("DELETE", _coda_rows(desk.vendor), {"rowIds": ["i-none"]}), 11) == 10


async def test_five_busy_users_use_up_a_google_project() -> None:
    async with at(google.emulator()) as desk:
        asked: Asked = ("GET", _book(desk.vendor), None)
        for number in range(5):
            desk.headers = _google(f"user-{number}@example.com", desk.vendor)
            assert await desk.passed(asked, 60) == 60
        desk.headers = _google("user-6@example.com", desk.vendor)
        assert await desk.passed(asked, 1) == 0


async def test_a_locked_airtable_base_does_not_lock_another() -> None:
    async with at(airtable.emulator()) as desk:
        assert await desk.passed(("GET", f"/v0/meta/bases/{_base(desk.vendor)}/tables", None), 6) == 5
        assert await desk.passed(("GET", "/v0/meta/bases", None), 1) == 1
        assert await desk.status("GET", "/v0/meta/bases/appUnknownUnknown/tables") == 403


@pytest.mark.parametrize(("live", "most"), [(False, 25), (True, 100)])
async def test_all_of_stripe_s_endpoints_together_have_a_limit(live: bool, most: int) -> None:
    async with at(stripe.emulator(WORLD, live=live)) as desk:
        paths = ["balance", "payouts", "charges", "refunds", "events", "balance_transactions"]
        passed = sum([await desk.passed(("GET", f"/v1/{path}", None), 25) for path in paths])
        assert passed == most


@pytest.mark.parametrize("path", LIMITS)
def test_plaid_counts_each_item_and_the_client(path: str) -> None:
    limits, documented = Limits(), LIMITS[path]
    limits.now = lambda: 0.0

    def passed(item: str, times: int) -> int:
        done = 0
        for _ in range(times):
            try:
                take_plaid(limits, path, item)
            except PlaidError:
                continue
            done += 1
        return done

    if documented.item is not None:
        assert passed("first", documented.item + 1) == documented.item
        assert passed("second", 1) == 1
    assert documented.client is not None
    used = (documented.item or 0) + (documented.item is not None)
    assert sum(passed(f"one of many {number}", 1) for number in range(documented.client)) == documented.client - used
    limits.now = lambda: 60.0
    assert passed("first", 1) == 1
