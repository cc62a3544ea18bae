"""What the Plaid emulator refuses, and in which words: credentials, fields, tokens, states and limits."""

from collections.abc import Iterator
from typing import Any

import pytest

from counterfoil.providers.plaid.sandbox import Timing
from counterfoil.providers.plaid.sandbox.limits import LIMITS
from counterfoil.sandbox.world import World
from sandbox.plaid_desk import Desk, open_desk, until

_UNKNOWN_BANK = {"institution_id": "ins_1", "country_codes": ["US"]}


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    with open_desk() as desk:
        desk.emulator.limits.scale = None
        yield desk


@pytest.fixture(scope="module")
def token(desk: Desk) -> str:
    return desk.connect("ins_109509", days=30)


def test_credentials_may_stand_in_the_body(desk: Desk, token: str) -> None:
    keys = {"client_id": desk.vendor.client_id, "secret": desk.vendor.secret}
    del desk.http.headers["plaid-secret"]
    try:
        assert desk.refused("/item/get", access_token=token) == (400, "INVALID_REQUEST", "MISSING_FIELDS")
        assert desk.call("/item/get", access_token=token, **keys)["item"]
        wrong = desk.refused("/item/get", access_token=token, **{**keys, "secret": "x"})
        assert wrong == (400, "INVALID_INPUT", "INVALID_API_KEYS")
    finally:
        desk.http.headers["plaid-secret"] = keys["secret"]


def test_credentials_are_the_same_for_the_same_seed() -> None:
    with open_desk(world=World(41)) as one, open_desk(world=World(41)) as same, open_desk(world=World(42)) as other:
        credentials = [desk.emulator.credentials(desk.url) for desk in (one, same, other)]
    assert credentials[0] == credentials[1] != credentials[2]
    assert set(credentials[0]) == {"client_id", "secret"}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "MISSING_FIELDS"),
        ({"access_token": 7}, "INVALID_FIELD"),
        ({"access_token": "t", "colour": "red"}, "UNKNOWN_FIELDS"),
        ({"access_token": "t", "options": None}, "INVALID_FIELD"),
        ({"access_token": "t", "options": {"colour": "red"}}, "UNKNOWN_FIELDS"),
        ({"access_token": "t", "count": 501}, "INVALID_FIELD"),
        ({"access_token": "t", "count": 0}, "INVALID_FIELD"),
    ],
)
def test_a_body_that_is_wrong_is_refused_by_name(desk: Desk, body: dict[str, Any], code: str) -> None:
    assert desk.refused("/transactions/sync", **body) == (400, "INVALID_REQUEST", code)


def test_a_body_that_is_not_json_is_refused(desk: Desk) -> None:
    reply = desk.http.post("/item/get", content=b"{")
    assert (reply.status_code, reply.json()["error_code"]) == (400, "INVALID_BODY")


@pytest.mark.parametrize(
    ("path", "body", "refusal"),
    [
        ("/item/get", {"access_token": "access-sandbox-x"}, ("INVALID_INPUT", "INVALID_ACCESS_TOKEN")),
        ("/item/public_token/exchange", {"public_token": "public-x"}, ("INVALID_INPUT", "INVALID_PUBLIC_TOKEN")),
        ("/link/token/get", {"link_token": "link-x"}, ("INVALID_INPUT", "INVALID_LINK_TOKEN")),
        ("/institutions/get_by_id", _UNKNOWN_BANK, ("INVALID_INPUT", "INVALID_INSTITUTION")),
        ("/webhook_verification_key/get", {"key_id": "k"}, ("INVALID_INPUT", "INVALID_WEBHOOK_VERIFICATION_KEY_ID")),
    ],
)  # fmt: skip
def test_a_name_that_nobody_knows_is_refused(
    desk: Desk, path: str, body: dict[str, Any], refusal: tuple[str, str]
) -> None:
    assert desk.refused(path, **body) == (400, *refusal)


def test_products_that_a_bank_does_not_have_are_refused(desk: Desk, token: str) -> None:
    assert desk.refused("/investments/holdings/get", access_token=token)[2] == "NO_INVESTMENT_ACCOUNTS"
    broker = desk.connect("ins_109510")
    assert desk.refused("/liabilities/get", access_token=broker)[2] == "NO_LIABILITY_ACCOUNTS"
    asked = {"institution_id": "ins_109509", "initial_products": ["investments"]}
    assert desk.refused("/sandbox/public_token/create", **asked)[2] == "PRODUCTS_NOT_SUPPORTED"
    fire = {"access_token": token, "webhook_type": "HOLDINGS", "webhook_code": "DEFAULT_UPDATE"}
    assert desk.refused("/sandbox/item/fire_webhook", **fire)[2] == "SANDBOX_PRODUCT_NOT_ENABLED"


def test_a_foreign_account_is_refused(desk: Desk, token: str) -> None:
    for path in ("/accounts/get", "/accounts/balance/get", "/liabilities/get"):
        refusal = desk.refused(path, access_token=token, options={"account_ids": ["not-mine"]})
        assert refusal == (400, "INVALID_INPUT", "INVALID_ACCOUNT_ID")


def test_a_refresh_may_be_no_part_of_the_contract(desk: Desk, token: str) -> None:
    desk.act("refresh", item=token, allowed=False)
    assert desk.refused("/transactions/refresh", access_token=token)[2] == "PRODUCT_NOT_ENABLED"
    desk.act("refresh", item=token, allowed=True)
    assert desk.call("/transactions/refresh", access_token=token)


