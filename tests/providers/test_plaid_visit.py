"""A whole visit to Plaid's page, from the invitation to the removal, under every fault."""

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx2
import pytest
from pydantic import SecretStr

from contracts.provider import FAULTS
from contracts.provider_hooks import HURRIED, Street, assert_tells_no_secret, secrets_of
from contracts.stage import Control, Hurried
from counterfoil.errors import ActionRequired, CounterfoilError, RetryLater
from counterfoil.lib.http import Http
from counterfoil.linking import AccountMark, Visit, VisitState, is_same_login
from counterfoil.ports import Access
from counterfoil.providers.plaid.link import PlaidLink
from counterfoil.providers.plaid.provider import PlaidProvider
from counterfoil.providers.plaid.sandbox import emulator
from counterfoil.providers.plaid.settings import PlaidApp, PlaidSettings
from counterfoil.sandbox.server import serving
from counterfoil.sandbox.world import World
from providers.plaid_vendor import refused

pytestmark = pytest.mark.anyio
T = TypeVar("T")

WORLD = World(seed=5)
LINK = PlaidLink()
BANK = "ins_109509"
PATHS = (
    "/link/token/create",
    "/link/token/get",
    "/item/public_token/exchange",
    "/transactions/refresh",
    "/item/remove",
)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass(slots=True)
class Traveller:
    """A person with a browser, and the product that sends them to Plaid."""

    http: Http
    app: PlaidApp
    control: Control
    browser: httpx2.AsyncClient
    errors: list[CounterfoilError] = field(default_factory=list)

    async def patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        for _ in range(10):
            try:
                return await call()
            except (RetryLater, ActionRequired) as error:
                self.errors.append(error)
        raise AssertionError(f"still failing: {self.errors[-1]!r}")

    async def choose(self, visit: Visit, outcome: str = "success") -> httpx2.Response:
        """Go to Plaid's page, tick everything and come back, or leave."""
        page = await self.browser.get(visit.url, params={"institution": BANK})
        ticked = re.findall(r'name="?account"? value="([^"]+)"', page.text)
        form = {"institution": BANK, "account": ticked, "outcome": outcome}
        return await self.browser.post(visit.url, data=form)

    async def begin(self) -> Visit:
        return await self.patiently(
            lambda: LINK.begin(self.http, self.app, choice="bank", user="u-1", return_to="https://us.example/back")
        )

    async def connect(self) -> tuple[PlaidSettings, tuple[AccountMark, ...]]:
        visit = await self.begin()
        await self.choose(visit)
        outcome = await self.patiently(lambda: LINK.finish(self.http, self.app, visit.reference))
        (candidate,) = outcome.candidates
        return await self.patiently(lambda: LINK.accept(self.http, self.app, candidate)), candidate.accounts

    def provider(self, settings: PlaidSettings) -> PlaidProvider:
        async def save(_: Any) -> None:
            raise AssertionError("Plaid's tokens do not change")

        return PlaidProvider(Access(self.http, self.app, settings, save))


@pytest.fixture(scope="module")
def street() -> Iterator[Street]:
    stage = Street("plaid", routes=(), credentials=lambda url: {})
    with serving(stage) as served:
        stage.url = served.urls["plaid"]
        yield stage


@pytest.fixture
async def traveller(street: Street) -> Any:
    vendor = emulator(WORLD)
    street.show(vendor)
    http = Http(budgets=Hurried(), timeout=HURRIED, backoff=lambda attempt: 0.0)
    app = PlaidApp(url=street.url, client_id=vendor.state.client_id, secret=SecretStr(vendor.state.secret))
    control = Control(street.url)
    control.act("rate", scale="off")
    async with httpx2.AsyncClient() as browser:
        yield Traveller(http, app, control, browser)
    control.close()
    await http.aclose()


async def test_a_person_goes_to_the_page_and_comes_back_with_a_connection(traveller: Traveller) -> None:
    visit = await traveller.begin()
    assert (await LINK.finish(traveller.http, traveller.app, visit.reference)).state is VisitState.OPEN
    back = await traveller.choose(visit)
    assert back.headers["location"] == "https://us.example/back"
    outcome = await LINK.finish(traveller.http, traveller.app, visit.reference)
    assert outcome.state is VisitState.DONE
    assert outcome.candidates[0].accounts
    settings = await LINK.accept(traveller.http, traveller.app, outcome.candidates[0])
    identity = await traveller.provider(settings).check()
    assert (identity.remote_id, identity.label, identity.live) == (settings.item_id, settings.label, False)


async def test_a_person_who_leaves_may_come_again(traveller: Traveller) -> None:
    visit = await traveller.begin()
    await traveller.choose(visit, outcome="exit")
    assert (await LINK.finish(traveller.http, traveller.app, visit.reference)).state is VisitState.LEFT
    await traveller.choose(visit)
    assert (await LINK.finish(traveller.http, traveller.app, visit.reference)).state is VisitState.DONE


async def test_a_repair_ends_the_error_and_keeps_the_token(traveller: Traveller) -> None:
    settings, _ = await traveller.connect()
    traveller.control.act("login_required")
    with pytest.raises(ActionRequired):
        await traveller.provider(settings).check()
    visit = await LINK.repair(traveller.http, traveller.app, settings, user="u-1", return_to=None)
    await traveller.choose(visit)
    assert (await LINK.finish(traveller.http, traveller.app, visit.reference)).state is VisitState.DONE
    assert await traveller.provider(settings).check()


async def test_linking_the_same_bank_again_is_noticed_before_it_is_accepted(traveller: Traveller) -> None:
    _, first = await traveller.connect()
    visit = await traveller.begin()
    await traveller.choose(visit)
    outcome = await LINK.finish(traveller.http, traveller.app, visit.reference)
    again = outcome.candidates[0].accounts
    assert {mark.key for mark in first}.isdisjoint(mark.key for mark in again)
    assert is_same_login(first, again)


async def test_a_removed_connection_asks_to_be_connected_again(traveller: Traveller) -> None:
    settings, _ = await traveller.connect()
    await LINK.remove(traveller.http, traveller.app, settings)
    await LINK.remove(traveller.http, traveller.app, settings)
    with pytest.raises(ActionRequired) as caught:
        await traveller.provider(settings).fetch("accounts", None)
    assert caught.value.code == "item_not_found"


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_changes_nothing_about_the_visit(traveller: Traveller, path: str, fault: str) -> None:
    planned: Mapping[str, Any] = {"times": 1, **FAULTS[fault], "method": "POST", "path": path}
    if fault == "token refused once":
        status, body = refused("INVALID_API_KEYS", "INVALID_INPUT")
        planned = {**planned, "status": status, "body": body}
    traveller.control.plan(**planned)
    settings, marks = await traveller.connect()
    assert marks
    assert await traveller.patiently(lambda: LINK.refresh(traveller.http, traveller.app, settings)) is True
    await traveller.patiently(lambda: LINK.remove(traveller.http, traveller.app, settings))
    assert traveller.control.act("items") == {"items": []}
    assert [call for call in traveller.control.calls() if call["fault"] == planned["kind"]], "never happened"
    assert_tells_no_secret(traveller.errors, secrets_of(traveller.app, settings))
