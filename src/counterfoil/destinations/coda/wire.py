"""The bodies that Coda sends and takes, as far as we read and write them (https://coda.io/developers/apis/v1)."""

from decimal import Decimal
from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")


class User(msgspec.Struct, frozen=True, rename="camel"):
    """The answer of /whoami."""

    name: str
    login_id: str
    scoped: bool = False


class DocSize(msgspec.Struct, frozen=True, rename="camel"):
    """How big a doc is."""

    over_api_size_limit: bool = False


class Doc(msgspec.Struct, frozen=True, rename="camel"):
    """A doc; `request_id` comes with a new one."""

    id: str
    name: str
    doc_size: DocSize = DocSize()
    request_id: str | None = None


class Resource(msgspec.Struct, frozen=True, rename="camel"):
    """What a browser link leads to."""

    type: str
    id: str
    href: str


class ApiLink(msgspec.Struct, frozen=True, rename="camel"):
    """The answer of /resolveBrowserLink."""

    resource: Resource


class TableReference(msgspec.Struct, frozen=True, rename="camel"):
    """A table in a list."""

    id: str
    name: str


class Table(msgspec.Struct, frozen=True, rename="camel"):
    """A table by itself."""

    id: str
    row_count: int


class Format(msgspec.Struct, frozen=True, rename="camel"):
    """What a column holds; `table` is where a lookup points to."""

    type: str
    is_array: bool = False
    table: TableReference | None = None


class Column(msgspec.Struct, frozen=True, rename="camel"):
    """A column."""

    id: str
    name: str
    format: Format
    calculated: bool = False
    display: bool = False  # it names the row


class Row(msgspec.Struct, frozen=True, rename="camel"):
    """A row; its values stay undecoded until it is known what they are to become."""

    id: str
    values: dict[str, msgspec.Raw]


class Page(msgspec.Struct, Generic[T], frozen=True, rename="camel"):
    """One page of a list."""

    items: list[T]
    next_page_token: str | None = None
    next_sync_token: str | None = None


class Queued(msgspec.Struct, frozen=True, rename="camel"):
    """An edit that Coda has accepted and not carried out yet."""

    request_id: str


class MutationStatus(msgspec.Struct, frozen=True, rename="camel"):
    """Whether an edit has been carried out."""

    completed: bool


class Problem(msgspec.Struct, frozen=True, rename="camel"):
    """An error body."""

    message: str = ""


Value = str | Decimal | bool


class CellEdit(msgspec.Struct, frozen=True):
    """A value for a column; an empty text empties the cell."""

    column: str
    value: Value


class RowEdit(msgspec.Struct, frozen=True):
    """The cells of one row that change."""

    cells: tuple[CellEdit, ...]


class RowsUpsert(msgspec.Struct, frozen=True, rename="camel"):
    """Rows to update where the key column's value is found, else to insert."""

    rows: tuple[RowEdit, ...]
    key_columns: tuple[str, ...]


class RowUpdate(msgspec.Struct, frozen=True):
    """New cells for one row."""

    row: RowEdit


class RowsDelete(msgspec.Struct, frozen=True, rename="camel"):
    """Rows to remove."""

    row_ids: tuple[str, ...]


class DocCreate(msgspec.Struct, frozen=True, rename="camel"):
    """A new doc, as a copy of another."""

    title: str
    source_doc: str
