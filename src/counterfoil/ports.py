"""The two doors, Provider and Destination, and the specs by which a connector presents itself."""

import datetime as dt
import enum
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

from pydantic import BaseModel

from counterfoil.consenting import ConsentFlow
from counterfoil.errors import ActionRequired, RetryLater
from counterfoil.lib.http import Http
from counterfoil.linking import ConnectFlow
from counterfoil.model import Kind, Record, Writes


@dataclass(frozen=True, slots=True)
class Access:
    """What a connector is opened with.

    `app` is the deployment's own registration at the vendor (the spec's `app` model, from the environment);
    `settings` is the user's credential and place (the spec's `settings` model, decrypted).

    A connector whose tokens rotate asks for new ones within `renewing`, where nobody else does, in any process: another
    sync, a page. It gives the settings as they are stored by then, to be used where somebody has renewed them already,
    and None where nothing is stored yet. The connector hands new settings to `save` and awaits it before it uses them.
    """

    http: Http
    app: BaseModel
    settings: BaseModel
    save: Callable[[BaseModel], Awaitable[None]]
    renewing: Callable[[], AbstractAsyncContextManager[BaseModel | None]] = nullcontext


@dataclass(frozen=True, slots=True)
class Identity:
    """Who we are at the vendor: a stable id and a label that the user recognises."""

    remote_id: str
    label: str
    live: bool = True  # False for the vendor's own test environment


# --- providers -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a stream: the body as received, and where the next one starts.

    `wait` is set when the provider has nothing yet and asks to be called again after that many seconds; the
    cursor is then the one that was passed in.
    """

    body: bytes
    cursor: bytes | None
    has_more: bool
    wait: float | None = None


class Provider(Protocol):
    """One authorised connection; reads only.

    Every method may raise `RetryLater` and `ActionRequired`.
    """

    async def check(self) -> Identity:
        """Prove that the credential works."""
        ...

    async def fetch(self, stream: str, cursor: bytes | None) -> Page:
        """Fetch the page of `stream` that follows `cursor`; None means from the beginning.

        Cursors are opaque to everyone but the provider. Raises `RestartFetch` when the pages since the loop's first
        cursor must be dropped, and `NotOffered` when the connection has no such stream.
        """
        ...


@dataclass(frozen=True, slots=True)
class Patch:
    """A row of which the page knows only some columns.

    Where the row's key is new, `row` is stored whole; where it is there already, only `columns` are taken from it and
    the others keep what another stream said. It counts as brought by its loop, and opens a closed row again.
    """

    row: Record
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Landing:
    """What one page means in canonical rows, applied in this order: rows, then patches, then removals."""

    rows: Sequence[Record] = ()
    removed: Sequence[tuple[str, str]] = ()  # (table, key)
    patches: Sequence[Patch] = ()


@dataclass(frozen=True, slots=True)
class StreamSpec:
    """One thing that can be fetched, the tables it lands in, and those of which it is always the whole truth.

    Rows of the connection in a `snapshot` table that a finished loop did not bring are closed.
    """

    name: str
    tables: tuple[str, ...]
    snapshot: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Notice:
    """What a person should know about a connection, in plain words."""

    code: str
    message: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Incoming:
    """One fact that a webhook told, before it is known whose connection it concerns.

    `remote_id` is the connection's `Identity.remote_id`, None where the fact concerns no connection yet. `data` holds
    ids and codes, never amounts or names; its `visit` names the visit that the fact is about, `Visit.id`. `id` is the
    same for the same delivery, so that a replay starts nothing.
    """

    id: str
    name: str  # "plaid/transactions.sync_updates_available"
    remote_id: str | None
    data: Mapping[str, str | int | bool | None] = field(default_factory=dict)
    notice: Notice | None = None  # to be shown beside the connection, which goes on
    stops: Notice | None = None  # nothing can be read until a person acts
    mended: bool = False  # what was wrong with the login is over
    closed: tuple[tuple[str, str], ...] = ()  # (table, key) of rows that are not shared any more


@dataclass(frozen=True, slots=True)
class ProviderSpec:
    """How a provider presents itself."""

    slug: str
    label: str
    env: str  # COUNTERFOIL_<env>_<FIELD> fills `app`
    app: type[BaseModel]  # has a field `url`, the vendor's real host by default
    settings: type[BaseModel]  # the credential of one connection
    streams: tuple[StreamSpec, ...]
    open: Callable[[Access], Provider]
    land: Callable[[str, bytes], Landing]  # (stream, page body) -> rows; pure
    read_webhook: Callable[[Http, BaseModel, Mapping[str, str], bytes], Awaitable[Sequence[Incoming]]] | None = None
    """(http, app, headers in lower case, raw body) -> facts. Raises `Forged`, or `BadRequest` for a malformed body."""
    connect: ConnectFlow | None = None
    refreshed_by: str | None = None  # the event that tells that a bank asked by `connect.refresh` has answered
    silence: dt.timedelta = dt.timedelta(hours=6)  # without a fetch for so long, we ask without having been told

    def stream(self, name: str) -> StreamSpec:
        """Give the stream of that name (KeyError where there is none)."""
        for stream in self.streams:
            if stream.name == name:
                return stream
        raise KeyError(name)


# --- destinations ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Link:
    """A cell that points to a row of another table: by our key, by the destination's id, by its name."""

    key: str
    remote_id: str | None
    name: str | None


Cell = str | Decimal | dt.date | dt.datetime | bool | Link | None


