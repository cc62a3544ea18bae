"""The Notion emulator, driven by the vendor's own SDK for Python and judged by the vendor's descriptions."""

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx
import httpx2
import pytest
from notion_client import APIResponseError, Client
from notion_client.errors import UnknownHTTPResponseError
from notion_client.helpers import collect_paginated_api

from contracts.stage import Control
from counterfoil.destinations.notion.sandbox import CLIENT_ID, CLIENT_SECRET, PAGE_ID, Rates, emulator
from counterfoil.sandbox.kit import Emulator
from counterfoil.sandbox.server import serving
from sandbox.notion_contract import Exchange, faults

_NEWEST = "2026-03-11"
_SCHEMA: Mapping[str, Any] = {
    "Name": {"title": {}},
    "Id": {"rich_text": {}},
    "Amount": {"number": {"format": "dollar"}},
    "Date": {"date": {}},
    "Kind": {"select": {"options": [{"name": "Rent", "color": "red"}]}},
    "Tags": {"multi_select": {}},
    "Done": {"checkbox": {}},
    "Site": {"url": {}},
    "Made": {"created_time": {}},
}


@pytest.fixture(autouse=True)
def judged(exchanges: list[Exchange], request: pytest.FixtureRequest) -> Iterator[None]:
    """Judge what a test exchanged, where the descriptions are at hand."""
    yield
    if not os.environ.get("COUNTERFOIL_CONTRACTS"):
        print("did not run against the descriptions: COUNTERFOIL_CONTRACTS does not name their folder")
        return
    assert faults(exchanges) == []


@pytest.fixture
def exchanges() -> list[Exchange]:
    return []


@pytest.fixture
def vendor() -> Emulator:
    made = emulator()
    made.limits.scale = None
    return made


@pytest.fixture
def url(vendor: Emulator) -> Iterator[str]:
    with serving(vendor) as served:
        yield served.urls["notion"]


@pytest.fixture
def control(url: str) -> Iterator[Control]:
    control = Control(url)
    yield control
    control.close()


@pytest.fixture
def notion(url: str, vendor: Emulator, exchanges: list[Exchange]) -> Client:
    return _client(url, str(vendor.credentials(url)["token"]), exchanges)


def _client(url: str, token: str, exchanges: list[Exchange], version: str = _NEWEST) -> Client:
    def note(response: httpx.Response) -> None:
        sent = response.request
        received = response.read()
        exchanges.append(Exchange(sent.method, sent.url.path, sent.content, response.status_code, received))

    own = httpx.Client(event_hooks={"response": [note]}, trust_env=False)
    # Without a logger of ours the SDK adds one more handler to its own with every client.
    quiet = logging.getLogger("counterfoil.tests.notion")
    return Client(client=own, auth=token, base_url=url, notion_version=version, retry=False, logger=quiet)


@pytest.fixture
def page_id(url: str, vendor: Emulator) -> str:
    return str(vendor.credentials(url)["page_id"])


@pytest.fixture
def table(notion: Client, page_id: str) -> str:
    """A data source with a property of each kind; its id."""
    made: Any = notion.databases.create(
        parent={"type": "page_id", "page_id": page_id},
        title=[{"type": "text", "text": {"content": "Ledger"}}],
        initial_data_source={"properties": _SCHEMA},
    )
    return str(made["data_sources"][0]["id"])


def _text(text: str) -> list[dict[str, Any]]:
    return [{"text": {"content": text}}]


def _row(table: str, **properties: Any) -> dict[str, Any]:
    return {"parent": {"type": "data_source_id", "data_source_id": table}, "properties": properties}


def test_the_sdk_finds_who_it_is_and_what_it_sees(notion: Client, table: str, page_id: str) -> None:
    me: Any = notion.users.me()
    page: Any = notion.pages.retrieve(page_id)
    found: Any = notion.search(filter={"property": "object", "value": "data_source"})
    blocks: Any = notion.blocks.children.list(page_id)
    assert (me["type"], page["object"], blocks["results"][0]["type"]) == ("bot", "page", "child_database")
    assert [source["id"] for source in found["results"]] == [table]


