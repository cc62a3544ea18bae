"""A POST with an idempotency key acts once, whatever happens to its answer."""

import asyncio
import datetime as dt

import httpx2
import pytest

from counterfoil.store import Tx, idempotency
from counterfoil.store.schema import idempotency_keys
from web.api.desk import Desk, problem_of

pytestmark = pytest.mark.anyio
KEY = {"idempotency-key": "order-1"}


async def make(client: httpx2.AsyncClient, name: str = "Once", **headers: str) -> httpx2.Response:
    return await client.post("/tokens", json={"name": name}, headers={**KEY, **headers})


async def names(client: httpx2.AsyncClient) -> list[str]:
    return [token["name"] for token in (await client.get("/tokens")).json()["results"]]


async def test_a_repeat_gets_the_same_answer_and_does_nothing(at: Desk) -> None:
    admin = await at.caller()
    first, second = await make(admin), await make(admin)
    assert (first.status_code, first.json()) == (second.status_code, second.json()) == (201, first.json())
    assert "idempotency-replayed" not in first.headers and second.headers["idempotency-replayed"] == "true"
    assert second.headers["content-type"] == first.headers["content-type"]
    assert (await names(admin)).count("Once") == 1


async def test_a_key_is_good_for_one_request_only(at: Desk) -> None:
    admin = await at.caller()
    await make(admin)
    reply = await make(admin, "Another")
    assert reply.status_code == 422 and problem_of(reply)["code"] == "idempotency_key_reused"
    assert "Another" not in await names(admin)


async def test_the_answer_is_not_told_to_another_token(at: Desk) -> None:
    await make(await at.caller())
    reply = await make(await at.caller("read"))
    assert reply.status_code == 422 and "cft_" not in reply.text


async def test_keys_of_two_workspaces_do_not_meet(at: Desk) -> None:
    assert (await make(await at.caller())).status_code == 201
    assert (await make(await at.neighbour())).status_code == 201


async def test_a_request_that_failed_may_be_tried_again_with_its_key(at: Desk) -> None:
    admin = await at.caller()
    assert (await admin.post("/tokens", json={"name": ""}, headers=KEY)).status_code == 422
    assert (await make(admin)).status_code == 201


async def test_of_two_at_once_one_acts_and_the_other_waits_or_hears_the_same(at: Desk) -> None:
    admin = await at.caller()
    replies = await asyncio.gather(*(make(admin) for _ in range(5)))
    assert {reply.status_code for reply in replies} <= {201, 409}
    assert len({reply.text for reply in replies if reply.status_code == 201}) == 1
    assert (await names(admin)).count("Once") == 1


async def test_the_answer_is_kept_sealed(at: Desk) -> None:
    token = (await make(await at.caller())).json()["token"]

    def kept(tx: Tx) -> bytes:
        return b"".join(row.answer for row in tx.execute(idempotency_keys.select()))

    assert token.encode() not in await at.product.db.read(kept)


async def test_a_key_is_forgotten_after_a_day_and_an_abandoned_one_after_minutes(at: Desk) -> None:
    admin = await at.caller()
    first = (await make(admin)).json()

    def age(tx: Tx) -> None:
        old = dt.datetime.now(dt.UTC) - idempotency.KEPT - dt.timedelta(seconds=1)
        tx.execute(idempotency_keys.update().values(at=old))

    await at.product.db.run(age)
    assert (await make(admin)).json()["id"] != first["id"]

    def abandon(tx: Tx) -> None:
        tx.execute(idempotency_keys.update().values(status=None, answer=None))

    await at.product.db.run(abandon)
    reply = await make(admin)
    assert reply.status_code == 409 and problem_of(reply)["code"] == "still_at_work"
    await at.product.db.run(lambda tx: age_by(tx, dt.timedelta(minutes=11)))
    assert (await make(admin)).status_code == 201


def age_by(tx: Tx, age: dt.timedelta) -> None:
    tx.execute(idempotency_keys.update().values(at=dt.datetime.now(dt.UTC) - age))


async def test_a_key_has_at_most_255_characters(at: Desk) -> None:
    reply = await make(await at.caller(), **{"idempotency-key": "k" * 256})
    assert reply.status_code == 400 and problem_of(reply)["code"] == "bad_idempotency_key"
