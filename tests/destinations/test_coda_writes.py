"""What a write to Coda costs, and what it does when Coda is slow, forgetful, or a person is quicker."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import httpx2
import pytest

from contracts.samples import KEY_FIELD, create, delete, mapping, mappings, transaction, update
from contracts.stage import Control, Hurried
from counterfoil.destinations.coda import SPEC
from counterfoil.destinations.coda.destination import copy_template
from counterfoil.destinations.coda.sandbox import TEMPLATE_DOC_ID, emulator
from counterfoil.destinations.coda.settings import CodaApp, CodaSettings
from counterfoil.errors import ActionRequired, RetryLater
from counterfoil.lib.http import Http
from counterfoil.ports import (
    Access,
    Change,
    Destination,
    Gone,
    Link,
    Outcome,
    Rejected,
    TableMapping,
    Undecided,
    Written,
)
from counterfoil.sandbox.kit import Emulator
from counterfoil.sandbox.server import serving

pytestmark = pytest.mark.anyio
Before = Callable[[httpx2.Request], Awaitable[None]]
After = Callable[[httpx2.Request, httpx2.Response], httpx2.Response]


class Between(httpx2.AsyncHTTPTransport):
    """Lets a test do something between our call and Coda's answer."""

    before: Before | None = None
    after: After | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if self.before is not None:
            await self.before(request)
        response = await super().handle_async_request(request)
        await response.aread()
        return self.after(request, response) if self.after is not None else response


@dataclass
class Bench:
    """A destination with two prepared tables, and the emulator behind it."""

    emulator: Emulator
    control: Control
    http: Http
    app: CodaApp
    token: str
    destination: Destination
    between: Between
    table: TableMapping = field(init=False)
    ids: dict[str, str] = field(default_factory=dict)

    async def write(self, changes: Sequence[Change]) -> dict[str, Outcome]:
        """Write once; give the outcomes by key."""
        outcomes = {outcome.key: outcome for outcome in await self.destination.write(self.table, changes)}
        self.ids |= {key: one.remote_id for key, one in outcomes.items() if isinstance(one, Written)}
        return outcomes

    async def filled(self, count: int) -> None:
        """Have rows written, and forget the calls."""
        await self.write([create(self.table, f"tx-{number}", transaction(number)) for number in range(count)])
        self.control.forget_calls()

    def change(self, number: int, **cells: Any) -> Change:
        """Give an update of a row that was written."""
        key = f"tx-{number}"
        return update(key, cells or {"amount": Decimal("5.55")}, remote_id=self.ids[key])

    def keys(self) -> list[str]:
        """Give the keys that the table really holds, in order."""
        return sorted(str(row["cells"].get(KEY_FIELD.label)) for row in self.control.rows(self.table))

    def calls(self) -> Counter[str]:
        """Count the calls by what they are."""
        return Counter(_kind(call["method"], call["path"]) for call in self.control.calls())


def _kind(method: str, path: str) -> str:
    parts = path.removeprefix("/apis/v1/").split("/")
    if parts[0] == "mutationStatus":
        return "status"
    named = {4: "count", 5: parts[-1], 6: "row"}.get(len(parts), parts[-1])
    return f"{method} {named}"


@contextmanager
def served() -> Iterator[tuple[Emulator, str, Control]]:
    made = emulator(delay=0.01)
    made.limits.scale = None
    with serving(made) as up:
        control = Control(up.urls["coda"])
        yield made, up.urls["coda"], control
        control.close()


@asynccontextmanager
async def opened(made: Emulator, url: str, control: Control) -> AsyncIterator[Bench]:
    between = Between()
    http = Http(budgets=Hurried(), transport=between, backoff=lambda _attempt: 0.01)
    app = CodaApp(url=url, settle=0.05, patience=0.5, first_look=0.01)
    credentials = made.credentials(url)

    async def save(_: object) -> None:
        raise AssertionError("nothing of Coda's rotates")

    destination = SPEC.open(Access(http, app, CodaSettings(**credentials), save))
    yield Bench(made, control, http, app, credentials["token"], destination, between)
    await http.aclose()


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    with served() as up:
        async with opened(*up) as bench:
            _, bench.table = await bench.destination.prepare(mappings("accounts", "transactions"))
            yield bench


# --- what it costs ---


