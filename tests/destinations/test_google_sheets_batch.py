"""Changes become as few requests as can be, and cells come back as they went."""

import datetime as dt
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.samples import create, delete, mapping, transaction, update
from counterfoil.destinations.google_sheets import wire
from counterfoil.destinations.google_sheets.arrange import arrange
from counterfoil.destinations.google_sheets.batch import MAX_BYTES, compose, marker, split
from counterfoil.destinations.google_sheets.cells import from_value, to_cell, too_long
from counterfoil.destinations.google_sheets.layout import BATCH, COLUMN, KEY, Column, Tab, tabs
from counterfoil.model import Kind
from counterfoil.ports import Cell, Change, Link, Rejected, TableMapping

NOW = 1_770_000_000
_encode = msgspec.json.Encoder(decimal_format="number").encode


def prepared() -> tuple[TableMapping, Tab]:
    """Give a table and the tab that `prepare` makes for it, with rows tx-1 to tx-100."""
    (table,) = arrange([], [mapping("transactions")], None).tables
    fields = [*table.fields, table.key_field]
    columns = tuple(
        Column(
            field.field_id,
            field.label,
            index,
            field.label,
            wire.Mark(int(field.field_id), KEY if field is table.key_field else COLUMN, field.label),
        )
        for index, field in enumerate(fields)
    )
    rows = {f"tx-{row}": row for row in range(1, 101)}
    return table, Tab(int(table.table_id), "Transactions", 201, len(columns), 1, columns, {}, rows)


def requests(tab: Tab, table: TableMapping, *changes: Change) -> list[tuple[str, Any]]:
    """Give the requests by name, as JSON."""
    batch = compose(tab, table, changes, 1, NOW)
    body = msgspec.json.decode(_encode(batch.requests))
    return [(name, request) for one in body for name, request in one.items()]


def updated(key: str, **cells: Cell) -> Change:
    return update(key, cells, remote_id=key)


# --- requests ---


def test_neighbouring_cells_and_rows_are_written_as_one_block() -> None:
    table, tab = prepared()
    changes = [updated(f"tx-{row}", date=dt.date(2026, 1, row), amount=Decimal(row)) for row in (4, 3, 5, 9)]
    found = [request for name, request in requests(tab, table, *changes) if name == "updateCells"]
    assert [(one["start"]["rowIndex"], len(one["rows"])) for one in found] == [(3, 3), (9, 1)]
    assert [cell["userEnteredValue"] for cell in found[0]["rows"][1]["values"]] == [
        {"numberValue": 46026},
        {"numberValue": 4},
    ]


def test_cells_between_changed_ones_are_left_alone() -> None:
    table, tab = prepared()
    found = [request for name, request in requests(tab, table, updated("tx-1", summary="A", amount=Decimal(1)))]
    starts = [request["start"]["columnIndex"] for request in found if "start" in request]
    assert starts == [0, 2]


def test_deletions_go_from_the_bottom_up_and_neighbours_together() -> None:
    table, tab = prepared()
    found = requests(tab, table, *(delete(f"tx-{row}", f"tx-{row}") for row in (2, 50, 3, 99, 100, 1)))
    spans = [request["range"] for name, request in found if name == "deleteDimension"]
    assert [(span["startIndex"], span["endIndex"]) for span in spans] == [(99, 101), (50, 51), (1, 4)]


def test_nothing_is_sent_where_nothing_is_to_be_done() -> None:
    table, tab = prepared()
    assert requests(tab, table, delete("gone", "gone"), updated("gone too", merchant="x")) == []


def test_a_text_that_is_too_long_keeps_only_its_own_row_out() -> None:
    table, tab = prepared()
    changes = [updated("tx-1", merchant="x" * 50_001), updated("tx-2", merchant="x" * 50_000)]
    batch = compose(tab, table, changes, 1, NOW)
    assert [type(outcome) for outcome in batch.outcomes if outcome.key == "tx-1"] == [Rejected]
    assert "50,000" in next(outcome.reason for outcome in batch.outcomes if isinstance(outcome, Rejected))
    assert len([one for one in batch.requests if "updateCells" in one]) == 1


def test_characters_are_counted_as_google_counts_them() -> None:
    assert too_long("🏦" * 25_001) and not too_long("🏦" * 25_000)


