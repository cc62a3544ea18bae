"""Google's own Python client believes the Sheets emulator, and every body fits the discovery document."""

from collections.abc import Iterator
from typing import Any

import pytest
from google.oauth2.service_account import Credentials
from googleapiclient.discovery import build  # type: ignore[import-untyped]
from googleapiclient.errors import HttpError  # type: ignore[import-untyped]

from counterfoil.destinations.google_sheets.sandbox import emulator
from counterfoil.sandbox.kit import Emulator
from counterfoil.sandbox.server import serving
from sandbox.google_schemas import Witness

_SCOPE = "https://www.googleapis.com/auth/spreadsheets"


class Client:
    """The vendor's client with the sandbox's service account, and short words for its calls."""

    def __init__(self, google: Emulator, url: str) -> None:
        given = google.credentials(url)
        signer: Any = Credentials  # its methods have no types
        credentials = signer.from_service_account_info(given["service_account"], scopes=[_SCOPE])
        self.service = build(
            "sheets", "v4", static_discovery=True, credentials=credentials, client_options={"api_endpoint": url}
        )
        self.google = google
        self.id = given["spreadsheet_id"]
        self.books = self.service.spreadsheets()
        self.values = self.books.values()

    def batch(self, *requests: dict[str, Any]) -> list[dict[str, Any]]:
        replies: list[dict[str, Any]] = self.books.batchUpdate(
            spreadsheetId=self.id, body={"requests": list(requests)}
        ).execute()["replies"]
        return replies

    def get(self, **options: Any) -> dict[str, Any]:
        found: dict[str, Any] = self.books.get(spreadsheetId=self.id, **options).execute()
        return found

    def read(self, text: str, **options: Any) -> list[list[Any]]:
        found: list[list[Any]] = (
            self.values.get(spreadsheetId=self.id, range=text, **options).execute().get("values", [])
        )
        return found

    def write(self, text: str, rows: list[list[Any]], option: str = "RAW") -> dict[str, Any]:
        done: dict[str, Any] = self.values.update(
            spreadsheetId=self.id, range=text, valueInputOption=option, body={"values": rows}
        ).execute()
        return done

    def append(self, text: str, rows: list[list[Any]], **options: Any) -> dict[str, Any]:
        done: dict[str, Any] = self.values.append(
            spreadsheetId=self.id, range=text, valueInputOption="RAW", body={"values": rows}, **options
        ).execute()
        return done

    def mark(self, metadata_id: int, key: str, location: dict[str, Any], value: str = "v") -> None:
        metadata = {"metadataId": metadata_id, "metadataKey": key, "metadataValue": value, "visibility": "DOCUMENT"}
        self.batch({"createDeveloperMetadata": {"developerMetadata": {**metadata, "location": location}}})

    def place_of(self, metadata_id: int) -> int | None:
        """Give the row or column that the metadata sits on now, None where it is gone."""
        body = {"dataFilters": [{"developerMetadataLookup": {"metadataId": metadata_id}}]}
        found = self.books.developerMetadata().search(spreadsheetId=self.id, body=body).execute()
        for one in found.get("matchedDeveloperMetadata", []):
            place: int = one["developerMetadata"]["location"]["dimensionRange"]["startIndex"]
            return place
        return None


@pytest.fixture
def client() -> Iterator[Client]:
    witness = Witness()
    google = emulator(rate_scale=None, witness=witness)
    with serving(google) as served:
        yield Client(google, served.urls["google"])
    assert witness.complaints == []


def column(index: int, sheet_id: int = 0) -> dict[str, Any]:
    span = {"sheetId": sheet_id, "dimension": "COLUMNS", "startIndex": index, "endIndex": index + 1}
    return {"dimensionRange": span}


def texts(*cells: str) -> dict[str, Any]:
    return {"values": [{"userEnteredValue": {"stringValue": cell}} for cell in cells]}


def refused(error: pytest.ExceptionInfo[HttpError]) -> tuple[int, str]:
    return error.value.status_code, error.value.reason


# --- the file ---


def test_a_new_spreadsheet_has_one_tab_of_google_s_size(client: Client) -> None:
    (sheet,) = client.get()["sheets"]
    assert sheet["properties"]["title"] == "Sheet1"
    assert sheet["properties"]["gridProperties"] == {"rowCount": 1000, "columnCount": 26}


