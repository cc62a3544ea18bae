"""Everything the emulator holds, and who may see which part of it."""

import random
import string
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from counterfoil.destinations.google_sheets.sandbox.errors import refusal
from counterfoil.destinations.google_sheets.sandbox.grid import Book, Sheet
from counterfoil.destinations.google_sheets.sandbox.oauth import Accounts, Caller
from counterfoil.destinations.google_sheets.sandbox.wire import decode
from counterfoil.sandbox.kit import Clock

Witness = Callable[[str, Any], None]  # (schema name of the discovery document, JSON body)


@dataclass(slots=True)
class State:
    """The files and the accounts. `witness` is shown every body that comes and goes."""

    accounts: Accounts
    books: dict[str, Book] = field(default_factory=dict)
    witness: Witness | None = None

    @classmethod
    def fresh(cls, clock: Clock, title: str) -> "State":
        """Make an account with one new spreadsheet of its user, shared with the service account."""
        state = cls(Accounts(clock))
        book = state.new_book(title)
        book.editors.add(state.accounts.service_email)
        return state

    def show(self, schema: str, body: bytes) -> None:
        """Show the witness a body, where there is one."""
        if self.witness is not None:
            self.witness(schema, decode(body, dict))

    def new_book(self, title: str) -> Book:
        """Make a spreadsheet as Google does: one tab of 1,000 rows and 26 columns."""
        letters = string.ascii_letters + string.digits
        book_id = "1" + "".join(random.choices(letters, k=43))
        book = Book(book_id, title, [Sheet.blank(0, "Sheet1", 1000, 26)], owner=self.accounts.user_email)
        book.editors.add(self.accounts.user_email)
        self.books[book_id] = book
        return book

    @property
    def first(self) -> Book:
        """The spreadsheet that the credentials name."""
        return next(iter(self.books.values()))

    def seen_by(self, caller: Caller, book: Book) -> bool:
        """Say whether a caller may open a file: shared with it and, with drive.file alone, made by it."""
        wide = {scope.rpartition("/")[2] for scope in caller.scopes} - {"drive.file"}
        return caller.email in book.editors and bool(wide or book.made_by == self.accounts.client_id)

    def open(self, caller: Caller, book_id: str) -> Book:
        """Give a spreadsheet. Raises the 404 of one that is not there and the 403 of one that is not shared."""
        book = self.books.get(book_id)
        if book is None:
            raise refusal(404, "Requested entity was not found.")
        if not self.seen_by(caller, book):
            raise refusal(403, "The caller does not have permission")
        return book
