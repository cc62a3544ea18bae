"""The Airtable destination keeps the promises of every destination, and its own."""

import datetime as dt
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar

import httpx2
import msgspec
import pytest
from pydantic import BaseModel

from contracts.destination import DestinationContract, Endpoint
from contracts.hooks import Hooks
from contracts.samples import account, create, mappings, transaction, update
from contracts.stage import Hurried, Place
from counterfoil.destinations.airtable import SPEC
from counterfoil.destinations.airtable.fields import decode, encode
from counterfoil.destinations.airtable.sandbox import emulator
from counterfoil.destinations.airtable.settings import AirtableApp, AirtableSettings
from counterfoil.destinations.airtable.types import refused
from counterfoil.errors import ActionRequired
from counterfoil.lib.http import Http, Reply
from counterfoil.model import Kind
from counterfoil.ports import Access, Destination, Link, Rejected, TableMapping, Undecided, Written
from counterfoil.sandbox.kit import Emulator


class AirtableHooks(Hooks):
    spec = SPEC
    place_field, unknown_place = "base_id", "appDoesNotExist00"
    unauthorised: ClassVar = {"error": {"type": "AUTHENTICATION_REQUIRED", "message": "Authentication required"}}
    endpoints = (
        Endpoint("GET", "/v0/meta/bases"),
        Endpoint("GET", "/v0/meta/bases/app[^/]+/tables"),
        Endpoint("POST", "/v0/meta/bases/app[^/]+/tables", writes=True),
        Endpoint("PATCH", "/v0/app[^/]+/tbl[^/]+", writes=True),
        Endpoint("DELETE", "/v0/app[^/]+/tbl[^/]+", writes=True),
        Endpoint("GET", "/v0/app[^/]+/tbl[^/]+"),
    )

    def emulator(self) -> Emulator:
        return emulator()

    def app(self, url: str) -> BaseModel:
        return AirtableApp(url=url, oauth_url=url)

    def settings(self, url: str, credentials: Mapping[str, Any]) -> BaseModel:
        return AirtableSettings(**credentials)


class TestAirtable(AirtableHooks, DestinationContract):
    pass