def test_a_mask_gives_what_it_names_and_no_more(client: Client) -> None:
    client.write("A1:C2", [["a", "b", "c"], [1, 2, 3]])
    found = client.get(fields="properties.title,sheets(properties/sheetId,data.rowData.values.userEnteredValue)")
    row = [{"userEnteredValue": {"numberValue": number}} for number in (1, 2, 3)]
    assert found["properties"] == {"title": "Money"}
    assert found["sheets"] == [
        {"properties": {"sheetId": 0}, "data": [{"rowData": [texts("a", "b", "c"), {"values": row}]}]}
    ]


def test_ranges_narrow_the_answer_to_their_tabs_and_cells(client: Client) -> None:
    client.batch({"addSheet": {"properties": {"title": "It's mine", "sheetId": 7}}})
    client.write("'It''s mine'!A1:B2", [["a", "b"], ["c", "d"]])
    found = client.get(ranges=["'It''s mine'!B1:B2"], includeGridData=True)
    assert [sheet["properties"]["sheetId"] for sheet in found["sheets"]] == [7]
    (block,) = found["sheets"][0]["data"]
    assert block["startColumn"] == 1
    assert [row["values"][0]["formattedValue"] for row in block["rowData"]] == ["b", "d"]


def test_a_service_account_cannot_make_files(client: Client) -> None:
    with pytest.raises(HttpError) as error:
        client.books.create(body={"properties": {"title": "Mine"}}).execute()
    assert error.value.status_code == 403


# --- values ---


def test_raw_text_is_never_a_formula_and_typed_text_may_be(client: Client) -> None:
    nasty = ["=1+1", "+cmd", "1-2", "TRUE", "0012"]
    client.write("A1", [nasty])
    assert client.read("A1:E1", valueRenderOption="FORMULA") == [nasty]
    client.write("A2", [["=1+1", "+x", "12", "TRUE", "2024-02-29", "'=1"]], "USER_ENTERED")
    found = client.get(ranges=["A2:F2"], fields="sheets.data.rowData.values.userEnteredValue")
    values = [cell["userEnteredValue"] for cell in found["sheets"][0]["data"][0]["rowData"][0]["values"]]
    assert values == [
        {"formulaValue": "=1+1"},
        {"formulaValue": "=+x"},
        {"numberValue": 12},
        {"boolValue": True},
        {"numberValue": 45351},
        {"stringValue": "=1"},
    ]
    assert client.read("E2") == [["2024-02-29"]]
    assert client.read("E2", valueRenderOption="UNFORMATTED_VALUE") == [[45351]]


def test_null_leaves_a_cell_alone_and_an_empty_text_clears_it(client: Client) -> None:
    client.write("A1", [["a", "b", "c"]])
    client.write("A1", [[None, "", "z"]])
    assert client.read("A1:C1") == [["a", "", "z"]]


def test_blank_ends_are_left_out(client: Client) -> None:
    client.write("B2", [["x", "", ""], ["", "", ""]])
    assert client.read("A1:D9") == [[], ["", "x"]]
    assert client.read("A1:D9", majorDimension="COLUMNS") == [[], ["", "x"]]


def test_append_goes_below_the_table_and_a_blank_row_ends_it(client: Client) -> None:
    client.write("A1", [["h1", "h2"], ["a", "b"]])
    client.write("A5", [["a note"]])
    done = client.append("A1:B1", [["c", "d"]])
    assert (done["tableRange"], done["updates"]["updatedRange"]) == ("Sheet1!A1:B2", "Sheet1!A3:B3")
    client.append("A1:B1", [["e", "f"], ["g", "h"]], insertDataOption="INSERT_ROWS")
    assert client.read("A1:B7")[-1] == ["a note"], "inserted rows move the note down, overwriting would have taken it"


def test_clearing_keeps_the_grid(client: Client) -> None:
    client.write("A1", [["a", "b"], ["c", "d"]])
    client.values.clear(spreadsheetId=client.id, range="A1:A2").execute()
    client.values.batchClear(spreadsheetId=client.id, body={"ranges": ["B2"]}).execute()
    assert client.read("A1:B2") == [["", "b"]]