async def test_new_rows_cost_a_request_per_500_and_one_read_of_what_changed(bench: Bench) -> None:
    bench.control.forget_calls()
    await bench.write([create(bench.table, f"tx-{number}", transaction(number % 500)) for number in range(1_200)])
    calls = bench.calls()
    del calls["status"]
    # One page of one row for the sync token, then three of the rows that came.
    assert calls == {"GET columns": 1, "GET rows": 1 + 3, "POST rows": 3}


async def test_a_few_changes_in_a_big_table_cost_one_request_and_a_look_at_each_row(bench: Bench) -> None:
    await bench.filled(20)
    rows = [[f"Old {number}", f"old-{number}"] for number in range(6_000)]
    bench.control.act("bulk_rows", table="Transactions", fields=["Summary", KEY_FIELD.label], rows=rows)
    await bench.write([bench.change(number) for number in range(10)])
    calls = bench.calls()
    del calls["status"]
    # What the bulk load changed is read too, once: 13 pages.
    assert calls == {"GET columns": 1, "GET count": 1, "GET row": 10, "GET rows": 13, "POST rows": 1}


async def test_many_changes_in_a_small_table_cost_one_request_and_one_scan(bench: Bench) -> None:
    await bench.filled(600)
    await bench.write([bench.change(number) for number in range(100)])
    calls = bench.calls()
    del calls["status"]
    assert calls == {"GET columns": 1, "GET count": 1, "GET rows": 2 + 1, "POST rows": 1}


async def test_deletions_cost_one_request_and_no_look(bench: Bench) -> None:
    await bench.filled(30)
    await bench.write([delete(f"tx-{number}", bench.ids[f"tx-{number}"]) for number in range(30)])
    calls = bench.calls()
    del calls["status"]
    assert calls == {"GET columns": 1, "DELETE rows": 1}
    assert bench.keys() == []


async def test_risky_texts_cost_one_more_request_for_all_of_them(bench: Bench) -> None:
    bench.control.forget_calls()
    texts = ("1/2", "=1+1", "00123", "1-2")
    changes = [
        create(bench.table, f"tx-{number}", transaction(number) | {"check_number": texts[number % 4]})
        for number in range(40)
    ]
    assert {type(one) for one in (await bench.write(changes)).values()} == {Written}
    assert bench.calls()["POST rows"] == 2
    held = {row["cells"][KEY_FIELD.label]: row["cells"] for row in bench.control.rows(bench.table)}
    assert [held[f"tx-{number}"]["Check number"] for number in range(4)] == list(texts)
    assert held["tx-3"]["Date"] == "2026-01-04"


# --- when a person is quicker ---


async def test_a_row_deleted_between_look_and_upsert_does_not_come_back(bench: Bench) -> None:
    await bench.filled(5)
    bench.between.before = _once(
        "POST", lambda: bench.control.act("delete_row", table=bench.table.table_id, row=bench.ids["tx-2"])
    )
    outcomes = await bench.write([bench.change(number) for number in range(5)])
    assert outcomes["tx-2"] == Gone("tx-2")
    assert {type(one) for key, one in outcomes.items() if key != "tx-2"} == {Written}
    assert bench.keys() == ["tx-0", "tx-1", "tx-3", "tx-4"]


async def test_a_row_deleted_before_its_takeover_is_gone(bench: Bench) -> None:
    await bench.filled(3)
    bench.control.act("delete_row", table=bench.table.table_id, row=bench.ids["tx-1"])
    taken = update("tx-posted", {"pending": False}, was="tx-1", remote_id=bench.ids["tx-1"])
    assert await bench.write([taken]) == {"tx-posted": Gone("tx-posted")}
    assert bench.keys() == ["tx-0", "tx-2"]


async def test_a_key_that_the_user_overwrote_is_put_back_on_the_same_row(bench: Bench) -> None:
    await bench.filled(3)
    row = bench.ids["tx-1"]
    bench.control.act("edit_row", table=bench.table.table_id, row=row, cells={KEY_FIELD.label: "mine"})
    assert await bench.write([bench.change(1)]) == {"tx-1": Written("tx-1", row)}
    assert bench.keys() == ["tx-0", "tx-1", "tx-2"]


