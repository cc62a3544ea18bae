"""What the emulator holds: docs, their tables, columns and rows, and the snapshot of them that the API reads."""

import bisect
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from counterfoil.destinations.coda.sandbox.values import Cell, matching_form

_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


class Ids:
    """Ids in the vendor's shapes, the same ones in every run."""

    def __init__(self) -> None:
        self._count = itertools.count(1)

    def new(self, prefix: str) -> str:
        """Give an id that was never given before."""
        number, text = next(self._count), ""
        for _ in range(10):
            # A multiplier prime to 62 spreads neighbours, so that an id looks like one and sorts like none.
            text += _DIGITS[(number * 37 + len(text) * 11) % 62]
            number //= 62
        return prefix + text


@dataclass(slots=True)
class Column:
    """One column of a table; `type` is the vendor's word for its format."""

    id: str
    name: str
    type: str
    to: str | None = None  # lookup only: the id of the table pointed to
    calculated: bool = False
    is_array: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One row as it stood at one time: an edit makes a new one."""

    id: str
    place: int  # rises with every row of the table
    cells: dict[str, Cell]  # by column id
    created: float
    updated: float


@dataclass(frozen=True, slots=True)
class Recent:
    """A change that the API's snapshot may not show yet."""

    shown_at: float
    version: int
    row_id: str
    before: Row | None


@dataclass(slots=True)
class Table:
    """A base table, or a view of one (`parent`)."""

    id: str
    name: str
    columns: list[Column]
    display: str  # the id of the display column
    created: float
    parent: str | None = None
    rows: dict[str, Row] = field(default_factory=dict)
    natural: list[str] | None = None  # row ids as a person has sorted them
    recent: list[Recent] = field(default_factory=list)
    changes: list[tuple[int, str]] = field(default_factory=list)  # (version, row id), rising
    _places: list[tuple[int, str]] = field(default_factory=list)
    _index: dict[str, dict[object, list[str]]] = field(default_factory=dict)

    def column(self, name: str) -> Column | None:
        """Find a column by its id, else by its name."""
        for one in self.columns:
            if one.id == name:
                return one
        return next((one for one in self.columns if one.name == name), None)

    def put(self, row: Row, *, version: int, shown_at: float) -> None:
        """Let a row be there from now on, and visible to the API from `shown_at`."""
        before = self.rows.get(row.id)
        self.rows[row.id] = row
        if before is None:
            self._places.append((row.place, row.id))
        for column_id, index in self._index.items():
            if before is not None:
                _forget(index, matching_form(before.cells.get(column_id)), row.id)
            index.setdefault(matching_form(row.cells.get(column_id)), []).append(row.id)
        self._note(Recent(shown_at, version, row.id, before))

    def drop(self, row_id: str, *, version: int, shown_at: float) -> None:
        """Let a row be gone from now on; nothing happens where it is gone already."""
        before = self.rows.pop(row_id, None)
        if before is None:
            return
        for column_id, index in self._index.items():
            _forget(index, matching_form(before.cells.get(column_id)), row_id)
        self._note(Recent(shown_at, version, row_id, before))

    def _note(self, recent: Recent) -> None:
        self.recent.append(recent)
        self.changes.append((recent.version, recent.row_id))

    def with_value(self, column_id: str, value: Cell) -> list[str]:
        """Find the rows that hold this value in a column, through an index that the first search builds."""
        index = self._index.get(column_id)
        if index is None:
            index = self._index[column_id] = {}
            for row in self.rows.values():
                index.setdefault(matching_form(row.cells.get(column_id)), []).append(row.id)
        return list(index.get(matching_form(value), ()))

    def forget_column(self, column_id: str) -> None:
        """Drop what is kept about a column whose values are replaced or gone."""
        self._index.pop(column_id, None)

    def next_place(self) -> int:
        return self._places[-1][0] + 1 if self._places else 1

    def snapshot(self, now: float) -> "Snapshot":
        """Give the table as the API sees it now."""
        self.recent = [change for change in self.recent if change.shown_at > now]
        if not self.recent:
            return Snapshot(self.rows, self._places, None)
        rows = dict(self.rows)
        for change in reversed(self.recent):
            if change.before is None:
                rows.pop(change.row_id, None)
            else:
                rows[change.row_id] = change.before
        places = sorted((row.place, row.id) for row in rows.values())
        return Snapshot(rows, places, self.recent[0].version - 1)


def _forget(index: dict[object, list[str]], form: object, row_id: str) -> None:
    rows = index.get(form, [])
    if row_id in rows:
        rows.remove(row_id)
    if not rows:
        index.pop(form, None)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The rows that the API shows; `version` is None where they are the latest."""

    rows: dict[str, Row]
    places: Sequence[tuple[int, str]]
    version: int | None

    def after(self, place: int) -> Iterator[Row]:
        """Give the rows behind a place, in order of creation."""
        for position in range(bisect.bisect_right(self.places, (place, "~")), len(self.places)):
            row = self.rows.get(self.places[position][1])
            if row is not None:
                yield row


@dataclass(slots=True)
class Doc:
    """One doc."""

    id: str
    name: str
    created: float
    tables: list[Table]
    source: str | None = None
    filled_at: float = 0.0  # a copy shows its tables from then on
    shared: bool = True
    deleted: bool = False
    version: int = 0

    def table(self, name: str) -> Table | None:
        """Find a table or view by its id, else by its name."""
        for one in self.tables:
            if one.id == name:
                return one
        return next((one for one in self.tables if one.name == name), None)

    def next_version(self) -> int:
        self.version += 1
        return self.version
