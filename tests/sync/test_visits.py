"""What becomes of a visit to Plaid's page: connections, repairs, refusals; each stored at once and told in words."""

import asyncio
import datetime as dt
import json
from pathlib import Path

import pytest

from counterfoil.errors import BadRequest
from counterfoil.ports import Notice
from counterfoil.store import rows, visits
from counterfoil.sync.visits import look, settle
from sync.counter import OTHER_BANK, Counter, eventually

pytestmark = pytest.mark.anyio


async def test_a_person_who_signs_in_at_the_bank_has_a_connection_and_its_rows(desk: Counter) -> None:
    connection = await desk.connect()
    assert (connection.state, connection.live, connection.label) == ("active", False, "Alder Credit Union")
    counts = await desk.product.db.read(rows.counts, desk.workspace_id)
    assert counts["accounts"] and counts["transactions"]


async def test_a_webhook_brings_the_connection_without_our_asking(hearing: Counter) -> None:
    begun = await hearing.begin()
    await hearing.choose(begun.url)
    await hearing.until_ended(begun)
    told = hearing.control.act("webhooks")["deliveries"]
    assert {one["code"] for one in told if one["type"] == "LINK"} == {"ITEM_ADD_RESULT", "EVENTS", "SESSION_FINISHED"}
    assert len(await hearing.connected()) == len(hearing.logins()) == 1


def read_all(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir() if path.is_file())


async def test_nothing_secret_of_a_visit_is_readable_in_the_database(desk: Counter, tmp_path: Path) -> None:
    begun = await desk.begin()
    await desk.choose(begun.url)
    await desk.until_ended(begun)
    await desk.settle()
    stored = await asyncio.to_thread(read_all, tmp_path)
    assert begun.visit.id.encode() in stored
    for start in (b"link-sandbox-", b"public-sandbox-", b"access-sandbox-"):
        assert start not in stored
    assert await desk.product.db.read(visits.reference, desk.product.doors.vault, begun.visit.id) is None


async def test_what_was_exchanged_is_stored_at_once_and_a_repeat_after_a_crash_goes_on_from_there(
    hearing: Counter,
) -> None:
    hearing.control.act("webhooks", off=True)
    begun = await hearing.begin()
    await hearing.choose(begun.url)
    doors, visit_id = hearing.product.doors, begun.visit.id
    hearing.control.forget_calls()
    [candidate_id] = (await look(doors, visit_id)).candidates
    assert await doors.db.read(visits.credential, doors.vault, visit_id, candidate_id)
    assert (await look(doors, visit_id)).candidates == [candidate_id]
    assert [call["path"] for call in hearing.control.calls()].count("/item/public_token/exchange") == 1
    settled = await settle(doors, visit_id, candidate_id)
    assert (await settle(doors, visit_id, candidate_id)).connection_id == settled.connection_id
    assert await doors.db.read(visits.credential, doors.vault, visit_id, candidate_id) is None
    assert len(await hearing.connected()) == 1


async def test_a_bank_that_is_connected_is_refused_and_the_second_login_ended(desk: Counter) -> None:
    first = await desk.connect()
    begun = await desk.begin()
    await desk.choose(begun.url)
    await desk.until_ended(begun)
    [candidate] = await desk.candidates(begun)
    assert (candidate.state, candidate.connection_id) == ("refused", None)
    assert "connected already" in (candidate.message or "")
    assert [item["item_id"] for item in desk.logins()] == [first.remote_id]
    assert [one.id for one in await desk.connected()] == [first.id]


async def test_more_accounts_of_one_bank_are_connected_and_said_to_appear_twice(desk: Counter) -> None:
    await desk.connect(leave_out=1)
    begun = await desk.begin()
    await desk.choose(begun.url)
    await desk.until_ended(begun)
    [candidate] = await desk.candidates(begun)
    assert candidate.state == "connected"
    assert "appear twice" in (candidate.message or "")