def test_old_markers_are_removed_and_young_ones_kept() -> None:
    table, tab = prepared()
    tab = Tab(tab.sheet_id, tab.title, 201, tab.column_count, 1, tab.columns, {5: NOW - 601, 6: NOW - 599}, tab.rows)
    found = requests(tab, table, updated("tx-1", merchant="x"))
    gone = [request["dataFilter"] for name, request in found if name == "deleteDeveloperMetadata"]
    assert gone == [{"developerMetadataLookup": {"metadataId": 5}}]
    (left,) = [request for name, request in found if name == "createDeveloperMetadata"]
    assert left["developerMetadata"]["metadataKey"] == BATCH
    assert left["developerMetadata"]["metadataValue"] == str(NOW)


def test_a_marker_names_the_changes_whatever_their_order_and_doubt() -> None:
    table, _ = prepared()
    one, other = updated("tx-1", merchant="x"), updated("tx-2", merchant="y")
    doubtful = Change(one.act, one.key, one.remote_id, one.cells, one.was_key, True)
    assert marker(table, [one, other], 0) == marker(table, [other, doubtful], 0)
    assert len({marker(table, [one], 0), marker(table, [one], 1), marker(table, [other], 0)}) == 3
    assert 0 < marker(table, [one], 0) < 2**31


def test_parts_stay_below_the_size_that_google_takes() -> None:
    table, tab = prepared()
    changes = [create(table, f"new-{n}", transaction(n) | {"original_text": "é" * 2_000}) for n in range(3_000)]
    parts = list(split(changes))
    assert [change for part in parts for change in part] == changes
    assert len(parts) == 2
    for part in parts:
        assert len(_encode(compose(tab, table, part, 1, NOW).requests)) < MAX_BYTES * 1.05


def test_columns_under_the_same_header_are_told_apart() -> None:
    head = [{"effectiveValue": {"stringValue": name}} for name in ("Note", "Note", "Sum")]
    block = {"rowData": [{"values": head}], "columnMetadata": [{}, {}, {}]}
    sheet = {"properties": {"sheetId": 1, "title": "T", "gridProperties": {"columnCount": 3}}, "data": [block]}
    (tab,) = tabs([msgspec.convert(sheet, wire.Sheet)])
    assert len({column.id for column in tab.columns}) == 3


# --- cells ---

MOMENTS = st.datetimes(
    min_value=dt.datetime(1900, 1, 1), max_value=dt.datetime(2200, 1, 1), timezones=st.just(dt.UTC)
).map(lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000))
AMOUNTS = st.decimals(min_value=-(10**11), max_value=10**11, places=4, allow_nan=False)


def there_and_back(cell: Cell, kind: Kind) -> Cell:
    """Send a cell as JSON and read back what a spreadsheet, which knows doubles only, would give."""
    held = msgspec.json.decode(_encode(to_cell(cell))).get("userEnteredValue", {})
    value = next(iter(held.values()), None)
    (back,) = msgspec.json.Decoder(list[Any], float_hook=Decimal).decode(msgspec.json.encode([value]))
    return from_value(back, kind)


@given(MOMENTS)
def test_moments_come_back_to_the_millisecond(moment: dt.datetime) -> None:
    assert there_and_back(moment, Kind.TIMESTAMP) == moment


@given(st.dates(min_value=dt.date(1900, 1, 1)))
def test_dates_come_back(day: dt.date) -> None:
    assert there_and_back(day, Kind.DATE) == day


@given(AMOUNTS)
def test_amounts_of_fifteen_digits_come_back_digit_for_digit(amount: Decimal) -> None:
    assert there_and_back(amount, Kind.MONEY) == amount


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_text_is_text_whatever_it_looks_like(text: str) -> None:
    assert set(to_cell(text).get("userEnteredValue", {"stringValue": ""})) == {"stringValue"}
    assert there_and_back(text, Kind.TEXT) == (text or None)


@pytest.mark.parametrize(
    ("value", "kind", "cell"),
    [
        ("12,50 EUR", Kind.MONEY, None),
        (True, Kind.MONEY, None),
        ("tomorrow", Kind.DATE, None),
        (Decimal("1E+9"), Kind.DATE, None),
        ("yes", Kind.FLAG, None),
        (12, Kind.TEXT, "12"),
        (Decimal("12.50"), Kind.TEXT, "12.5"),
        ("", Kind.TEXT, None),
    ],
)
def test_what_the_user_put_there_instead_reads_as_far_as_it_can(value: Any, kind: Kind, cell: Cell) -> None:
    assert from_value(value, kind) == cell


def test_a_link_without_a_name_leaves_the_cell_empty() -> None:
    assert to_cell(Link("acc-1", None, None)) == {}