@pytest.mark.anyio
class TestAirtableItself(AirtableHooks):
    async def _filled(self, place: Place, rows: int) -> TableMapping:
        table = (await self.prepared(place, "transactions"))["transactions"]
        changes = [create(table, f"tx-{number}", transaction(number)) for number in range(1, rows + 1)]
        await place.mirror.write(place.destination, table, changes)
        place.control.forget_calls()
        return table

    def _methods(self, place: Place) -> list[str]:
        return [call["method"] for call in place.control.calls()]

    async def test_a_hundred_changed_rows_cost_ten_calls(self, place: Place) -> None:
        table = await self._filled(place, 100)
        changes = [update(f"tx-{number}", {"amount": Decimal("1.5")}) for number in range(1, 101)]
        await place.mirror.write(place.destination, table, changes)
        assert self._methods(place) == ["PATCH"] * 10

    async def test_a_destination_opened_afresh_reads_the_schema_once(self, place: Place) -> None:
        table = await self._filled(place, 20)
        place.destination = place.open(place.settings)
        changes = [update(f"tx-{number}", {"currency": "USD"}) for number in range(1, 21)]
        await place.mirror.write(place.destination, table, changes)
        assert self._methods(place) == ["GET", "PATCH", "PATCH"]

    async def test_a_bad_cell_is_isolated_by_halving(self, place: Place) -> None:
        table = await self._filled(place, 30)
        changes = [update(f"tx-{number}", {"original_text": "fine"}) for number in range(1, 31)]
        changes[13] = update("tx-14", {"original_text": "secret" * 40_000})
        outcomes = await place.mirror.write(place.destination, table, changes)
        bad = outcomes["tx-14"]
        assert isinstance(bad, Rejected)
        assert "Original text" in bad.reason and "secret" not in bad.reason
        assert sum(isinstance(outcome, Written) for outcome in outcomes.values()) == 29
        assert len(self._methods(place)) == 3 + 8  # three tens; halves of ten down to one: 5+5, 2+3, 1+2, 1+1

    async def test_a_link_to_a_row_that_the_user_deleted_is_left_empty(self, place: Place) -> None:
        tables = await self.prepared(place, "accounts", "transactions")
        accounts, table = tables["accounts"], tables["transactions"]
        rows = [create(accounts, f"acc-{number}", account(number)) for number in (1, 2)]
        await place.mirror.write(place.destination, accounts, rows)
        kept, dead = (place.mirror.link("accounts", f"acc-{number}", "x") for number in (1, 2))
        place.control.act("delete_row", table=accounts.table_id, row=dead.remote_id)
        changes = [create(table, f"tx-{n}", transaction(n, dead if n % 2 else kept)) for n in range(1, 21)]
        outcomes = await place.mirror.write(place.destination, table, changes)
        assert {type(outcome) for outcome in outcomes.values()} == {Written}
        self.assert_holds(table, place.control.row(table, "tx-1"), transaction(1))
        self.assert_holds(table, place.control.row(table, "tx-2"), transaction(2, kept))
        assert len(place.control.rows(accounts)) == 1

    async def test_new_words_never_travel_together_with_links(self, place: Place) -> None:
        tables = await self.prepared(place, "accounts", "transactions")
        accounts, table = tables["accounts"], tables["transactions"]
        await place.mirror.write(place.destination, accounts, [create(accounts, "acc-1", account(1))])
        link = place.mirror.link("accounts", "acc-1", "x")
        wire = Wire()
        http = Http(budgets=Hurried(), transport=wire)
        destination = SPEC.open(Access(http, place.app, place.settings, _forget))
        rows = [create(table, f"tx-{n}", transaction(n, link) | {"channel": f"word {n // 10}"}) for n in range(1, 31)]
        outcomes = await place.mirror.write(destination, table, rows)
        await http.aclose()
        assert {type(outcome) for outcome in outcomes.values()} == {Written}
        for row in rows:
            self.assert_holds(table, place.control.row(table, row.key), row.cells)
        bodies = [json.loads(request.content) for request in wire.requests if request.method == "PATCH"]
        casting = [body for body in bodies if body["typecast"]]
        assert len(casting) == 1
        assert not any(
            isinstance(value, list) and value for row in casting[0]["records"] for value in row["fields"].values()
        )

    async def test_words_that_the_user_removed_are_introduced_again(self, place: Place) -> None:
        table = await self._filled(place, 3)
        place.control.act("retype_field", table=table.table_id, field="Currency", type="singleSelect")
        changes = [update(f"tx-{number}", {"currency": "USD"}) for number in range(1, 4)]
        outcomes = await place.mirror.write(place.destination, table, changes)
        assert {type(outcome) for outcome in outcomes.values()} == {Written}
        self.assert_holds(table, place.control.row(table, "tx-2"), {"currency": "USD"})

    async def test_reading_goes_on_where_the_listing_dies(self, place: Place) -> None:
        (table,) = (await self.prepared(place, "institutions")).values()
        cells = [{"Counterfoil ID": f"in-{number}"} for number in range(250)]
        place.control.act("bulk_rows", table=table.table_id, rows=cells)
        seen = []
        async for row in place.destination.read(table):
            seen.append(row.key)
            if len(seen) == 150:
                place.control.act("expire_iterators")
        assert sorted(map(str, seen)) == sorted(f"in-{number}" for number in range(250))

    async def test_one_call_too_many_closes_the_base_for_thirty_seconds(self, place: Place) -> None:
        place.control.plan(kind="rate_limited", path="/v0/meta/bases/app.*")
        await place.destination.describe()
        budgets = place.http._budgets
        assert isinstance(budgets, Hurried)
        assert budgets.pauses == [(f"airtable base {place.credentials['base_id']}", 30.0)]

    async def test_a_spent_month_is_told_at_once(self, place: Place) -> None:
        table = await self._filled(place, 1)
        place.control.act("quota", calls=0)
        (outcome,) = await place.destination.write(table, [create(table, "tx-9", transaction(9))])
        assert isinstance(outcome, Undecided) and isinstance(outcome.error, ActionRequired)
        assert outcome.error.code == "monthly_limit"
        assert len(place.control.calls()) == 1
        await place.destination.describe()  # the schema goes on answering

    async def test_a_full_base_is_told_once_and_not_row_by_row(self, place: Place) -> None:
        table = await self._filled(place, 1)
        place.emulator.state.records.cap = 1
        changes = [create(table, f"new-{number}", transaction(1)) for number in range(10)]
        outcomes = await place.destination.write(table, changes)
        errors = [outcome.error for outcome in outcomes if isinstance(outcome, Undecided)]
        assert [error.code for error in errors if isinstance(error, ActionRequired)] == ["base_full"] * 10
        assert len(place.control.calls()) == 1

    async def test_a_token_that_may_only_read_is_told(self, place: Place) -> None:
        table = await self._filled(place, 1)
        place.control.act("read_only")
        with pytest.raises(ActionRequired) as caught:
            await place.destination.check()
        assert caught.value.code == "read_only"
        row_id = place.mirror.remote_ids["transactions", "tx-1"]
        (outcome,) = await place.destination.write(table, [update("tx-1", {"merchant": "x"}, remote_id=row_id)])
        assert isinstance(outcome, Undecided) and isinstance(outcome.error, ActionRequired)

    async def test_a_column_of_another_type_is_named_before_anything_is_made(self, place: Place) -> None:
        place.control.act(
            "add_table", name="Transactions", fields=[{"name": "Summary"}, {"name": "Amount", "type": "checkbox"}]
        )
        before = place.control.tables()
        with pytest.raises(ActionRequired, match=r"Amount.*Transactions.*checkbox") as caught:
            await place.destination.prepare(mappings("accounts", "transactions"))
        assert caught.value.code == "column_type"
        assert len(place.control.tables()) == len(before)

    async def test_a_link_to_another_table_is_not_taken_for_ours(self, place: Place) -> None:
        other = place.control.act("add_table", name="People", fields=[{"name": "Name"}])
        link = {"name": "Account", "type": "multipleRecordLinks", "options": {"linkedTableId": other["id"]}}
        place.control.act("add_table", name="Transactions", fields=[{"name": "Summary"}, link])
        with pytest.raises(ActionRequired, match=r"Account.*links to another table"):
            await place.destination.prepare(mappings("accounts", "transactions"))


