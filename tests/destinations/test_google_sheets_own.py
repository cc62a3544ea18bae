"""What only a spreadsheet asks for: few calls, columns and rows that move, links in two columns, room for rows."""

import datetime as dt
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal

import httpx2
import pytest

from contracts.samples import account, create, delete, mapping, transaction, update
from counterfoil.destinations.google_sheets.client import HEADS, STRUCTURE
from counterfoil.destinations.google_sheets.sandbox import masks
from counterfoil.destinations.google_sheets.sandbox.cells import Formula
from counterfoil.errors import ActionRequired
from counterfoil.ports import Gone, Link, TableMapping, Undecided, Written
from destinations.google_place import GooglePlace, google_place
from sandbox.google_schemas import assert_mask_is_known

pytestmark = pytest.mark.anyio


@pytest.fixture
async def place() -> AsyncIterator[GooglePlace]:
    async with google_place() as place:
        yield place


async def filled(place: GooglePlace, rows: int = 3) -> TableMapping:
    (table,) = await place.prepared("transactions")
    await place.write(table, *(create(table, f"tx-{number}", transaction(number)) for number in range(1, rows + 1)))
    place.calls()
    return table


# --- calls ---


async def test_ten_thousand_creations_take_three_calls_with_the_look_at_the_schema(place: GooglePlace) -> None:
    (table,) = await place.prepared("transactions")
    place.google.state.witness = None  # it would look at every cell
    place.calls()
    link = Link("acc-1", None, "Checking account of the household")
    changes = [create(table, f"tx-{number:036d}", transaction(number % 5000 + 1, link)) for number in range(10_000)]
    await place.destination.describe()
    outcomes = await place.write(table, *changes)
    assert place.calls() == ["get", "getByDataFilter", "batchUpdate"]
    assert all(isinstance(outcome, Written) for outcome in outcomes.values())
    assert len(place.rows(table)) == 10_000


async def test_a_hundred_changes_among_many_rows_take_three_calls(place: GooglePlace) -> None:
    (table,) = await place.prepared("transactions")
    cells = {table.key_field.label: "tx-{n}", "Summary": "Row {n}", "Amount": 1.25}
    place.act("bulk_rows", table=table.table_id, count=5000, cells=cells)
    place.calls()
    changes = [update(f"tx-{number}", {"amount": Decimal("9.99"), "pending": True}) for number in range(50, 5001, 50)]
    await place.destination.describe()
    await place.write(table, *changes)
    assert place.calls() == ["get", "getByDataFilter", "batchUpdate"]
    rows = place.rows(table)
    assert [rows[f"tx-{number}"]["Amount"] for number in (49, 50, 51, 5000)] == [1.25, 9.99, 1.25, 9.99]


async def test_only_columns_that_are_not_ours_need_a_second_look_at_the_schema(place: GooglePlace) -> None:
    table = await filled(place)
    await place.destination.describe()
    assert place.calls() == ["get"]
    place.act("add_field", table=table.table_id, name="Notes")
    (remote,) = (await place.destination.describe()).tables
    assert place.calls() == ["get", "getByDataFilter"]
    assert "Notes" in [field.name for field in remote.fields]


async def test_a_header_that_the_user_changed_is_known_without_looking_after_the_next_write(place: GooglePlace) -> None:
    table = await filled(place)
    place.act("rename_field", table=table.table_id, field="Amount", name="How much")
    await place.write(table, update("tx-1", {"merchant": "Else"}))
    place.calls()
    (remote,) = (await place.destination.describe()).tables
    assert place.calls() == ["get"]
    assert "How much" in [field.name for field in remote.fields]


async def test_the_masks_name_fields_that_exist(place: GooglePlace) -> None:
    for mask in (STRUCTURE, HEADS):
        assert_mask_is_known("Spreadsheet", masks.parse(mask))


@pytest.mark.long
async def test_more_writes_than_a_minute_allows_are_paced_and_never_refused(place: GooglePlace) -> None:
    (table,) = await place.prepared("institutions")
    place.google.limits.scale = 1.0
    for number in range(62):
        await place.write(table, create(table, f"in-{number}", {"name": f"Bank {number}"}))
    assert len(place.rows(table)) == 62
    assert place.google.limits.refused == 0


# --- a batch that arrives twice ---


async def test_a_batch_that_arrives_late_and_a_second_time_changes_nothing(place: GooglePlace) -> None:
    (table,) = await place.prepared("transactions")
    change = create(table, "tx-1", transaction(1))
    place.google.faults.plan({"kind": "cut_before", "path": ".*:batchUpdate"})
    outcomes = await place.write(table, change)
    assert isinstance(outcomes["tx-1"], Undecided)
    lost = place.batches[-1]
    outcomes = await place.write(table, replace(change, doubtful=True))
    assert isinstance(outcomes["tx-1"], Written)
    async with httpx2.AsyncClient() as late:
        reply = await late.post(lost.url, content=lost.content, headers=lost.headers)
    assert reply.status_code == 400
    assert list(place.rows(table)) == ["tx-1"]


