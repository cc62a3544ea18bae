"""The change log of one Item and the pages that /transactions/sync reads from it."""

import base64
import enum
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from counterfoil.providers.plaid.sandbox.errors import PlaidError
from counterfoil.providers.plaid.sandbox.wire import Removed, Row

_MUTATED = "TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION"


class Kind(enum.IntEnum):
    ADDED = 1
    MODIFIED = 2
    REMOVED = 3
    BREAK = 4  # a page ends here, full or not


class Cursor(msgspec.Struct, frozen=True):
    """A place in the log. Inside a loop it also knows where the loop began and how long the log was then."""

    item: str
    at: int
    account: str | None = None
    began: int | None = None
    head: int | None = None

    def write(self) -> str:
        """Give it as the opaque text that clients see."""
        return base64.b64encode(msgspec.json.encode(self)).decode()

    @classmethod
    def read(cls, text: str) -> "Cursor":
        """Read what `write` gave. Raises the vendor's error for anything else."""
        try:
            return msgspec.json.decode(base64.b64decode(text, validate=True), type=cls)
        except (ValueError, msgspec.DecodeError) as error:
            raise PlaidError("INVALID_FIELD", "cursor is not a valid cursor") from error


@dataclass(frozen=True, slots=True)
class Slice:
    """One page."""

    added: Sequence[Row]
    modified: Sequence[Row]
    removed: Sequence[Removed]
    cursor: Cursor
    has_more: bool


@dataclass(slots=True)
class Feed:
    """An append-only log of changes; readers never see a row that was removed before they came to it."""

    item: str
    rows: dict[str, Row] = field(default_factory=dict)  # transaction_id -> as it is now
    _log: list[tuple[Kind, Row]] = field(default_factory=list)
    _added_at: dict[str, int] = field(default_factory=dict)
    _removed: set[str] = field(default_factory=set)

    @property
    def head(self) -> int:
        """How long the log is."""
        return len(self._log)

    def add(self, row: Row) -> None:
        """Log a new row."""
        self._added_at[row.transaction_id] = len(self._log)
        self.rows[row.transaction_id] = row
        self._log.append((Kind.ADDED, row))

    def modify(self, row: Row) -> None:
        """Log a row that changed, or is sent again."""
        self.rows[row.transaction_id] = row
        self._log.append((Kind.MODIFIED, row))

    def remove(self, transaction_id: str) -> None:
        """Log that a row is gone (KeyError where there is none)."""
        row = self.rows.pop(transaction_id)
        self._removed.add(transaction_id)
        self._log.append((Kind.REMOVED, row))

    def end_page(self) -> None:
        """Let no page reach over this place."""
        if self._log:
            self._log.append((Kind.BREAK, self._log[-1][1]))

    def read(self, text: str | None, count: int, account: str | None = None) -> Slice:
        """Give the page after a cursor, at most `count` changes of all kinds together.

        Raises the mutation error when the log grew since the loop's first page.
        """
        at = self._begin(text, account)
        if at.head is not None and at.head != self.head:
            raise PlaidError(_MUTATED)
        began, head = (at.at if at.began is None else at.began), self.head
        added: list[Row] = []
        modified: list[Row] = []
        removed: list[Removed] = []
        place, left = at.at, count
        while place < head:
            kind, row = self._log[place]
            if kind is Kind.BREAK:
                if left < count:
                    break
            elif self._shows(kind, row, began, account):
                if not left:
                    break
                left -= 1
                if kind is Kind.ADDED:
                    added.append(row)
                elif kind is Kind.MODIFIED:
                    modified.append(row)
                else:
                    removed.append(Removed(row.transaction_id, row.account_id))
            place += 1
        more = self._shows_after(place, began, account)
        next_cursor = Cursor(self.item, place, account, began, head) if more else Cursor(self.item, head, account)
        return Slice(added, modified, removed, next_cursor, more)

    def _begin(self, text: str | None, account: str | None) -> Cursor:
        if not text:
            return Cursor(self.item, 0, account)
        if text == "now":
            return Cursor(self.item, self.head, account)
        cursor = Cursor.read(text)
        if cursor.item != self.item or cursor.account != account or cursor.at > self.head:
            raise PlaidError("INVALID_FIELD", "cursor not associated with access_token")
        return cursor

    def _shows(self, kind: Kind, row: Row, began: int, account: str | None) -> bool:
        if account is not None and row.account_id != account:
            return False
        if kind is Kind.REMOVED:
            return self._added_at[row.transaction_id] < began  # who never saw it need not drop it
        return row.transaction_id not in self._removed

    def _shows_after(self, place: int, began: int, account: str | None) -> bool:
        for at in range(place, len(self._log)):
            kind, row = self._log[at]
            if kind is not Kind.BREAK and self._shows(kind, row, began, account):
                return True
        return False
