"""What Coda must parse, what it must not, and what a doc lacks: decisions without a server."""

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts.samples import KEY_FIELD, NASTY_KEYS, NASTY_TEXTS, create, everything, mapping, update
from counterfoil.destinations.coda.cells import from_value, key_text, row_cells, stays_text, to_value
from counterfoil.destinations.coda.posts import Pending, posts
from counterfoil.destinations.coda.sandbox.template import FORMATS
from counterfoil.destinations.coda.sandbox.values import typed
from counterfoil.destinations.coda.schema import ask, find_table, fit, no_table
from counterfoil.destinations.coda.settings import CodaSettings
from counterfoil.destinations.coda.wire import Column, Format, RowEdit, TableReference
from counterfoil.model import KEY_LABEL, TABLES, Kind, Writes, columns
from counterfoil.ports import Act, Cell, Change, FieldMapping, Link, TableMapping

RISKY = (
    "1/2",
    "=1+1",
    "00123",
    "1-2",
    "TRUE",
    "3.5%",
    "$5",
    "1e5",
    "12:30",
    "May 4",
    "4 May 2026",
    "2h 30m",
    "@home",
    "5 kg",
)
PLAIN = (
    "Purchase 1",
    "USD",
    "checking",
    "7-Eleven 1234",
    "PAYPAL *X",
    "",
    "-",
    "a,b",
    "tx-0001",
    "Zz9",
    "日本語",
    "t1",
)


@pytest.mark.parametrize("text", [text for text in RISKY if text != "5 kg"])
def test_a_text_that_looks_like_something_else_does_not_stay(text: str) -> None:
    assert not stays_text(text)


@pytest.mark.parametrize("text", [*PLAIN, "5 kg"])
def test_a_text_with_a_word_of_its_own_stays(text: str) -> None:
    assert stays_text(text)


_pieces = st.sampled_from(
    [*"0123456789", *" -/.:,$%()=@'+", "e", "T", "Z", "am", "pm", "May", "jan", "true", "USD", "th"]
)


@given(st.one_of(st.lists(_pieces, max_size=8).map("".join), st.text(max_size=12)))
def test_no_text_that_is_said_to_stay_is_changed_by_parsing(text: str) -> None:
    if stays_text(text) and text:
        assert typed(text) == text


def _columns(table: TableMapping, **formats: str) -> tuple[TableMapping, dict[str, Column]]:
    """Give the mapping with ids, and its columns as the template makes them."""
    fields = [replace(field, field_id=f"c-{field.column}") for field in (table.key_field, *table.fields)]
    columns = {
        field.field_id: Column(field.field_id, field.label, Format(formats.get(field.column, FORMATS[field.kind])))
        for field in fields
    }
    return replace(table, key_field=fields[0], fields=tuple(fields[1:])), columns


def _passes(key: str, **cells: Cell) -> dict[str, list[str]]:
    table, columns = _columns(everything())
    change = Change(Act.CREATE, key, None, cells)
    made = row_cells(table, change, columns)
    asked = {
        "parsed": made.for_upsert(parsing=True),
        "raw": made.for_upsert(parsing=False),
        "after": made.after_upsert,
        "row parsed": made.for_row(parsing=True),
        "row raw": made.for_row(parsing=False),
    }
    return {name: [cell.column.removeprefix("c-") for cell in edits] for name, edits in asked.items() if edits}


DAY: Mapping[str, Any] = {"date": dt.date(2026, 1, 2)}


def test_an_ordinary_row_goes_in_one_request() -> None:
    passes = _passes("tx-1", title="Bread", money=Decimal("1.50"), **DAY)
    assert passes == {"parsed": ["key", "title", "money", "date"], "row parsed": ["key", "title", "money", "date"]}


def test_a_risky_text_beside_a_date_goes_in_a_second_request_with_the_key() -> None:
    passes = _passes("tx-1", title="1/2", money=Decimal(1), **DAY)
    assert passes["parsed"] == ["key", "money", "date"]
    assert passes["raw"] == ["key", "title"]
    assert (passes["row parsed"], passes["row raw"]) == (["key", "money", "date"], ["title"])


def test_a_risky_text_without_a_date_needs_one_request_only() -> None:
    passes = _passes("tx-1", title="1/2", money=Decimal(1), flag=True)
    assert passes == {"raw": ["key", "money", "flag", "title"], "row raw": ["key", "money", "flag", "title"]}


