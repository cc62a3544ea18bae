"""Mapping a destination through the API."""

import pytest

from counterfoil.plan import Removal
from counterfoil.store import destinations
from web.api.desk import Desk, problem_of

pytestmark = pytest.mark.anyio


async def test_a_destination_is_looked_at_tried_and_changed(at: Desk) -> None:
    await at.connect(transactions=3)
    place = f"/destinations/{await at.add_ledger()}"
    async with await at.caller("write") as client:
        tables = (await client.get(f"{place}/schema")).json()["tables"]
        assert {table["name"] for table in tables} == {"accounts", "transactions"}
        proposed = (await client.get(f"{place}/proposal")).json()["tables"]
        assert {one["table"]: one["table_name"] for one in proposed}["transactions"] == "transactions"
        edit = {"tables": {"transactions": {"fields": {"amount": {"field": None, "label": "Money"}}}}}
        tried = (await client.post(f"{place}/preview", json=edit)).json()
        [told] = [one for one in tried["tables"] if one["table"] == "transactions"]
        assert (told["updated"], told["samples"][0]["cells"]) == (3, {"Money": "-1.5"})
        kept = await client.patch(place, json={"selection": {"removal": "keep", "accounts": ["Checking"]}})
        assert kept.json()["event_id"]
    stored = await at.product.db.read(destinations.find, at.workspace_id, place.rpartition("/")[2])
    assert stored.selection.removal is Removal.KEEP and stored.selection.accounts == ("acc",)


async def test_every_conflict_of_a_change_is_listed(at: Desk) -> None:
    place = f"/destinations/{await at.add_ledger()}"
    fields = {"amount": {"field": "Gold"}, "net": {"field": "fee"}}
    async with await at.caller("write") as client:
        refused = problem_of(await client.patch(place, json={"tables": {"transactions": {"fields": fields}}}))
        assert refused["code"] == "mapping_refused"
        assert [fault["where"] for fault in refused["errors"]] == [
            "body.tables.transactions.fields.amount",
            "body.tables.transactions.fields.net",
        ]
        unknown = problem_of(await client.patch(place, json={"tables": {"horses": {"on": True}}}))
        assert unknown["status"] == 400


async def test_a_destination_is_paused_resumed_and_removed(at: Desk) -> None:
    place = f"/destinations/{await at.add_ledger()}"
    async with await at.caller("write") as client:
        assert (await client.post(f"{place}/pause")).status_code == 204
        assert (await client.get(place)).json()["state"] == "paused"
        assert (await client.post(f"{place}/resume")).json()["event_id"]
        assert (await client.post(f"{place}/restore", json={})).json() == {"rows": 0}
        assert (await client.post(f"{place}/retry")).json() == {"rows": 0}
        assert problem_of(await client.post(f"{place}/retry", json={"tables": ["horses"]}))["code"] == "no_such_table"
        told = (await client.get(f"{place}/removal")).json()
        assert (told["standing"], told["ends_at_vendor"]) == (0, False)
        assert "rows stay" in told["in_words"][0] and "only you can" in told["in_words"][1]
        assert (await client.get(place)).status_code == 200, "nothing was done"
        assert (await client.delete(place)).status_code == 204
        assert (await client.get(place)).status_code == 404