def test_values_are_read_and_written_by_metadata(client: Client) -> None:
    client.write("A1", [["a", "b"], ["c", "d"]])
    client.mark(5, "mine", column(1))
    lookup = {"developerMetadataLookup": {"metadataKey": "mine"}}
    body = {"dataFilters": [lookup], "majorDimension": "COLUMNS"}
    found = client.values.batchGetByDataFilter(spreadsheetId=client.id, body=body).execute()
    assert found["valueRanges"][0]["valueRange"]["values"] == [["b", "d"]]
    written = {"valueInputOption": "RAW", "data": [{"dataFilter": lookup, "values": [["B"], ["D"]]}]}
    client.values.batchUpdateByDataFilter(spreadsheetId=client.id, body=written).execute()
    ranges = {"valueInputOption": "RAW", "data": [{"range": "A1", "values": [["A"]]}]}
    client.values.batchUpdate(spreadsheetId=client.id, body=ranges).execute()
    found = client.values.batchGet(spreadsheetId=client.id, ranges=["A:A", "B:B"]).execute()
    assert [one["values"] for one in found["valueRanges"]] == [[["A"], ["c"]], [["B"], ["D"]]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Nowhere!A1", "Unable to parse range: Nowhere!A1"),
        ("A1:", "Unable to parse range: A1:"),
        ("AB1", "Range (Sheet1!AB1) exceeds grid limits. Max rows: 1000, max columns: 26"),
    ],
)
def test_a_range_that_is_nowhere_is_refused(client: Client, text: str, message: str) -> None:
    with pytest.raises(HttpError) as error:
        client.read(text)
    assert refused(error) == (400, message)


def test_a_cell_takes_50_000_characters(client: Client) -> None:
    client.write("A1", [["x" * 50_000]])
    with pytest.raises(HttpError) as error:
        client.write("A1", [["x" * 50_001]])
    assert error.value.status_code == 400 and "50000 characters" in error.value.reason


# --- batches ---


def test_a_batch_is_applied_as_a_whole_or_not_at_all(client: Client) -> None:
    client.write("A1", [["before"]])
    wrong = {"deleteSheet": {"sheetId": 99}}
    start = {"sheetId": 0, "rowIndex": 0, "columnIndex": 0}
    edit = {"updateCells": {"start": start, "rows": [texts("after")], "fields": "userEnteredValue"}}
    with pytest.raises(HttpError) as error:
        client.batch(edit, {"addSheet": {"properties": {"title": "New"}}}, wrong)
    assert refused(error) == (400, "Invalid requests[2].deleteSheet: No grid with id: 99")
    assert client.read("A1") == [["before"]]
    assert len(client.get()["sheets"]) == 1


def test_appended_cells_go_below_the_last_row_with_anything_and_grow_the_grid(client: Client) -> None:
    properties = {"title": "Small", "sheetId": 3, "gridProperties": {"rowCount": 3, "columnCount": 2}}
    client.batch({"addSheet": {"properties": properties}})
    client.write("Small!B2", [["note"]])
    client.batch({"appendCells": {"sheetId": 3, "rows": [texts("a"), texts("b")], "fields": "userEnteredValue"}})
    assert client.read("Small") == [[], ["", "note"], ["a"], ["b"]]
    assert client.get(ranges=["Small"])["sheets"][0]["properties"]["gridProperties"]["rowCount"] == 4


def test_formats_follow_their_rows_and_new_rows_look_like_the_last(client: Client) -> None:
    date = {"numberFormat": {"type": "DATE", "pattern": "yyyy-mm-dd"}}
    span = {"sheetId": 0, "startRowIndex": 1, "startColumnIndex": 0, "endColumnIndex": 1}
    client.batch(
        {
            "repeatCell": {
                "range": span,
                "cell": {"userEnteredFormat": date},
                "fields": "userEnteredFormat.numberFormat",
            }
        },
        {"appendDimension": {"sheetId": 0, "dimension": "ROWS", "length": 2}},
    )
    client.write("A1002", [[45351]])
    assert client.read("A1002") == [["2024-02-29"]]


def test_metadata_travels_with_its_column_and_dies_with_it(client: Client) -> None:
    client.mark(11, "mine", column(2))
    span = {"sheetId": 0, "dimension": "COLUMNS", "startIndex": 0, "endIndex": 2}
    client.batch({"insertDimension": {"range": span, "inheritFromBefore": False}})
    assert client.place_of(11) == 4
    client.batch({"moveDimension": {"source": column(4)["dimensionRange"], "destinationIndex": 1}})
    assert client.place_of(11) == 1
    client.batch({"deleteDimension": {"range": column(0)["dimensionRange"]}})
    assert client.place_of(11) == 0
    client.batch({"deleteDimension": {"range": column(0)["dimensionRange"]}})
    assert client.place_of(11) is None