def test_a_risky_key_is_never_parsed() -> None:
    passes = _passes("00123", title="Bread", **DAY)
    assert passes["raw"] == ["key", "title"] and passes["after"] == ["date"]
    assert "parsed" not in passes
    assert (passes["row parsed"], passes["row raw"]) == (["title", "date"], ["key"])


@given(st.sampled_from([*NASTY_KEYS, "tx-1"]), st.sampled_from(NASTY_TEXTS), st.booleans(), st.booleans())
def test_every_cell_travels_once_in_the_way_it_needs(key: str, text: str, dated: bool, counted: bool) -> None:
    cells: dict[str, Cell] = {"title": text} | (dict(DAY) if dated else {}) | ({"money": Decimal(1)} if counted else {})
    passes = _passes(key, **cells)
    for names in (("parsed", "raw", "after"), ("row parsed", "row raw")):
        travelled = [column for name in names for column in passes.get(name, []) if column != "key"]
        assert sorted(travelled) == sorted(cells)
    for name in ("parsed", "after", "row parsed"):
        assert ("title" not in passes.get(name, [])) or stays_text(text)
        assert ("key" not in passes.get(name, [])) or stays_text(key)
    assert not {"date"} & {*passes.get("raw", []), *passes.get("row raw", [])}


def test_a_calculated_column_is_left_out() -> None:
    table, columns = _columns(everything())
    columns["c-money"] = replace_column(columns["c-money"], calculated=True)
    made = row_cells(table, update("k", {"money": Decimal(1), "title": "x y"}), columns)
    assert [cell.column for cell in made.plain] == ["c-title"]


def replace_column(column: Column, **changes: Any) -> Column:
    return msgspec.structs.replace(column, **changes)


@pytest.mark.parametrize(
    ("link", "kind", "value"),
    [
        (Link("acc-1", "i-1", "Checking"), "lookup", "i-1"),
        (Link("acc-1", None, "Checking"), "lookup", "Checking"),
        (Link("acc-1", None, None), "lookup", ""),
        (Link("acc-1", "i-1", "Checking"), "text", "Checking"),
    ],
)
def test_a_link_is_the_rows_id_where_the_column_can_hold_it(link: Link, kind: str, value: str) -> None:
    assert to_value(link, Column("c-1", "Account", Format(kind))) == value


def test_an_empty_cell_is_an_empty_text_and_an_unticked_box() -> None:
    assert to_value(None, Column("c-1", "Day", Format("date"))) == ""
    assert to_value(None, Column("c-1", "Done", Format("checkbox"))) is False


@pytest.mark.parametrize(
    ("kind", "json", "cell"),
    [
        (Kind.MONEY, '{"@type":"MonetaryAmount","currency":"USD","amount":-0.10}', Decimal("-0.10")),
        (Kind.MONEY, '{"@type":"MonetaryAmount","currency":"USD","amount":"12.99"}', Decimal("12.99")),
        (Kind.NUMBER, "0.00000001", Decimal("1E-8")),
        (Kind.MONEY, '"```a lot```"', "a lot"),
        (Kind.TEXT, '"```=1+1```"', "=1+1"),
        (Kind.TEXT, '"**bold**"', "**bold**"),
        (Kind.TEXT, '["```a```","b"]', "a, b"),
        (Kind.TEXT, "12.5", "12.5"),
        (Kind.URL, '{"@type":"WebPage","name":"Shop","url":"https://a.example"}', "https://a.example"),
        (Kind.DATE, '"soon"', "soon"),
        (Kind.FLAG, "true", True),
        (Kind.LINK, '"```Nowhere```"', Link("", None, "Nowhere")),
        (Kind.LINK, '[{"@type":"StructuredValue","rowId":"i-1","name":"A"}]', Link("", "i-1", "A")),
        (Kind.LINK, '""', None),
    ],
)
def test_a_value_is_read_as_its_kind_and_otherwise_as_text(kind: Kind, json: str, cell: Cell) -> None:
    assert from_value(msgspec.Raw(json.encode()), FieldMapping("x", "X", kind, Writes.ALWAYS)) == cell


def test_a_key_is_text_whatever_the_user_made_of_it() -> None:
    assert key_text(msgspec.Raw(b'"```tx-1```"')) == "tx-1"
    assert key_text(msgspec.Raw(b"12.50")) == "12.50"
    assert key_text(None) == ""


# --- requests ---


def _pending(size: int, *, doubtful: bool = False) -> tuple[Pending, RowEdit]:
    table, columns = _columns(everything())
    change = replace(create(table, "k", {"title": "x" * size}), doubtful=doubtful)
    cells = row_cells(table, change, columns)
    return Pending(change, cells, None, by_id=False), RowEdit(cells.for_upsert(parsing=True))


