"""What people do with a destination, on a book in memory; store, plan and mirror are the real ones."""

import datetime as dt
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from counterfoil.errors import BadRequest, NotThere
from counterfoil.model import Writes
from counterfoil.plan import Removal
from counterfoil.ports import Act, Link
from counterfoil.sync.conflicts import MappingRefused
from counterfoil.sync.edits import Edit, FieldEdit, SelectionEdit, TableEdit
from fakes import Login
from sync.book import Desk, Desks, account, category, desks, remote, transaction

pytestmark = pytest.mark.anyio


@pytest.fixture
async def opener(tmp_path: Path) -> AsyncIterator[Desks]:
    async with desks(tmp_path) as opened:
        yield opened


@pytest.fixture
async def desk(opener: Desks) -> Desk:
    """A destination that is up to date with two accounts and thirty transactions."""
    made = await opener.open()
    await made.land(account(), account("acc2"), *(transaction(f"t{n:02}") for n in range(20)))
    await made.land(*(transaction(f"u{n:02}", account="acc2", merchant="Shop") for n in range(10)))
    await made.sync()
    made.forget_calls()
    return made


async def edit(desk: Desk, **tables: TableEdit) -> None:
    await desk.acts.save(desk.workspace_id, desk.destination_id, Edit(tables=tables))


async def choose(desk: Desk, **selection: object) -> None:
    await desk.acts.save(desk.workspace_id, desk.destination_id, Edit(selection=SelectionEdit(**selection)))  # type: ignore[arg-type]


def columns_written(desk: Desk) -> set[str]:
    return {column for change in desk.book.changes for column in change.cells}


async def test_a_saved_edit_without_a_difference_asks_for_nothing(desk: Desk) -> None:
    before = len(desk.engine.sent)
    await edit(desk, transactions=TableEdit(on=True))
    await choose(desk, since=None)
    assert len(desk.engine.sent) == before
    assert await desk.sync() == {}


async def test_unchanged_rows_cost_no_write_when_all_is_compared_again(desk: Desk) -> None:
    await choose(desk, since=dt.date(2020, 1, 1))
    counts = await desk.sync()
    assert {count.created + count.updated + count.deleted for count in counts.values()} == {0}
    assert (desk.book.calls["write"], desk.book.calls["read"], desk.book.calls["prepare"]) == (0, 0, 0)


async def test_switching_a_field_on_writes_only_that_column_where_it_has_something_to_say(desk: Desk) -> None:
    await edit(desk, transactions=TableEdit(fields={"merchant": FieldEdit(on=False)}))
    await desk.sync()
    assert desk.book.changes == []
    await edit(desk, transactions=TableEdit(fields={"merchant": FieldEdit(field=None, label="Shop name")}))
    await desk.sync()
    assert columns_written(desk) == {"merchant"}
    assert {change.key[0] for change in desk.book.changes} == {"u"}
    assert desk.book.at("Transactions", "u01")["Transactions/Shop name"] == "Shop"


async def test_a_column_mapped_to_another_field_is_written_there_and_stays_where_it_was(desk: Desk) -> None:
    table = desk.book.tables["id-Transactions"]
    desk.book.add(replace(table, fields=(*table.fields, *remote("Transactions", Money="number").fields)))
    await edit(desk, transactions=TableEdit(fields={"amount": FieldEdit(field="money")}))
    await desk.sync()
    assert columns_written(desk) == {"amount"} and len(desk.book.changes) == 30
    row = desk.book.at("Transactions", "t01")
    assert row["Transactions/Money"] == row["Transactions/Amount"] == Decimal("-1.00")


async def test_a_field_that_becomes_ours_puts_right_what_the_user_changed_and_nothing_else(desk: Desk) -> None:
    desk.book.at("Transactions", "t01")["Transactions/Summary"] = "My words"
    await edit(desk, transactions=TableEdit(fields={"summary": FieldEdit(writes=Writes.ALWAYS)}))
    await desk.sync()
    [change] = desk.book.changes
    assert (change.key, change.cells) == ("t01", {"summary": "Purchase t01"})
    desk.forget_calls()
    await edit(desk, transactions=TableEdit(fields={"summary": FieldEdit(writes=Writes.ONCE)}))
    await desk.sync()
    assert desk.book.calls["write"] == 0


async def test_choosing_accounts_adds_and_removes_only_their_rows(desk: Desk) -> None:
    await choose(desk, accounts=("Account acc",))
    counts = await desk.sync()
    assert (counts["accounts"].deleted, counts["transactions"].deleted) == (1, 10)
    assert {change.act for change in desk.book.changes} == {Act.DELETE}
    desk.forget_calls()
    await choose(desk, accounts=None)
    counts = await desk.sync()
    assert (counts["accounts"].created, counts["transactions"].created) == (1, 10)
    assert {change.act for change in desk.book.changes} == {Act.CREATE}