async def test_accounts_of_one_name_are_told_apart(bench: Bench) -> None:
    accounts, _ = await bench.destination.prepare(mappings("accounts", "transactions"))
    twins = [create(accounts, f"acc-{number}", {"name": "Checking", "currency": "USD"}) for number in (1, 2)]
    ids = {one.key: one.remote_id for one in await bench.destination.write(accounts, twins) if isinstance(one, Written)}
    links = {key: Link(key, remote_id, "Checking") for key, remote_id in ids.items()}
    await bench.write([create(bench.table, f"of-{key}", transaction(1, link)) for key, link in links.items()])
    for key, remote_id in ids.items():
        assert bench.control.row(bench.table, f"of-{key}")["cells"]["Account"] == [remote_id]


# --- when Coda is slow or forgetful ---


async def test_a_second_request_while_the_first_still_waits_leaves_one_row(bench: Bench) -> None:
    change = create(bench.table, "tx-1", transaction(1))
    bench.control.act("pace", delay=0.4)
    bench.control.plan(kind="cut_after", method="POST")
    first = await bench.write([change])
    assert isinstance(first["tx-1"], Undecided)
    second = await bench.write([replace(change, doubtful=True)])  # longer in the queue than we had the patience to wait
    assert isinstance(second["tx-1"], Written)
    row = bench.control.row(bench.table, "tx-1")
    assert second["tx-1"] == Written("tx-1", row["id"])


async def test_an_edit_that_never_happens_is_undecided_and_then_made(bench: Bench) -> None:
    bench.control.act("lose_edits", times=1)
    change = create(bench.table, "tx-1", transaction(1))
    (outcome,) = (await bench.write([change])).values()
    assert isinstance(outcome, Undecided) and isinstance(outcome.error, RetryLater) and outcome.error.fate_unknown
    assert isinstance((await bench.write([replace(change, doubtful=True)]))["tx-1"], Written)
    assert bench.keys() == ["tx-1"]


async def test_a_forgotten_status_is_taken_for_done_and_the_rows_are_looked_for(bench: Bench) -> None:
    bench.control.plan(kind="status", status=404, path=".*/mutationStatus/.*", times=9)
    outcomes = await bench.write([create(bench.table, f"tx-{number}", transaction(number)) for number in range(3)])
    for outcome in outcomes.values():
        assert isinstance(outcome, Written | Undecided)
    doubtful = [replace(create(bench.table, f"tx-{number}", transaction(number)), doubtful=True) for number in range(3)]
    assert {type(one) for one in (await bench.write(doubtful)).values()} == {Written}
    assert bench.keys() == ["tx-0", "tx-1", "tx-2"]


async def test_a_snapshot_that_lags_is_waited_for(bench: Bench) -> None:
    bench.control.act("pace", lag=0.2)
    outcomes = await bench.write([create(bench.table, f"tx-{number}", transaction(number)) for number in range(3)])
    assert {type(one) for one in outcomes.values()} == {Written}
    outcomes = await bench.write([bench.change(number) for number in range(3)])
    assert {type(one) for one in outcomes.values()} == {Written}
    assert bench.keys() == ["tx-0", "tx-1", "tx-2"]


async def test_a_snapshot_that_never_arrives_is_tried_later(bench: Bench) -> None:
    await bench.filled(1)
    bench.control.act("pace", lag=60)
    bench.control.act("add_row", table=bench.table.table_id, cells={"Summary": "Mine"})
    with pytest.raises(RetryLater):
        await bench.write([bench.change(0)])


async def test_without_sync_tokens_new_rows_are_found_by_their_keys(bench: Bench) -> None:
    def stripped(request: httpx2.Request, response: httpx2.Response) -> httpx2.Response:
        if not request.url.path.endswith("/rows") or request.method != "GET":
            return response
        body = {name: value for name, value in response.json().items() if name != "nextSyncToken"}
        return httpx2.Response(response.status_code, json=body)

    bench.between.after = stripped
    outcomes = await bench.write([create(bench.table, f"tx-{number}", transaction(number)) for number in range(8)])
    for key, outcome in outcomes.items():
        assert outcome == Written(key, bench.control.row(bench.table, key)["id"])


# --- when Coda refuses ---


async def test_a_request_that_is_too_much_is_halved(bench: Bench) -> None:
    bench.control.plan(kind="status", status=413, method="POST", times=1)
    outcomes = await bench.write([create(bench.table, f"tx-{number}", transaction(number)) for number in range(8)])
    assert {type(one) for one in outcomes.values()} == {Written}
    assert bench.calls()["POST rows"] == 3


