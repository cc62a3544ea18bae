"""What the plan promises, as properties over random rows, and as single statements where a case has a name."""

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from counterfoil.model import Kind, Writes
from counterfoil.plan import (
    THEIRS,
    UNKNOWN,
    UNSURE,
    Entry,
    Planned,
    Removal,
    Row,
    State,
    adopt,
    fingerprint,
    plan,
    settle,
)
from counterfoil.ports import Act, Cell, Change, FieldMapping, Gone, Link, Outcome, Rejected, TableMapping, Written

TABLE = TableMapping(
    "transactions",
    "Transactions",
    FieldMapping("key", "Counterfoil ID", Kind.TEXT, Writes.ALWAYS, "k"),
    (
        FieldMapping("summary", "Summary", Kind.TEXT, Writes.ONCE, "s", title=True),
        FieldMapping("amount", "Amount", Kind.MONEY, Writes.ALWAYS, "a"),
        FieldMapping("day", "Day", Kind.DATE, Writes.ALWAYS, "d"),
    ),
    "t",
)


def no_links(_table: str, key: str) -> tuple[Link, bool]:
    return Link(key, None, None), True


@dataclass
class Place:
    """A destination that does what it is told, and may be cut off before or after it did."""

    rows: dict[str, tuple[str, dict[str, Cell]]] = field(default_factory=dict)  # remote id -> (key, cells)
    made: int = 0

    def apply(self, change: Change) -> Outcome:
        standing = change.remote_id if change.remote_id in self.rows else None
        if standing is None and change.doubtful:
            wanted = (change.key, change.was_key)
            standing = next((remote for remote, (key, _) in self.rows.items() if key in wanted), None)
        if change.act is Act.DELETE:
            self.rows.pop(change.remote_id or "", None)
            return Written(change.key, change.remote_id or "")
        if standing is None:
            if change.act is Act.UPDATE:
                return Gone(change.key)
            self.made += 1
            standing = f"r{self.made}"
            self.rows[standing] = (change.key, {})
        key, cells = self.rows[standing]
        renamed = change.key if change.was_key is not None else key  # the id field is written only where it changes
        self.rows[standing] = (renamed, cells | dict(change.cells))
        return Written(change.key, standing)

    def by_key(self) -> dict[str, Mapping[str, Cell]]:
        found: dict[str, Mapping[str, Cell]] = dict(self.rows.values())
        assert len(found) == len(self.rows), "a key stands twice"
        return found


@dataclass
class Mirror:
    entries: dict[str, Entry] = field(default_factory=dict)

    def bring(self, rows: list[Row], place: Place, removal: Removal, crashes: Iterator[str]) -> bool:
        """Plan and write like the product; a crash before or after a write leaves it in flight. True: got through."""
        for decided in list(plan(rows, self.entries, TABLE, removal=removal, link=no_links)):
            if isinstance(decided, Entry):
                self.entries[decided.key] = decided
                continue
            if decided.old_key is not None:
                self.entries.pop(decided.old_key, None)
            self.entries[decided.change.key] = decided.before
            crash = next(crashes, "none")
            if crash == "before":
                return False
            outcome = place.apply(decided.change)
            if crash == "after":
                return False
            entry = settle(decided, outcome)
            if entry is None:
                del self.entries[decided.change.key]
            else:
                self.entries[entry.key] = entry
        return True

    def settle_open(self, rows: list[Row], place: Place, removal: Removal) -> None:
        """What the next sync does first: the rows whose fate is unknown."""
        for _ in range(3):
            open_keys = {e.key for e in self.entries.values() if e.state in UNKNOWN or e.again}
            self.bring([row for row in rows if row.key in open_keys], place, removal, iter(()))


amounts = st.decimals(-1000, 1000, places=2)
days = st.dates(dt.date(2025, 1, 1), dt.date(2026, 12, 31))


@st.composite
def histories(draw: st.DrawFn) -> list[list[Row]]:
    """A few states of the same rows, each a full list: rows change, go, come back, and pending ones post."""
    few = st.sampled_from([Decimal(0), Decimal("1.5"), Decimal(2)])  # few, so that values come back
    states: list[list[Row]] = []
    rows: dict[str, Row] = {}
    version = 0
    for _ in range(draw(st.integers(1, 4))):
        for key in draw(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=6, unique=True)):
            version += 1
            known = rows.get(key)
            if known is not None and known.replaced_by is not None:
                continue
            cells: dict[str, Cell] = {
                "summary": draw(st.sampled_from(["x", "y", ""])),
                "amount": draw(few),
                "day": dt.date(2026, 1, draw(st.integers(1, 2))),
            }
            wanted = draw(st.booleans()) or known is None
            rows[key] = Row(key, version, cells, wanted, known.replaces if known else None)
            if known is not None and not wanted and draw(st.booleans()):
                posted = key.upper()
                if posted not in rows:
                    rows[posted] = Row(posted, version + 1, cells, True, replaces=key)
                    rows[key] = replace(rows[key], replaced_by=posted)
                    version += 1
        states.append(sorted(rows.values(), key=lambda row: row.version))
    return states


