"""What happens when a connection is paused, resumed or removed."""

import pytest

from counterfoil.errors import BadRequest, NotThere
from counterfoil.plan import Removal
from counterfoil.store import connections, rows, syncs
from counterfoil.store.destinations import Selection
from counterfoil.sync import removal
from providers.plaid_vendor import refused
from sync.counter import OTHER_BANK, Counter, eventually

pytestmark = pytest.mark.anyio


async def test_what_a_removal_will_do_is_said_in_numbers_beforehand(desk: Counter) -> None:
    await desk.add_ledger()
    connection = await desk.connect()
    counted = await desk.product.db.read(rows.counts, desk.workspace_id)
    told = await desk.product.upkeep.consequences(connection)
    assert told.rows == {table: number for table, number in counted.items() if number}
    [after] = told.destinations
    assert after.rows == sum(len(desk.ledger.rows(table)) for table in desk.ledger.tables)
    first, *_, last = told.in_words()
    assert f"transactions ({counted['transactions']:,})" in first
    assert "deleted" in after.in_words() and "ended at the provider" in last


@pytest.mark.parametrize("policy", list(Removal))
async def test_a_removal_ends_the_login_and_the_destination_follows_its_policy(desk: Counter, policy: Removal) -> None:
    await desk.add_ledger(Selection(removal=policy))
    connection = await desk.connect()
    before = desk.ledger.rows("transactions").copy()
    await desk.product.upkeep.remove(connection)
    await desk.settle()
    assert desk.logins() == []
    assert await desk.connected() == []
    assert (await desk.connection(connection.id)).state == "removed"
    with pytest.raises(NotThere):
        await desk.product.doors.settings_of(connection)
    left = desk.ledger.rows("transactions")
    assert set(left) == (set() if policy is Removal.DELETE else set(before))
    if policy is Removal.MARK:
        assert all(cells["removed"] is True for cells in left.values())


async def test_one_removal_leaves_the_other_connections_rows_alone(desk: Counter) -> None:
    await desk.add_ledger()
    first = await desk.connect()
    mine = set(desk.ledger.rows("transactions"))
    await desk.connect(bank=OTHER_BANK)
    both = set(desk.ledger.rows("transactions"))
    await desk.product.upkeep.remove(first)
    await desk.settle()
    assert set(desk.ledger.rows("transactions")) == both - mine


async def test_a_vendor_that_does_not_answer_is_told_later(desk: Counter) -> None:
    connection = await desk.connect()
    desk.control.plan(path="/item/remove", method="POST", kind="cut_before", times=4)
    with pytest.raises(Exception, match="was lost"):
        await removal.end_at_vendor(desk.product.doors, connection.id)
    await desk.product.upkeep.remove(connection)
    await desk.settle()
    assert desk.logins() == []


async def test_a_login_that_cannot_be_ended_keeps_its_key_and_a_person_is_told(desk: Counter) -> None:
    connection = await desk.connect()
    status, body = refused("INVALID_API_KEYS", "INVALID_INPUT")
    desk.control.plan(path="/item/remove", method="POST", kind="status", status=status, body=body, times=1)
    await desk.product.upkeep.remove(connection)
    await desk.settle()
    stays = await desk.connection(connection.id)
    assert stays.problem is not None and stays.problem.code == removal.STAYS
    assert await desk.product.doors.settings_of(stays)
    [needed] = await desk.events("app/attention.required")
    assert needed["code"] == removal.STAYS
    await desk.product.upkeep.remove(stays)
    await desk.settle()
    assert desk.logins() == []