def test_requests_hold_at_most_500_rows_and_one_and_a_half_megabytes() -> None:
    assert [len(post.rows) for post in posts([_pending(10)] * 1_001)] == [500, 500, 1]
    big = posts([_pending(50_000)] * 60)
    assert all(len(msgspec.json.encode(post.rows)) < 1_510_000 for post in big)
    assert sum(len(post.rows) for post in big) == 60


def test_rows_whose_request_was_lost_go_in_smaller_ones() -> None:
    assert [len(post.rows) for post in posts([_pending(10, doubtful=True)] * 500)] == [250, 250]


# --- what a doc lacks ---


def test_tables_are_found_by_name_in_any_case_and_then_by_id() -> None:
    tables = [TableReference("grid-1", "ACCOUNTS"), TableReference("grid-2", "Accounts")]
    assert find_table(mapping("accounts"), tables) == tables[0]
    assert find_table(replace(mapping("accounts"), table_id="grid-2"), tables) == tables[1]
    assert find_table(replace(mapping("accounts"), table_id="grid-9"), tables) is None


def test_everything_that_is_missing_is_named_at_once() -> None:
    table, columns = _columns(mapping("institutions"), url="date")
    unknown = replace(table, fields=tuple(replace(field, field_id="") for field in table.fields))
    shown = [replace_column(columns["c-url"]), replace_column(columns["c-key"], calculated=True)]
    _, gaps = fit(unknown, shown, {}, {})
    assert [gap.code for gap in gaps] == ["column_missing", "column_type", "column_calculated"]
    error = ask([*gaps, no_table(mapping("accounts"), {"institutions": "My banks"})], template="tMpLtDoc01")
    assert error.code == "column_missing"
    for name in ("“Name”", "“Website”", "“Counterfoil ID”", "“Accounts”"):
        assert name in str(error)
    assert "coda.io/d/_dtMpLtDoc01" in error.remedy and "“Institution” (Relation to “My banks”)" in error.remedy


def test_a_relation_to_another_table_is_not_taken_for_ours() -> None:
    table, columns = _columns(mapping("balances"))
    elsewhere = Format("lookup", table=TableReference("grid-9", "Friends"))
    columns["c-account"] = replace_column(columns["c-account"], format=elsewhere)
    _, gaps = fit(table, list(columns.values()), {"accounts": "grid-1"}, {"accounts": "Accounts"})
    assert [gap.code for gap in gaps] == ["column_type"]
    fitted, gaps = fit(table, list(columns.values()), {"accounts": "grid-9"}, {})
    assert gaps == [] and fitted.field("account").to_table_id == "grid-9"


def test_the_id_column_must_be_text() -> None:
    table, columns = _columns(mapping("balances"), key="select")
    _, gaps = fit(table, list(columns.values()), {}, {})
    assert [gap.code for gap in gaps] == ["column_type"]
    assert table.key_field.label == KEY_FIELD.label


@pytest.mark.parametrize(
    "link",
    [
        "https://coda.io/d/My-Money_dAbCdEf-_12",
        "https://coda.io/d/_dAbCdEf-_12/Page_su123#_luXYZ",
        "  AbCdEf-_12 ",
    ],
)
def test_a_pasted_link_is_taken_for_its_doc(link: str) -> None:
    assert CodaSettings(token="t", doc_id=link).doc_id == "AbCdEf-_12"


def test_settings_never_show_the_token() -> None:
    assert "s3cret" not in repr(CodaSettings(token="s3cret", doc_id="AbCdEf-_12"))
    with pytest.raises(ValidationError) as caught:
        CodaSettings(token=["s3cret"], doc_id="x")
    assert "s3cret" not in str(caught.value)


# --- what users are told ---


def test_the_page_for_users_explains_every_code_and_names_every_column() -> None:
    root = Path(__file__).parents[2]
    page = (root / "docs/connectors/coda.md").read_text()
    sources = "".join(file.read_text() for file in (root / "src/counterfoil/destinations/coda").glob("*.py"))
    codes = set(re.findall(r'(?:ActionRequired|Gap)\(\s*"(\w+)"', sources))
    assert {code for code in codes if f"`{code}`" not in page} == set()
    assert len(codes) > 8
    for name, record in TABLES.items():
        (line,) = [line for line in page.splitlines() if line.startswith(f"| {record.label} |")]
        labels = [column.label for column in columns(name).values()]
        assert [label for label in (*labels, KEY_LABEL) if f"{label} (" not in line] == []