crash_plans = st.lists(st.sampled_from(["none", "none", "before", "after"]), max_size=12)


def expected(rows: list[Row]) -> dict[str, dict[str, Cell]]:
    return {row.key: {n: row.cells[n] for n in ("amount", "day")} for row in rows if row.wanted}


def always_fields(place: Place) -> dict[str, dict[str, Cell]]:
    return {key: {n: cells[n] for n in ("amount", "day")} for key, cells in place.by_key().items()}


@given(histories())
def test_it_reaches_the_rows(states: list[list[Row]]) -> None:
    place, mirror = Place(), Mirror()
    for rows in states:
        mirror.bring(rows, place, Removal.DELETE, iter(()))
        assert always_fields(place) == expected(rows)


@given(histories())
def test_planning_again_gives_nothing(states: list[list[Row]]) -> None:
    place, mirror = Place(), Mirror()
    for rows in states:
        mirror.bring(rows, place, Removal.DELETE, iter(()))
        assert list(plan(rows, mirror.entries, TABLE, removal=Removal.DELETE, link=no_links)) == []


@settings(max_examples=300)
@given(histories(), crash_plans)
def test_a_crash_half_way_ends_the_same(states: list[list[Row]], crashes: list[str]) -> None:
    place, mirror, left = Place(), Mirror(), iter(crashes)
    for rows in states:  # after a crash the rows may have changed again before the next sync
        mirror.settle_open(rows, place, Removal.DELETE)
        mirror.bring(rows, place, Removal.DELETE, left)
    mirror.settle_open(states[-1], place, Removal.DELETE)
    mirror.bring(states[-1], place, Removal.DELETE, iter(()))
    assert always_fields(place) == expected(states[-1])


@given(histories())
def test_an_update_stays_in_place(states: list[list[Row]]) -> None:
    place, mirror = Place(), Mirror()
    for rows in states:
        before = {key: remote for remote, (key, _) in place.rows.items()}
        mirror.bring(rows, place, Removal.DELETE, iter(()))
        after = {key: remote for remote, (key, _) in place.rows.items()}
        for row in rows:
            if row.wanted and row.key in before:
                assert after[row.key] == before[row.key]
            if row.wanted and row.replaces in before:
                assert after[row.key] == before[row.replaces]


# --- single cases ----------------------------------------------------------------------------------------

ROW = Row("a", 1, {"summary": "Coffee", "amount": Decimal("1.50"), "day": dt.date(2026, 1, 1)})


def standing(row: Row = ROW) -> Entry:
    [decided] = plan([row], {}, TABLE, removal=Removal.DELETE, link=no_links)
    assert isinstance(decided, Planned)
    entry = settle(decided, Written(row.key, "r1"))
    assert entry is not None
    return entry


def decide(row: Row, *entries: Entry, removal: Removal = Removal.DELETE) -> list[Planned | Entry]:
    return list(plan([row], {entry.key: entry for entry in entries}, TABLE, removal=removal, link=no_links))


def test_only_changed_always_fields_travel() -> None:
    changed = replace(ROW, cells={**ROW.cells, "summary": "Tea", "amount": Decimal("2")})
    [decided] = decide(changed, standing())
    assert isinstance(decided, Planned) and decided.change.cells == {"amount": Decimal("2")}


def test_amounts_that_are_equal_are_not_a_change() -> None:
    assert decide(replace(ROW, cells={**ROW.cells, "amount": Decimal("1.500")}), standing()) == []


def test_a_field_mapped_later_is_written_once_even_if_it_is_the_users_afterwards() -> None:
    entry = standing()
    without = replace(entry, prints={n: p for n, p in entry.prints.items() if n != "s"})
    [decided] = decide(ROW, without)
    assert isinstance(decided, Planned) and decided.change.cells == {"summary": "Coffee"}


def test_an_adopted_row_keeps_the_users_words_and_gets_our_figures() -> None:
    adopted = adopt("a", "r9", TABLE)
    assert adopted.prints == {"s": THEIRS, "a": UNSURE, "d": UNSURE}
    [decided] = decide(ROW, adopted)
    assert isinstance(decided, Planned) and set(decided.change.cells) == {"amount", "day"}


def test_a_tombstone_is_left_alone_and_passes_on_to_the_posted_row() -> None:
    buried = Entry("a", State.TOMBSTONE)
    assert decide(ROW, buried) == []
    [decided] = decide(replace(ROW, key="A", replaces="a"), buried)
    assert isinstance(decided, Entry) and (decided.key, decided.state) == ("A", State.TOMBSTONE)