async def test_a_batch_that_was_applied_unseen_is_looked_up_and_not_repeated(place: GooglePlace) -> None:
    (table,) = await place.prepared("transactions")
    changes = [create(table, f"tx-{number}", transaction(number)) for number in range(1, 4)]
    place.google.faults.plan({"kind": "status_after", "status": 503, "path": ".*:batchUpdate"})
    outcomes = await place.write(table, *changes)
    assert all(isinstance(outcome, Undecided) and outcome.error for outcome in outcomes.values())
    await place.write(table, *(replace(change, doubtful=True) for change in changes))
    assert sorted(place.rows(table)) == ["tx-1", "tx-2", "tx-3"]


async def test_creations_that_stand_there_from_a_moment_ago_are_looked_up_first(place: GooglePlace) -> None:
    (table,) = await place.prepared("transactions")
    change = create(table, "tx-1", transaction(1))
    await place.write(table, change)
    outcomes = await place.write(table, change)
    assert outcomes == {"tx-1": Written("tx-1", "tx-1")}
    assert list(place.rows(table)) == ["tx-1"]


async def test_the_same_change_may_be_wanted_again_within_minutes(place: GooglePlace) -> None:
    table = await filled(place)
    for amount in ("10.00", "20.00", "10.00", "20.00"):
        await place.write(table, update("tx-1", {"amount": Decimal(amount)}))
        assert place.rows(table)["tx-1"]["Amount"] == float(amount)


# --- what users do ---


async def test_columns_that_lost_their_metadata_are_known_by_their_headers_and_get_it_back(place: GooglePlace) -> None:
    table = await filled(place)
    place.act("forget_metadata", table=table.table_id)
    before = await place.destination.describe()
    await place.write(table, update("tx-2", {"amount": Decimal("5.00")}), create(table, "tx-9", transaction(9)))
    assert place.rows(table)["tx-2"]["Amount"] == 5
    assert place.rows(table)["tx-9"]["Summary"] == "Purchase 9"
    place.act("rename_field", table=table.table_id, field="Amount", name="How much")
    place.calls()
    after = await place.destination.describe()
    assert place.calls() == ["get"], "all columns are known by their metadata again"
    for schema in (before, after):
        assert {field.field_id for field in table.fields} <= {field.id for field in schema.tables[0].fields}


async def test_a_column_that_lost_metadata_and_header_asks_the_user(place: GooglePlace) -> None:
    table = await filled(place)
    place.act("forget_metadata", table=table.table_id)
    place.act("rename_field", table=table.table_id, field="Amount", name="How much")
    with pytest.raises(ActionRequired) as caught:
        await place.read(table)
    assert caught.value.code == "column_missing" and "Amount" in str(caught.value)


async def test_rows_inserted_anywhere_survive_even_above_the_headers(place: GooglePlace) -> None:
    table = await filled(place, 4)
    place.act("insert_blank_row", table=table.table_id, at=2)
    place.act("insert_blank_row", table=table.table_id, at=0)
    changes = [update("tx-3", {"merchant": "New"}), delete("tx-1"), create(table, "tx-5", transaction(5))]
    await place.write(table, *changes)
    read = await place.read(table)
    assert sorted(filter(None, read)) == ["tx-2", "tx-3", "tx-4", "tx-5"]
    assert read["tx-3"].cells["merchant"] == "New"
    assert read["tx-2"].cells["merchant"] == "Shop 2"
    assert len(read) == 4, "neither blank rows nor headers are rows"


async def test_headers_may_become_anything(place: GooglePlace) -> None:
    table = await filled(place)
    place.act("rename_field", table=table.table_id, field="Amount", name="long " * 9_000)
    place.act("rename_field", table=table.table_id, field="Merchant", name=2026)
    sheet = place.google.state.first.sheets[0]
    sheet.put(0, 0, [Formula("=A2")])
    for number in (5, 6):
        await place.write(table, update("tx-2", {"amount": Decimal(number), "merchant": f"Shop {number}"}))
    cells = (await place.read(table))["tx-2"].cells
    assert (cells["amount"], cells["merchant"], cells["summary"]) == (Decimal(6), "Shop 6", "Purchase 2")


async def test_a_tab_that_is_gone_asks_the_user(place: GooglePlace) -> None:
    _, table = await place.prepared("institutions", "transactions")
    place.act("delete_table", table=table.table_id)
    outcomes = await place.write(table, create(table, "tx-1", transaction(1)))
    error = outcomes["tx-1"].error  # type: ignore[union-attr]
    assert isinstance(error, ActionRequired) and error.code == "table_missing"


