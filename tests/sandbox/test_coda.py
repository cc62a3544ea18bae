"""The Coda emulator: who may do what, the template, the queue, the snapshot and the pace."""

from collections.abc import Iterator

import httpx2
import pytest

from contracts.samples import account, create, delete, mappings, transaction, update
from counterfoil.destinations.coda import SPEC
from counterfoil.destinations.coda.destination import copy_template
from counterfoil.destinations.coda.sandbox import TEMPLATE_DOC_ID
from counterfoil.destinations.coda.settings import CodaApp, CodaSettings
from counterfoil.lib.http import Http
from counterfoil.model import KEY_LABEL, TABLES, columns
from counterfoil.ports import Access, Written
from sandbox.coda_contract import Exchange
from sandbox.coda_desk import Desk, exchange, open_desk

DAY = 86_400


@pytest.fixture
def desk() -> Iterator[Desk]:
    with open_desk() as desk:
        yield desk


# --- who and where ---


def test_whoami_tells_whose_token_it_is_and_whether_it_is_restricted(desk: Desk) -> None:
    assert desk.get("/whoami")["scoped"] is False
    desk.act("restrict", access="read")
    assert desk.get("/whoami")["scoped"] is True
    desk.call("DELETE", f"{desk.doc}/tables/Accounts/rows", {"rowIds": []}, status=403)


def test_a_token_for_one_doc_lists_no_docs_and_opens_no_other(desk: Desk) -> None:
    names = {doc["name"] for doc in desk.get("/docs")["items"]}
    assert names == {"Household", "Counterfoil template"}
    desk.act("restrict", doc=desk.doc.removeprefix("/docs/"))
    desk.get(desk.doc)
    desk.get("/docs", status=403)
    desk.get(f"/docs/{TEMPLATE_DOC_ID}", status=403)


def test_unknown_revoked_unshared_and_trashed_say_so(desk: Desk) -> None:
    desk.get("/docs/nOsUcHdOc0", status=404)
    desk.get(f"{desk.doc}/tables/grid-none", status=404)
    desk.act("unshare")
    desk.get(desk.doc, status=403)
    desk.act("share")
    desk.act("revoke")
    assert desk.get("/whoami", status=401)["statusMessage"] == "Unauthorized"
    desk.act("restore")
    desk.act("trash_doc")
    desk.get(desk.doc, status=410)


def test_a_pasted_link_leads_to_the_doc(desk: Desk) -> None:
    doc = desk.get(desk.doc)
    link = desk.get("/resolveBrowserLink", url=f"{doc['browserLink']}/Money_su123")
    assert link["resource"]["href"] == doc["href"]
    desk.get("/resolveBrowserLink", url="https://coda.io/d/_dnOsUcHdOc0", status=404)


# --- the template ---


def test_the_doc_is_a_copy_of_the_template_with_every_table_of_the_model(desk: Desk) -> None:
    tables = desk.get(f"{desk.doc}/tables", tableTypes="table", limit=100)["items"]
    assert [table["name"] for table in tables] == [*(record.label for record in TABLES.values()), "Sheet"]
    names = [column["name"] for column in desk.get(f"{desk.doc}/tables/Transactions/columns", limit=100)["items"]]
    assert set(names) == {KEY_LABEL, *(column.label for column in columns("transactions").values())}


def test_a_copy_gets_new_table_ids_and_keeps_its_column_ids(desk: Desk) -> None:
    desk.act("pace", delay=0.2)
    made = desk.call("POST", "/docs", {"title": "Copy", "sourceDoc": TEMPLATE_DOC_ID}, status=201)
    assert made["sourceDoc"]["id"] == TEMPLATE_DOC_ID
    assert desk.get(f"/docs/{made['id']}/tables")["items"] == []
    assert desk.get(f"/mutationStatus/{made['requestId']}")["completed"] is False
    desk.act("clock", advance=1)
    assert desk.get(f"/mutationStatus/{made['requestId']}")["completed"] is True
    first, second = (
        {table["name"]: table["id"] for table in desk.get(f"{doc}/tables", limit=100)["items"]}
        for doc in (f"/docs/{TEMPLATE_DOC_ID}", f"/docs/{made['id']}")
    )
    assert set(first) == set(second)
    assert not set(first.values()) & set(second.values())
    ours, theirs = (
        [(column["id"], column["name"]) for column in desk.get(f"{doc}/tables/Accounts/columns")["items"]]
        for doc in (f"/docs/{TEMPLATE_DOC_ID}", f"/docs/{made['id']}")
    )
    assert ours == theirs
    desk.call("POST", "/docs", {"title": "Copy", "sourceDoc": "nOsUcHdOc0"}, status=400)


def test_links_of_a_copy_lead_to_the_copied_tables(desk: Desk) -> None:
    listed = {table["name"]: table["id"] for table in desk.get(f"{desk.doc}/tables", limit=100)["items"]}
    found = {one["name"]: one for one in desk.get(f"{desk.doc}/tables/Transactions/columns", limit=100)["items"]}
    assert found["Account"]["format"]["table"]["id"] == listed["Accounts"]


# --- the queue and the snapshot ---


