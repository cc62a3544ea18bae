"""The Plaid emulator's Link: tokens, hosted pages, sessions, and repairing an Item."""

from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.plaid_desk import Desk, Inbox, open_desk, open_inbox, until

BACK = "http://127.0.0.1:9/back"


@pytest.fixture
def desk() -> Iterator[Desk]:
    with open_desk() as desk:
        yield desk


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with open_inbox() as inbox:
        yield inbox


def link(desk: Desk, **more: Any) -> Any:
    """Create a link token with a hosted page."""
    ask: dict[str, Any] = {
        "client_name": "Counterfoil",
        "language": "en",
        "country_codes": ["US"],
        "user": {"client_user_id": "u-1"},
        "hosted_link": {"completion_redirect_uri": BACK},
    }
    if "access_token" not in more:
        ask["products"] = ["transactions"]
    return desk.call("/link/token/create", **ask, **more)


def session(desk: Desk, made: Any) -> Any:
    return desk.call("/link/token/get", link_token=made["link_token"])["link_sessions"][-1]


def visit(desk: Desk, made: Any, *accounts: str, outcome: str = "success", institution: str = "ins_109508") -> Any:
    """Fill in the hosted page and press a button."""
    form = {"outcome": outcome, "institution": institution, "account": list(accounts)}
    return desk.http.post(made["hosted_link_url"], data=form)


def test_the_pages_lead_from_the_bank_to_the_accounts_and_back(desk: Desk) -> None:
    made = link(desk)
    banks = desk.http.get(made["hosted_link_url"]).text
    assert "First Harbor Bank" in banks and "Counterfoil" in banks
    accounts = desk.http.get(made["hosted_link_url"], params={"institution": "ins_109508"}).text
    assert "Everyday Checking" in accounts and "Student Loan" in accounts
    reply = visit(desk, made, "checking", "card")
    assert (reply.status_code, reply.headers["location"]) == (303, BACK)


def test_only_the_chosen_accounts_are_shown(desk: Desk) -> None:
    made = link(desk, transactions={"days_requested": 60})
    visit(desk, made, "checking", "card")
    (result,) = session(desk, made)["results"]["item_add_results"]
    assert result["institution"]["institution_id"] == "ins_109508"
    token = desk.call("/item/public_token/exchange", public_token=result["public_token"])["access_token"]
    accounts = desk.call("/accounts/get", access_token=token)["accounts"]
    assert [one["name"] for one in accounts] == ["Everyday Checking", "Harbor Rewards Visa"]
    assert {one["account_id"] for one in accounts} == {row["account_id"] for row in desk.rows(token)}


def test_products_that_the_bank_has_not_are_left_out_where_they_are_optional(desk: Desk) -> None:
    made = link(desk, required_if_supported_products=["liabilities"], optional_products=["investments"])
    visit(desk, made, "checking")
    public = session(desk, made)["results"]["item_add_results"][0]["public_token"]
    token = desk.call("/item/public_token/exchange", public_token=public)["access_token"]
    assert desk.call("/item/get", access_token=token)["item"]["products"] == ["transactions", "liabilities"]


def test_success_is_told_by_webhook(desk: Desk, inbox: Inbox) -> None:
    made = link(desk, webhook=inbox.url)
    visit(desk, made, "checking")
    inbox.wait(3)
    finished, added = inbox.body("SESSION_FINISHED"), inbox.body("ITEM_ADD_RESULT")
    assert finished["status"] == "SUCCESS"
    assert finished["public_tokens"] == [added["public_token"]]
    assert finished["link_token"] == made["link_token"]
    assert finished["link_session_id"] == session(desk, made)["link_session_id"]
    assert [one["event_name"] for one in inbox.body("EVENTS")["events"]] == ["OPEN", "SELECT_INSTITUTION", "HANDOFF"]


