"""Notion: the promises of every destination, and what is Notion's own."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr

from contracts.destination import DestinationContract, Endpoint
from contracts.hooks import Hooks
from contracts.samples import account, create, delete, mapping, transaction, update
from contracts.stage import Place
from counterfoil.destinations.notion import SPEC, NotionApp, NotionSettings
from counterfoil.destinations.notion.destination import Notion
from counterfoil.destinations.notion.sandbox import emulator
from counterfoil.destinations.notion.tables import Schemas
from counterfoil.errors import ActionRequired, RetryLater
from counterfoil.ports import Access, Change, Gone, Link, Outcome, Rejected, TableMapping, Undecided, Written
from counterfoil.sandbox.kit import Emulator

_LOST = {"kind": "cut_after", "method": "POST", "path": "/v1/pages"}


class NotionHooks(Hooks):
    spec = SPEC
    place_field, unknown_place = "page_id", "00000000-0000-4000-8000-000000000000"
    endpoints = (
        Endpoint("GET", "/v1/users/me"),
        Endpoint("GET", "/v1/pages/[^/]+"),
        Endpoint("GET", "/v1/blocks/[^/]+/children"),
        Endpoint("POST", "/v1/search"),
        Endpoint("GET", "/v1/data_sources/[^/]+"),
        Endpoint("POST", "/v1/databases", writes=True),
        Endpoint("POST", "/v1/pages", writes=True),
        Endpoint("PATCH", "/v1/pages/[^/]+", writes=True),
        Endpoint("POST", "/v1/data_sources/[^/]+/query", after=_LOST),
    )
    saturating = (1, 15)

    def emulator(self) -> Emulator:
        return emulator()

    def app(self, url: str) -> BaseModel:
        return NotionApp(url=url, lookup_waits=(0.0, 0.01))

    def settings(self, url: str, credentials: Mapping[str, Any]) -> BaseModel:
        return NotionSettings(token=SecretStr(credentials["token"]), page_id=credentials["page_id"])


class TestNotion(NotionHooks, DestinationContract):
    """Everything that every destination promises."""


def _access(place: Place, **app: Any) -> Access:
    async def save(_settings: BaseModel) -> None:
        raise AssertionError("nothing to save")

    return Access(place.http, place.app.model_copy(update=app), place.settings, save)


def _paths(place: Place, method: str) -> list[str]:
    return [call["path"] for call in place.control.calls() if call["method"] == method]


def _creations(table: TableMapping, count: int) -> list[Change]:
    return [create(table, f"tx-{number}", transaction(number)) for number in range(1, count + 1)]


def _by_key(outcomes: Sequence[Outcome]) -> dict[str, Outcome]:
    return {outcome.key: outcome for outcome in outcomes}


@pytest.mark.anyio
class TestLostReplies(NotionHooks):
    """A row whose creation got no answer is found, not doubled."""

    async def _transactions(self, place: Place) -> TableMapping:
        return (await self.prepared(place, "transactions"))["transactions"]

    async def test_a_row_that_a_503_names_is_adopted_without_a_look(self, place: Place) -> None:
        table = await self._transactions(place)
        place.control.act("answer_next", code="service_unavailable", saved=True, method="POST", path="/v1/pages")
        (outcome,) = await place.destination.write(table, _creations(table, 1))
        assert outcome == Written("tx-1", place.control.row(table, "tx-1")["id"])
        assert not [path for path in _paths(place, "POST") if path.endswith("/query")]

    @pytest.mark.parametrize("code", ["gateway_timeout", "internal_server_error", "bad_gateway"])
    async def test_a_row_saved_behind_an_error_is_found(self, place: Place, code: str) -> None:
        table = await self._transactions(place)
        place.control.act("answer_next", code=code, saved=True, times=3, method="POST", path="/v1/pages")
        outcomes = await place.destination.write(table, _creations(table, 5))
        assert {type(outcome) for outcome in outcomes} == {Written}
        assert len(place.control.rows(table)) == 5

    async def test_a_row_that_the_index_does_not_know_yet_is_found_by_the_second_look(self, place: Place) -> None:
        place.destination = SPEC.open(_access(place, lookup_waits=(0.0, 0.4)))
        table = await self._transactions(place)
        place.control.act("tune", index_lag=0.2)
        place.control.plan(**_LOST, times=2)
        outcomes = await place.destination.write(table, _creations(table, 3))
        assert {type(outcome) for outcome in outcomes} == {Written}
        assert len(place.control.rows(table)) == 3

    async def test_a_creation_that_is_lost_twice_stays_undecided(self, place: Place) -> None:
        table = await self._transactions(place)
        place.control.plan(kind="cut_before", method="POST", path="/v1/pages", times=2)
        (outcome,) = await place.destination.write(table, _creations(table, 1))
        assert isinstance(outcome, Undecided) and isinstance(outcome.error, RetryLater) and outcome.error.fate_unknown
        assert place.control.rows(table) == []

    async def test_of_two_rows_that_we_made_for_one_key_the_second_goes_to_the_trash(self, place: Place) -> None:
        table = await self._transactions(place)
        change = _creations(table, 1)[0]
        for _ in range(2):
            await place.destination.write(table, [change])
        outcomes = await place.destination.write(table, [replace(change, doubtful=True)])
        assert outcomes == [Written("tx-1", place.control.row(table, "tx-1")["id"])]

    async def test_a_conflict_and_an_overload_are_waited_out(self, place: Place) -> None:
        table = await self._transactions(place)
        for code in ("conflict_error", "service_overload"):
            place.control.act("answer_next", code=code, times=2, retry_after=1, method="POST", path="/v1/pages")
        outcomes = await place.destination.write(table, _creations(table, 4))
        assert {type(outcome) for outcome in outcomes} == {Written}
        assert len(place.control.rows(table)) == 4

    async def test_a_database_made_behind_a_lost_reply_is_not_made_again_though_the_search_lags(
        self, place: Place
    ) -> None:
        place.control.act("tune", index_lag=1000)
        place.control.plan(kind="cut_after", method="POST", path="/v1/databases")
        await self.prepared(place, "accounts", "transactions")
        assert [table["name"] for table in place.control.tables()] == ["Accounts", "Transactions"]
        schema = await place.open(place.settings).describe()
        assert [table.name for table in schema.tables] == ["Accounts", "Transactions"]


@pytest.mark.anyio
class TestThingsGone(NotionHooks):
    """One row that is gone is gone; a table that is gone is no thousand rows that are gone."""

    async def _filled(self, place: Place) -> TableMapping:
        table = (await self.prepared(place, "transactions"))["transactions"]
        await place.mirror.write(place.destination, table, _creations(table, 3))
        place.control.forget_calls()
        return table

    def _update(self, place: Place, key: str) -> Change:
        return update(key, {"merchant": "New"}, remote_id=place.mirror.remote_ids["transactions", key])

    @pytest.mark.parametrize("loss", ["delete_table", "unshare"])
    async def test_updates_of_a_lost_table_ask_the_user_to_act(self, place: Place, loss: str) -> None:
        table = await self._filled(place)
        place.control.act(loss, table=table.table_id)
        gone = delete("tx-3", place.mirror.remote_ids["transactions", "tx-3"])
        outcomes = await place.destination.write(
            table, [self._update(place, "tx-1"), self._update(place, "tx-2"), gone]
        )
        assert {getattr(getattr(outcome, "error", None), "code", None) for outcome in outcomes} == {"table_missing"}

    async def test_a_row_in_the_trash_beside_others_is_gone(self, place: Place) -> None:
        table = await self._filled(place)
        row = place.mirror.remote_ids["transactions", "tx-1"]
        place.control.act("delete_row", table=table.table_id, row=row)
        outcomes = await place.destination.write(table, [self._update(place, "tx-1"), self._update(place, "tx-2")])
        assert {type(outcome) for outcome in outcomes} == {Gone, Written}
        assert _by_key(outcomes)["tx-1"] == Gone("tx-1")

    async def test_a_link_to_a_row_that_is_gone_rejects_that_row_only(self, place: Place) -> None:
        tables = await self.prepared(place, "accounts", "transactions")
        table = tables["transactions"]
        lost = Link("acc-1", "00000000-0000-4000-8000-00000000dead", "Lost")
        changes = [create(table, "tx-1", transaction(1, lost)), create(table, "tx-2", transaction(2))]
        outcomes = _by_key(await place.destination.write(table, changes))
        assert isinstance(outcomes["tx-1"], Rejected) and "links to" in outcomes["tx-1"].reason
        assert isinstance(outcomes["tx-2"], Written)
        changes = [update("tx-2", {"account": lost}, remote_id=outcomes["tx-2"].remote_id)]
        (outcome,) = await place.destination.write(table, changes)
        assert isinstance(outcome, Rejected)

    async def test_a_refusal_does_not_quote_the_row(self, place: Place) -> None:
        table = (await self.prepared(place, "transactions"))["transactions"]
        secret = "https://shop.example/" + "account-4711" * 200
        (outcome,) = await place.destination.write(table, [create(table, "tx-1", transaction(1) | {"website": secret})])
        assert isinstance(outcome, Rejected) and "length" in outcome.reason
        assert "4711" not in outcome.reason

    async def test_after_a_refused_token_the_rest_of_the_batch_is_not_sent(self, place: Place) -> None:
        table = await self._filled(place)
        place.control.act("revoke")
        outcomes = await place.destination.write(table, _creations(table, 100))
        assert {type(outcome) for outcome in outcomes} == {Undecided}
        assert isinstance(place.settings, NotionSettings)
        assert len(place.control.calls()) <= place.settings.in_flight

    @pytest.mark.parametrize(
        ("answer", "code"),
        [
            ({"kind": "status", "status": 403}, "capability_missing"),
            ({"kind": "status", "status": 409, "body": {"code": "row_limit_exceeded"}}, "table_full"),
            (
                {
                    "kind": "status",
                    "status": 429,
                    "body": {"additional_data": {"rate_limit_reason": "public_api_request_blocked"}},
                },
                "access_blocked",
            ),
        ],
    )
    async def test_what_no_waiting_mends_asks_the_user_to_act(
        self, place: Place, answer: Mapping[str, Any], code: str
    ) -> None:
        table = await self._filled(place)
        place.control.plan(**answer, method="PATCH")
        (outcome,) = await place.destination.write(table, [self._update(place, "tx-1")])
        assert isinstance(outcome, Undecided) and isinstance(outcome.error, ActionRequired)
        assert outcome.error.code == code and outcome.error.remedy

    async def test_a_column_of_another_type_that_fits_as_well_is_written_to(self, place: Place) -> None:
        table = await self._filled(place)
        place.control.act("retype_field", table=table.table_id, field="Currency", type="rich_text")
        changes = [update("tx-1", {"currency": "CHF"}, remote_id=place.mirror.remote_ids["transactions", "tx-1"])]
        changes += [create(table, f"tx-{number}", transaction(number)) for number in range(10, 30)]
        outcomes = await place.destination.write(table, changes)
        assert {type(outcome) for outcome in outcomes} == {Written}
        assert place.control.row(table, "tx-1")["cells"]["Currency"] == "CHF"

    async def test_a_relation_that_points_elsewhere_asks_the_user_to_act(self, place: Place) -> None:
        tables = await self.prepared(place, "institutions", "accounts")
        accounts = tables["accounts"]
        strayed = replace(accounts.field("institution"), to_table_id=accounts.table_id)
        fields = tuple(strayed if field.column == "institution" else field for field in accounts.fields)
        table = replace(accounts, fields=fields)
        with pytest.raises(ActionRequired) as caught:
            await place.destination.write(table, [create(table, "acc-1", account(1))])
        assert caught.value.code == "relation_target"


@pytest.mark.anyio
class TestCost(NotionHooks):
    """How many calls things take."""

    async def test_a_hundred_updates_are_a_hundred_calls_and_two_to_know_the_schema(self, place: Place) -> None:
        table = (await self.prepared(place, "transactions"))["transactions"]
        await place.mirror.write(place.destination, table, _creations(table, 100))
        destination = place.open(place.settings)
        place.control.forget_calls()
        await destination.describe()
        changes = [update(f"tx-{number}", {"pending": True}) for number in range(1, 101)]
        await place.mirror.write(destination, table, changes)
        assert len(_paths(place, "PATCH")) == 100
        assert len(place.control.calls()) == 102

    async def test_a_write_asks_for_no_schema_that_was_seen_lately(self, place: Place) -> None:
        table = (await self.prepared(place, "transactions"))["transactions"]
        place.control.forget_calls()
        for change in _creations(table, 3):
            await place.open(place.settings).write(table, [change])
        assert _paths(place, "GET") == []
        assert _paths(place, "POST") == ["/v1/pages"] * 3

    async def test_a_write_of_a_process_that_has_seen_nothing_reads_one_schema_once(self, place: Place) -> None:
        table = (await self.prepared(place, "transactions"))["transactions"]
        destination = Notion(_access(place), Schemas())
        place.control.forget_calls()
        for change in _creations(table, 3):
            await destination.write(table, [change])
        assert _paths(place, "GET") == [f"/v1/data_sources/{table.table_id}"]
        assert _paths(place, "POST") == ["/v1/pages"] * 3

    async def test_reading_goes_on_where_the_rows_of_one_query_end(self, place: Place) -> None:
        table = (await self.prepared(place, mapping("institutions")))["institutions"]
        cells = {table.key_field.label: "in-{n}", table.fields[0].label: "Bank {n}"}
        place.control.act("bulk_rows", table=table.table_id, count=230, cells=cells, per_minute=7)
        place.control.act("tune", query_cap=20)
        rows = await place.read(table)
        assert [row.key for row in rows] == [f"in-{number}" for number in range(230)]

    async def test_more_rows_in_a_minute_than_one_query_gives_ask_the_user_to_act(self, place: Place) -> None:
        table = (await self.prepared(place, mapping("institutions")))["institutions"]
        cells = {table.key_field.label: "in-{n}"}
        place.control.act("bulk_rows", table=table.table_id, count=100, cells=cells, per_minute=50)
        place.control.act("tune", query_cap=20)
        with pytest.raises(ActionRequired) as caught:
            await place.read(table)
        assert caught.value.code == "rows_not_listed"