async def test_a_row_that_coda_refuses_is_found_by_halving(bench: Bench) -> None:
    refused = {"statusCode": 400, "statusMessage": "Bad Request", "message": "No such emoji."}

    async def before(request: httpx2.Request) -> None:
        if request.method == "POST" and b"Purchase 5" in request.content:
            bench.control.plan(kind="status", status=400, body=refused, method="POST")

    bench.between.before = before
    outcomes = await bench.write([create(bench.table, f"tx-{number}", transaction(number)) for number in range(8)])
    bad = outcomes.pop("tx-5")
    assert isinstance(bad, Rejected) and "No such emoji." in bad.reason
    assert {type(one) for one in outcomes.values()} == {Written}
    assert bench.keys() == [f"tx-{number}" for number in (0, 1, 2, 3, 4, 6, 7)]


async def test_a_retyped_column_stops_the_table_before_anything_is_written(bench: Bench) -> None:
    await bench.filled(2)
    bench.control.act("retype_field", table=bench.table.table_id, field="Amount", type="checkbox")
    with pytest.raises(ActionRequired) as caught:
        await bench.write([bench.change(0)])
    assert caught.value.code == "column_type" and "“Amount”" in str(caught.value)
    assert bench.calls() == {"GET columns": 1}


async def test_a_token_that_may_only_read_leaves_the_rows_undecided(bench: Bench) -> None:
    bench.control.act("restrict", access="read")
    outcomes = await bench.write([create(bench.table, "tx-1", transaction(1))])
    outcome = outcomes["tx-1"]
    assert isinstance(outcome, Undecided) and isinstance(outcome.error, ActionRequired)
    assert outcome.error.code == "place_forbidden"


# --- the doc ---


async def test_prepare_names_every_table_and_column_that_is_missing(bench: Bench) -> None:
    bench.control.act("rename_table", table="Accounts", name="My accounts")
    bench.control.act("delete_field", table="Transactions", field="Fee")
    with pytest.raises(ActionRequired) as caught:
        await bench.destination.prepare(mappings("accounts", "transactions"))
    assert "no table “Accounts”" in str(caught.value) and "no column “Fee”" in str(caught.value)
    assert "“Last digits” (Text)" in caught.value.remedy and "“Fee” (Number)" in caught.value.remedy
    bench.control.act("rename_table", table="My accounts", name="ACCOUNTS")
    bench.control.act("add_field", table="Transactions", name="fee", type="currency")
    prepared = await bench.destination.prepare(mappings("accounts", "transactions"))
    assert all(field.field_id for table in prepared for field in table.fields)


async def test_views_and_calculated_columns_are_not_offered(bench: Bench) -> None:
    bench.control.act("add_field", table="Accounts", name="Made", type="calculated")
    schema = await bench.destination.describe()
    assert "Recent transactions" not in {table.name for table in schema.tables}
    (made,) = [one for table in schema.tables for one in table.fields if one.name == "Made"]
    assert made.takes == frozenset()


async def test_a_link_of_an_unusual_form_is_resolved_by_coda(bench: Bench) -> None:
    doc_id = str(bench.emulator.credentials("")["doc_id"])
    settings = CodaSettings(token=bench.token, doc_id=f"https://docs.household.example/d/Money_d{doc_id}#x")
    assert "://" in settings.doc_id

    async def save(_: object) -> None: ...

    identity = await SPEC.open(Access(bench.http, bench.app, settings, save)).check()
    assert identity.remote_id == doc_id


async def test_the_template_is_copied_and_the_copy_can_be_used(bench: Bench) -> None:
    bench.control.act("pace", delay=0.1)
    app = bench.app.model_copy(update={"template_doc_id": TEMPLATE_DOC_ID})
    doc_id = await copy_template(bench.http, app, bench.token, title="For Casey")

    async def save(_: object) -> None: ...

    settings = CodaSettings(token=bench.token, doc_id=doc_id)
    copy = SPEC.open(Access(bench.http, app, settings, save))
    assert (await copy.prepare([mapping("accounts")]))[0].table_id
    with pytest.raises(ActionRequired):
        await copy_template(bench.http, bench.app, bench.token, title="None")
    with pytest.raises(ActionRequired):
        await copy_template(bench.http, bench.app, bench.token, title="None", template_doc_id="nOsUcHdOc0")


def _once(method: str, act: Callable[[], object]) -> Before:
    """Act when the first call of that method is on its way."""
    done: list[object] = []

    async def before(request: httpx2.Request) -> None:
        if request.method == method and not done:
            done.append(act())

    return before