def test_the_sdk_writes_and_reads_a_row(notion: Client, table: str) -> None:
    made: Any = notion.pages.create(
        **_row(
            table,
            Name={"title": _text("January")},
            Id={"rich_text": _text("x" * 2000) + _text("y")},
            Amount={"number": -12.34},
            Date={"date": {"start": "2026-01-31T10:00:00+02:00"}},
            Kind={"select": {"name": "Bills"}},
            Tags={"multi_select": [{"name": "a"}, {"name": "b"}]},
            Done={"checkbox": True},
            Site={"url": "https://example.com"},
        )
    )
    read: Any = notion.pages.retrieve(made["id"])
    assert read == made
    values = read["properties"]
    assert values["Amount"]["number"] == -12.34
    assert values["Date"]["date"] == {"start": "2026-01-31T10:00:00.000+02:00", "end": None, "time_zone": None}
    assert [piece["plain_text"] for piece in values["Id"]["rich_text"]] == ["x" * 2000, "y"]
    schema: Any = notion.data_sources.retrieve(table)
    assert [option["name"] for option in schema["properties"]["Kind"]["select"]["options"]] == ["Rent", "Bills"]


def test_the_sdk_changes_a_row_by_property_id_and_trashes_it(notion: Client, table: str) -> None:
    schema: Any = notion.data_sources.retrieve(table)
    amount = schema["properties"]["Amount"]["id"]
    notion.data_sources.update(table, properties={amount: {"name": "How much"}})
    made: Any = notion.pages.create(**_row(table, **{amount: {"number": 1}}))
    changed: Any = notion.pages.update(made["id"], properties={amount: {"number": None}})
    assert changed["properties"]["How much"]["number"] is None
    notion.pages.update(made["id"], in_trash=True)
    listing: Any = notion.data_sources.query(table)
    assert listing["results"] == []
    with pytest.raises(APIResponseError) as caught:
        notion.pages.update(made["id"], properties={amount: {"number": 2}})
    assert caught.value.code == "validation_error"
    restored: Any = notion.pages.update(made["id"], in_trash=False)
    assert restored["in_trash"] is False


def test_the_sdk_pages_through_a_filtered_query(notion: Client, table: str, control: Control) -> None:
    control.act("bulk_rows", table=table, count=250, cells={"Id": "row-{n}", "Done": True})
    control.act("bulk_rows", table=table, count=10, cells={"Id": "other-{n}"})
    schema: Any = notion.data_sources.retrieve(table)
    own = schema["properties"]["Id"]["id"]
    done: Any = collect_paginated_api(
        notion.data_sources.query,
        data_source_id=table,
        filter={"and": [{"property": "Done", "checkbox": {"equals": True}}]},
        sorts=[{"timestamp": "created_time", "direction": "ascending"}],
    )
    assert [row["properties"]["Id"]["rich_text"][0]["plain_text"] for row in done] == [f"row-{n}" for n in range(250)]
    wanted = [{"property": own, "rich_text": {"equals": f"row-{n}"}} for n in (3, 200)]
    some: Any = notion.data_sources.query(table, filter={"or": wanted}, filter_properties=[own])
    assert [list(row["properties"]) for row in some["results"]] == [["Id"], ["Id"]]
    with pytest.raises(APIResponseError):
        notion.data_sources.query(table, filter={"or": [wanted[0]] * 101})


def test_a_query_ends_at_its_cap_and_says_so(notion: Client, table: str, control: Control) -> None:
    control.act("tune", query_cap=150)
    control.act("bulk_rows", table=table, count=160, cells={"Id": "{n}"})
    first: Any = notion.data_sources.query(table)
    last: Any = notion.data_sources.query(table, start_cursor=first["next_cursor"])
    assert (len(first["results"]), len(last["results"]), last["has_more"]) == (100, 50, False)
    assert last["request_status"] == {"type": "incomplete", "incomplete_reason": "query_result_limit_reached"}


