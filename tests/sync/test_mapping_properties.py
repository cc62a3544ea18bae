"""Properties of mapping changes over random histories: a preview tells the truth, and no change leaves traces."""

import asyncio
import datetime as dt
from collections.abc import Coroutine, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from counterfoil.model import Writes
from counterfoil.plan import Removal
from counterfoil.ports import Cell, FieldMapping, Link, RemoteTable
from counterfoil.store import destinations
from counterfoil.sync.conflicts import MappingRefused
from counterfoil.sync.edits import Edit, FieldEdit, SelectionEdit, TableEdit
from sync.book import Desk, Desks, account, category, remote, transaction

SLOWLY = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def mine() -> RemoteTable:
    return remote("Mine", Alpha="text", Beta="text", Gamma="number", Delta="number", When="date", Counterfoil_ID="text")


@pytest.fixture(scope="module")
def opener(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desks]:
    """One database for all examples: each has a workspace of its own."""
    opened = Desks(Path(tmp_path_factory.mktemp("desks")))
    yield opened
    asyncio.run(opened.aclose())


# --- what may happen ---

_texts = st.sampled_from(["Alpha", "Beta", None])
_numbers = st.sampled_from(["Gamma", "Delta", None])
_on = st.sampled_from([True, True, False])
_text_edits = st.builds(FieldEdit, on=_on, field=_texts, writes=st.sampled_from(Writes))
_number_edits = st.builds(FieldEdit, on=_on, field=_numbers)
_writes = st.builds(FieldEdit, writes=st.sampled_from(Writes))
_fields = st.fixed_dictionaries(
    {}, optional={"summary": _writes, "merchant": _text_edits, "amount": _number_edits, "original_text": _text_edits}
)
_transactions = st.one_of(
    st.builds(TableEdit, fields=_fields),
    st.builds(TableEdit, into=st.sampled_from(["Mine", None])),
    st.builds(TableEdit, on=_on),
)
_others = st.builds(TableEdit, on=_on)
_tables = st.fixed_dictionaries(
    {}, optional={"transactions": _transactions, "categories": _others, "accounts": _others}
)
_selections = st.one_of(
    st.just(SelectionEdit()),
    st.builds(SelectionEdit, accounts=st.sampled_from([None, ("a",), ("b",), ("a", "b")])),
    st.builds(SelectionEdit, since=st.sampled_from([None, dt.date(2026, 1, 3)])),
)
_policies = st.builds(SelectionEdit, removal=st.sampled_from(Removal))
edits = st.builds(Edit, tables=_tables, selection=_selections)
bold_edits = st.builds(Edit, tables=_tables, selection=st.one_of(_selections, _policies))

_keys = st.sampled_from("tuvwxy")
_rows = st.lists(
    st.builds(
        lambda key, cents, day, where, shop: transaction(
            key, str(Decimal(cents) / 100), date=dt.date(2026, 1, day), account=where, merchant=shop, category="food"
        ),
        _keys,
        st.integers(-3, 3),
        st.integers(1, 5),
        st.sampled_from("abc"),
        st.sampled_from([None, "Shop", "Store"]),
    ),
    max_size=4,
    unique_by=lambda row: row.key,
)
_removals = st.lists(_keys, max_size=2, unique=True)
News = tuple[list[Any], list[str]]
news = st.tuples(_rows, _removals)
histories = st.lists(st.one_of(news, edits), min_size=1, max_size=6)
bold_histories = st.lists(st.one_of(news, bold_edits), max_size=5)


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


async def begin(opener: Desks) -> Desk:
    desk = await opener.open(mine())
    await desk.land(account("a"), account("b"), category())
    return desk


async def apply(desk: Desk, step: News | Edit) -> bool:
    """Let something happen; give whether it was possible."""
    if isinstance(step, Edit):
        try:
            await desk.acts.save(desk.workspace_id, desk.destination_id, step)
        except MappingRefused:
            return False
    else:
        rows, removed = step
        if any(row.account == "c" for row in rows):
            await desk.land(account("c"))
        await desk.land(*rows, removed=[("transactions", key) for key in removed])
    return True


# --- properties ---


@SLOWLY
@given(bold_histories, bold_edits)
def test_a_preview_tells_what_the_next_sync_does(opener: Desks, history: list[News | Edit], edit: Edit) -> None:
    run(_preview_tells(opener, history, edit))


async def _preview_tells(opener: Desks, history: list[News | Edit], edit: Edit) -> None:
    desk = await begin(opener)
    for nth, step in enumerate(history):
        await apply(desk, step)
        if nth % 2:
            await desk.sync()
    await desk.sync()
    await apply(desk, ([transaction("z", "9.00", account="a")], ["t"]))
    desk.forget_calls()
    trial = await desk.acts.preview(desk.workspace_id, desk.destination_id, edit)
    assert not {"write", "prepare"} & set(desk.book.calls)
    kept = await apply(desk, edit)
    assert kept == (not trial.conflicts)
    if not kept:
        return
    done = await desk.sync()
    told = {one.table: (one.created, one.updated, one.deleted) for one in trial.tables}
    for table, counts in done.items():
        assert told.get(table) == (counts.created, counts.updated, counts.deleted), table
    assert all(counts == (0, 0, 0) for table, counts in told.items() if table not in done)


@SLOWLY
@given(histories)
def test_a_changed_mapping_ends_like_one_that_was_so_from_the_beginning(
    opener: Desks, history: list[News | Edit]
) -> None:
    run(_ends_alike(opener, history))


async def _ends_alike(opener: Desks, history: list[News | Edit]) -> None:
    desk, fresh = await begin(opener), await begin(opener)
    for step in history:
        if await apply(desk, step):
            await apply(fresh, step)
        await desk.sync()
        await _scribble(desk)
    await fresh.sync()
    assert await _ours(desk) == await _ours(fresh)
    desk.forget_calls()
    await desk.sync()
    assert desk.book.calls["write"] == 0


async def _scribble(desk: Desk) -> None:
    """The user writes over summaries wherever they are the user's."""
    target = (await desk.db.read(destinations.targets, desk.destination_id))["transactions"]
    summary = next((one for one in target.mapping.fields if one.column == "summary"), None)
    if summary is None or summary.writes is Writes.ONCE:
        for row in desk.book.rows.get(target.mapping.table_id, {}).values():
            if summary is not None and summary.field_id in row:
                row[summary.field_id] = "My words"


async def _ours(desk: Desk) -> dict[str, dict[str, dict[str, object]]]:
    """Give what stands at the destination of the columns that are ours, by table and key."""
    found: dict[str, dict[str, dict[str, object]]] = {}
    for table, target in (await desk.db.read(destinations.targets, desk.destination_id)).items():
        if not target.enabled or not target.mapping.table_id:
            continue
        fields = [one for one in target.mapping.fields if one.writes is Writes.ALWAYS]
        found[table] = {
            str(row[target.mapping.key_field.field_id]): {
                one.column: _plain(row.get(one.field_id), one) for one in fields
            }
            for row in desk.book.rows[target.mapping.table_id].values()
        }
    return {table: rows for table, rows in found.items() if rows}


def _plain(cell: Cell, mapped: FieldMapping) -> object:
    """A link counts by its name where the table that it points to is off: rows may still stand there, or not."""
    if isinstance(cell, Link):
        return cell.name, mapped.to_table_id is not None and cell.remote_id is not None
    return cell or None
