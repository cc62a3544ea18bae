"""Connecting, repairing and removing a bank through Hosted Link."""

from typing import Any

import pytest
from pydantic import SecretStr

from counterfoil.errors import ActionRequired, RetryLater
from counterfoil.lib.secrets import fingerprint
from counterfoil.linking import VisitState
from counterfoil.providers.plaid.link import PlaidLink
from counterfoil.providers.plaid.settings import PlaidSettings
from providers.plaid_vendor import SETTINGS, Vendor, refused

pytestmark = pytest.mark.anyio

CREATE, GET, EXCHANGE = "/link/token/create", "/link/token/get", "/item/public_token/exchange"
LINK = PlaidLink()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def creating() -> Vendor:
    return Vendor(
        {
            CREATE: {
                "link_token": "link-sandbox-1",
                "expiration": "2026-03-06T10:30:00Z",
                "hosted_link_url": "https://hosted.example/1",
                "request_id": "r",
            }
        }
    )


def status(*sessions: dict[str, Any]) -> dict[str, Any]:
    return {"link_token": "link-sandbox-1", "link_sessions": list(sessions), "request_id": "r"}


def session(**changes: Any) -> dict[str, Any]:
    return {
        "link_session_id": "s-1",
        "started_at": "2026-03-06T10:00:00Z",
        "finished_at": "2026-03-06T10:05:00Z",
        "results": None,
        "exit": None,
        "events": [],
        **changes,
    }


ADDED = {
    "public_token": "public-sandbox-1",
    "institution": {"institution_id": "ins_1", "name": "Bank of Tests"},
    "accounts": [{"id": "acc-1", "name": "Everyday", "mask": "0042", "type": "depository", "subtype": "checking"}],
}
LEFT: dict[str, Any] = {"error": None, "metadata": {}}


async def test_a_visit_for_a_bank_asks_for_all_of_its_history() -> None:
    vendor = creating()
    visit = await LINK.begin(
        vendor.http(), vendor.app(), choice="bank", user="u-1", return_to="https://us.example/back"
    )
    assert (visit.url, visit.reference.get_secret_value()) == ("https://hosted.example/1", "link-sandbox-1")
    assert visit.id == fingerprint("link-sandbox-1")
    assert "link-sandbox" not in repr(visit)
    ((_, asked),) = vendor.asked
    assert asked["products"] == ["transactions"]
    assert asked["transactions"] == {"days_requested": 730}
    assert asked["hosted_link"]["completion_redirect_uri"] == "https://us.example/back"
    assert asked["user"] == {"client_user_id": "u-1"}
    assert "webhook" not in asked, "no address that Plaid could reach"


async def test_a_visit_for_a_broker_asks_for_investments() -> None:
    vendor = creating()
    await LINK.begin(vendor.http(), vendor.app(), choice="broker", user="u-1", return_to=None)
    ((_, asked),) = vendor.asked
    assert asked["products"] == ["investments"]
    assert set(PlaidLink.choices) == {"bank", "broker"}


async def test_a_repair_names_the_item_and_no_products() -> None:
    vendor = creating()
    await LINK.repair(vendor.http(), vendor.app(), SETTINGS, user="u-1", return_to=None)
    await LINK.repair(vendor.http(), vendor.app(), SETTINGS, user="u-1", return_to=None, new_accounts=True)
    repair, more = (asked for _, asked in vendor.asked)
    assert repair["access_token"] == "access-sandbox-secret"
    assert "products" not in repair and "update" not in repair
    assert more["update"] == {"account_selection_enabled": True}


@pytest.mark.parametrize(
    ("sessions", "state", "tickets", "reason"),
    [
        ([], VisitState.OPEN, 0, None),
        ([session(finished_at=None)], VisitState.OPEN, 0, None),
        ([session(results={"item_add_results": [ADDED]})], VisitState.DONE, 1, None),
        ([session(exit=LEFT), session(results={"item_add_results": [ADDED]})], VisitState.DONE, 1, None),
        ([session(results={"item_add_results": [ADDED, ADDED]})], VisitState.DONE, 1, None),
        ([session()], VisitState.DONE, 0, None),  # update mode: nothing to exchange
        ([session(exit=LEFT)], VisitState.LEFT, 0, None),
        ([session(exit=LEFT), session(finished_at=None)], VisitState.OPEN, 0, None),
        (
            [session(exit={"error": {"error_type": "ITEM_ERROR", "error_code": "ITEM_LOCKED"}, "metadata": None})],
            VisitState.LEFT,
            0,
            "item_locked",
        ),
    ],
)
async def test_how_a_visit_stands(
    sessions: list[dict[str, Any]], state: VisitState, tickets: int, reason: str | None
) -> None:
    vendor = Vendor({GET: status(*sessions)})
    outcome = await LINK.finish(vendor.http(), vendor.app(), SecretStr("link-sandbox-1"))
    assert (outcome.state, len(outcome.candidates), outcome.reason) == (state, tickets, reason)


async def test_a_candidate_shows_what_it_would_connect_and_becomes_a_connection() -> None:
    vendor = Vendor(
        {
            GET: status(session(results={"item_add_results": [ADDED]})),
            EXCHANGE: {"access_token": "access-sandbox-2", "item_id": "item-2", "request_id": "r"},
        }
    )
    outcome = await LINK.finish(vendor.http(), vendor.app(), SecretStr("link-sandbox-1"))
    (candidate,) = outcome.candidates
    assert candidate.label == "Bank of Tests"
    (mark,) = candidate.accounts
    assert (mark.institution, mark.mask, mark.name) == ("ins_1", "0042", "Everyday")
    assert "public-sandbox" not in repr(outcome)
    settings = await LINK.accept(vendor.http(), vendor.app(), candidate)
    assert settings == PlaidSettings(
        access_token=SecretStr("access-sandbox-2"), item_id="item-2", institution_id="ins_1", label="Bank of Tests"
    )


@pytest.mark.parametrize("answer", [{"request_id": "r"}, refused("ITEM_NOT_FOUND"), refused("INVALID_ACCESS_TOKEN")])
async def test_removing_is_done_even_when_it_was_done_before(answer: Any) -> None:
    vendor = Vendor({"/item/remove": answer})
    await LINK.remove(vendor.http(), vendor.app(), SETTINGS)
    assert vendor.asked == [("/item/remove", {"access_token": "access-sandbox-secret"})]


async def test_a_removal_with_wrong_keys_is_not_done() -> None:
    vendor = Vendor({"/item/remove": refused("INVALID_API_KEYS", "INVALID_INPUT")})
    with pytest.raises(ActionRequired):
        await LINK.remove(vendor.http(), vendor.app(), SETTINGS)


@pytest.mark.parametrize(
    ("answer", "asked"),
    [
        ({"request_id": "r"}, True),
        (refused("PRODUCTS_NOT_SUPPORTED"), False),
        (refused("PRODUCT_NOT_ENABLED"), False),
        (refused("INVALID_PRODUCT", "INVALID_INPUT"), False),
    ],
)
async def test_a_refresh_says_whether_the_bank_will_be_asked(answer: Any, asked: bool) -> None:
    vendor = Vendor({"/transactions/refresh": answer})
    assert await LINK.refresh(vendor.http(), vendor.app(), SETTINGS) is asked


async def test_a_refresh_is_paid_for_so_it_is_never_sent_twice() -> None:
    vendor = Vendor({"/transactions/refresh": (500, b"")})
    with pytest.raises(RetryLater):
        await LINK.refresh(vendor.http(), vendor.app(), SETTINGS)
    assert len(vendor.asked) == 1