async def test_numbers_that_the_user_typed_as_keys_are_found(place: GooglePlace) -> None:
    table = await filled(place)
    place.act("add_row", table=table.table_id, cells={table.key_field.label: 4711, "Summary": "Typed"})
    outcomes = await place.write(table, update("4711", {"merchant": "Found"}), update("0815", {"merchant": "Not"}))
    assert isinstance(outcomes["4711"], Written) and isinstance(outcomes["0815"], Gone)
    assert place.rows(table)["4711"]["Merchant"] == "Found"


async def test_of_two_rows_with_one_key_the_first_is_ours(place: GooglePlace) -> None:
    table = await filled(place)
    copy = {table.key_field.label: "tx-2", "Summary": "My copy", "Merchant": "Mine"}
    place.act("add_row", table=table.table_id, cells=copy)
    await place.write(table, update("tx-2", {"merchant": "New"}), delete("tx-1"))
    merchants = [row.cells["merchant"] async for row in place.destination.read(table) if row.key == "tx-2"]
    assert merchants == ["New", "Mine"]


# --- links ---


async def test_a_link_is_the_name_and_the_key_of_its_target(place: GooglePlace) -> None:
    accounts, table = await place.prepared("accounts", "transactions")
    await place.write(accounts, create(accounts, "acc-1", account(1)))
    await place.write(table, create(table, "tx-1", transaction(1, Link("acc-1", "acc-1", "Account 1"))))
    cells = place.rows(table)["tx-1"]
    assert (cells["Account"], cells["Account ID"]) == ("Account 1", "acc-1")
    assert (await place.read(table))["tx-1"].cells["account"] == Link("acc-1", "acc-1", "Account 1")
    await place.write(table, update("tx-1", {"account": None}))
    assert {"Account", "Account ID"}.isdisjoint(place.rows(table)["tx-1"])


async def test_the_column_of_target_keys_may_be_deleted_and_comes_back_with_prepare(place: GooglePlace) -> None:
    table = await filled(place)
    place.act("delete_field", table=table.table_id, field="Account ID")
    link = Link("acc-1", None, "Account 1")
    await place.write(table, update("tx-1", {"account": link}))
    assert place.rows(table)["tx-1"]["Account"] == "Account 1"
    assert await place.destination.prepare([table]) == [table]
    await place.write(table, update("tx-2", {"account": link}))
    assert place.rows(table)["tx-2"]["Account ID"] == "acc-1"


async def test_a_column_of_target_keys_is_not_offered_for_mapping(place: GooglePlace) -> None:
    await place.prepared("transactions")
    (remote,) = (await place.destination.describe()).tables
    takes = {field.name: field.takes for field in remote.fields}
    assert takes["Account ID"] == frozenset() and takes["Account"]


# --- tabs, formats and room ---


async def test_the_first_table_takes_the_tab_that_nobody_has_used(place: GooglePlace) -> None:
    first, second = await place.prepared("institutions", "accounts")
    sheets = place.google.state.first.sheets
    assert [(str(sheet.id), sheet.title) for sheet in sheets] == [
        (first.table_id, "Institutions"),
        (second.table_id, "Accounts"),
    ]
    assert [(sheet.row_count, sheet.column_count, sheet.frozen_rows) for sheet in sheets] == [
        (101, len(first.fields) + 1, 1),
        (101, len(second.fields) + 2, 1),
    ]


async def test_a_tab_with_anything_in_it_is_left_alone(place: GooglePlace) -> None:
    place.google.state.first.sheets[0].put(499, 3, ["a note far away"])
    (table,) = await place.prepared("institutions")
    assert [sheet.title for sheet in place.google.state.first.sheets] == ["Sheet1", "Institutions"]
    assert table.table_id != "0"


async def test_a_tab_of_the_user_gets_new_columns_right_of_its_own(place: GooglePlace) -> None:
    fields = [{"name": "Mine"}, {"name": "Name"}]
    rows = [{"Mine": "a", "Name": "b"}]
    place.act("add_table", name="Institutions", fields=fields, rows=rows)
    place.google.state.first.sheets[1].put(1, 4, ["far right"])
    (table,) = await place.prepared("institutions")
    assert place.heads(table) == ["Mine", "Name", "Website", table.key_field.label]
    sheet = place.google.state.first.sheets[1]
    assert sheet.value(1, 6) == "far right", "columns are inserted, nothing is written over"
    assert await place.destination.prepare([table]) == [table]


