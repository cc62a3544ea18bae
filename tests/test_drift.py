"""What a full reading of a destination finds."""

import datetime as dt
from dataclasses import replace
from decimal import Decimal

import pytest

from counterfoil.drift import Comparison, Drift
from counterfoil.model import Kind, Writes
from counterfoil.plan import THEIRS, Entry, Row, State, fingerprint
from counterfoil.ports import Cell, FieldMapping, Link, RemoteRow, TableMapping

TABLE = TableMapping(
    "transactions",
    "Transactions",
    FieldMapping("key", "Counterfoil ID", Kind.TEXT, Writes.ALWAYS, "k"),
    (
        FieldMapping("summary", "Summary", Kind.TEXT, Writes.ONCE, "s", title=True),
        FieldMapping("amount", "Amount", Kind.MONEY, Writes.ALWAYS, "a"),
        FieldMapping("account", "Account", Kind.LINK, Writes.ALWAYS, "l", "accounts", "t2"),
    ),
    "t",
)
OURS: dict[str, Cell] = {"summary": "Coffee", "amount": Decimal("-1.50"), "account": Link("acc", "r9", "Checking")}
ENTRY = Entry("a", State.SYNCED, "r1", {f.field_id: fingerprint(OURS[f.column]) for f in TABLE.fields})
ROW = Row("a", 1, OURS)


def read(*remote: RemoteRow, entry: Entry | None = ENTRY, row: Row | None = ROW) -> tuple[Drift, list[Entry]]:
    known = {entry.key: entry} if entry is not None else {}
    compared = Comparison(TABLE)
    entries = list(compared.look(remote, known, {row.key: row} if row is not None else {}))
    entries += compared.finish([key for key, one in known.items() if one.state is State.SYNCED])
    return compared.drift, entries


def there(**cells: Cell) -> RemoteRow:
    standing: dict[str, Cell] = {"summary": "Coffee", "amount": Decimal("-1.5"), "account": Link("", "r9", None)}
    return RemoteRow("a", "r1", standing | cells)


def test_what_stands_as_we_believe_is_no_drift() -> None:
    assert read(there()) == (Drift(read=1), [])


def test_an_altered_figure_is_written_again_and_an_altered_name_is_the_users() -> None:
    drift, [entry] = read(there(amount=Decimal("-2"), summary="My words"))
    assert drift.altered == 1 and entry.again
    assert entry.prints["a"] != ENTRY.prints["a"] and entry.prints["s"] == ENTRY.prints["s"]


@pytest.mark.parametrize("emptied", [None, ""])
def test_an_emptied_cell_is_written_again(emptied: Cell) -> None:
    assert read(there(amount=emptied))[0].altered == 1


def test_a_cleared_or_redirected_link_is_put_back() -> None:
    assert read(there(account=None))[0].altered == 1
    assert read(there(account=Link("", "r8", None)))[0].altered == 1


def test_a_row_that_is_not_there_was_deleted_by_the_user_and_stays_so() -> None:
    drift, entries = read()
    assert (drift.deleted, entries) == (1, [Entry("a", State.TOMBSTONE)])


def test_a_row_that_the_user_brought_back_is_ours_to_keep_again() -> None:
    _, [entry] = read(there(), entry=Entry("a", State.TOMBSTONE))
    assert (entry.state, entry.remote_id, entry.again) == (State.SYNCED, "r1", True)
    assert entry.prints["s"] == THEIRS


def test_a_row_with_an_id_of_ours_that_we_did_not_know_is_taken_over() -> None:
    assert read(there(), entry=None)[0].adopted == 1
    assert read(there(), entry=None, row=None)[0].adopted == 0


def test_of_two_rows_with_one_id_the_one_we_know_stays_ours() -> None:
    for remote in ([replace(there(), remote_id="copy"), there()], [there(), replace(there(), remote_id="copy")]):
        drift, entries = read(*remote)
        assert drift.doubled == ["a"] and entries == []


def test_a_write_of_unknown_fate_is_left_to_the_next_sync() -> None:
    assert read(there(amount=Decimal(9)), entry=replace(ENTRY, state=State.IN_FLIGHT))[1] == []


def test_figures_that_a_double_cannot_hold_are_not_drift() -> None:
    row = replace(ROW, cells=OURS | {"amount": Decimal("1234567890.123456789")})
    assert read(there(amount=Decimal("1234567890.12346")), row=row)[0].altered == 0


def test_times_are_compared_to_the_minute() -> None:
    table = replace(TABLE, fields=(FieldMapping("at", "At", Kind.TIMESTAMP, Writes.ALWAYS, "x"),))
    at = dt.datetime(2026, 1, 1, 12, 0, 30, tzinfo=dt.UTC)
    entry = Entry("a", State.SYNCED, "r1", {"x": fingerprint(at)})

    def altered(read_at: dt.datetime) -> int:
        compared = Comparison(table)
        list(compared.look([RemoteRow("a", "r1", {"at": read_at})], {"a": entry}, {"a": Row("a", 1, {"at": at})}))
        return compared.drift.altered

    assert altered(at.replace(second=0)) == 0
    assert altered(at + dt.timedelta(hours=1)) == 1