@pytest.mark.anyio
class TestOAuth(AirtableHooks):
    def _granted(self, place: Place, *, minutes: int) -> tuple[Destination, dict[str, Any]]:
        grant = place.control.act("grant")
        app = AirtableApp(
            url=place.control.url,
            oauth_url=place.control.url,
            client_id=grant["client_id"],
            client_secret=grant["client_secret"],
        )
        settings = AirtableSettings(
            token=grant["access_token"],
            base_id=place.credentials["base_id"],
            refresh_token=grant["refresh_token"],
            expires_at=dt.datetime.now(dt.UTC) + dt.timedelta(minutes=minutes),
        )
        place.app = app
        return place.open(settings), grant

    async def test_a_good_token_is_used_as_it_is(self, place: Place) -> None:
        destination, _ = self._granted(place, minutes=30)
        await destination.check()
        assert place.saved == []

    async def test_a_token_about_to_expire_is_renewed_and_saved_before_use(self, place: Place) -> None:
        destination, grant = self._granted(place, minutes=1)
        assert (await destination.check()).label == "Household"
        (saved,) = place.saved
        assert isinstance(saved, AirtableSettings) and saved.refresh_token is not None
        assert saved.token.get_secret_value() != grant["access_token"]
        assert saved.refresh_token.get_secret_value() != grant["refresh_token"]
        assert [call["path"] for call in place.control.calls()] == ["/oauth2/v1/token", "/v0/meta/bases"]

    async def test_nothing_is_sent_where_the_new_token_cannot_be_saved(self, place: Place) -> None:
        destination, _ = self._granted(place, minutes=1)
        place.saved = _Full()
        with pytest.raises(OSError, match="disk"):
            await destination.check()
        assert [call["path"] for call in place.control.calls()] == ["/oauth2/v1/token"]

    async def test_a_token_refused_early_is_renewed_once_for_all_calls_in_flight(self, place: Place) -> None:
        table = (await self.prepared(place, "institutions"))["institutions"]
        destination, _ = self._granted(place, minutes=30)
        await destination.describe()
        place.control.act("clock", advance=7200)
        changes = [create(table, f"in-{number}", {"name": "Bank"}) for number in range(100)]
        outcomes = await place.mirror.write(destination, table, changes)
        assert {type(outcome) for outcome in outcomes.values()} == {Written}
        assert len(place.saved) == 1

    async def test_consent_that_is_gone_asks_the_user_to_connect_again(self, place: Place) -> None:
        destination, grant = self._granted(place, minutes=1)
        place.control.act("withdraw")
        with pytest.raises(ActionRequired) as caught:
            await destination.check()
        assert caught.value.code == "reconnect"
        assert grant["refresh_token"] not in repr(caught.value)