def test_relations_of_two_sides_show_on_both_and_are_cut_at_25(notion: Client, table: str) -> None:
    relation = {"data_source_id": table, "type": "dual_property", "dual_property": {}}
    schema: Any = notion.data_sources.update(table, properties={"Part of": {"relation": relation}})
    back = schema["properties"]["Part of"]["relation"]["dual_property"]["synced_property_name"]
    whole: Any = notion.pages.create(**_row(table))
    parts: list[Any] = [
        notion.pages.create(**_row(table, **{"Part of": {"relation": [{"id": whole["id"]}]}})) for _ in range(30)
    ]
    seen: Any = notion.pages.retrieve(whole["id"])
    assert len(seen["properties"][back]["relation"]) == 25
    property_id = seen["properties"][back]["id"]
    full: Any = notion.pages.properties.retrieve(page_id=whole["id"], property_id=property_id)
    assert {one["relation"]["id"] for one in full["results"]} == {part["id"] for part in parts}


_REFUSED: Mapping[str, Mapping[str, Any]] = {
    "a long piece of text": {"Id": {"rich_text": _text("x" * 2001)}},
    "too many pieces": {"Id": {"rich_text": _text("x") * 101}},
    "an option with a comma": {"Kind": {"select": {"name": "a,b"}}},
    "a long option": {"Kind": {"select": {"name": "x" * 101}}},
    "text for a number": {"Amount": {"number": "12"}},
    "a flag for a number": {"Amount": {"number": True}},
    "a wrong type": {"Amount": {"rich_text": []}},
    "an unknown property": {"Nothing": {"number": 1}},
    "a read-only property": {"Made": {"created_time": "2026-01-01"}},
    "a long address": {"Site": {"url": "https://" + "x" * 2000}},
    "no date": {"Date": {"date": {"start": "tomorrow"}}},
}


@pytest.mark.parametrize("case", _REFUSED)
def test_what_the_vendor_refuses_is_refused(notion: Client, table: str, case: str) -> None:
    with pytest.raises(APIResponseError) as caught:
        notion.pages.create(**_row(table, **_REFUSED[case]))
    assert (caught.value.status, caught.value.code) == (400, "validation_error")
    listing: Any = notion.data_sources.query(table)
    assert listing["results"] == []


def test_schema_rules_are_kept(notion: Client, table: str) -> None:
    def refused(**properties: Any) -> None:
        with pytest.raises(APIResponseError) as caught:
            notion.data_sources.update(table, properties=properties)
        assert caught.value.code == "validation_error"

    refused(State={"status": {}})
    refused(Title={"title": {}})
    refused(Name=None)
    refused(Nothing=None)
    refused(Amount={"number": {"format": "doubloons"}})
    refused(
        **{f"Kind {n}": {"select": {"options": [{"name": "x" * 90 + str(m)} for m in range(99)]}} for n in range(5)}
    )
    kept: Any = notion.data_sources.update(table, properties={"Kind": {"select": {"options": [{"name": "Food"}]}}})
    assert [option["name"] for option in kept["properties"]["Kind"]["select"]["options"]] == ["Food"]
    assert "Kind 1" not in kept["properties"]


def test_what_is_not_shared_is_not_found(notion: Client, table: str, page_id: str, control: Control) -> None:
    control.act("unshare")
    calls: list[Callable[[], Any]] = [
        lambda: notion.pages.retrieve(page_id),
        lambda: notion.data_sources.retrieve(table),
        lambda: notion.pages.create(**_row(table)),
    ]
    for call in calls:
        with pytest.raises(APIResponseError) as caught:
            call()
        assert (caught.value.status, caught.value.code) == (404, "object_not_found")
    found: Any = notion.search()
    assert found["results"] == []


def test_a_new_row_is_hidden_from_queries_while_the_index_lags(notion: Client, table: str, control: Control) -> None:
    control.act("tune", index_lag=60)
    made: Any = notion.pages.create(**_row(table))
    assert notion.pages.retrieve(made["id"])
    before: Any = notion.data_sources.query(table)
    control.act("clock", advance=61)
    after: Any = notion.data_sources.query(table)
    assert (len(before["results"]), len(after["results"])) == (0, 1)


def test_a_create_that_was_saved_names_its_page_in_a_503(notion: Client, table: str, control: Control) -> None:
    control.act("answer_next", code="service_unavailable", saved=True, method="POST", path="/v1/pages")
    with pytest.raises(APIResponseError) as caught:
        notion.pages.create(**_row(table))
    assert caught.value.additional_data is not None
    committed = caught.value.additional_data["committed_resource_id"]
    listing: Any = notion.data_sources.query(table)
    assert [row["id"] for row in listing["results"]] == [committed]