def test_an_edit_waits_in_the_queue_and_its_status_says_so(desk: Desk) -> None:
    desk.act("pace", delay=5)
    queued = desk.upsert({"Name": "a"})
    assert len(queued["addedRowIds"]) == 1
    assert desk.get(f"{desk.sheet}/rows")["items"] == []
    assert desk.get(f"/mutationStatus/{queued['requestId']}") == {"completed": False}
    desk.act("clock", advance=6)
    assert desk.get(f"/mutationStatus/{queued['requestId']}") == {"completed": True}
    assert [row["id"] for row in desk.get(f"{desk.sheet}/rows")["items"]] == queued["addedRowIds"]
    desk.act("clock", advance=DAY + 1)
    desk.get(f"/mutationStatus/{queued['requestId']}", status=404)


def test_a_lost_edit_never_completes(desk: Desk) -> None:
    desk.act("lose_edits", times=1)
    queued = desk.upsert({"Name": "a"})
    desk.act("clock", advance=DAY)
    assert desk.get(f"/mutationStatus/{queued['requestId']}") == {"completed": False}
    assert desk.get(f"{desk.sheet}/rows")["items"] == []


def test_two_upserts_of_one_new_key_in_the_queue_make_two_rows(desk: Desk) -> None:
    desk.act("pace", delay=5)
    assert "addedRowIds" not in desk.upsert({"Name": "a", "Amount": 1}, keys=["Name"])
    desk.upsert({"Name": "a", "Amount": 2}, keys=["Name"])
    desk.act("clock", advance=6)
    assert [row["values"]["Amount"] for row in desk.rows()] == [1, 2]
    desk.upsert({"Name": "a", "Amount": 3}, keys=["Name"])
    desk.act("clock", advance=6)
    assert [row["values"]["Amount"] for row in desk.rows()] == [3, 3]


def test_the_snapshot_lags_and_latest_refuses_until_it_is_there(desk: Desk) -> None:
    desk.upsert({"Name": "a", "Amount": 1}, keys=["Name"])
    assert len(desk.rows()) == 1
    desk.act("pace", lag=5)
    desk.upsert({"Name": "a", "Amount": 2}, {"Name": "b"}, keys=["Name"])
    assert [row["values"]["Amount"] for row in desk.rows()] == [1]
    desk.get(f"{desk.sheet}/rows", latest=True, status=400)
    desk.act("clock", advance=6)
    rows = desk.get(f"{desk.sheet}/rows", latest=True, useColumnNames="true")["items"]
    assert [(row["values"]["Name"], row["values"]["Amount"]) for row in rows] == [("a", 2), ("b", "")]


def test_a_sync_token_brings_what_changed_since_and_nothing_of_what_was_deleted(desk: Desk) -> None:
    desk.upsert(*({"Name": f"row {number}"} for number in range(5)))
    token = desk.get(f"{desk.sheet}/rows", limit=1)["nextSyncToken"]
    rows = desk.rows()
    desk.upsert({"Name": "row 3", "Amount": 1}, {"Name": "new"}, {"Name": "newer"}, keys=["Name"])
    desk.call("DELETE", f"{desk.sheet}/rows/{rows[0]['id']}", status=202)
    page = desk.get(f"{desk.sheet}/rows", syncToken=token, limit=2)
    rest = desk.get(f"{desk.sheet}/rows", pageToken=page["nextPageToken"])
    assert [row["name"] for row in page["items"] + rest["items"]] == ["row 3", "new", "newer"]
    assert desk.get(f"{desk.sheet}/rows", syncToken=rest["nextSyncToken"])["items"] == []


# --- pace ---


@pytest.mark.parametrize(
    ("method", "path", "limit"), [("GET", "/whoami", 100), ("GET", "/docs", 4), ("DELETE", "/rows", 10)]
)
def test_each_rate_class_counts_by_itself(desk: Desk, method: str, path: str, limit: int) -> None:
    desk.emulator.limits.scale = 1.0
    full = desk.sheet + path if path == "/rows" else path
    body: dict[str, list[str]] | None = {"rowIds": []} if method == "DELETE" else None
    for _ in range(limit):
        desk.call(method, full, body, status=202 if body else 200)
    assert desk.call(method, full, body, status=429)["message"] == "Too Many Requests"
    desk.get(desk.sheet) if path != "/whoami" else desk.get("/docs")


# --- the product against it, judged by the description ---


class Noting(httpx2.AsyncHTTPTransport):
    """Sends for real, and notes what was said."""

    def __init__(self, exchanges: list[Exchange]) -> None:
        super().__init__()
        self._exchanges = exchanges

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await super().handle_async_request(request)
        self._exchanges.append(exchange(request, response.status_code, await response.aread()))
        return response


@pytest.mark.anyio
async def test_what_the_connector_sends_and_gets_agrees_with_the_description(desk: Desk) -> None:
    http = Http(transport=Noting(desk.exchanges))
    app, token = CodaApp(url=desk.url, first_look=0.01, settle=0.01), desk.credentials["token"]
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
    assert {exchange.method for exchange in desk.exchanges} == {"GET", "POST", "PUT", "DELETE"}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
