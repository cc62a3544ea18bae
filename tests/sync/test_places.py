"""How a row stands at each destination, said from what the mirror believes; and where a person looks at it."""

import datetime as dt

import pytest

from counterfoil import registry
from counterfoil.model import Kind, Writes
from counterfoil.plan import Entry, Row, State
from counterfoil.ports import FieldMapping, TableMapping
from counterfoil.store.destinations import Destination, Selection, Target
from counterfoil.sync.places import Standing, standing

KEY_FIELD = FieldMapping("key", "Counterfoil ID", Kind.TEXT, Writes.ALWAYS)
DAY = dt.date(2026, 1, 5)


def destination(**chosen: object) -> Destination:
    now = dt.datetime.now(dt.UTC)
    selection = Selection(**chosen)  # type: ignore[arg-type]
    return Destination("d1", "w1", "ledger", "place", "Place", "active", None, selection, now, None, None)


def target(watermark: int = 10, enabled: bool = True) -> Target:
    mapping = TableMapping("transactions", "Transactions", KEY_FIELD, (), "t1")
    return Target("d1", "transactions", mapping, enabled, True, watermark, True, 0, None)


def row(version: int = 5, wanted: bool = True) -> Row:
    return Row("a", version, {"account": "acc", "date": DAY}, wanted)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (standing(row(), destination(), None, None), Standing.OFF),
        (standing(row(), destination(), target(enabled=False), Entry("a", State.SYNCED)), Standing.OFF),
        (standing(row(), destination(), target(), Entry("a", State.SYNCED)), Standing.WRITTEN),
        (standing(row(11), destination(), target(), Entry("a", State.SYNCED)), Standing.OUTDATED),
        (standing(row(), destination(), target(), Entry("a", State.SYNCED, again=True)), Standing.OUTDATED),
        (standing(row(), destination(), target(), Entry("a", State.IN_FLIGHT)), Standing.ON_ITS_WAY),
        (standing(row(), destination(), target(), Entry("a", State.LEAVING)), Standing.LEAVING),
        (standing(row(), destination(), target(), Entry("a", State.TOMBSTONE)), Standing.DELETED_THERE),
        (standing(row(), destination(), target(), Entry("a", State.REJECTED, reason="long")), Standing.REFUSED),
        (standing(row(wanted=False), destination(), target(), Entry("a", State.KEPT)), Standing.KEPT),
        (standing(row(11), destination(), target(), None), Standing.WAITING),
        (standing(row(wanted=False), destination(), target(), None), Standing.LEFT_OUT),
        (standing(row(), destination(accounts=("other",)), target(), None), Standing.LEFT_OUT),
        (standing(row(), destination(since=dt.date(2026, 2, 1)), target(), None), Standing.LEFT_OUT),
    ],
)
def test_how_a_row_stands_follows_from_mirror_mapping_and_choice(said: Standing, expected: Standing) -> None:
    assert said is expected


def test_every_vendor_has_an_address_for_a_row() -> None:
    addresses = {
        slug: spec.row_url("place", "table", "1f2e-3d") for slug, spec in registry.DESTINATIONS.items() if spec.row_url
    }
    assert addresses == {
        "notion": "https://www.notion.so/1f2e3d",
        "airtable": "https://airtable.com/place/table/1f2e-3d",
        "coda": "https://coda.io/d/_dplace#_tutable/_ru1f2e-3d",
        "google_sheets": "https://docs.google.com/spreadsheets/d/place/edit#gid=table",
    }
