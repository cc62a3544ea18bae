"""The Coda emulator: judged by the vendor's description, and by what is known of the vendor's ways."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest

from contracts.samples import account, create, delete, mappings, transaction, update
from contracts.stage import Control
from counterfoil.destinations.coda import SPEC
from counterfoil.destinations.coda.destination import copy_template
from counterfoil.destinations.coda.sandbox import TEMPLATE_DOC_ID, emulator
from counterfoil.destinations.coda.settings import CodaApp, CodaSettings
from counterfoil.lib.http import Http
from counterfoil.model import KEY_LABEL, TABLES, columns
from counterfoil.ports import Access, Written
from counterfoil.sandbox.kit import Emulator
from counterfoil.sandbox.server import serving
from sandbox.coda_contract import Exchange, at_hand, faults

DAY = 86_400


@pytest.fixture
def exchanges() -> list[Exchange]:
    return []


@pytest.fixture(autouse=True)
def judged(exchanges: list[Exchange]) -> Iterator[None]:
    """Judge what a test exchanged, where the description is at hand."""
    yield
    if not at_hand():
        print("did not run against the description: COUNTERFOIL_CONTRACTS does not name its folder")
        return
    assert faults(exchanges) == []


@pytest.fixture
def vendor() -> Emulator:
    made = emulator(delay=0.0)
    made.limits.scale = None
    return made


@pytest.fixture
def url(vendor: Emulator) -> Iterator[str]:
    with serving(vendor) as served:
        yield served.urls["coda"]


@pytest.fixture
def control(url: str) -> Iterator[Control]:
    control = Control(url)
    yield control
    control.close()


class Caller:
    """Calls the emulator as the owner of the token, and notes what was said."""

    def __init__(self, url: str, token: str, doc_id: str, exchanges: list[Exchange]) -> None:
        self.doc = f"/docs/{doc_id}"
        self._exchanges = exchanges
        self._client = httpx2.Client(
            base_url=f"{url}/apis/v1",
            headers={"authorization": f"Bearer {token}"},
            event_hooks={"response": [self._note]},
        )

    def _note(self, response: httpx2.Response) -> None:
        request = response.request
        names = tuple(name for name, _ in request.url.params.multi_items())
        exchange = (request.method, request.url.path, names, request.content, response.status_code, response.read())
        self._exchanges.append(Exchange(*exchange))

    def call(self, method: str, path: str, body: Any = None, *, status: int = 200, **options: Any) -> Any:
        reply = self._client.request(method, path, json=body, **options)
        assert reply.status_code == status, f"{method} {path}: {reply.status_code} {reply.text}"
        return reply.json()

    def get(self, path: str, *, status: int = 200, latest: bool = False, **params: Any) -> Any:
        headers = {"X-Coda-Doc-Version": "latest"} if latest else {}
        return self.call("GET", path, status=status, params=params, headers=headers)

    def close(self) -> None:
        self._client.close()


@pytest.fixture
def coda(url: str, vendor: Emulator, exchanges: list[Exchange]) -> Iterator[Caller]:
    credentials = vendor.credentials(url)
    caller = Caller(url, credentials["token"], credentials["doc_id"], exchanges)
    yield caller
    caller.close()


@pytest.fixture
def sheet(coda: Caller, control: Control) -> str:
    """The path of a table with a name, a number, a date and a select."""
    fields = [
        {"name": "Name"},
        {"name": "Amount", "type": "currency"},
        {"name": "Day", "type": "date"},
        {"name": "Kind", "type": "select"},
        {"name": "Account", "type": "lookup", "to": "Accounts"},
        {"name": "Site", "type": "link"},
        {"name": "Done", "type": "checkbox"},
    ]
    made = control.act("add_table", name="Sheet", fields=fields)
    return f"{coda.doc}/tables/{made['id']}"


Upsert = Callable[..., Any]


@pytest.fixture
def upsert(coda: Caller, sheet: str) -> Upsert:
    def call(*rows: dict[str, Any], keys: list[str] | None = None, status: int = 202, raw: bool = False) -> Any:
        edits = [{"cells": [{"column": name, "value": value} for name, value in row.items()]} for row in rows]
        body: dict[str, Any] = {"rows": edits}
        if keys is not None:
            body["keyColumns"] = keys
        return coda.call("POST", f"{sheet}/rows", body, status=status, params={"disableParsing": "true"} if raw else {})

    return call


def _named(coda: Caller, sheet: str, **params: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = coda.get(f"{sheet}/rows", useColumnNames="true", **params)["items"]
    return items


# --- who and where ---


def test_whoami_tells_whose_token_it_is_and_whether_it_is_restricted(coda: Caller, control: Control) -> None:
    assert coda.get("/whoami")["scoped"] is False
    control.act("restrict", access="read")
    assert coda.get("/whoami")["scoped"] is True
    coda.call("DELETE", f"{coda.doc}/tables/Accounts/rows", {"rowIds": []}, status=403)


def test_a_token_for_one_doc_lists_no_docs_and_opens_no_other(coda: Caller, control: Control) -> None:
    names = {doc["name"] for doc in coda.get("/docs")["items"]}
    assert names == {"Household", "Counterfoil template"}
    control.act("restrict", doc=coda.doc.removeprefix("/docs/"))
    coda.get(coda.doc)
    coda.get("/docs", status=403)
    coda.get(f"/docs/{TEMPLATE_DOC_ID}", status=403)


def test_unknown_revoked_unshared_and_trashed_say_so(coda: Caller, control: Control) -> None:
    coda.get("/docs/nOsUcHdOc0", status=404)
    coda.get(f"{coda.doc}/tables/grid-none", status=404)
    control.act("unshare")
    coda.get(coda.doc, status=403)
    control.act("share")
    control.act("revoke")
    assert coda.get("/whoami", status=401)["statusMessage"] == "Unauthorized"
    control.act("restore")
    control.act("trash_doc")
    coda.get(coda.doc, status=410)


def test_a_pasted_link_leads_to_the_doc(coda: Caller) -> None:
    doc = coda.get(coda.doc)
    link = coda.get("/resolveBrowserLink", url=f"{doc['browserLink']}/Money_su123")
    assert link["resource"]["href"] == doc["href"]
    coda.get("/resolveBrowserLink", url="https://coda.io/d/_dnOsUcHdOc0", status=404)


# --- the template ---


def test_the_doc_is_a_copy_of_the_template_with_every_table_of_the_model(coda: Caller) -> None:
    tables = coda.get(f"{coda.doc}/tables", tableTypes="table", limit=100)["items"]
    assert [table["name"] for table in tables] == [name.replace("_", " ").capitalize() for name in TABLES]
    names = [column["name"] for column in coda.get(f"{coda.doc}/tables/Transactions/columns", limit=100)["items"]]
    assert set(names) == {KEY_LABEL, *(column.label for column in columns("transactions").values())}


def test_a_copy_gets_new_table_ids_and_keeps_its_column_ids(coda: Caller, control: Control) -> None:
    control.act("pace", delay=0.2)
    made = coda.call("POST", "/docs", {"title": "Copy", "sourceDoc": TEMPLATE_DOC_ID}, status=201)
    assert made["sourceDoc"]["id"] == TEMPLATE_DOC_ID
    assert coda.get(f"/docs/{made['id']}/tables")["items"] == []
    assert coda.get(f"/mutationStatus/{made['requestId']}")["completed"] is False
    control.act("clock", advance=1)
    assert coda.get(f"/mutationStatus/{made['requestId']}")["completed"] is True
    first, second = (
        {table["name"]: table["id"] for table in coda.get(f"{doc}/tables", limit=100)["items"]}
        for doc in (f"/docs/{TEMPLATE_DOC_ID}", f"/docs/{made['id']}")
    )
    assert set(first) == set(second)
    assert not set(first.values()) & set(second.values())
    ours, theirs = (
        [(column["id"], column["name"]) for column in coda.get(f"{doc}/tables/Accounts/columns")["items"]]
        for doc in (f"/docs/{TEMPLATE_DOC_ID}", f"/docs/{made['id']}")
    )
    assert ours == theirs
    coda.call("POST", "/docs", {"title": "Copy", "sourceDoc": "nOsUcHdOc0"}, status=400)


def test_links_of_a_copy_lead_to_the_copied_tables(coda: Caller) -> None:
    listed = {table["name"]: table["id"] for table in coda.get(f"{coda.doc}/tables", limit=100)["items"]}
    found = {one["name"]: one for one in coda.get(f"{coda.doc}/tables/Transactions/columns", limit=100)["items"]}
    assert found["Account"]["format"]["table"]["id"] == listed["Accounts"]


# --- the queue and the snapshot ---


def test_an_edit_waits_in_the_queue_and_its_status_says_so(
    coda: Caller, control: Control, upsert: Upsert, sheet: str
) -> None:
    control.act("pace", delay=5)
    queued = upsert({"Name": "a"})
    assert len(queued["addedRowIds"]) == 1
    assert coda.get(f"{sheet}/rows")["items"] == []
    assert coda.get(f"/mutationStatus/{queued['requestId']}") == {"completed": False}
    control.act("clock", advance=6)
    assert coda.get(f"/mutationStatus/{queued['requestId']}") == {"completed": True}
    assert [row["id"] for row in coda.get(f"{sheet}/rows")["items"]] == queued["addedRowIds"]
    control.act("clock", advance=DAY + 1)
    coda.get(f"/mutationStatus/{queued['requestId']}", status=404)


def test_a_lost_edit_never_completes(coda: Caller, control: Control, upsert: Upsert, sheet: str) -> None:
    control.act("lose_edits", times=1)
    queued = upsert({"Name": "a"})
    control.act("clock", advance=DAY)
    assert coda.get(f"/mutationStatus/{queued['requestId']}") == {"completed": False}
    assert coda.get(f"{sheet}/rows")["items"] == []


def test_two_upserts_of_one_new_key_in_the_queue_make_two_rows(
    coda: Caller, control: Control, upsert: Upsert, sheet: str
) -> None:
    control.act("pace", delay=5)
    assert "addedRowIds" not in upsert({"Name": "a", "Amount": 1}, keys=["Name"])
    upsert({"Name": "a", "Amount": 2}, keys=["Name"])
    control.act("clock", advance=6)
    assert [row["values"]["Amount"] for row in _named(coda, sheet)] == [1, 2]
    upsert({"Name": "a", "Amount": 3}, keys=["Name"])
    control.act("clock", advance=6)
    assert [row["values"]["Amount"] for row in _named(coda, sheet)] == [3, 3]


def test_the_snapshot_lags_and_latest_refuses_until_it_is_there(
    coda: Caller, control: Control, upsert: Upsert, sheet: str
) -> None:
    upsert({"Name": "a", "Amount": 1}, keys=["Name"])
    assert len(_named(coda, sheet)) == 1
    control.act("pace", lag=5)
    upsert({"Name": "a", "Amount": 2}, {"Name": "b"}, keys=["Name"])
    assert [row["values"]["Amount"] for row in _named(coda, sheet)] == [1]
    coda.get(f"{sheet}/rows", latest=True, status=400)
    control.act("clock", advance=6)
    rows = coda.get(f"{sheet}/rows", latest=True, useColumnNames="true")["items"]
    assert [(row["values"]["Name"], row["values"]["Amount"]) for row in rows] == [("a", 2), ("b", "")]


def test_a_sync_token_brings_what_changed_since_and_nothing_of_what_was_deleted(
    coda: Caller, control: Control, upsert: Upsert, sheet: str
) -> None:
    upsert(*({"Name": f"row {number}"} for number in range(5)))
    token = coda.get(f"{sheet}/rows", limit=1)["nextSyncToken"]
    rows = _named(coda, sheet)
    upsert({"Name": "row 3", "Amount": 1}, {"Name": "new"}, {"Name": "newer"}, keys=["Name"])
    coda.call("DELETE", f"{sheet}/rows/{rows[0]['id']}", status=202)
    page = coda.get(f"{sheet}/rows", syncToken=token, limit=2)
    rest = coda.get(f"{sheet}/rows", pageToken=page["nextPageToken"])
    assert [row["name"] for row in page["items"] + rest["items"]] == ["row 3", "new", "newer"]
    assert coda.get(f"{sheet}/rows", syncToken=rest["nextSyncToken"])["items"] == []


# --- lists ---


def test_a_list_clamps_its_limit_and_a_page_token_brings_its_own_parameters(
    coda: Caller, control: Control, sheet: str
) -> None:
    control.act("bulk_rows", table="Sheet", fields=["Name"], rows=[[f"row {number}"] for number in range(620)])
    first = coda.get(f"{sheet}/rows", limit=10_000, useColumnNames="true")
    assert len(first["items"]) == 500
    second = coda.get(f"{sheet}/rows", pageToken=first["nextPageToken"], limit=3, useColumnNames="false")
    assert len(second["items"]) == 120 and "nextPageToken" not in second
    assert second["items"][-1]["values"]["Name"] == "row 619"
    assert len(coda.get(f"{sheet}/rows")["items"]) == 25
    assert coda.get(sheet)["rowCount"] == 620
    coda.get(f"{sheet}/rows", limit=0, status=400)
    coda.get(f"{sheet}/rows", pageToken="nonsense", status=400)


def test_rows_deleted_between_two_pages_hide_no_other(coda: Caller, control: Control, sheet: str) -> None:
    made = control.act("bulk_rows", table="Sheet", fields=["Name"], rows=[[f"row {number}"] for number in range(6)])
    first = coda.get(f"{sheet}/rows", limit=3)
    coda.call("DELETE", f"{sheet}/rows", {"rowIds": made["ids"][:2]}, status=202)
    second = coda.get(f"{sheet}/rows", pageToken=first["nextPageToken"])
    assert [row["name"] for row in second["items"]] == ["row 3", "row 4", "row 5"]


def test_a_query_compares_one_column_by_id_or_quoted_name(
    coda: Caller, control: Control, upsert: Upsert, sheet: str
) -> None:
    text = 'say "1:2"'
    upsert({"Name": text, "Amount": 5}, {"Name": "other", "Amount": 6}, raw=True)
    name = coda.get(f"{sheet}/columns")["items"][0]["id"]
    assert len(_named(coda, sheet, query=f"{name}:{json.dumps(text)}")) == 1
    assert len(_named(coda, sheet, query='"Amount":6')) == 1
    coda.get(f"{sheet}/rows", query='"None":6', status=400)


def test_rows_are_sorted_by_creation_by_change_or_as_the_user_sees_them(
    coda: Caller, control: Control, upsert: Upsert, sheet: str
) -> None:
    upsert({"Name": "b"}, {"Name": "c"}, {"Name": "a"})
    control.act("clock", advance=10)
    upsert({"Name": "b", "Amount": 1}, keys=["Name"])
    control.act("sort_rows", table="Sheet", field="Name")
    order = {
        sort: "".join(row["name"] for row in _named(coda, sheet, sortBy=sort)) for sort in ("natural", "updatedAt")
    }
    assert order == {"natural": "abc", "updatedAt": "cab"}
    assert "".join(row["name"] for row in _named(coda, sheet)) == "bca"
    coda.get(f"{sheet}/rows", sortBy="natural", visibleOnly="false", status=400)


# --- values ---


def test_texts_become_what_they_look_like_unless_parsing_is_off(coda: Caller, upsert: Upsert, sheet: str) -> None:
    texts = ["1/2", "=1+1", "00123", "1-2", "TRUE", "$5", "plain words"]
    upsert(*({"Name": text} for text in texts))
    upsert(*({"Name": text} for text in texts), raw=True)
    values = [row["values"]["Name"] for row in _named(coda, sheet)]
    assert values[len(texts) :] == texts
    assert [text for text, value in zip(texts, values, strict=False) if text == value] == ["plain words"]


def test_dates_are_read_in_the_docs_zone_and_stay_text_where_parsing_is_off(
    coda: Caller, control: Control, upsert: Upsert, sheet: str
) -> None:
    upsert({"Name": "parsed", "Day": "2026-02-03"})
    upsert({"Name": "raw", "Day": "2026-02-03"}, raw=True)
    assert [row["values"]["Day"] for row in _named(coda, sheet)] == ["2026-02-03T00:00:00.000-08:00", "2026-02-03"]


def test_lookups_take_row_ids_links_and_names(coda: Caller, control: Control, upsert: Upsert, sheet: str) -> None:
    twins = [control.act("add_row", table="Accounts", cells={"Name": "Checking"})["id"] for _ in range(2)]
    upsert({"Account": twins[1]}, {"Account": "Checking"}, {"Account": "Nowhere"}, {"Account": [twins[0], twins[1]]})
    table = next(table for table in control.tables() if table["name"] == "Sheet")
    held = [row["cells"].get("Account") for row in table["rows"]]
    assert held == [[twins[1]], [twins[0]], "Nowhere", twins]
    flat = [row["values"]["Account"] for row in _named(coda, sheet)]
    assert flat == ["Checking", "Checking", "Nowhere", "Checking,Checking"]
    arrays = _named(coda, sheet, valueFormat="simpleWithArrays")[3]["values"]["Account"]
    rich = _named(coda, sheet, valueFormat="rich")[0]["values"]["Account"]
    assert arrays == ["Checking", "Checking"]
    assert (rich["@type"], rich["rowId"], rich["name"]) == ("StructuredValue", twins[1], "Checking")


def test_rich_values_say_what_they_are(coda: Caller, upsert: Upsert, sheet: str) -> None:
    upsert({"Name": "plain", "Amount": 12.5, "Kind": "Rent", "Site": "https://shop.example", "Done": True})
    values = _named(coda, sheet, valueFormat="rich")[0]["values"]
    assert values["Name"] == "```plain```"
    assert values["Amount"] == {
        "@context": "http://schema.org/",
        "@type": "MonetaryAmount",
        "currency": "USD",
        "amount": 12.5,
    }
    assert values["Site"]["url"] == "https://shop.example"
    assert (values["Kind"], values["Done"], values["Day"]) == ("```Rent```", True, "")


# --- edits and refusals ---


def test_a_row_is_read_changed_and_deleted_by_its_id(coda: Caller, upsert: Upsert, sheet: str) -> None:
    (row_id,) = upsert({"Name": "a", "Amount": 1, "Kind": "keep"})["addedRowIds"]
    path = f"{sheet}/rows/{row_id}"
    coda.call("PUT", path, {"row": {"cells": [{"column": "Amount", "value": 2}]}}, status=202)
    row = coda.get(path, useColumnNames="true")
    assert (row["values"]["Amount"], row["values"]["Kind"], row["parent"]["name"]) == (2, "keep", "Sheet")
    assert coda.call("DELETE", path, status=202)["id"] == row_id
    coda.get(path, status=404)
    coda.call("PUT", path, {"row": {"cells": []}}, status=404)
    coda.call("DELETE", path, status=404)
    coda.call("DELETE", f"{sheet}/rows", {"rowIds": [row_id]}, status=202)


def test_views_show_rows_and_take_none(coda: Caller, control: Control) -> None:
    control.act("add_row", table="Transactions", cells={"Summary": "Bread"})
    view = f"{coda.doc}/tables/{'Recent transactions'}"
    assert coda.get(view)["parentTable"]["name"] == "Transactions"
    assert [row["name"] for row in coda.get(f"{view}/rows")["items"]] == ["Bread"]
    coda.call("POST", f"{view}/rows", {"rows": [{"cells": [{"column": "Summary", "value": "x"}]}]}, status=400)
    names = [table["name"] for table in coda.get(f"{coda.doc}/tables", tableTypes="table", limit=100)["items"]]
    assert "Recent transactions" not in names


def test_a_calculated_column_is_shown_and_not_written(
    coda: Caller, control: Control, upsert: Upsert, sheet: str
) -> None:
    control.act("add_field", table="Sheet", name="Made", type="calculated")
    (column,) = [one for one in coda.get(f"{sheet}/columns")["items"] if one["name"] == "Made"]
    assert column["calculated"] is True and column["formula"]
    upsert({"Made": "2026-01-01"}, status=400)
    upsert({"Name": "a"})
    assert _named(coda, sheet)[0]["values"]["Made"]


@pytest.mark.parametrize(
    "body",
    [
        {"rows": [{"cells": [{"column": "Nowhere", "value": 1}]}]},
        {"rows": [{"cells": [{"column": "Name", "value": None}]}]},
        {"rows": [{"cells": [{"column": "Name", "value": {}}]}]},
        {"rows": [{"cells": [{"column": "Name", "value": "x" * 90_000}]}]},
        {"rows": [{"cells": [{"value": 1}]}]},
        {"rows": [{"cells": []}], "keyColumns": ["Nowhere"]},
        {},
    ],
    ids=["unknown column", "null", "object", "large row", "no column", "unknown key column", "no rows"],
)
def test_a_body_that_is_not_right_is_refused_whole(coda: Caller, control: Control, sheet: str, body: Any) -> None:
    body = {**body, "rows": [{"cells": [{"column": "Name", "value": "good"}]}, *body["rows"]]} if body else body
    refused = coda.call("POST", f"{sheet}/rows", body, status=400)
    assert refused["statusMessage"] == "Bad Request" and refused["message"]
    assert coda.get(f"{sheet}/rows")["items"] == []


def test_a_body_that_is_too_big_is_refused(coda: Caller, upsert: Upsert) -> None:
    upsert(*({"Name": "x" * 50_000} for _ in range(50)), status=413)


# --- pace ---


@pytest.mark.parametrize(
    ("method", "path", "limit"), [("GET", "/whoami", 100), ("GET", "/docs", 4), ("DELETE", "/rows", 10)]
)
def test_each_rate_class_lets_so_many_pass_and_counts_the_others_apart(
    coda: Caller, vendor: Emulator, sheet: str, method: str, path: str, limit: int
) -> None:
    vendor.limits.scale = 1.0
    full = sheet + path if path == "/rows" else path
    body, status = ({"rowIds": []}, 202) if method == "DELETE" else (None, 200)
    for _ in range(limit):
        coda.call(method, full, body, status=status)
    assert coda.call(method, full, body, status=429)["message"] == "Too Many Requests"
    coda.get(sheet) if path != "/whoami" else coda.get("/docs")


# --- the product against it, judged by the description ---


class Noting(httpx2.AsyncHTTPTransport):
    """Sends for real, and notes what was said."""

    def __init__(self, exchanges: list[Exchange]) -> None:
        super().__init__()
        self._exchanges = exchanges

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await super().handle_async_request(request)
        names = tuple(name for name, _ in request.url.params.multi_items())
        got = await response.aread()
        exchange = Exchange(request.method, request.url.path, names, request.content, response.status_code, got)
        self._exchanges.append(exchange)
        return response


@pytest.mark.anyio
async def test_what_the_connector_sends_and_gets_agrees_with_the_description(
    url: str, vendor: Emulator, control: Control, exchanges: list[Exchange]
) -> None:
    http = Http(transport=Noting(exchanges))
    app, token = CodaApp(url=url, first_look=0.01, settle=0.01), vendor.credentials(url)["token"]
    doc_id = await copy_template(http, app, token, title="Mine", template_doc_id=TEMPLATE_DOC_ID)

    async def save(_: object) -> None:
        raise AssertionError("nothing of Coda's rotates")

    destination = SPEC.open(Access(http, app, CodaSettings(token=token, doc_id=doc_id), save))
    identity = await destination.check()
    assert (identity.remote_id, identity.label) == (doc_id, "Mine")
    assert len((await destination.describe()).tables) == len(TABLES)
    accounts, table = await destination.prepare(mappings("accounts", "transactions"))
    (written,) = await destination.write(accounts, [create(accounts, "acc-1", account(1))])
    assert isinstance(written, Written)
    rows = [create(table, f"tx-{number}", transaction(number)) for number in range(8)]
    outcomes = await destination.write(table, rows)
    ids = {one.key: one.remote_id for one in outcomes if isinstance(one, Written)}
    changes = [
        *(update(f"tx-{number}", {"merchant": "1/2"}, remote_id=ids[f"tx-{number}"]) for number in range(5)),
        update("tx-posted", {"pending": False}, was="tx-6", remote_id=ids["tx-6"]),
        delete("tx-7", ids["tx-7"]),
    ]
    assert {type(one) for one in await destination.write(table, changes)} == {Written}
    assert len([row async for row in destination.read(table)]) == 7
    await http.aclose()
    assert {exchange.method for exchange in exchanges} == {"GET", "POST", "PUT", "DELETE"}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
