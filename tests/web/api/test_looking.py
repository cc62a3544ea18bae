"""What the API shows: every list and every single thing, page by page."""

from collections.abc import Mapping
from typing import Any

import httpx2
import pytest

from counterfoil.errors import ActionRequired
from counterfoil.model import TABLES
from web.api.desk import Desk, problem_of

pytestmark = pytest.mark.anyio


async def every(client: httpx2.AsyncClient, path: str, limit: int, **params: str) -> list[dict[str, Any]]:
    """Read a list to its end in pages of `limit`."""
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        reply = await client.get(path, params={**params, "limit": limit, **({"cursor": cursor} if cursor else {})})
        assert reply.status_code == 200, reply.text
        page = reply.json()
        assert len(page["results"]) <= limit
        found += page["results"]
        cursor = page["next"]
        if cursor is None:
            return found


def _has_pages(operation: Mapping[str, Any]) -> bool:
    return any(parameter["name"] == "cursor" for parameter in operation.get("parameters", ()))


async def test_every_list_reads_the_same_in_small_pages_as_in_one(at: Desk) -> None:
    await at.connect("first", transactions=7)
    await at.connect("second", transactions=3)
    for name in ("book", "diary", "log"):
        await at.add_ledger(name)
    reader = await at.caller()
    description = (await reader.get("http://counterfoil.test/api/openapi.json")).json()
    lists = {path: methods["get"] for path, methods in description["paths"].items() if "get" in methods}
    paged = [path.removeprefix("/v1") for path, told in lists.items() if "{" not in path and _has_pages(told)]
    assert len(paged) > 15
    empty = {"/audit", "/categories", "/channels", "/pairs", "/relinks", "/rules"}
    empty |= {f"/rows/{table}" for table in TABLES if table not in ("accounts", "transactions")}
    for path in paged:
        whole = await every(reader, path, 200)
        assert whole or path in empty, path
        assert await every(reader, path, 3) == whole, path


async def test_rows_have_exact_amounts_and_can_be_narrowed(at: Desk) -> None:
    first = await at.connect("first", transactions=3)
    second = await at.connect("second", transactions=9)  # whose first sync reads the bank's first three as well
    reader = await at.caller("read")
    rows = await every(reader, "/rows/transactions", 50)
    assert [(row["key"], row["connection_id"]) for row in rows] == sorted(
        ((f"t00{n}", connection) for n in range(3) for connection in (first, second)), reverse=True
    )
    assert rows[0]["amount"] == "-1.50" and rows[0]["date"] == "2026-01-05" and rows[0]["removed"] is False
    assert len(await every(reader, "/rows/transactions", 50, connection_id=second)) == 3


async def test_every_canonical_table_can_be_read(at: Desk) -> None:
    await at.connect(transactions=1)
    reader = await at.caller("read")
    tables = (await reader.get("/tables")).json()["results"]
    assert [table["name"] for table in tables] == list(TABLES)
    for table in tables:
        rows = await every(reader, f"/rows/{table['name']}", 50)
        assert len(rows) == table["rows"]
        for row in rows:
            every_row_has = {"key", "connection_id", "version", "removed", "hidden"}
            assert set(row) == every_row_has | {c["name"] for c in table["columns"]}


async def test_a_sync_tells_what_it_did_to_each_table(at: Desk) -> None:
    await at.add_ledger()
    connection = await at.connect(transactions=4)
    reader = await at.caller("read")
    sync = (await every(reader, "/syncs", 50, connection_id=connection))[0]
    assert sync["cause"] == "app/connection.created" and sync["state"] == "done"
    lines = (await reader.get(f"/syncs/{sync['id']}")).json()["tables"]
    assert {line["table"]: line["created"] for line in lines} == {"accounts": 1, "transactions": 4}
    assert await every(reader, "/syncs", 50, state="failed") == []


async def test_a_destination_shows_its_tables_and_the_rows_that_it_refuses(at: Desk) -> None:
    destination = await at.add_ledger()
    at.ledgers["book"].rejects = lambda change: "Too odd." if change.key in ("t001", "t002") else None
    await at.connect(transactions=3)
    reader = await at.caller("read")
    shown = (await reader.get(f"/destinations/{destination}")).json()
    assert [table["table"] for table in shown["tables"]] == ["accounts", "transactions"]
    assert shown["tables"][0]["key_field"]["field_id"] == "accounts.key" and [
        table["standing"] for table in shown["tables"]
    ] == [1, 1]
    assert shown["tables"][1]["refused"] == 2
    assert await every(reader, f"/destinations/{destination}/rejected", 1) == [
        {"table": "transactions", "key": key, "reason": "Too odd."} for key in ("t001", "t002")
    ]


async def test_health_names_what_needs_a_person_and_where(at: Desk) -> None:
    destination = await at.add_ledger()
    reader = await at.caller("read")
    assert (await reader.get("/health")).json()["status"] == "ok"
    at.ledgers["book"].fail_before.append(ActionRequired("access_lost", "We may not write.", remedy="Share it again."))
    connection = await at.connect(transactions=1)
    health = (await reader.get("/health")).json()
    assert health["status"] == "attention" and health["destinations"] == {"action_required": 1}
    assert {"code": "access_lost", "message": "We may not write.", "remedy": "Share it again."}.items() <= health[
        "needs"
    ][0].items()
    assert health["needs"][0]["destination_id"] == destination
    assert (await reader.get(f"/connections/{connection}")).json()["problem"] is None