async def test_another_bank_is_no_duplicate(desk: Counter) -> None:
    await desk.connect()
    await desk.connect(bank=OTHER_BANK)
    assert len(await desk.connected()) == 2


async def test_a_person_who_leaves_is_told_so_and_may_come_again(desk: Counter) -> None:
    begun = await desk.begin()
    await desk.choose(begun.url, outcome="exit")
    await desk.until_ended(begun, "left")
    await desk.choose(begun.url)
    await desk.until_ended(begun)
    assert len(await desk.connected()) == 1


async def test_a_page_that_nobody_finishes_expires_and_its_key_is_forgotten(desk: Counter) -> None:
    begun = await desk.begin()
    with desk.product.db.begin() as tx:
        past = (dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)).isoformat(timespec="microseconds")
        tx.exec_driver_sql("UPDATE visits SET expires_at = ?", (past,))
    ended = await desk.until_ended(begun, "expired")
    assert ended.reason == "The page was not finished in time. Begin again."
    assert await desk.product.db.read(visits.reference, desk.product.doors.vault, begun.visit.id) is None
    await desk.settle()


async def test_a_repair_ends_the_problem_and_catches_up(desk: Counter) -> None:
    connection = await desk.connect()
    desk.control.act("login_required")
    await desk.sync(connection)
    broken = await desk.connection(connection.id)
    assert broken.problem is not None
    assert (broken.state, broken.problem.code) == ("action_required", "item_login_required")
    begun = await desk.product.visits.repair(broken, user="u-1")
    await desk.choose(begun.url)
    await desk.until_ended(begun)
    await desk.settle()
    mended = await desk.connection(connection.id)
    assert (mended.state, mended.problem) == ("active", None)
    assert await desk.events("app/connection.repaired") == [{"connection_id": connection.id}]
    assert len(desk.logins()) == 1


async def test_new_accounts_are_announced_mildly_and_shared_on_a_visit(hearing: Counter) -> None:
    connection = await hearing.connect()
    hearing.control.act("open_account", name="Holiday Savings")

    async def noticed() -> Notice | None:
        return (await hearing.connection(connection.id)).notice

    notice = await eventually(noticed)
    now = await hearing.connection(connection.id)
    assert (now.state, now.problem, notice.code) == ("active", None, "new_accounts_available")
    begun = await hearing.product.visits.repair(now, user="u-1", share=True)
    await hearing.choose(begun.url)
    await hearing.until_ended(begun)
    assert (await hearing.connection(connection.id)).notice is None


async def test_a_provider_without_a_page_says_how_it_is_connected(desk: Counter) -> None:
    with pytest.raises(BadRequest) as caught:
        await desk.product.visits.begin(desk.workspace_id, "plaid", choice="castle", user="u-1")
    assert caught.value.remedy == "There are: bank, broker."


async def test_a_link_webhook_that_lies_brings_nothing(hearing: Counter) -> None:
    begun = await hearing.begin()
    reference = await hearing.product.db.read(visits.reference, hearing.product.doors.vault, begun.visit.id)
    assert reference is not None
    app = hearing.product.doors.apps["plaid"]
    told = {
        "webhook_type": "LINK",
        "webhook_code": "SESSION_FINISHED",
        "status": "SUCCESS",
        "link_token": reference.decode(),
        "link_session_id": "s-1",
        "public_tokens": ["public-sandbox-of-somebody-else"],
        "environment": "sandbox",
    }
    body = json.dumps(told, indent=2).encode()
    headers = {"plaid-verification": hearing.vendor.state.courier.keys.sign(body)}
    url = app.webhook_url  # type: ignore[attr-defined]
    assert (await hearing.browser.post(url, content=body, headers=headers)).status_code == 200
    assert (await hearing.browser.post(url, content=body)).status_code == 401  # without a signature
    assert (await hearing.product.db.read(visits.get, begun.visit.id)).state == "open"
    assert await hearing.connected() == []
