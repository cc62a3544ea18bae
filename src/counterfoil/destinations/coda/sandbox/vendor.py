"""The emulated vendor: accounts and tokens, docs, and the queue through which every edit goes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from counterfoil.destinations.coda.sandbox.doc import Column, Doc, Ids, Row, Table
from counterfoil.destinations.coda.sandbox.template import copied, template
from counterfoil.destinations.coda.sandbox.values import Cell, take
from counterfoil.sandbox.kit import Clock, Refusal

DAY: Final = 86_400.0
_MESSAGES: Final = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    410: "Gone",
    413: "Payload Too Large",
    422: "Unprocessable Entity",
    429: "Too Many Requests",
}


def error_body(status: int, message: str) -> dict[str, Any]:
    """Give the vendor's error body. Its `codaDetail` is described for none of the endpoints here."""
    return {"statusCode": status, "statusMessage": _MESSAGES[status], "message": message}


def refusal(status: int, message: str) -> Refusal:
    """Give the vendor's refusal."""
    return Refusal(status, error_body(status, message))


@dataclass(slots=True)
class Token:
    """What one API token may do."""

    user: str
    live: bool = True
    access: str = "both"  # read, write or both
    doc: str | None = None  # the only doc it is good for


@dataclass(slots=True)
class Pace:
    """How slow the vendor is: seconds in the queue, seconds until the API's snapshot shows a change."""

    delay: float = 0.03
    lag: float = 0.0


@dataclass(slots=True)
class Edit:
    """One queued mutation."""

    request_id: str
    due: float
    apply: Callable[[], None]


@dataclass(slots=True)
class Vendor:
    """Everything behind the API."""

    clock: Clock
    pace: Pace
    page_limit: int
    tokens: dict[str, Token] = field(default_factory=dict)
    docs: dict[str, Doc] = field(default_factory=dict)
    ids: Ids = field(default_factory=Ids)
    lose: int = 0  # how many of the next edits are accepted and never happen
    _queue: list[Edit] = field(default_factory=list)
    _completed: dict[str, float | None] = field(default_factory=dict)  # request id -> when, None while queued

    def open(self, template_name: str = "Household") -> Doc:
        """Make the template doc and the user's copy of it; give the copy."""
        source = template(self.ids, self.clock.now())
        self.docs[source.id] = source
        return self.copy(source, template_name, filled_at=0.0)

    def copy(self, source: Doc, name: str, *, filled_at: float) -> Doc:
        doc = copied(source, self.ids, self.ids.new(""), name, self.clock.now(), filled_at)
        self.docs[doc.id] = doc
        return doc

    # --- the queue ---

    def enqueue(self, apply: Callable[[], None], *, delay: float | None = None) -> str:
        """Accept an edit and give its request id; it happens when its time in the queue is over."""
        self.settle()
        request_id = f"mutate:{self.ids.new('')}"
        self._completed[request_id] = None
        if self.lose > 0:
            self.lose -= 1
            return request_id
        due = self.clock.now() + (self.pace.delay if delay is None else delay)
        self._queue.append(Edit(request_id, due, apply))
        return request_id

    def settle(self) -> None:
        """Let happen what is due, in the order of acceptance."""
        now = self.clock.now()
        due = [edit for edit in self._queue if edit.due <= now]
        if due:
            self._queue = [edit for edit in self._queue if edit.due > now]
            for edit in due:
                edit.apply()
                self._completed[edit.request_id] = now

    def completed(self, request_id: str) -> bool | None:
        """Say whether an edit has happened; None where nothing is known (any more)."""
        self.settle()
        if request_id not in self._completed:
            return None
        when = self._completed[request_id]
        return False if when is None else None if self.clock.now() - when > DAY else True

    # --- rows ---

    def place_row(self, doc: Doc, table: Table, cells: dict[str, Cell], row_id: str | None = None) -> Row:
        """Let a new row be there from now on."""
        now = self.clock.now()
        row = Row(row_id or self.ids.new("i-"), table.next_place(), _filled(cells), now, now)
        table.put(row, version=doc.next_version(), shown_at=now + self.pace.lag)
        return row

    def edit_row(self, doc: Doc, table: Table, row_id: str, cells: dict[str, Cell]) -> None:
        """Change cells of a row; nothing happens where the row is gone."""
        before = table.rows.get(row_id)
        if before is None:
            return
        now = self.clock.now()
        row = Row(row_id, before.place, _filled(before.cells | cells), before.created, now)
        table.put(row, version=doc.next_version(), shown_at=now + self.pace.lag)

    def drop_row(self, doc: Doc, table: Table, row_id: str) -> None:
        """Remove a row; nothing happens where it is gone."""
        if row_id in table.rows:
            table.drop(row_id, version=doc.next_version(), shown_at=self.clock.now() + self.pace.lag)

    def take(self, doc: Doc, column: Column, value: Any, *, parsing: bool) -> Cell:
        """Give the cell that a written value becomes in that column."""
        target = doc.table(column.to) if column.to else None
        return take(column.type, value, parsing=parsing, find=lambda text: _find(target, text))

    def name_of(self, doc: Doc, table_id: str | None) -> Callable[[str], str]:
        """Give the function that names the rows of a table by their display column."""
        table = doc.table(table_id) if table_id else None

        def name(row_id: str) -> str:
            row = table.rows.get(row_id) if table else None
            return str(row.cells.get(table.display, "")) if table and row else ""

        return name


def _filled(cells: dict[str, Cell]) -> dict[str, Cell]:
    return {column: value for column, value in cells.items() if value is not None}


def _find(table: Table | None, text: str) -> str | None:
    """Find the row that a lookup's value means: by id, by link, by display name (the first of several)."""
    if table is None:
        return None
    row_id = text.rpartition("#_r")[2] if "#_r" in text else text
    if row_id in table.rows:
        return row_id
    named = table.with_value(table.display, text)
    return named[0] if named else None
