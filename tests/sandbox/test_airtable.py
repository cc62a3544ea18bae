"""The emulated Airtable answers so that pyairtable believes it, and refuses as Airtable does."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest
from pyairtable import Api, Base, Table
from pyairtable.formulas import AND, NOT, OR, Field, match
from pyairtable.models.schema import BaseSchema
from requests import HTTPError

from counterfoil.destinations.airtable.sandbox import emulator
from counterfoil.sandbox.kit import Emulator
from counterfoil.sandbox.server import serving

CHECK = {"icon": "check", "color": "greenBright"}
COLUMNS: list[dict[str, Any]] = [
    {"name": "Name", "type": "singleLineText"},
    {"name": "Key", "type": "singleLineText"},
    {"name": "Notes", "type": "multilineText"},
    {"name": "Rich", "type": "richText"},
    {"name": "Mail", "type": "email"},
    {"name": "Phone", "type": "phoneNumber"},
    {"name": "Url", "type": "url"},
    {"name": "Amount", "type": "currency", "options": {"precision": 2, "symbol": "€"}},
    {"name": "Number", "type": "number", "options": {"precision": 8}},
    {"name": "Share", "type": "percent", "options": {"precision": 1}},
    {"name": "Day", "type": "date", "options": {"dateFormat": {"name": "iso"}}},
    {
        "name": "Moment",
        "type": "dateTime",
        "options": {"timeZone": "utc", "dateFormat": {"name": "iso"}, "timeFormat": {"name": "24hour"}},
    },
    {"name": "Done", "type": "checkbox", "options": CHECK},
    {"name": "Kind", "type": "singleSelect", "options": {"choices": [{"name": "Food"}, {"name": "Rent"}]}},
    {"name": "Tags", "type": "multipleSelects", "options": {"choices": [{"name": "a"}]}},
]


@pytest.fixture
def vendor() -> Emulator:
    return emulator(rate_scale=None)


@pytest.fixture
def url(vendor: Emulator) -> Iterator[str]:
    with serving(vendor) as served:
        yield served.urls["airtable"]


@pytest.fixture
def api(vendor: Emulator, url: str) -> Api:
    return Api(vendor.state.token, endpoint_url=url, retry_strategy=None, timeout=(5, 30))


@pytest.fixture
def base(vendor: Emulator, api: Api) -> Base:
    return api.base(vendor.state.bases[0].id)


@pytest.fixture
def table(base: Base) -> Table:
    return base.create_table("Spending", COLUMNS, description="What was spent")


def refusal(call: Callable[[], Any]) -> tuple[int, str]:
    """Give status and type of the refusal that a call meets."""
    with pytest.raises(HTTPError) as caught:
        call()
    reply = caught.value.response
    assert reply is not None
    body = reply.json()
    error = body["errors"][0]["error"] if "errors" in body else body["error"]
    return reply.status_code, error["type"] if isinstance(error, dict) else error


# --- what it holds ---


def test_the_account_and_its_bases(api: Api, vendor: Emulator) -> None:
    assert api.whoami() == {"id": vendor.state.user}
    (base,) = api.bases()
    assert (base.id, base.name, base.permission_level) == (vendor.state.bases[0].id, "Household", "create")


def test_a_schema_of_every_type_fits_pyairtables_models(base: Base, table: Table, vendor: Emulator) -> None:
    table.create_field("Twin", "multipleRecordLinks", options={"linkedTableId": table.id})
    for kind, options in (
        ("autoNumber", None),
        ("createdTime", {"result": {"type": "dateTime", "options": COLUMNS[11]["options"]}}),
        ("formula", {"formula": "1", "isValid": True, "referencedFieldIds": []}),
    ):
        vendor.actions["add_field"]({"table": table.id, "name": kind, "type": kind, "options": options})
    schema = base.schema(force=True)
    assert isinstance(schema, BaseSchema)
    spending = schema.table("Spending")
    assert spending.primary_field_id == spending.field("Name").id
    assert [spending.field(column["name"]).type for column in COLUMNS] == [column["type"] for column in COLUMNS]
    day: Any = spending.field("Day")
    assert day.type == "date" and day.options.date_format.format == "YYYY-MM-DD"
    assert spending.description == "What was spent"
    assert spending.views[0].type == "grid"


def test_a_link_makes_its_backward_field(base: Base, table: Table) -> None:
    accounts = base.create_table("Accounts", [{"name": "Name", "type": "singleLineText"}])
    table.create_field("Account", "multipleRecordLinks", options={"linkedTableId": accounts.id})
    backward: Any = base.schema(force=True).table("Accounts").field("Spending")
    assert backward.type == "multipleRecordLinks" and backward.options.linked_table_id == table.id
    account = accounts.create({"Name": "Daily"})
    row = table.create({"Name": "Milk", "Account": [account["id"]]})
    assert accounts.get(account["id"])["fields"]["Spending"] == [row["id"]]
    table.update(row["id"], {"Account": []})
    assert "Spending" not in accounts.get(account["id"])["fields"]
    table.update(row["id"], {"Account": [account["id"]]})
    accounts.delete(account["id"])
    assert "Account" not in table.get(row["id"])["fields"]


def test_a_base_can_be_made_in_the_workspace(api: Api) -> None:
    made = api.create_base("wspEmulated000000", "Second", [{"name": "T", "fields": COLUMNS[:1]}])
    assert made.table("T").create({"Name": "x"})["fields"] == {"Name": "x"}


def test_fields_and_tables_are_renamed(base: Base, table: Table) -> None:
    field = table.schema().field("Amount")
    field.name = "Price"
    field.save()
    row = table.create({"Price": 1.5})
    assert table.get(row["id"], use_field_ids=True)["fields"] == {field.id: 1.5}
    schema = table.schema()
    schema.name = "Costs"
    schema.save()
    assert base.table("Costs").get(row["id"])["id"] == row["id"]


# --- records ---


def test_cells_come_back_as_airtable_keeps_them(table: Table) -> None:
    cells: dict[str, Any] = {
        "Name": "Milk",
        "Notes": "two\nlines",
        "Amount": -12.34,
        "Number": 0.00000001,
        "Share": 0.5,
        "Day": "2026-01-31",
        "Moment": "2026-01-31T10:00:00+02:00",
        "Done": True,
        "Kind": "Food",
        "Tags": ["a"],
        "Url": "https://example.com",
    }
    row = table.create(cells)
    assert row["fields"] == cells | {"Moment": "2026-01-31T08:00:00.000Z"}
    assert table.get(row["id"]) == row
    emptied = table.update(row["id"], {"Done": False, "Notes": None, "Url": ""})
    assert emptied["fields"].keys() == cells.keys() - {"Done", "Notes", "Url"}


def test_batches_are_created_updated_and_deleted(table: Table) -> None:
    rows = table.batch_create([{"Name": f"row {number}", "Amount": number} for number in range(25)])
    assert len(table.all()) == 25
    changed = table.batch_update([{"id": row["id"], "fields": {"Amount": -1}} for row in rows])
    assert {row["fields"]["Amount"] for row in changed} == {-1}
    assert {row["fields"]["Name"] for row in table.all()} == {f"row {number}" for number in range(25)}
    table.batch_update([{"id": rows[0]["id"], "fields": {"Key": "k"}}], replace=True)
    assert table.get(rows[0]["id"])["fields"] == {"Key": "k"}
    assert all(gone["deleted"] for gone in table.batch_delete([row["id"] for row in rows[:12]]))
    assert len(table.all()) == 13


def test_an_upsert_creates_without_a_match_and_updates_with_one(table: Table) -> None:
    first = table.batch_upsert([{"fields": {"Key": "a", "Amount": 1}}], ["Key"])
    assert first["createdRecords"] == [first["records"][0]["id"]] and not first["updatedRecords"]
    both = table.batch_upsert([{"fields": {"Key": "a", "Amount": 2}}, {"fields": {"Key": "b"}}], ["Key"])
    assert both["updatedRecords"] == first["createdRecords"] and len(both["createdRecords"]) == 1
    assert table.get(first["createdRecords"][0])["fields"] == {"Key": "a", "Amount": 2}
    moved = table.batch_upsert([{"id": first["createdRecords"][0], "fields": {"Key": "c"}}], ["Key"])
    assert moved["updatedRecords"] == first["createdRecords"]
    assert len(table.all()) == 2


def test_an_upsert_with_two_matches_is_refused_as_a_whole(table: Table) -> None:
    table.batch_create([{"Key": "a"}, {"Key": "a"}])
    many = [{"fields": {"Key": "new"}}, {"fields": {"Key": "a"}}]
    assert refusal(lambda: table.batch_upsert(many, ["Key"]))[0] == 422
    assert len(table.all()) == 2


@pytest.mark.parametrize("merge_on", [["Url"], ["Mail"], ["Done"], ["Key", "Name", "Number", "Kind"], []])
def test_an_upsert_may_not_merge_on_everything(table: Table, merge_on: list[str]) -> None:
    fields = {"Url": "u", "Mail": "m", "Done": True, "Key": "k", "Name": "n", "Number": 1, "Kind": "Food"}
    assert refusal(lambda: table.batch_upsert([{"fields": fields}], merge_on))[0] == 422


def test_every_record_of_an_upsert_has_the_merge_field(table: Table) -> None:
    body = {"performUpsert": {"fieldsToMergeOn": ["Key"]}, "records": [{"fields": {"Name": "x"}}]}
    assert refusal(lambda: table.api.patch(table.urls.records, json=body))[0] == 422


def test_typecast_adds_options_and_nothing_else_does(table: Table) -> None:
    assert refusal(lambda: table.create({"Kind": "New"})) == (422, "INVALID_MULTIPLE_CHOICE_OPTIONS")
    table.create({"Kind": "New"}, typecast=True)
    field: Any = table.schema(force=True).field("Kind")
    assert field.type == "singleSelect"
    assert [choice.name for choice in field.options.choices] == ["Food", "Rent", "New"]


# --- listing ---


def test_pages_have_a_hundred_rows_at_most(table: Table) -> None:
    table.batch_create([{"Amount": number} for number in range(205)])
    assert [len(page) for page in table.iterate()] == [100, 100, 5]
    assert [len(page) for page in table.iterate(page_size=100, max_records=150)] == [100, 50]
    ordered = [row["fields"]["Amount"] for row in table.all(sort=["-Amount"], fields=["Amount"])]
    assert ordered == sorted(range(205), reverse=True)


def test_an_offset_dies_after_a_pause(table: Table, vendor: Emulator) -> None:
    table.batch_create([{"Amount": number} for number in range(120)])
    pages = table.iterate()
    next(pages)
    vendor.actions["expire_iterators"]({})
    assert refusal(lambda: next(pages)) == (422, "LIST_RECORDS_ITERATOR_NOT_AVAILABLE")


def test_formulas_filter(table: Table) -> None:
    rows = table.batch_create(
        [{"Name": "it's", "Amount": 5}, {"Name": 'say "hi" \\ {x}', "Amount": -5, "Done": True}, {"Name": "Third"}]
    )

    def found(formula: Any) -> list[str]:
        return [row["fields"]["Name"] for row in table.all(formula=formula)]

    assert found(match({"Name": "it's"})) == ["it's"]
    assert found(match({"Name": 'say "hi" \\ {x}'})) == ['say "hi" \\ {x}']
    assert found("{Name}='third'") == []
    assert found(OR(Field("Amount").lt(0), Field("Name").eq("Third"))) == ['say "hi" \\ {x}', "Third"]
    assert found(AND(Field("Amount").gte(-5), NOT(Field("Done")), Field("Amount").ne(""))) == ["it's"]
    assert found(f"RECORD_ID()='{rows[2]['id']}'") == ["Third"]
    assert found("{Amount}=BLANK()") == ["Third"]
    assert found("LOWER({Name} & '!')='third!'") == ["Third"]
    assert found(OR(*[Field("Name").eq(f"{'x' * 400} {number}") for number in range(60)])) == []  # sent by POST


@pytest.mark.parametrize("formula", ["{Nope}='x'", "{Name}=", "FOO()", "({Name}", "'open", "{Name}='a' 'b'"])
def test_a_malformed_formula_is_refused(table: Table, formula: str) -> None:
    assert refusal(lambda: table.all(formula=formula)) == (422, "INVALID_FILTER_BY_FORMULA")


# --- refusals ---


def test_eleven_records_are_too_many(table: Table) -> None:
    eleven = [{"fields": {"Name": "x"}}] * 11
    assert refusal(lambda: table.api.post(table.urls.records, json={"records": eleven}))[0] == 422
    ids = [f"rec{number:014d}" for number in range(11)]
    assert refusal(lambda: table.api.delete(table.urls.records, params={"records[]": ids}))[0] == 422


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        ({"Nope": 1}, "UNKNOWN_FIELD_NAME"),
        ({"Amount": "1"}, "INVALID_VALUE_FOR_COLUMN"),
        ({"Amount": True}, "INVALID_VALUE_FOR_COLUMN"),
        ({"Name": 1}, "INVALID_VALUE_FOR_COLUMN"),
        ({"Name": "x" * 100_001}, "INVALID_VALUE_FOR_COLUMN"),
        ({"Done": "yes"}, "INVALID_VALUE_FOR_COLUMN"),
        ({"Day": "tomorrow"}, "INVALID_VALUE_FOR_COLUMN"),
        ({"Count": 1}, "INVALID_VALUE_FOR_COLUMN"),
        ({"Kind": ""}, "INVALID_MULTIPLE_CHOICE_OPTIONS"),
        ({"Twin": ["recDoesNotExist00"]}, "ROW_DOES_NOT_EXIST"),
    ],
)
def test_a_bad_cell_fails_the_whole_batch(table: Table, vendor: Emulator, cells: dict[str, Any], kind: str) -> None:
    table.create_field("Twin", "multipleRecordLinks", options={"linkedTableId": table.id})
    vendor.actions["add_field"]({"table": table.id, "name": "Count", "type": "autoNumber"})
    assert refusal(lambda: table.batch_create([{"Name": "good"}, cells])) == (422, kind)
    assert table.all() == []


def test_rows_that_are_not_there(table: Table) -> None:
    row = table.create({"Name": "x"})
    missing = "recDoesNotExist00"
    many: list[Any] = [{"id": row["id"], "fields": {"Name": "y"}}, {"id": missing, "fields": {}}]
    assert refusal(lambda: table.batch_update(many)) == (422, "ROW_DOES_NOT_EXIST")
    assert refusal(lambda: table.batch_delete([row["id"], missing])) == (422, "ROW_DOES_NOT_EXIST")
    assert refusal(lambda: table.get(missing)) == (404, "NOT_FOUND")
    assert table.get(row["id"])["fields"] == {"Name": "x"}


@pytest.mark.parametrize(
    "field",
    [
        {"name": "Name", "type": "url"},
        {"name": "A", "type": "autoNumber"},
        {"name": "A", "type": "number"},
        {"name": "A", "type": "number", "options": {"precision": 9}},
        {"name": "A", "type": "currency", "options": {"precision": 2}},
        {"name": "A", "type": "checkbox", "options": {"icon": "check"}},
        {"name": "A", "type": "date", "options": {"dateFormat": {"name": "odd"}}},
        {"name": "A", "type": "multipleRecordLinks", "options": {"linkedTableId": "tblDoesNotExist00"}},
    ],
)
def test_a_field_that_airtable_would_not_make(table: Table, field: dict[str, Any]) -> None:
    assert refusal(lambda: table.api.post(table.urls.fields, json=field))[0] == 422


def test_names_of_tables_are_unique_without_regard_to_case(base: Base, table: Table) -> None:
    assert refusal(lambda: base.create_table("SPENDING", COLUMNS[:1])) == (422, "DUPLICATE_TABLE_NAME")


def test_a_base_has_a_limit_of_records(vendor: Emulator, table: Table) -> None:
    vendor.state.records.cap = 3
    table.batch_create([{"Name": "x"}] * 3)
    assert refusal(lambda: table.create({"Name": "x"}))[0] == 422


def test_tokens_and_bases_that_are_not_good(vendor: Emulator, url: str, table: Table) -> None:
    stranger = Api("patWrong", endpoint_url=url, retry_strategy=None)
    assert refusal(stranger.whoami) == (401, "AUTHENTICATION_REQUIRED")
    unknown = table.api.table("appDoesNotExist00", table.id)
    assert refusal(unknown.all) == (403, "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND")
    vendor.actions["unshare"]({})
    assert refusal(table.all) == (403, "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND")
    vendor.actions["share"]({})
    vendor.actions["revoke"]({})
    assert refusal(table.all) == (401, "AUTHENTICATION_REQUIRED")
    vendor.actions["restore"]({})
    assert table.all() == []


# --- limits ---


def test_the_sixth_call_of_a_second_closes_the_base(vendor: Emulator, api: Api, table: Table) -> None:
    vendor.limits.scale = 1.0
    for _ in range(5):
        table.all()
    assert refusal(table.all) == (429, "RATE_LIMIT_REACHED")
    assert refusal(table.all) == (429, "RATE_LIMIT_REACHED")
    assert api.whoami()["id"]  # the account goes on


def test_the_month_ends_for_records_and_not_for_the_schema(vendor: Emulator, table: Table) -> None:
    vendor.actions["quota"]({"calls": 2})
    table.all()
    table.create({"Name": "x"})
    assert refusal(table.all) == (429, "PUBLIC_API_BILLING_LIMIT_EXCEEDED")
    assert table.schema(force=True).name == "Spending"


def test_paths_with_a_slash_at_the_end_are_the_same(vendor: Emulator, url: str, table: Table) -> None:
    headers = {"authorization": f"Bearer {vendor.state.token}"}
    reply = httpx2.get(f"{url}/v0/{vendor.state.bases[0].id}/{table.id}/?", headers=headers)
    assert reply.json() == {"records": []}


# --- the page ---


def test_a_person_can_look_at_the_tables(url: str, table: Table) -> None:
    table.create({"Name": "Milk & honey"})
    assert "Milk &amp; honey" in httpx2.get(f"{url}/_sandbox/view").text