def test_a_metadata_id_is_taken_once_and_the_whole_second_batch_fails(client: Client) -> None:
    client.mark(9, "counterfoil.batch", {"sheetId": 0})
    found = client.books.developerMetadata().get(spreadsheetId=client.id, metadataId=9).execute()
    assert found["location"] == {"locationType": "SHEET", "sheetId": 0}
    metadata = {"metadataId": 9, "metadataKey": "k", "visibility": "DOCUMENT", "location": {"sheetId": 0}}
    with pytest.raises(HttpError) as error:
        client.batch(
            {"appendCells": {"sheetId": 0, "rows": [texts("twice")], "fields": "userEnteredValue"}},
            {"createDeveloperMetadata": {"developerMetadata": metadata}},
        )
    assert error.value.status_code == 400
    assert client.read("A1:A3") == []


def test_metadata_has_a_budget_of_30_000_characters(client: Client) -> None:
    client.mark(1, "k" * 100, {"sheetId": 0}, "v" * 29_900)
    with pytest.raises(HttpError) as error:
        client.mark(2, "k", column(0))
    assert "30000 characters" in error.value.reason
    client.mark(2, "k", {"spreadsheet": True})


def test_rows_are_sorted_blanks_last(client: Client) -> None:
    client.write("A1", [["n", "t"], [3, "c"], ["", "blank"], [1, "a"]])
    span = {"sheetId": 0, "startRowIndex": 1}
    client.batch({"sortRange": {"range": span, "sortSpecs": [{"dimensionIndex": 0, "sortOrder": "ASCENDING"}]}})
    assert client.read("B1:B9") == [["t"], ["a"], ["c"], ["blank"]]


def test_the_last_row_below_the_frozen_ones_stays(client: Client) -> None:
    grid = {"sheetId": 0, "gridProperties": {"frozenRowCount": 1}}
    client.batch({"updateSheetProperties": {"properties": grid, "fields": "gridProperties.frozenRowCount"}})
    with pytest.raises(HttpError) as error:
        client.batch({"deleteDimension": {"range": {"sheetId": 0, "dimension": "ROWS", "startIndex": 1}}})
    assert "not possible to delete all non-frozen rows" in error.value.reason


def test_a_spreadsheet_holds_ten_million_cells(client: Client) -> None:
    with pytest.raises(HttpError) as error:
        client.batch({"appendDimension": {"sheetId": 0, "dimension": "ROWS", "length": 400_000}})
    assert "above the limit of 10000000 cells" in error.value.reason


def test_what_is_protected_is_refused(client: Client) -> None:
    client.google.actions["protect"]({"table": "Sheet1"})
    with pytest.raises(HttpError) as error:
        client.batch({"appendCells": {"sheetId": 0, "rows": [texts("a")], "fields": "userEnteredValue"}})
    assert "protected cell or object" in error.value.reason


def test_an_unknown_field_is_refused(client: Client) -> None:
    with pytest.raises(HttpError) as error:
        client.batch({"appendCells": {"sheetId": 0, "rows": [], "fields": "*", "colour": "red"}})
    assert error.value.status_code == 400 and "Invalid JSON payload" in error.value.reason
    client.google.state.witness.complaints.clear()


# --- who may, and how often ---


def test_a_spreadsheet_must_be_shared(client: Client) -> None:
    client.google.actions["unshare"]({})
    with pytest.raises(HttpError) as error:
        client.get()
    assert refused(error) == (403, "The caller does not have permission")
    client.id = "1Nobody"
    with pytest.raises(HttpError) as error:
        client.get()
    assert refused(error) == (404, "Requested entity was not found.")


def test_the_quota_is_60_reads_and_60_writes_a_minute(client: Client) -> None:
    client.google.limits.scale = 1.0
    for number in range(60):
        client.write("A1", [[number]])
    with pytest.raises(HttpError) as error:
        client.write("A1", [["over"]])
    assert error.value.status_code == 429
    (told, _) = error.value.error_details
    assert told["reason"] == "RATE_LIMIT_EXCEEDED"
    assert told["metadata"]["quota_limit"] == "WriteRequestsPerMinutePerUser"
    assert "retry-after" not in error.value.resp
    assert client.read("A1") == [["59"]], "reads are counted apart"
