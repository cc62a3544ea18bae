"""A bank that is linked again under new ids: once the user says that it is the same, every row keeps its place."""

from pathlib import Path

import pytest

from contracts.provider_hooks import Street
from counterfoil.errors import BadRequest
from counterfoil.plan import Removal
from counterfoil.store import connections, relinks, rows
from counterfoil.store.connections import Connection
from counterfoil.store.destinations import Selection
from counterfoil.store.relinks import Relink
from fakes import Standing
from sync.counter import Counter, counter, eventually

pytestmark = pytest.mark.anyio


async def linked_again(desk: Counter) -> tuple[Connection, Connection, Relink]:
    """Connect a bank, let its login end, and connect it anew instead of repairing it."""
    old = await desk.connect()
    desk.control.act("login_required", item=old.remote_id)
    await desk.sync(old)
    new = await desk.connect()
    [relink] = await desk.product.db.read(relinks.waiting, desk.workspace_id)
    return await desk.connection(old.id), new, relink


def standing(desk: Counter, table: str) -> dict[str, Standing]:
    return {row.id: row for row in desk.ledger.tables[table]}


async def test_nothing_is_read_before_the_user_has_answered(desk: Counter) -> None:
    await desk.add_ledger()
    old, new, relink = await linked_again(desk)
    assert (relink.old_id, relink.new_id, relink.state) == (old.id, new.id, "open")
    assert (new.state, new.notice and new.notice.code) == ("paused", "relink_waits")
    held = await desk.product.db.read(relinks.marks, new.id)
    assert held == []
    with pytest.raises(BadRequest, match="waits for an answer"):
        await desk.product.upkeep.resume(new)


async def test_confirmed_every_row_keeps_its_place_and_the_users_own_words(desk: Counter) -> None:
    await assert_rows_keep_their_places(desk)


async def test_on_postgres_rows_keep_their_places_too(tmp_path: Path, street: Street, postgres_url: str) -> None:
    async with counter(tmp_path, street, seed=5, database=postgres_url) as desk:
        await assert_rows_keep_their_places(desk)
        [connection] = await desk.connected()
        assert (await desk.product.upkeep.consequences(connection)).destinations[0].rows
        await desk.product.upkeep.remove(connection)
        await desk.settle()
        assert desk.ledger.tables["transactions"] == []


async def assert_rows_keep_their_places(desk: Counter) -> None:
    await desk.add_ledger()
    old, new, relink = await linked_again(desk)
    before = {table: standing(desk, table) for table in ("accounts", "transactions")}
    keys = {table: {row.key for row in found.values()} for table, found in before.items()}
    noted = next(iter(before["transactions"].values()))
    noted.cells["notes"] = "the user's own words"
    await desk.product.relinks.answer(desk.workspace_id, relink.id, same=True)
    await desk.settle()
    await desk.whole_history(new)
    for table, found in before.items():
        after = standing(desk, table)
        assert set(after) == set(found), f"{table}: rows came or went"
        assert keys[table].isdisjoint(row.key for row in after.values()), f"{table}: old ids stand still"
    assert noted.cells["notes"] == "the user's own words"
    accounts = {row.key: row.id for row in desk.ledger.tables["accounts"]}
    for row in desk.ledger.tables["transactions"]:
        assert row.cells["account"].remote_id == accounts[row.cells["account"].key]  # type: ignore[union-attr]
    assert [item["item_id"] for item in desk.logins()] == [new.remote_id]
    assert (await desk.connection(old.id)).state == "removed"
    assert (await desk.connection(new.id)).state == "active"


async def test_history_that_comes_later_takes_the_old_places_too(desk: Counter) -> None:
    await desk.add_ledger()
    _old, new, relink = await linked_again(desk)
    before = set(standing(desk, "transactions"))
    desk.control.act("status", item=new.remote_id, ready=False)
    await desk.product.relinks.answer(desk.workspace_id, relink.id, same=True)

    async def old_is_gone() -> bool | None:
        return not any(one.id == relink.old_id for one in await desk.connected()) or None

    await eventually(old_is_gone)  # accounts have come, and no transactions
    assert set(standing(desk, "transactions")) == before
    await desk.whole_history(new)
    assert set(standing(desk, "transactions")) == before
    counted = await desk.product.db.read(rows.counts, desk.workspace_id)
    assert counted["transactions"] == len(before)