async def test_a_paused_connection_is_read_no_more_until_it_is_resumed(desk: Counter) -> None:
    await desk.add_ledger()
    connection = await desk.connect()
    before = set(desk.ledger.rows("transactions"))
    await desk.product.upkeep.pause(connection)
    desk.control.act("bulk", count=3)
    await desk.sync(connection)
    assert set(desk.ledger.rows("transactions")) == before
    await desk.product.upkeep.resume(connection)
    await desk.settle()
    assert len(set(desk.ledger.rows("transactions")) - before) == 3
    causes = {sync.cause for sync in await desk.product.db.read(syncs.of_workspace, desk.workspace_id)}
    assert "app/connection.resumed" in causes


async def test_a_removed_connection_is_neither_paused_nor_resumed(desk: Counter) -> None:
    connection = await desk.connect()
    await desk.product.upkeep.remove(connection)
    for act in (desk.product.upkeep.pause, desk.product.upkeep.resume):
        with pytest.raises(BadRequest, match="removed"):
            await act(connection)
    await desk.settle()


# --- what webhooks say of a login ------------------------------------------------------------------------


async def test_a_permission_taken_back_stops_the_connection_and_is_told_once(hearing: Counter) -> None:
    connection = await hearing.connect()
    for _ in range(2):
        hearing.control.act("webhook", type="ITEM", code="USER_PERMISSION_REVOKED")

    async def stopped() -> connections.Problem | None:
        return (await hearing.connection(connection.id)).problem

    assert (await eventually(stopped)).code == "user_permission_revoked"
    assert (await hearing.connection(connection.id)).state == "action_required"
    await _delivered(hearing, "USER_PERMISSION_REVOKED", 2)
    assert len(await hearing.events("app/attention.required")) == 1


@pytest.mark.parametrize("code", ["PENDING_EXPIRATION", "PENDING_DISCONNECT"])
async def test_a_login_that_ends_soon_goes_on_with_a_notice_until_it_is_repaired(hearing: Counter, code: str) -> None:
    connection = await hearing.connect()
    hearing.control.act("webhook", type="ITEM", code=code, consent_expiration_time="2026-12-01T00:00:00Z")
    await _delivered(hearing, code, 1)
    await hearing.settle()
    now = await hearing.connection(connection.id)
    assert now.notice is not None
    assert (now.state, now.problem, now.notice.code) == ("active", None, code.lower())
    assert "Repair" in now.notice.remedy
    hearing.control.act("webhook", type="ITEM", code="LOGIN_REPAIRED")
    await _delivered(hearing, "LOGIN_REPAIRED", 1)
    assert (await hearing.connection(connection.id)).notice is None
    await hearing.settle()


async def test_an_account_taken_back_is_closed(hearing: Counter) -> None:
    await hearing.add_ledger()
    connection = await hearing.connect()
    item = hearing.vendor.state.items[connection.remote_id]
    account_id = next(iter(item.accounts))
    del item.accounts[account_id]  # the bank shows it no more
    hearing.control.act("webhook", type="ITEM", code="USER_ACCOUNT_REVOKED", account_id=account_id)
    await _delivered(hearing, "USER_ACCOUNT_REVOKED", 1)
    await hearing.settle()
    assert account_id not in hearing.ledger.rows("accounts")


async def test_an_acknowledgement_starts_nothing(hearing: Counter) -> None:
    connection = await hearing.connect()
    hearing.control.act(
        "webhook", type="ITEM", code="WEBHOOK_UPDATE_ACKNOWLEDGED", new_webhook_url="https://us.example"
    )
    await _delivered(hearing, "WEBHOOK_UPDATE_ACKNOWLEDGED", 1)
    await hearing.settle()
    causes = {sync.cause for sync in await hearing.product.db.read(syncs.of_workspace, hearing.workspace_id)}
    assert "plaid/item.webhook_update_acknowledged" not in causes
    assert (await hearing.connection(connection.id)).notice is None


async def _delivered(hearing: Counter, code: str, times: int) -> None:
    async def all_there() -> bool | None:
        told = hearing.control.act("webhooks")["deliveries"]
        return sum(one["code"] == code and one["attempts"] == [200] for one in told) >= times or None

    await eventually(all_there)