def test_an_overload_is_a_status_that_the_sdk_does_not_know(notion: Client, control: Control) -> None:
    control.act("answer_next", code="service_overload", retry_after=2)
    with pytest.raises(UnknownHTTPResponseError) as caught:
        notion.users.me()
    assert (caught.value.status, caught.value.headers["retry-after"]) == (529, "2")


def _until_refused(notion: Client) -> APIResponseError:
    for _ in range(200):
        try:
            notion.users.me()
        except APIResponseError as error:
            return error
    raise AssertionError("never refused")


@pytest.mark.parametrize(
    ("rates", "reason"),
    [
        (Rates(), "public_api_request_rate_limit"),
        (Rates(per_minute=180), "public_api_request_rate_limit"),
        (Rates(per_minute=600, workspace_per_minute=20), "public_api_space_request_rate_limit"),
    ],
)
def test_too_many_calls_are_told_to_wait_in_whole_seconds(rates: Rates, reason: str, exchanges: list[Exchange]) -> None:
    vendor = emulator(rates=rates)
    with serving(vendor) as served:
        error = _until_refused(_client(served.urls["notion"], vendor.credentials("")["token"], exchanges))
    assert (error.status, error.code) == (429, "rate_limited")
    assert int(error.headers["retry-after"]) >= 1
    assert error.additional_data == {"rate_limit_reason": reason}


def test_the_older_version_says_archived_too_and_still_older_ones_are_refused(
    url: str, notion: Client, table: str, vendor: Emulator
) -> None:
    token = str(vendor.credentials(url)["token"])
    older = _client(url, token, [], "2025-09-03")
    made: Any = older.pages.create(**_row(table))
    trashed: Any = older.pages.update(made["id"], archived=True)
    assert (trashed["archived"], trashed["in_trash"]) == (True, True)
    assert "archived" not in str(notion.pages.retrieve(made["id"]))
    with pytest.raises(APIResponseError):
        notion.pages.update(made["id"], archived=False)
    with pytest.raises(APIResponseError):
        _client(url, token, [], "2022-06-28").users.me()
    with pytest.raises(APIResponseError) as caught:
        notion.request(path=f"databases/{table}/query", method="POST")
    assert caught.value.code == "invalid_request_url"
    bare = httpx2.get(f"{url}/v1/users/me", headers={"authorization": f"Bearer {token}"})
    assert bare.json()["code"] == "missing_version"


def test_tokens_rotate_for_the_sdk(url: str, exchanges: list[Exchange]) -> None:
    back = "https://counterfoil.example/back"
    query = {"client_id": CLIENT_ID, "redirect_uri": back, "response_type": "code", "owner": "user", "state": "s"}
    visit = httpx2.post(f"{url}/v1/oauth/authorize", params=query, data={"outcome": "allow", "ticked": PAGE_ID})
    code = httpx2.URL(visit.headers["location"]).params["code"]
    notion = _client(url, "none", exchanges)

    def grant(**fields: str) -> Any:
        return notion.oauth.token(client_id=CLIENT_ID, client_secret=CLIENT_SECRET, **fields)

    first = grant(grant_type="authorization_code", code=code, redirect_uri=back)
    second = grant(grant_type="refresh_token", refresh_token=first["refresh_token"])
    with pytest.raises(APIResponseError):
        notion.users.me(auth=first["access_token"])
    assert notion.users.me(auth=second["access_token"])
    with pytest.raises((APIResponseError, UnknownHTTPResponseError)):
        grant(grant_type="refresh_token", refresh_token=first["refresh_token"])
    client = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    oauth: Any = notion.oauth
    for _ in range(2):
        assert oauth.revoke(token=second["access_token"], **client)["request_id"]
    assert oauth.introspect(token=second["access_token"], **client)["active"] is False
    with pytest.raises((APIResponseError, UnknownHTTPResponseError)):
        grant(grant_type="refresh_token", refresh_token=second["refresh_token"])