async def test_what_the_bank_does_not_show_any_more_stays_only_where_the_new_link_does_not_reach(
    desk: Counter,
) -> None:
    await desk.add_ledger()
    old = await desk.connect()
    found = sorted(desk.ledger.tables["transactions"], key=lambda row: str(row.cells["date"]))
    item = desk.vendor.state.items[old.remote_id]
    oldest, recent = found[0], found[-1]
    for gone in (oldest, recent):  # taken back while the login was broken
        item.bank.remove(item.movement_of(gone.key).id)
    desk.control.act("login_required", item=old.remote_id)
    await desk.sync(old)
    new = await desk.connect()
    [relink] = await desk.product.db.read(relinks.waiting, desk.workspace_id)
    await desk.product.relinks.answer(desk.workspace_id, relink.id, same=True)
    await desk.settle()
    await desk.whole_history(new)
    left = standing(desk, "transactions")
    assert recent.id not in left
    assert oldest.id in left  # older than all that the new link brought


async def test_a_chosen_account_stays_chosen_under_its_new_id(desk: Counter) -> None:
    old = await desk.connect()
    chosen = (await desk.product.db.read(relinks.marks, old.id))[0].key
    await desk.add_ledger(Selection(accounts=(chosen,)))
    before = set(standing(desk, "transactions"))
    desk.control.act("login_required", item=old.remote_id)
    await desk.sync(old)
    new = await desk.connect()
    [relink] = await desk.product.db.read(relinks.waiting, desk.workspace_id)
    await desk.product.relinks.answer(desk.workspace_id, relink.id, same=True)
    await desk.settle()
    await desk.whole_history(new)
    assert before
    assert set(standing(desk, "transactions")) == before


async def test_declined_the_new_connection_brings_rows_of_its_own(desk: Counter) -> None:
    await desk.add_ledger()
    old, new, relink = await linked_again(desk)
    before = set(standing(desk, "accounts"))
    await desk.product.relinks.answer(desk.workspace_id, relink.id, same=False)
    await desk.settle()
    assert len(standing(desk, "accounts")) == 2 * len(before)
    assert {one.id for one in await desk.connected()} == {old.id, new.id}
    with pytest.raises(BadRequest, match="answered before"):
        await desk.product.relinks.answer(desk.workspace_id, relink.id, same=True)


@pytest.mark.parametrize("policy", list(Removal))
async def test_after_a_removal_rows_that_stand_still_are_taken_up_again(desk: Counter, policy: Removal) -> None:
    await desk.add_ledger(Selection(removal=policy))
    old = await desk.connect()
    before = set(standing(desk, "transactions"))
    await desk.product.upkeep.remove(old)
    await desk.settle()
    new = await desk.connect()
    waiting = await desk.product.db.read(relinks.waiting, desk.workspace_id)
    if policy is Removal.DELETE:
        assert waiting == []  # nothing is left of it: there is nothing to ask
        return
    await desk.product.relinks.answer(desk.workspace_id, waiting[0].id, same=True)
    await desk.settle()
    await desk.whole_history(new)
    assert set(standing(desk, "transactions")) == before
    if policy is Removal.MARK:
        assert not any(row.cells["removed"] for row in desk.ledger.tables["transactions"])


async def test_a_removal_after_a_re_link_takes_the_history_along(desk: Counter) -> None:
    await desk.add_ledger()
    _old, new, relink = await linked_again(desk)
    await desk.product.relinks.answer(desk.workspace_id, relink.id, same=True)
    await desk.settle()
    await desk.product.upkeep.remove(await desk.connection(new.id))
    await desk.settle()
    assert desk.ledger.tables["transactions"] == []
    assert await desk.product.db.read(connections.of_workspace, desk.workspace_id) == []


async def test_a_new_connection_that_is_removed_before_the_answer_asks_no_more(desk: Counter) -> None:
    old, new, relink = await linked_again(desk)
    await desk.product.upkeep.remove(new)
    await desk.settle()
    assert await desk.product.db.read(relinks.waiting, desk.workspace_id) == []
    with pytest.raises(BadRequest):
        await desk.product.relinks.answer(desk.workspace_id, relink.id, same=True)
    assert [one.id for one in await desk.connected()] == [old.id]