def test_an_item_that_lost_its_login_answers_nothing_but_itself(desk: Desk) -> None:
    token = desk.connect("ins_109509", days=30)
    desk.call("/sandbox/item/reset_login", access_token=token)
    for path in ("/transactions/sync", "/accounts/get", "/accounts/balance/get", "/transactions/refresh"):
        assert desk.refused(path, access_token=token) == (400, "ITEM_ERROR", "ITEM_LOGIN_REQUIRED")
    assert desk.call("/item/get", access_token=token)["item"]["error"]["error_code"] == "ITEM_LOGIN_REQUIRED"
    desk.act("repair", item=token)
    assert desk.call("/item/get", access_token=token)["item"]["error"] is None
    assert desk.call("/transactions/sync", access_token=token)["added"]


def test_what_happened_while_the_login_was_lost_comes_after_its_repair(desk: Desk) -> None:
    token, other = desk.connect(days=60), desk.connect(days=60)
    cursor = desk.pages(token, count=500)[-1]["next_cursor"]
    desk.act("login_required", item=token)
    first, second, *_ = (row["transaction_id"] for row in desk.rows(other))
    changed = {"transaction_id": first, "amount": "99.99"}
    desk.act("transactions", item=other, added=[{"amount": 1}], modified=[changed], removed=[second])
    desk.act("repair", item=token)
    (news,) = desk.pages(token, cursor, count=500)
    assert [len(news[kind]) for kind in ("added", "modified", "removed")] == [1, 1, 1]
    names = [sorted(row["name"] for row in desk.rows(one)) for one in (token, other)]
    assert names[0] == names[1]


def test_a_history_that_an_error_broke_off_is_read_after_the_repair() -> None:
    with open_desk(timing=Timing(initial=10.0, historical=20.0)) as desk:
        token = desk.connect(days=60)
        desk.call("/transactions/sync", access_token=token)
        desk.act("login_required", item=token)
        desk.act("clock", advance=30)
        desk.settle()
        desk.act("repair", item=token)
        assert desk.call("/transactions/sync", access_token=token)["transactions_update_status"] == "NOT_READY"
        desk.act("clock", advance=30)
        until(lambda: desk.vendor.item(token).stage.name == "HISTORICAL")
        assert desk.rows(token)


def test_a_sandbox_item_asks_for_its_login_after_thirty_days() -> None:
    with open_desk() as desk:
        token = desk.connect("ins_109509", days=30)
        desk.act("clock", advance=29 * 86_400)
        desk.settle()
        assert desk.call("/accounts/get", access_token=token)
        desk.act("clock", advance=2 * 86_400)
        item = desk.vendor.item(token)
        until(lambda: item.error is not None)
        assert desk.refused("/accounts/get", access_token=token)[2] == "ITEM_LOGIN_REQUIRED"


def test_a_removed_item_is_not_found(desk: Desk) -> None:
    token = desk.connect("ins_109509", days=30)
    desk.call("/item/remove", access_token=token, reason_code="OTHER")
    assert desk.refused("/accounts/get", access_token=token) == (400, "ITEM_ERROR", "ITEM_NOT_FOUND")


def test_a_public_token_lives_half_an_hour() -> None:
    with open_desk() as desk:
        asked = {"institution_id": "ins_109509", "initial_products": ["transactions"]}
        public = desk.call("/sandbox/public_token/create", **asked)["public_token"]
        assert desk.call("/item/public_token/exchange", public_token=public)["access_token"]
        desk.act("clock", advance=31 * 60)
        assert desk.refused("/item/public_token/exchange", public_token=public)[2] == "INVALID_PUBLIC_TOKEN"


ITEM_LIMITS = {
    "/transactions/sync": (50, "TRANSACTIONS_SYNC_LIMIT"),
    "/transactions/refresh": (2, "TRANSACTIONS_REFRESH_LIMIT"),
    "/accounts/balance/get": (25, "BALANCE_LIMIT"),
    "/item/get": (40, "ITEM_GET_LIMIT"),
    "/liabilities/get": (10, "RATE_LIMIT"),
}


@pytest.mark.parametrize("path", ITEM_LIMITS)
def test_one_call_too_many_for_an_item_is_a_429_that_another_item_does_not_feel(path: str) -> None:
    limit, code = ITEM_LIMITS[path]
    with open_desk() as desk:
        one, other = desk.connect("ins_109509", days=1), desk.connect("ins_109509", days=1)
        for _ in range(limit):
            desk.call(path, access_token=one)
        assert desk.refused(path, access_token=one) == (429, "RATE_LIMIT_EXCEEDED", code)
        assert desk.call(path, access_token=other)
        assert desk.emulator.limits.refused == 1


def test_one_call_too_many_for_the_client_is_a_429() -> None:
    with open_desk() as desk:
        ask = {"institution_id": "ins_109509", "country_codes": ["US"]}
        for _ in range(400):
            desk.call("/institutions/get_by_id", **ask)
        refusal = desk.refused("/institutions/get_by_id", **ask)
        assert refusal == (429, "RATE_LIMIT_EXCEEDED", "INSTITUTIONS_GET_BY_ID_LIMIT")


def test_every_limit_of_the_vendor_s_sandbox_is_kept() -> None:
    numbers = {path: (limit.item, limit.client) for path, limit in LIMITS.items()}
    assert numbers == {
        "/transactions/sync": (50, 1_000),
        "/transactions/refresh": (2, 100),
        "/accounts/get": (100, 5_000),
        "/accounts/balance/get": (25, 100),
        "/item/get": (40, 5_000),
        "/item/remove": (100, 500),
        "/investments/holdings/get": (100, 1_000),
        "/investments/transactions/get": (100, 1_000),
        "/investments/refresh": (1, 100),
        "/liabilities/get": (10, 1_000),
        "/institutions/get_by_id": (None, 400),
        "/sandbox/transactions/create": (2, 50),
    }