async def test_a_later_history_start_removes_what_is_older(desk: Desk) -> None:
    await desk.land(transaction("old", date=dt.date(2025, 1, 1)))
    await desk.sync()
    desk.forget_calls()
    await choose(desk, since=dt.date(2026, 1, 1))
    await desk.sync()
    assert [(change.act, change.key) for change in desk.book.changes] == [(Act.DELETE, "old")]


async def test_another_removal_policy_concerns_removed_rows_only(desk: Desk) -> None:
    await choose(desk, removal=Removal.KEEP)
    await desk.land(removed=[("transactions", "t01")])
    await desk.sync()
    assert desk.book.changes == []
    await choose(desk, removal=Removal.MARK)
    await desk.sync()
    [change] = desk.book.changes
    assert (change.key, change.cells) == ("t01", {"removed": True})
    desk.forget_calls()
    await choose(desk, removal=Removal.DELETE)
    await desk.sync()
    assert [(change.act, change.key) for change in desk.book.changes] == [(Act.DELETE, "t01")]


async def test_a_table_switched_off_stays_as_it_is_and_catches_up_when_on_again(desk: Desk) -> None:
    await edit(desk, transactions=TableEdit(on=False))
    await desk.land(transaction("t01", "-9.00"))
    await desk.sync()
    assert desk.book.changes == []
    await edit(desk, transactions=TableEdit(on=True))
    await desk.sync()
    assert [(change.key, change.cells) for change in desk.book.changes] == [("t01", {"amount": Decimal("-9.00")})]


async def test_rows_point_to_those_of_a_table_that_is_switched_on(desk: Desk) -> None:
    await edit(desk, accounts=TableEdit(on=False))
    await desk.land(account("acc3"), transaction("new", account="acc3"))
    await desk.sync()
    link = desk.book.at("Transactions", "new")["Transactions/Account"]
    assert isinstance(link, Link) and (link.name, link.remote_id) == ("Account acc3", None)
    desk.forget_calls()
    await edit(desk, accounts=TableEdit(on=True))
    await desk.sync()
    assert [(change.act, change.key) for change in desk.book.changes] == [(Act.CREATE, "acc3"), (Act.UPDATE, "new")]


async def test_a_table_that_is_added_is_made(desk: Desk) -> None:
    await desk.land(category())
    await edit(desk, categories=TableEdit(on=True))
    counts = await desk.sync()
    assert counts["categories"].created == 1
    assert desk.book.at("Categories", "food")["Categories/Name"] == "Food"


async def test_a_table_sent_elsewhere_is_filled_there_and_the_old_one_stays(desk: Desk) -> None:
    desk.book.add(remote("Spending", Payee="text", Money="number", Date="date", Counterfoil_ID="text"))
    await edit(desk, transactions=TableEdit(into="spending"))
    counts = await desk.sync()
    assert counts["transactions"].created == 30
    assert len(desk.book.rows["id-Transactions"]) == 30
    row = desk.book.at("Spending", "t01")
    assert row["Spending/Money"] == Decimal("-1.00") and row["Spending/Payee"] == "Purchase t01"


async def test_every_conflict_is_named_before_anything_is_kept(opener: Desks) -> None:
    desk = await opener.open(
        remote("Spending", Payee="text", Amount="text", Date="formula", Total="number"), wanted=["transactions"]
    )
    asked = TableEdit(into="Spending", fields={"date": FieldEdit(field="Date"), "amount": FieldEdit(field="Amount")})
    with pytest.raises(MappingRefused) as caught:
        await edit(desk, transactions=asked)
    assert [(one.code, one.column) for one in caught.value.conflicts] == [
        ("column_type", "date"),
        ("column_type", "amount"),
    ]
    assert "“Amount” of your table “Spending” is of the type text, which cannot hold amounts" in str(caught.value)
    assert "“Total”" in caught.value.remedy
    trial = await desk.acts.preview(desk.workspace_id, desk.destination_id, Edit(tables={"transactions": asked}))
    assert len(trial.conflicts) == 2 and trial.tables == ()
    overview = await desk.acts.show(desk.workspace_id, desk.destination_id)
    assert overview.tables[0].mapping.table_id == ""


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (TableEdit(into="Nowhere"), "There is no table “Nowhere”"),
        (TableEdit(fields={"amount": FieldEdit(field="Gold")}), "There is no field “Gold”"),
        (TableEdit(fields={"colour": FieldEdit(on=True)}), "has no column 'colour'"),
        (TableEdit(fields={"net": FieldEdit(field="Amount")}), "cannot take both"),
        (TableEdit(key="Merchant"), "ids of Transactions cannot go to another field"),
    ],
)
async def test_what_makes_no_sense_is_refused_by_name(desk: Desk, asked: TableEdit, said: str) -> None:
    with pytest.raises(MappingRefused, match=said) as caught:
        await edit(desk, transactions=asked)
    assert caught.value.remedy