def test_where_removed_rows_are_marked_a_row_that_was_taken_over_is_not() -> None:
    left = replace(ROW, wanted=False, replaced_by="A")
    heir = replace(ROW, key="A", replaces="a")
    found = list(plan([heir, left], {"a": standing()}, TABLE, removal=Removal.MARK, link=no_links))
    assert [decided.change.key for decided in found if isinstance(decided, Planned)] == ["A"]


def test_an_update_in_flight_sends_the_uncertain_fields_again() -> None:
    changed = replace(ROW, cells={**ROW.cells, "amount": Decimal("2")})
    [first] = decide(changed, standing())
    assert isinstance(first, Planned)
    [again] = decide(changed, first.before)
    assert isinstance(again, Planned) and again.change.cells == {"amount": Decimal("2")}


def test_the_users_field_is_written_again_while_its_first_write_is_unknown() -> None:
    entry = standing()
    [first] = decide(ROW, replace(entry, prints={n: p for n, p in entry.prints.items() if n != "s"}))
    assert isinstance(first, Planned)
    [again] = decide(ROW, first.before)
    assert isinstance(again, Planned) and again.change.cells == {"summary": "Coffee"}


def test_a_field_mapped_later_is_left_alone_where_we_have_nothing_to_say() -> None:
    entry = standing(replace(ROW, cells={**ROW.cells, "amount": None}))
    without = replace(entry, prints={n: p for n, p in entry.prints.items() if n != "a"})
    assert decide(replace(ROW, cells={**ROW.cells, "amount": None}), without) == []


def test_a_value_that_came_back_while_an_update_was_unknown_is_sent_again() -> None:
    [first] = decide(replace(ROW, cells={**ROW.cells, "amount": Decimal("2")}), standing())
    assert isinstance(first, Planned)
    [again] = decide(ROW, first.before)
    assert isinstance(again, Planned) and again.change.cells == {"amount": Decimal("1.50")}


def test_a_refused_row_waits_until_it_changes_and_is_then_tried_whole() -> None:
    [decided] = decide(ROW)
    assert isinstance(decided, Planned)
    entry = settle(decided, Rejected("a", "too odd"))
    assert entry is not None and (entry.state, entry.reason) == (State.REJECTED, "too odd")
    [again] = decide(replace(ROW, version=2), entry)
    assert isinstance(again, Planned) and again.change.act is Act.CREATE and not again.change.doubtful


def test_a_row_of_unknown_fate_that_was_removed_meanwhile_is_found_and_then_taken_away() -> None:
    gone = replace(ROW, wanted=False)
    [found] = decide(gone, Entry("a", State.IN_FLIGHT))
    assert isinstance(found, Planned) and found.change.doubtful and found.after is not None and found.after.again
    entry = settle(found, Written("a", "r1"))
    assert entry is not None
    [away] = decide(gone, entry)
    assert isinstance(away, Planned) and away.change.act is Act.DELETE


def test_a_row_that_comes_back_while_its_deletion_is_unknown_is_looked_up_and_made_whole() -> None:
    [away] = decide(replace(ROW, wanted=False), standing())
    assert isinstance(away, Planned) and away.before.state is State.LEAVING
    [back] = decide(ROW, away.before)
    assert isinstance(back, Planned) and back.change.act is Act.CREATE and back.change.doubtful
    assert set(back.change.cells) == {"summary", "amount", "day"}


def test_keep_leaves_the_row_and_forgets_nothing() -> None:
    [kept] = decide(replace(ROW, wanted=False), standing(), removal=Removal.KEEP)
    assert isinstance(kept, Entry) and (kept.state, kept.remote_id) == (State.KEPT, "r1")
    assert decide(replace(ROW, wanted=False), kept, removal=Removal.KEEP) == []
    [back] = decide(ROW, kept)
    assert isinstance(back, Entry) and back.state is State.SYNCED


def test_a_row_whose_link_is_not_there_yet_is_planned_again() -> None:
    table = replace(
        TABLE,
        fields=(*TABLE.fields, FieldMapping("account", "Account", Kind.LINK, Writes.ALWAYS, "l", "accounts", "t2")),
    )
    row = replace(ROW, cells={**ROW.cells, "account": "acc"})
    [first] = plan([row], {}, table, removal=Removal.DELETE, link=lambda _t, k: (Link(k, None, "Checking"), False))
    assert isinstance(first, Planned) and first.after is not None and first.after.again
    entry = settle(first, Written("a", "r1"))
    assert entry is not None
    [then] = plan(
        [row], {"a": entry}, table, removal=Removal.DELETE, link=lambda _t, k: (Link(k, "r7", "Checking"), True)
    )
    assert isinstance(then, Planned) and then.change.cells == {"account": Link("acc", "r7", "Checking")}


@given(st.one_of(st.text(), amounts, days, st.booleans()), st.one_of(st.text(), amounts, days, st.booleans()))
def test_fingerprints_differ_where_cells_do(one: Cell, other: Cell) -> None:
    same = type(one) is type(other) and one == other
    assert (fingerprint(one) == fingerprint(other)) == same or one in ("", None) or other in ("", None)
