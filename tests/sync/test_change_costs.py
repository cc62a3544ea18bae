"""What a change of a mapping costs at the vendors: calls to their emulators, counted."""

import datetime as dt
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from counterfoil.destinations import airtable, notion
from counterfoil.destinations.airtable.sandbox import emulator as airtable_emulator
from counterfoil.destinations.notion.sandbox import emulator as notion_emulator
from counterfoil.sandbox.server import Served, serving
from counterfoil.sync.edits import Edit, FieldEdit, SelectionEdit, TableEdit
from sync.book import Desk, Desks, account, desks, transaction

pytestmark = pytest.mark.anyio
_ROWS = 25


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    emulators = airtable_emulator(), notion_emulator()
    for one in emulators:
        one.limits.scale = None
    with serving(*emulators) as running:
        yield running


@pytest.fixture
async def opener(tmp_path: Path) -> AsyncIterator[Desks]:
    async with desks(tmp_path) as opened:
        yield opened


async def filled(opener: Desks, served: Served, slug: str) -> Desk:
    """A destination at an emulator, with two accounts and some transactions of each."""
    emulator, url = served.emulators[slug], served.urls[slug]
    spec = {"airtable": airtable.SPEC, "notion": notion.SPEC}[slug]
    keys = {name: text for name, text in emulator.credentials(url).items() if name in spec.settings.model_fields}
    desk = await opener.at(spec, spec.app(url=url), spec.settings.model_validate(keys))
    await desk.land(account(), account("acc2"))
    await desk.land(*(transaction(f"{slug}{n:02}") for n in range(_ROWS)))
    await desk.land(*(transaction(f"{slug}x{n}", account="acc2", check_number=str(n)) for n in range(4)))
    await desk.sync()
    emulator.faults.calls.clear()
    return desk


def writes(served: Served, slug: str) -> Counter[str]:
    """Count the calls that write rows, by method."""
    pages = {"airtable": ("/v0/app", ()), "notion": ("/v1/pages", ())}[slug][0]
    calls = served.emulators[slug].faults.calls
    return Counter(call.method for call in calls if call.path.startswith(pages) and call.method != "GET")


async def save(desk: Desk, edit: Edit) -> None:
    await desk.acts.save(desk.workspace_id, desk.destination_id, edit)
    await desk.sync()


@pytest.mark.parametrize("slug", ["airtable", "notion"])
async def test_unchanged_rows_cost_no_call_that_writes_or_reads_rows(opener: Desks, served: Served, slug: str) -> None:
    desk = await filled(opener, served, slug)
    await save(desk, Edit(selection=SelectionEdit(since=dt.date(2020, 1, 1))))
    calls = served.emulators[slug].faults.calls
    assert writes(served, slug) == Counter()
    assert not [call for call in calls if call.path.endswith("/query") or call.path.startswith("/v0/app")]
    assert len(calls) <= 4  # two tables, each looked at once: a schema read of at most two calls


@pytest.mark.parametrize(("slug", "calls"), [("airtable", {"PATCH": 1}), ("notion", {"PATCH": 4})])
async def test_a_field_switched_on_costs_the_rows_that_have_something_to_say(
    opener: Desks, served: Served, slug: str, calls: dict[str, int]
) -> None:
    desk = await filled(opener, served, slug)
    new = FieldEdit(field=None, label="Cheque")
    await save(desk, Edit(tables={"transactions": TableEdit(fields={"check_number": new})}))
    assert writes(served, slug) == calls


@pytest.mark.parametrize(("slug", "calls"), [("airtable", {"DELETE": 2}), ("notion", {"PATCH": 5})])
async def test_an_account_left_out_costs_its_own_rows(
    opener: Desks, served: Served, slug: str, calls: dict[str, int]
) -> None:
    desk = await filled(opener, served, slug)
    await save(desk, Edit(selection=SelectionEdit(accounts=("acc",))))
    assert writes(served, slug) == calls


async def test_a_preview_of_a_new_column_writes_nothing_and_tells_the_amounts(opener: Desks, served: Served) -> None:
    desk = await filled(opener, served, "airtable")
    edit = Edit(tables={"transactions": TableEdit(fields={"amount": FieldEdit(field=None, label="Money")})})
    trial = await desk.acts.preview(desk.workspace_id, desk.destination_id, edit)
    told = {one.table: one for one in trial.tables}["transactions"]
    assert (told.created, told.updated, told.deleted) == (0, _ROWS + 4, 0)
    assert told.samples[0].cells == {"Money": Decimal("-1.00")}
    assert {call.method for call in served.emulators["airtable"].faults.calls} == {"GET"}