async def test_credentials_are_never_shown(at: Desk) -> None:
    connection, destination = await at.connect("s3cret-login"), await at.add_ledger("s3cret-book")
    admin = await at.caller()
    for path in (f"/connections/{connection}", f"/destinations/{destination}"):
        shown = (await admin.get(path)).json()
        assert not {"settings", "credential", "workspace_id"} & set(shown)


async def test_what_can_be_added_says_which_settings_it_takes(at: Desk) -> None:
    reader = await at.caller("read")
    providers = (await reader.get("/providers")).json()["results"]
    kinds = (await reader.get("/destination-kinds")).json()["results"]
    assert [one["slug"] for one in providers] == ["plaid"] and [one["slug"] for one in kinds] == ["ledger"]
    assert kinds[0]["settings"]["required"] == ["name"]


async def test_a_cursor_of_another_list_is_refused(at: Desk) -> None:
    await at.connect("first", transactions=3)
    reader = await at.caller("read")
    cursor = (await reader.get("/rows/transactions", params={"limit": 1})).json()["next"]
    for path, wrong in (("/syncs", cursor), ("/connections", cursor), ("/syncs", "%%%"), ("/runs", "bm9uc2Vuc2U=")):
        reply = await reader.get(path, params={"cursor": wrong})
        assert reply.status_code == 400 and problem_of(reply)["code"] == "bad_cursor", path


async def test_what_is_not_there_is_said_in_the_same_shape_everywhere(at: Desk) -> None:
    admin = await at.caller()
    asked = [
        ("GET", "/connections/x", 404, "not_found"),
        ("GET", "/destinations/x", 404, "not_found"),
        ("GET", "/destinations/x/rejected", 404, "not_found"),
        ("GET", "/syncs/x", 404, "not_found"),
        ("GET", "/events/x/y", 404, "not_found"),
        ("GET", "/functions/x", 404, "not_found"),
        ("GET", "/runs/x", 404, "not_found"),
        ("POST", "/runs/x/cancel", 404, "not_found"),
        ("POST", "/functions/x/pause", 404, "not_found"),
        ("DELETE", "/tokens/x", 404, "not_found"),
        ("GET", "/rows/nonsense", 404, "not_found"),
        ("GET", "/nonsense", 404, "not_found"),
        ("PUT", "/connections", 405, "method_not_allowed"),
        ("GET", "/connections?limit=0", 422, "invalid"),
        ("GET", "/connections?limit=201", 422, "invalid"),
        ("GET", "/runs?status=odd", 422, "invalid"),
        ("GET", "/runs?stauts=failed", 422, "invalid"),
        ("GET", "/runs/a%0Ab", 404, "not_found"),
        ("GET", "/runs/a%00b", 400, "bad_address"),
        ("GET", "/runs?function=a%00b", 400, "bad_address"),
    ]
    for method, path, status, code in asked:
        reply = await admin.request(method, path)
        assert (reply.status_code, problem_of(reply)["code"]) == (status, code), (method, path)


async def test_a_bug_is_answered_in_the_same_shape_and_says_nothing_of_itself(at: Desk) -> None:
    reader = await at.caller("read")
    at.site.app.state.product = None
    reply = await reader.get("/health")
    assert reply.status_code == 500 and problem_of(reply)["code"] == "fault"
    assert "NoneType" not in reply.text


async def test_transactions_are_searched_and_filtered_newest_first(at: Desk) -> None:
    await at.connect("first", transactions=12)
    reader = await at.caller("read")
    found = await every(reader, "/rows/transactions", 5, words="PURCHASE 1")
    assert [row["summary"] for row in found] == ["Purchase 11", "Purchase 10", "Purchase 1"]
    assert await every(reader, "/rows/transactions", 5, direction="in") == []
    assert len(await every(reader, "/rows/transactions", 5, least="1.5", most="1.50", since="2026-01-05")) == 12
    assert await every(reader, "/rows/transactions", 5, account="other") == []
    assert [row["name"] for row in await every(reader, "/rows/accounts", 5, words="check")] == ["Checking"]


@pytest.mark.parametrize(
    "wrong", [{"least": "-1"}, {"most": "NaN"}, {"since": "soon"}, {"state": "odd"}, {"account": ""}]
)
async def test_a_filter_that_means_nothing_is_refused(at: Desk, wrong: dict[str, str]) -> None:
    reader = await at.caller("read")
    assert (await reader.get("/rows/transactions", params=wrong)).status_code == 422


async def test_a_transaction_tells_its_history_and_where_it_was_written(at: Desk) -> None:
    connection = await at.connect("first", transactions=2)
    ledger = await at.add_ledger()
    reader = await at.caller("read")
    told = (await reader.get("/rows/transactions/t001")).json()
    assert told["summary"] == "Purchase 1" and told["connection_id"] == connection
    assert [(one["turn"], one["cause"], one["cells"]) for one in told["history"]] == [("arrived", "bank", {})]
    assert told["places"] == [
        {"destination_id": ledger, "label": "Ledger book", "standing": "written", "reason": None, "url": None}
    ]
    assert (await reader.get("/rows/transactions/none")).status_code == 404
    assert (await (await at.neighbour("read")).get("/rows/transactions/t001")).status_code == 404


async def test_what_a_filter_finds_comes_as_a_file(at: Desk) -> None:
    await at.connect("first", transactions=12)
    reader = await at.caller("read")
    sheet = await reader.get("/export/transactions", params={"words": "purchase 11"})
    assert sheet.headers["content-type"].startswith("text/csv")
    assert [line.split(",")[0] for line in sheet.text.splitlines()] == ["key", "t011"]
    told = (await reader.get("/export/transactions", params={"form": "json"})).json()
    assert len(told) == 12 and told[0]["account_name"] == "Checking" and told[0]["amount"] == "-1.50"
