"""Rows on their way, cut into requests that Coda takes."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import msgspec

from counterfoil.destinations.coda.cells import RowCells
from counterfoil.destinations.coda.wire import RowEdit
from counterfoil.ports import Change, Outcome

ROWS: Final = 500  # per request; nothing is documented, this and the bytes are what others send without trouble
_ROWS_AGAIN: Final = 250  # where a request was lost: it may have been too much to be answered in time
_BYTES: Final = 1_500_000


@dataclass(slots=True, eq=False)
class Pending:
    """One creation or update on its way."""

    change: Change
    cells: RowCells
    row_id: str | None  # None until the row is there
    by_id: bool  # addressed by its id: its key changes, or is not what it should be
    outcome: Outcome | None = None

    @property
    def key(self) -> str:
        return self.change.key

    def settle(self, outcome: Outcome) -> None:
        """Say what became of it; the first word stands."""
        self.outcome = self.outcome or outcome


@dataclass(frozen=True, slots=True)
class Post:
    """One request: rows, and whose they are."""

    owners: tuple[Pending, ...]
    rows: tuple[RowEdit, ...]

    def halves(self) -> list["Post"]:
        """Cut it in two, to find the row that Coda does not take or to make it small enough."""
        middle = len(self.rows) // 2
        return [Post(self.owners[:middle], self.rows[:middle]), Post(self.owners[middle:], self.rows[middle:])]


def posts(rows: Iterable[tuple[Pending, RowEdit]]) -> list[Post]:
    """Cut rows into requests of few enough rows and bytes."""
    made: list[Post] = []
    chunk: list[tuple[Pending, RowEdit]] = []
    size = 0
    for owner, row in rows:
        length = len(msgspec.json.encode(row))
        most = _ROWS_AGAIN if owner.change.doubtful else ROWS
        if chunk and (len(chunk) >= most or size + length > _BYTES):
            made.append(_post(chunk))
            chunk, size = [], 0
        chunk.append((owner, row))
        size += length
    return [*made, _post(chunk)] if chunk else made


def _post(chunk: list[tuple[Pending, RowEdit]]) -> Post:
    return Post(tuple(owner for owner, _ in chunk), tuple(row for _, row in chunk))
