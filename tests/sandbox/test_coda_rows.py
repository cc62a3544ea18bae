"""The Coda emulator: lists, values and edits."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.coda_desk import Desk, open_desk


@pytest.fixture
def desk() -> Iterator[Desk]:
    with open_desk() as desk:
        yield desk


# --- lists ---


def test_a_list_clamps_its_limit_and_a_page_token_brings_its_own_parameters(desk: Desk) -> None:
    desk.act("bulk_rows", table="Sheet", fields=["Name"], rows=[[f"row {number}"] for number in range(620)])
    first = desk.get(f"{desk.sheet}/rows", limit=10_000, useColumnNames="true")
    assert len(first["items"]) == 500
    second = desk.get(f"{desk.sheet}/rows", pageToken=first["nextPageToken"], limit=3, useColumnNames="false")
    assert len(second["items"]) == 120 and "nextPageToken" not in second
    assert second["items"][-1]["values"]["Name"] == "row 619"
    assert len(desk.get(f"{desk.sheet}/rows")["items"]) == 25
    assert desk.get(desk.sheet)["rowCount"] == 620
    desk.get(f"{desk.sheet}/rows", limit=0, status=400)
    desk.get(f"{desk.sheet}/rows", pageToken="nonsense", status=400)


def test_rows_deleted_between_two_pages_hide_no_other(desk: Desk) -> None:
    made = desk.act("bulk_rows", table="Sheet", fields=["Name"], rows=[[f"row {number}"] for number in range(6)])
    first = desk.get(f"{desk.sheet}/rows", limit=3)
    desk.call("DELETE", f"{desk.sheet}/rows", {"rowIds": made["ids"][:2]}, status=202)
    second = desk.get(f"{desk.sheet}/rows", pageToken=first["nextPageToken"])
    assert [row["name"] for row in second["items"]] == ["row 3", "row 4", "row 5"]


def test_a_query_compares_one_column_by_id_or_quoted_name(desk: Desk) -> None:
    text = 'say "1:2"'
    desk.upsert({"Name": text, "Amount": 5}, {"Name": "other", "Amount": 6}, raw=True)
    name = desk.get(f"{desk.sheet}/columns")["items"][0]["id"]
    assert len(desk.rows(query=f"{name}:{json.dumps(text)}")) == 1
    assert len(desk.rows(query='"Amount":6')) == 1
    desk.get(f"{desk.sheet}/rows", query='"None":6', status=400)


def test_rows_are_sorted_by_creation_by_change_or_as_the_user_sees_them(desk: Desk) -> None:
    desk.upsert({"Name": "b"}, {"Name": "c"}, {"Name": "a"})
    desk.act("clock", advance=10)
    desk.upsert({"Name": "b", "Amount": 1}, keys=["Name"])
    desk.act("sort_rows", table="Sheet", field="Name")
    order = {sort: "".join(row["name"] for row in desk.rows(sortBy=sort)) for sort in ("natural", "updatedAt")}
    assert order == {"natural": "abc", "updatedAt": "cab"}
    assert "".join(row["name"] for row in desk.rows()) == "bca"
    desk.get(f"{desk.sheet}/rows", sortBy="natural", visibleOnly="false", status=400)


# --- values ---


def test_texts_become_what_they_look_like_unless_parsing_is_off(desk: Desk) -> None:
    texts = ["1/2", "=1+1", "00123", "1-2", "TRUE", "$5", "plain words"]
    desk.upsert(*({"Name": text} for text in texts))
    desk.upsert(*({"Name": text} for text in texts), raw=True)
    values = [row["values"]["Name"] for row in desk.rows()]
    assert values[len(texts) :] == texts
    assert [text for text, value in zip(texts, values, strict=False) if text == value] == ["plain words"]


def test_dates_are_read_in_the_docs_zone_and_stay_text_where_parsing_is_off(desk: Desk) -> None:
    desk.upsert({"Name": "parsed", "Day": "2026-02-03"})
    desk.upsert({"Name": "raw", "Day": "2026-02-03"}, raw=True)
    assert [row["values"]["Day"] for row in desk.rows()] == ["2026-02-03T00:00:00.000-08:00", "2026-02-03"]


def test_lookups_take_row_ids_links_and_names(desk: Desk) -> None:
    twins = [desk.act("add_row", table="Accounts", cells={"Name": "Checking"})["id"] for _ in range(2)]
    desk.upsert(
        {"Account": twins[1]}, {"Account": "Checking"}, {"Account": "Nowhere"}, {"Account": [twins[0], twins[1]]}
    )
    table = next(table for table in desk.control.tables() if table["name"] == "Sheet")
    held = [row["cells"].get("Account") for row in table["rows"]]
    assert held == [[twins[1]], [twins[0]], "Nowhere", twins]
    flat = [row["values"]["Account"] for row in desk.rows()]
    assert flat == ["Checking", "Checking", "Nowhere", "Checking,Checking"]
    arrays = desk.rows(valueFormat="simpleWithArrays")[3]["values"]["Account"]
    rich = desk.rows(valueFormat="rich")[0]["values"]["Account"]
    assert arrays == ["Checking", "Checking"]
    assert (rich["@type"], rich["rowId"], rich["name"]) == ("StructuredValue", twins[1], "Checking")


def test_rich_values_say_what_they_are(desk: Desk) -> None:
    desk.upsert({"Name": "plain", "Amount": 12.5, "Kind": "Rent", "Site": "https://shop.example", "Done": True})
    values = desk.rows(valueFormat="rich")[0]["values"]
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


def test_a_row_is_read_changed_and_deleted_by_its_id(desk: Desk) -> None:
    (row_id,) = desk.upsert({"Name": "a", "Amount": 1, "Kind": "keep"})["addedRowIds"]
    path = f"{desk.sheet}/rows/{row_id}"
    desk.call("PUT", path, {"row": {"cells": [{"column": "Amount", "value": 2}]}}, status=202)
    row = desk.get(path, useColumnNames="true")
    assert (row["values"]["Amount"], row["values"]["Kind"], row["parent"]["name"]) == (2, "keep", "Sheet")
    assert desk.call("DELETE", path, status=202)["id"] == row_id
    desk.get(path, status=404)
    desk.call("PUT", path, {"row": {"cells": []}}, status=404)
    desk.call("DELETE", path, status=404)
    desk.call("DELETE", f"{desk.sheet}/rows", {"rowIds": [row_id]}, status=202)


def test_views_show_rows_and_take_none(desk: Desk) -> None:
    desk.act("add_row", table="Transactions", cells={"Summary": "Bread"})
    view = f"{desk.doc}/tables/{'Recent transactions'}"
    assert desk.get(view)["parentTable"]["name"] == "Transactions"
    assert [row["name"] for row in desk.get(f"{view}/rows")["items"]] == ["Bread"]
    desk.call("POST", f"{view}/rows", {"rows": [{"cells": [{"column": "Summary", "value": "x"}]}]}, status=400)
    names = [table["name"] for table in desk.get(f"{desk.doc}/tables", tableTypes="table", limit=100)["items"]]
    assert "Recent transactions" not in names


def test_a_calculated_column_is_shown_and_not_written(desk: Desk) -> None:
    desk.act("add_field", table="Sheet", name="Made", type="calculated")
    (column,) = [one for one in desk.get(f"{desk.sheet}/columns")["items"] if one["name"] == "Made"]
    assert column["calculated"] is True and column["formula"]
    desk.upsert({"Made": "2026-01-01"}, status=400)
    desk.upsert({"Name": "a"})
    assert desk.rows()[0]["values"]["Made"]


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
def test_a_body_that_is_not_right_is_refused_whole(desk: Desk, body: Any) -> None:
    body = {**body, "rows": [{"cells": [{"column": "Name", "value": "good"}]}, *body["rows"]]} if body else body
    refused = desk.call("POST", f"{desk.sheet}/rows", body, status=400)
    assert refused["statusMessage"] == "Bad Request" and refused["message"]
    assert desk.get(f"{desk.sheet}/rows")["items"] == []


def test_a_body_that_is_too_big_is_refused(desk: Desk) -> None:
    desk.upsert(*({"Name": "x" * 50_000} for _ in range(50)), status=413)
