"""Requests and replies of the Plaid emulator, against the API description that the vendor publishes."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from sandbox.plaid_desk import Desk, open_desk

Check = Callable[..., Any]


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    with open_desk() as desk:
        desk.emulator.limits.scale = None
        yield desk


@pytest.fixture(scope="module")
def checked(desk: Desk) -> Check:
    """Give a function that calls an endpoint and validates both bodies where the description is at hand."""
    description = _description()

    def call(path: str, **body: Any) -> Any:
        status, answer = desk.post(path, body)
        if description is not None:
            operation = description["paths"][path]["post"]
            asked = operation["requestBody"]["content"]["application/json"]["schema"]
            told = operation["responses"]["200" if status == 200 else "default"]["content"]["application/json"][
                "schema"
            ]
            _validate(body, asked, description)
            _validate(answer, told, description)
        return answer

    return call


def _description() -> Any:
    folder = os.environ.get("COUNTERFOIL_CONTRACTS")
    if not folder:
        print("did not run against the description: COUNTERFOIL_CONTRACTS does not name its folder")
        return None
    whole = json.loads((Path(folder) / "plaid-openapi-used.json").read_text())
    return _as_json_schema(whole)


def _as_json_schema(node: Any) -> Any:
    """Turn OpenAPI 3.0's `nullable` into JSON Schema's words."""
    if isinstance(node, list):
        return [_as_json_schema(one) for one in node]
    if not isinstance(node, dict):
        return node
    made = {name: _as_json_schema(value) for name, value in node.items() if name != "nullable"}
    if node.get("nullable") is True:
        return {"anyOf": [{"type": "null"}, made]}
    return made


def _validate(body: Any, schema: Any, description: Any) -> None:
    whole = {**schema, "components": description["components"]}
    plain = json.loads(json.dumps(body, default=float))
    jsonschema.Draft7Validator(whole).validate(plain)


def test_the_whole_life_of_an_item_keeps_the_description(desk: Desk, checked: Check) -> None:
    public = checked(
        "/sandbox/public_token/create",
        institution_id="ins_109508",
        initial_products=["transactions", "liabilities"],
        options={"transactions": {"days_requested": 400}, "webhook": "http://127.0.0.1:9/hooks"},
    )["public_token"]
    token = checked("/item/public_token/exchange", public_token=public)["access_token"]
    checked("/item/get", access_token=token)
    checked("/accounts/get", access_token=token, options={})
    checked("/accounts/balance/get", access_token=token)
    checked("/liabilities/get", access_token=token)
    cursor = checked("/transactions/sync", access_token=token, count=500)["next_cursor"]
    desk.act("activity", item=token, count=20)
    assert checked("/transactions/sync", access_token=token, cursor=cursor)["error_code"].endswith("PAGINATION")
    options = {"include_original_description": True, "personal_finance_category_version": "v1"}
    checked("/transactions/sync", access_token=token, options=options)
    checked("/transactions/refresh", access_token=token)
    checked("/item/webhook/update", access_token=token, webhook="http://127.0.0.1:9/other")
    checked("/sandbox/item/fire_webhook", access_token=token, webhook_code="DEFAULT_UPDATE")
    checked("/sandbox/item/reset_login", access_token=token)
    checked("/item/get", access_token=token)
    assert checked("/accounts/get", access_token=token)["error_code"] == "ITEM_LOGIN_REQUIRED"
    checked("/item/remove", access_token=token, reason_code="OTHER", reason_note="no reason")
    assert checked("/accounts/get", access_token=token)["error_code"] == "ITEM_NOT_FOUND"


def test_investments_institutions_and_keys_keep_the_description(desk: Desk, checked: Check) -> None:
    token = desk.connect("ins_109510")
    checked("/investments/holdings/get", access_token=token)
    trades = {"access_token": token, "start_date": "2024-01-01", "end_date": "2027-01-01", "options": {"count": 500}}
    assert checked("/investments/transactions/get", **trades)["investment_transactions"]
    checked("/investments/refresh", access_token=token)
    optional = {"include_optional_metadata": True}
    checked("/institutions/get_by_id", institution_id="ins_109510", country_codes=["US"], options=optional)
    checked("/webhook_verification_key/get", key_id=desk.vendor.keys.current)


def test_link_keeps_the_description(desk: Desk, checked: Check) -> None:
    made = checked(
        "/link/token/create",
        client_name="Counterfoil",
        language="en",
        country_codes=["US"],
        user={"client_user_id": "u-1"},
        products=["transactions"],
        optional_products=["investments", "liabilities"],
        transactions={"days_requested": 730},
        hosted_link={"completion_redirect_uri": "http://127.0.0.1/back", "url_lifetime_seconds": 600},
    )
    desk.http.post(made["hosted_link_url"], data={"outcome": "exit"})
    form = {"outcome": "success", "institution": "ins_109511", "account": ["checking"]}
    desk.http.post(made["hosted_link_url"], data=form)
    assert len(checked("/link/token/get", link_token=made["link_token"])["link_sessions"]) == 2