class Wire(httpx2.AsyncHTTPTransport):
    """The real transport, with a note of every request."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[httpx2.Request] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        return await super().handle_async_request(request)


async def _forget(_settings: BaseModel) -> None:
    """Keep nothing."""


class _Full(list[BaseModel]):
    def append(self, _settings: BaseModel) -> None:
        raise OSError("disk full")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"error": {"type": "NOT_AUTHORIZED", "message": "No"}}, "NOT_AUTHORIZED"),
        ({"error": {"type": "NOT_AUTHORIZED"}}, "NOT_AUTHORIZED"),
        ({"error": "NOT_FOUND"}, "NOT_FOUND"),
        ({"errors": [{"error": "RATE_LIMIT_REACHED", "message": "Slow"}]}, "RATE_LIMIT_REACHED"),
        ({}, ""),
        ([], ""),
        ({"error": None, "errors": []}, ""),
    ],
)
def test_an_error_is_read_in_every_form(body: Any, kind: str) -> None:
    assert refused(Reply(422, {}, json.dumps(body).encode())).kind == kind


def test_an_error_page_is_an_error_without_a_name() -> None:
    assert refused(Reply(404, {}, b"<html>")).kind == ""


@pytest.mark.parametrize(
    ("cell", "vendor_type", "value"),
    [
        (Link("k", "rec1", "Name"), "multipleRecordLinks", ["rec1"]),
        (Link("k", None, "Name"), "multipleRecordLinks", []),
        (Link("k", "rec1", "Name"), "singleLineText", "Name"),
        (None, "multipleRecordLinks", []),
        ("", "singleLineText", None),
        (" word ", "singleSelect", "word"),
        (
            dt.datetime(2026, 1, 31, 1, 2, 3, 456789, dt.timezone(dt.timedelta(hours=1))),
            "dateTime",
            "2026-01-31T00:02:03.456Z",
        ),
        (dt.date(2026, 1, 31), "date", "2026-01-31"),
        (Decimal("0.10"), "number", Decimal("0.10")),
        (False, "checkbox", False),
    ],
)
def test_cells_in_airtables_words(cell: Any, vendor_type: str, value: Any) -> None:
    assert encode(cell, vendor_type) == value


@pytest.mark.parametrize(
    ("raw", "kind"), [(b'"twelve"', Kind.MONEY), (b"true", Kind.DATE), (b'"soon"', Kind.TIMESTAMP)]
)
def test_a_cell_of_another_kind_reads_as_empty(raw: bytes, kind: Kind) -> None:
    assert decode(msgspec.Raw(raw), kind) is None