async def test_dates_and_money_are_numbers_that_look_like_them(place: GooglePlace) -> None:
    (table,) = await place.prepared("accounts")
    cells = account(1) | {"next_payment_due": dt.date(2026, 2, 28), "apr": Decimal("0.1999")}
    await place.write(table, create(table, "acc-1", cells))
    sheet = place.google.state.first.sheets[0]
    shown = {
        place.heads(table)[column]: (value, sheet.format(1, column))
        for column, value in enumerate(sheet.rows[1])
        if value is not None
    }
    assert shown["Balance"] == (1235.56, '{"numberFormat":{"pattern":"#,##0.00","type":"NUMBER"}}')
    assert shown["Next payment due"] == (46081, '{"numberFormat":{"pattern":"yyyy-mm-dd","type":"DATE"}}')
    assert shown["APR"] == (0.1999, '{"numberFormat":{"pattern":"0.00%","type":"PERCENT"}}')


async def test_the_grid_grows_by_what_is_added_in_the_format_that_the_user_chose(place: GooglePlace) -> None:
    table = await filled(place, 1)
    sheet = place.google.state.first.by_title("Transactions")
    before = sheet.row_count
    place.act("retype_field", table=table.table_id, field="Amount", type="currency")
    await place.write(table, *(create(table, f"more-{number}", transaction(number)) for number in range(1, 251)))
    sheet = place.google.state.first.by_title("Transactions")
    assert sheet.row_count == before + 250
    column = place.heads(table).index("Amount")
    formats = {sheet.format(row, column) for row in range(1, sheet.row_count)}
    assert formats == {'{"numberFormat":{"type":"CURRENCY"}}'}


async def test_the_last_row_can_be_deleted_where_no_spare_row_is_left(place: GooglePlace) -> None:
    table = await filled(place, 2)
    book = place.google.state.first
    book.delete(book.sheets[0], "ROWS", 3, book.sheets[0].row_count)
    outcomes = await place.write(table, delete("tx-1"), delete("tx-2"))
    assert set(map(type, outcomes.values())) == {Written}
    assert place.rows(table) == {}


async def test_scattered_deletions_hit_their_own_rows(place: GooglePlace) -> None:
    table = await filled(place, 40)
    gone = [1, 2, 3, 7, 11, 12, 39, 40]
    await place.write(table, *(delete(f"tx-{number}") for number in gone), create(table, "new", transaction(1)))
    left = [f"tx-{number}" for number in range(1, 41) if number not in gone]
    assert list(place.rows(table)) == [*left, "new"]


# --- refusals ---


async def test_what_google_refuses_names_its_remedy(place: GooglePlace) -> None:
    (table,) = await place.prepared("transactions")
    place.act("protect", table=table.table_id)
    outcomes = await place.write(table, create(table, "tx-1", transaction(1)))
    error = outcomes["tx-1"].error  # type: ignore[union-attr]
    assert isinstance(error, ActionRequired) and error.code == "tab_protected"


async def test_a_full_spreadsheet_asks_for_room(place: GooglePlace) -> None:
    (table,) = await place.prepared("transactions")
    book = place.google.state.first
    width = book.sheets[0].column_count
    used = book.sheets[0].row_count * width
    place.act("add_table", name="Big", fields=[], rows=[])
    book.insert(book.sheets[1], "ROWS", 1000, (10_000_000 - used) // 26 - 1000)
    outcomes = await place.write(table, *(create(table, f"tx-{n}", transaction(n)) for n in range(1, 4)))
    error = outcomes["tx-1"].error  # type: ignore[union-attr]
    assert isinstance(error, ActionRequired) and error.code == "spreadsheet_full"
    assert place.rows(table) == {}


async def test_a_spreadsheet_that_is_not_shared_names_the_address_to_share_it_with(place: GooglePlace) -> None:
    place.act("unshare")
    with pytest.raises(ActionRequired) as caught:
        await place.destination.check()
    assert caught.value.code == "spreadsheet_not_shared"
    assert place.google.state.accounts.service_email in caught.value.remedy


async def test_an_api_that_is_switched_off_is_named(place: GooglePlace) -> None:
    details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "SERVICE_DISABLED"}]
    body = {"error": {"code": 403, "message": "off", "status": "PERMISSION_DENIED", "details": details}}
    place.google.faults.plan({"kind": "status", "status": 403, "body": body, "path": "/v4/.*"})
    with pytest.raises(ActionRequired) as caught:
        await place.destination.check()
    assert caught.value.code == "api_disabled"


async def test_mappings_of_one_table_are_known_whatever_else_the_spreadsheet_has(place: GooglePlace) -> None:
    place.act("add_table", name="transactions", fields=[{"name": "amount"}], rows=[])
    (table,) = await place.destination.prepare([mapping("transactions")])
    assert place.heads(table).count("Amount") == 0, "titles and headers are the same whatever their case"
    assert place.heads(table)[0] == "amount"