def test_leaving_makes_nothing_and_is_told(desk: Desk, inbox: Inbox) -> None:
    made = link(desk, webhook=inbox.url)
    visit(desk, made, outcome="exit")
    until(lambda: "SESSION_FINISHED" in inbox.codes())
    assert (inbox.body("SESSION_FINISHED")["status"], inbox.body("SESSION_FINISHED")["public_tokens"]) == ("EXITED", [])
    assert session(desk, made)["exit"] is not None
    assert desk.act("items")["items"] == []


def test_update_mode_repairs_the_same_item_without_a_new_token(desk: Desk, inbox: Inbox) -> None:
    token = desk.connect("ins_109509", webhook=inbox.url)
    desk.call("/sandbox/item/reset_login", access_token=token)
    made = link(desk, access_token=token)
    assert "Log in to Alder Credit Union again" in desk.http.get(made["hosted_link_url"]).text
    visit(desk, made)
    ended = session(desk, made)
    assert ended["results"]["item_add_results"] == []
    assert ended["finished_at"] is not None
    assert desk.call("/accounts/get", access_token=token)["accounts"]
    told = [one["code"] for one in desk.act("webhooks")["deliveries"]]
    assert told == ["ERROR"]  # the client repaired it, so nobody need tell it


def test_a_new_account_is_shown_once_the_user_has_chosen_it(desk: Desk, inbox: Inbox) -> None:
    token = desk.connect(webhook=inbox.url)
    before = desk.call("/accounts/get", access_token=token)["accounts"]
    account = desk.act("open_account", item=token, name="Holiday Pot")["account"]
    inbox.wait(1)
    assert inbox.codes() == ["NEW_ACCOUNTS_AVAILABLE"]
    assert desk.call("/accounts/get", access_token=token)["accounts"] == before
    made = link(desk, access_token=token, update={"account_selection_enabled": True})
    visit(desk, made, account)
    after = desk.call("/accounts/get", access_token=token)["accounts"]
    assert [one["name"] for one in after[len(before) :]] == ["Holiday Pot"]


def test_linking_the_same_bank_again_makes_new_ids_for_the_same_accounts(desk: Desk) -> None:
    first, second = (desk.call("/accounts/get", access_token=desk.connect())["accounts"] for _ in range(2))
    assert [one["mask"] for one in first] == [one["mask"] for one in second]
    assert {one["account_id"] for one in first}.isdisjoint(one["account_id"] for one in second)


def test_a_hosted_page_lives_as_long_as_was_asked(desk: Desk) -> None:
    made = link(desk)
    desk.act("clock", advance=31 * 60)
    assert desk.http.get(made["hosted_link_url"]).status_code == 400
    assert visit(desk, made, "checking").status_code == 400
    assert desk.act("items")["items"] == []


def test_a_session_is_remembered_for_six_hours_after_its_end(desk: Desk) -> None:
    made = link(desk)
    visit(desk, made, "checking")
    desk.act("clock", advance=5.9 * 3600)
    assert session(desk, made)["results"]
    desk.act("clock", advance=0.2 * 3600)
    assert desk.refused("/link/token/get", link_token=made["link_token"])[2] == "INVALID_LINK_TOKEN"


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"products": ["balance"]}, "INVALID_PRODUCT"),
        ({"products": None}, "MISSING_FIELDS"),
        ({"user": None}, "MISSING_FIELDS"),
        ({"client_name": "x" * 31}, "INVALID_FIELD"),
        ({"transactions": {"days_requested": 731}}, "INVALID_FIELD"),
        ({"hosted_link": {"url_lifetime_seconds": 30 * 86_400}}, "INVALID_FIELD"),
        ({"access_token": "access-sandbox-none"}, "INVALID_ACCESS_TOKEN"),
    ],
)
def test_a_link_token_that_makes_no_sense_is_refused(desk: Desk, wrong: dict[str, Any], code: str) -> None:
    ask = {"client_name": "C", "language": "en", "country_codes": ["US"], "user": {"client_user_id": "u"}}
    assert desk.refused("/link/token/create", **{**ask, "products": ["transactions"], **wrong})[2] == code
