"""Connections through the API: visits to the vendor's page, pausing, and removal said before it is done."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest
from pydantic import BaseModel, SecretStr

from counterfoil.lib.http import Http
from counterfoil.linking import AccountMark, Candidate, Visit, VisitOutcome, VisitState
from fakes import Login
from web.api.desk import Desk, problem_of

pytestmark = pytest.mark.anyio


@dataclass
class Counter:
    """A vendor's page on which everybody who comes has signed in already."""

    choices: Mapping[str, str] = field(default_factory=lambda: {"bank": "A bank", "broker": "A broker"})
    asked: list[str | None] = field(default_factory=list)
    begun: int = 0
    removed: int = 0

    async def begin(self, http: Http, app: BaseModel, *, choice: str, user: str, return_to: str | None) -> Visit:
        self.asked = [choice, user, return_to]
        later = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
        self.begun += 1
        return Visit(f"visit-{self.begun}", "https://bank.example/sign-in", SecretStr("reference"), later)

    async def repair(
        self,
        http: Http,
        app: BaseModel,
        settings: BaseModel,
        *,
        user: str,
        return_to: str | None,
        new_accounts: bool = False,
    ) -> Visit:
        return await self.begin(http, app, choice="share" if new_accounts else "repair", user=user, return_to=return_to)

    async def finish(self, http: Http, app: BaseModel, reference: SecretStr) -> VisitOutcome:
        marks = (AccountMark("acc", "bank", "Checking", "depository", "checking", "0000"),)
        return VisitOutcome(VisitState.DONE, (Candidate(SecretStr("ticket"), "Bank of visits", marks),))

    async def accept(self, http: Http, app: BaseModel, candidate: Candidate) -> BaseModel:
        return Login(name="visits")

    async def remove(self, http: Http, app: BaseModel, settings: BaseModel) -> None:
        self.removed += 1

    async def refresh(self, http: Http, app: BaseModel, settings: BaseModel) -> bool:
        return False


@pytest.fixture
def page(at: Desk) -> Counter:
    """Give the bank a page of its own."""
    made = Counter()
    providers = at.product.doors.providers
    assert isinstance(providers, dict)
    providers["plaid"] = replace(providers["plaid"], connect=made)
    return made


async def test_a_visit_becomes_a_connection(at: Desk, page: Counter) -> None:
    writer = await at.caller("write")
    order = {"provider": "plaid", "choice": "broker", "return_to": "https://mine.example/back"}
    reply = await writer.post("/visits", json=order)
    assert reply.status_code == 201 and reply.json()["url"] == "https://bank.example/sign-in"
    assert page.asked == ["broker", at.workspace_id, "https://mine.example/back"]
    await at.settle()
    visit = (await writer.get(f"/visits/{reply.json()['id']}")).json()
    assert visit["state"] == "done" and "url" not in visit and "reference" not in str(visit)
    connection = (await writer.get("/connections")).json()["results"][0]
    assert [one["connection_id"] for one in visit["candidates"]] == [connection["id"]]
    assert (await (await at.neighbour()).get(f"/visits/{visit['id']}")).status_code == 404


async def test_the_page_may_only_send_people_back_to_the_web(at: Desk, page: Counter) -> None:
    writer = await at.caller("write")
    for address in ("javascript:alert(1)", "//evil.example", "https://a b"):
        reply = await writer.post("/visits", json={"provider": "plaid", "return_to": address})
        assert reply.status_code == 422 and problem_of(reply)["errors"][0]["where"] == "body.return_to"


async def test_a_provider_without_a_page_says_how_else_to_connect_it(at: Desk) -> None:
    reply = await (await at.caller("write")).post("/visits", json={"provider": "plaid"})
    assert reply.status_code == 400 and "key" in problem_of(reply)["remedy"]


async def test_a_connection_is_repaired_or_shares_more_on_the_page(at: Desk, page: Counter) -> None:
    connection = await at.connect()
    writer = await at.caller("write")
    for body, choice in ((None, "repair"), ({"share": True}, "share")):
        reply = await writer.post(f"/connections/{connection}/repair", json=body)
        assert reply.status_code == 201 and reply.json()["purpose"] == choice and page.asked[0] == choice


async def test_a_paused_connection_is_not_read_until_it_is_resumed(at: Desk) -> None:
    connection = await at.connect()
    writer = await at.caller("write")
    assert (await writer.post(f"/connections/{connection}/pause")).json()["state"] == "paused"
    at.bank.fetches.clear()
    await writer.post(f"/connections/{connection}/refresh")
    await at.settle()
    assert at.bank.fetches == []
    assert (await writer.post(f"/connections/{connection}/resume")).status_code == 202
    await at.settle()
    assert at.bank.fetches and (await writer.get(f"/connections/{connection}")).json()["state"] == "active"


async def test_a_removal_says_what_it_will_do_and_does_it(at: Desk, page: Counter) -> None:
    destination = await at.add_ledger()
    connection = await at.connect(transactions=3)
    writer = await at.caller("write")
    told = (await writer.get(f"/connections/{connection}/removal")).json()
    assert told["rows"] == {"accounts": 1, "transactions": 3} and told["ends_at_vendor"] is True
    assert told["destinations"][0]["destination_id"] == destination and told["destinations"][0]["rows"] == 4
    assert "will be deleted" in told["in_words"][1]
    assert at.ledgers["book"].rows("transactions")
    reply = await writer.delete(f"/connections/{connection}")
    assert reply.status_code == 202 and reply.json()["event_id"]
    await at.settle()
    assert page.removed == 1 and at.ledgers["book"].rows("transactions") == {}
    assert (await writer.get("/connections")).json()["results"] == []


async def test_answers_about_banks_linked_again_are_for_those_who_were_asked(at: Desk) -> None:
    writer = await at.caller("write")
    assert (await writer.get("/relinks")).json() == {"results": [], "next": None}
    reply = await writer.post("/relinks/nothing/answer", json={"same": True})
    assert reply.status_code == 404 and problem_of(reply)["code"] == "not_found"