async def test_a_table_or_account_that_we_do_not_have_is_refused(desk: Desk) -> None:
    with pytest.raises(BadRequest, match="We have no table"):
        await edit(desk, horses=TableEdit(on=True))
    with pytest.raises(BadRequest, match="There is no account 'Nobody'"):
        await choose(desk, accounts=("Nobody",))
    with pytest.raises(BadRequest, match="is no schedule"):
        await choose(desk, schedule="now and then")


async def test_a_schedule_is_due_at_its_next_time_and_writes_nothing(desk: Desk) -> None:
    before = len(desk.engine.sent)
    await choose(desk, schedule="daily", timezone="Europe/Berlin")
    overview = await desk.acts.show(desk.workspace_id, desk.destination_id)
    assert overview.destination.due_at is not None and overview.destination.due_at > dt.datetime.now(dt.UTC)
    assert len(desk.engine.sent) == before


async def test_rows_the_user_deleted_come_back_when_asked_for(desk: Desk) -> None:
    rows = desk.book.rows["id-Transactions"]
    for remote_id in list(rows)[:3]:
        del rows[remote_id]
    await desk.land(*(transaction(f"t{n:02}", "-2.00") for n in range(4)))
    await desk.sync()
    assert len(rows) == 27
    assert await desk.acts.restore(desk.workspace_id, desk.destination_id, keys=["t01"]) == 1
    await desk.sync()
    assert len(rows) == 28
    assert await desk.acts.restore(desk.workspace_id, desk.destination_id) == 2
    assert desk.engine.sent[-1].name == "app/rows.restored"
    await desk.sync()
    assert len(rows) == 30 and len({row["Transactions/Counterfoil ID"] for row in rows.values()}) == 30


async def test_rows_point_again_to_a_row_that_came_back_and_a_preview_knows_it(desk: Desk) -> None:
    del desk.book.rows["id-Accounts"]["r1"]
    await desk.land(account(current=Decimal(11)))
    await desk.sync()
    await desk.land(transaction("t01", "-7.00"))
    await desk.sync()
    assert await desk.acts.restore(desk.workspace_id, desk.destination_id) == 1
    trial = await desk.acts.preview(desk.workspace_id, desk.destination_id)
    counts = await desk.sync()
    told = {one.table: (one.created, one.updated) for one in trial.tables}
    assert told == {table: (done.created, done.updated) for table, done in counts.items()}
    assert told == {"accounts": (1, 0), "transactions": (0, 20)}
    links = {row["Transactions/Account"] for row in desk.book.rows["id-Transactions"].values()}
    assert {link.remote_id for link in links if isinstance(link, Link)} == set(desk.book.rows["id-Accounts"])


async def test_a_deleted_row_that_the_bank_took_back_does_not_come_back(desk: Desk) -> None:
    desk.book.rows["id-Transactions"].popitem()
    await desk.land(transaction("u09", "-2.00", account="acc2"))
    await desk.sync()
    await desk.land(removed=[("transactions", "u09")])
    assert await desk.acts.restore(desk.workspace_id, desk.destination_id) == 0


async def test_refused_rows_are_tried_again_when_asked(desk: Desk) -> None:
    desk.book.refuses = {"new"}
    await desk.land(transaction("new"))
    await desk.sync()
    desk.book.refuses = set()
    assert await desk.sync() == {}
    assert await desk.acts.retry(desk.workspace_id, desk.destination_id) == 1
    counts = await desk.sync()
    assert counts["transactions"].created == 1
    assert await desk.acts.retry(desk.workspace_id, desk.destination_id) == 0


async def test_a_paused_destination_is_left_alone_until_it_goes_on(desk: Desk) -> None:
    await desk.acts.pause(desk.workspace_id, desk.destination_id)
    await desk.land(transaction("new"))
    assert await desk.sync() == {}
    await desk.acts.resume(desk.workspace_id, desk.destination_id)
    counts = await desk.sync()
    assert counts["transactions"].created == 1


async def test_a_removed_destination_leaves_its_rows_and_takes_them_over_when_it_comes_back(desk: Desk) -> None:
    await desk.acts.remove(desk.workspace_id, desk.destination_id)
    assert len(desk.book.rows["id-Transactions"]) == 30
    with pytest.raises(NotThere):
        await desk.acts.show(desk.workspace_id, desk.destination_id)
    desk.book.at("Transactions", "t01")["Transactions/Amount"] = Decimal(7)
    await desk.acts.add(desk.workspace_id, "book", Login(name="x"), tables=["accounts", "transactions"])
    desk.forget_calls()
    await desk.sync()
    assert len(desk.book.rows["id-Transactions"]) == 30
    assert [change.key for change in desk.book.changes if "amount" in change.cells] == ["t01"]


async def test_a_destination_of_another_workspace_is_not_there(desk: Desk) -> None:
    with pytest.raises(NotThere):
        await desk.acts.pause("another", desk.destination_id)