@dataclass(frozen=True, slots=True)
class FieldMapping:
    """Which of the user's fields takes a canonical column. `field_id` is the vendor's id, "" until prepared."""

    column: str
    label: str  # the name a field gets when we create it
    kind: Kind
    writes: Writes
    field_id: str = ""
    to: str | None = None  # LINK: the canonical table pointed to
    to_table_id: str | None = None  # LINK: the user's table it is mapped to, None where that table is off
    title: bool = False


@dataclass(frozen=True, slots=True)
class TableMapping:
    """Which of the user's tables takes a canonical table. `table_id` is the vendor's id, "" until prepared."""

    table: str
    label: str  # the name the table gets when we create it
    key_field: FieldMapping  # the text field that holds our key (column "key")
    fields: tuple[FieldMapping, ...]  # without the key field; the title first
    table_id: str = ""

    def field(self, column: str) -> FieldMapping:
        """Give the mapping of a column (KeyError where it is not mapped)."""
        for mapped in self.fields:
            if mapped.column == column:
                return mapped
        raise KeyError(column)


@dataclass(frozen=True, slots=True)
class RemoteField:
    """One field of one of the user's tables. `takes` is empty where nothing of ours can be written to it."""

    id: str
    name: str
    type: str  # the vendor's own word
    takes: frozenset[Kind]
    title: bool = False  # it names the row, where the vendor's tables have such a field
    points_to: str | None = None  # the id of the table whose rows it links to, where the vendor says so


@dataclass(frozen=True, slots=True)
class RemoteTable:
    """One of the user's tables."""

    id: str
    name: str
    fields: tuple[RemoteField, ...]


@dataclass(frozen=True, slots=True)
class Schema:
    """What the user's place looks like now."""

    tables: tuple[RemoteTable, ...]


class Act(enum.Enum):
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Change:
    """One thing to do to one row.

    `cells` is keyed by column name and holds every mapped column for a creation, the changed ones for an update (a
    None empties the cell), nothing for a deletion. The id field is written from `key`, not from `cells`. Where
    `was_key` is set, the row carries that older id and gets `key` with this change (a pending transaction has
    posted). `doubtful` marks a row whose earlier write has an unknown fate: look for `key` (and `was_key`) in the id
    field before creating; where found, update that row with all cells and report its id.
    """

    act: Act
    key: str
    remote_id: str | None  # None for a creation
    cells: Mapping[str, Cell]
    was_key: str | None = None
    doubtful: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """The change holds at the destination (a deletion of an absent row holds too)."""

    key: str
    remote_id: str


@dataclass(frozen=True, slots=True)
class Gone:
    """The row to update is not there any more: the user deleted it."""

    key: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """The destination refuses this row; the rest went on."""

    key: str
    reason: str


@dataclass(frozen=True, slots=True)
class Undecided:
    """Not done, or not known to be done, because of `error`; the row stays in flight and is looked up next time."""

    key: str
    error: RetryLater | ActionRequired


Outcome = Written | Gone | Rejected | Undecided


@dataclass(frozen=True, slots=True)
class RemoteRow:
    """A row as it stands in the user's table: cells by column name, as far as they can be read back."""

    key: str | None  # None or "" where the user left the id field empty
    remote_id: str
    cells: Mapping[str, Cell]


class Destination(Protocol):
    """One place the user chose; owns only its own columns and rows.

    Every method may raise `RetryLater` and `ActionRequired`. Tables and fields are addressed by the vendor's ids, so
    that renaming or moving them breaks nothing.
    """

    async def check(self) -> Identity:
        """Prove that the credential works and that the place can be reached."""
        ...

    async def describe(self) -> Schema:
        """Read the user's tables and fields, in one call where the vendor allows it."""
        ...

    async def prepare(self, tables: Sequence[TableMapping]) -> Sequence[TableMapping]:
        """Create what is missing and give the mappings with every id filled in; remove nothing.

        A mapping without `table_id` takes the table of that name where one stands, so that a repeat after a crash makes
        no second table; likewise a field without `field_id`. Links are given after the tables they point to.
        """
        ...

    async def write(self, table: TableMapping, changes: Sequence[Change]) -> Sequence[Outcome]:
        """Bring the changes to the table, safe to repeat; give one outcome per change, in any order.

        Creations and updates of one call have distinct keys. As many requests run at once as the budget allows.
        """
        ...

    def read(self, table: TableMapping) -> AsyncIterator[RemoteRow]:
        """Read the whole table, rows that are not ours included."""
        ...


@dataclass(frozen=True, slots=True)
class DestinationSpec:
    """How a destination kind presents itself."""

    slug: str
    label: str
    env: str  # COUNTERFOIL_<env>_<FIELD> fills `app`
    app: type[BaseModel]  # has a field `url`, the vendor's real host by default
    settings: type[BaseModel]  # credential and place
    batch: int  # changes per `write` call: what one durable mark covers
    open: Callable[[Access], Destination]
    pace: float = 50.0  # rows a second that the vendor's limits allow at best: how long a first sync will take
    can_create_tables: bool = True
    looks_first: bool = False  # `write` itself looks at the table's columns, and raises before it sends anything
    links: bool = True  # cells can point to rows; where not, a link is shown by name
    consent: ConsentFlow | None = None  # a person can authorise on the vendor's own page, beside giving a key
    row_url: Callable[[str, str, str], str] | None = None
    """(`Identity.remote_id` of the place, id of the table, id of the row) -> where a person looks at the row."""
    extra: Mapping[str, Any] = field(default_factory=dict)
