"""What the Notion emulator holds: one workspace with a shared page, its databases, data sources and rows."""

import datetime as dt
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn
from urllib.parse import unquote

from counterfoil.sandbox.kit import Clock, Refusal

COLORS: Final = ("default", "gray", "brown", "orange", "yellow", "green", "blue", "purple", "pink", "red")

# Property ids are four characters and come percent-encoded, as the vendor sends them.
_ID_SIGNS: Final = ("%3A", "%3B", "%40", "%5B", "%60", "%7C", "%3F", "%7D")


def new_id() -> str:
    """Give a fresh id for anything but a property."""
    return str(uuid.uuid4())


def canonical_id(text: str) -> str:
    """Give an id with dashes in lower case, however it was written; text that is no id stays as it is."""
    try:
        return str(uuid.UUID(text))
    except ValueError:
        return text


def iso_minute(moment: float) -> str:
    """Write a time as the API does: UTC, cut to the minute."""
    return dt.datetime.fromtimestamp(moment, dt.UTC).strftime("%Y-%m-%dT%H:%M:00.000Z")


def refuse(status: int, code: str, message: str, **more: Any) -> NoReturn:
    """Answer with the vendor's error body; `more` goes into `additional_data`."""
    raise refusal(status, code, message, more)


def refusal(
    status: int, code: str, message: str, more: dict[str, Any] | None = None, retry_after: int | None = None
) -> Refusal:
    """Make an answer with the vendor's error body."""
    body: dict[str, Any] = {"object": "error", "status": status, "code": code, "message": message}
    if more:
        body["additional_data"] = more
    body["request_id"] = new_id()
    return Refusal(status, body, {} if retry_after is None else {"retry-after": str(retry_after)})


@dataclass(slots=True)
class Option:
    """One option of a select property."""

    id: str
    name: str
    color: str


@dataclass(slots=True)
class Property:
    """One column of a data source. `config` holds what its type needs besides options: format, target, expression."""

    id: str
    name: str
    type: str
    config: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Option] = field(default_factory=dict)  # by id

    def option(self, name: str) -> Option:
        """Find the option of that name, or make it."""
        for known in self.options.values():
            if known.name == name:
                return known
        made = Option(new_id(), name, COLORS[len(self.options) % len(COLORS)])
        self.options[made.id] = made
        return made


@dataclass(slots=True)
class Page:
    """One row. Values are kept small, by property id: text, a number, a date's text, an option's id, page ids."""

    id: str
    created: float
    edited: float
    values: dict[str, Any]
    by_person: bool = False  # made in the app, not through the API
    in_trash: bool = False


@dataclass(slots=True)
class Source:
    """A data source: a table."""

    id: str
    database_id: str
    title: str
    created: float
    properties: dict[str, Property] = field(default_factory=dict)  # by id, in order
    pages: dict[str, Page] = field(default_factory=dict)  # by id, in the order a person sees
    in_trash: bool = False

    def find(self, name_or_id: str) -> Property | None:
        """Find a property by id, however encoded, or by name."""
        known = self.properties.get(name_or_id)
        if known is not None:
            return known
        for one in self.properties.values():
            if one.name == name_or_id or unquote(one.id) == name_or_id:
                return one
        return None

    @property
    def title_property(self) -> Property:
        """The one property of type title."""
        return next(one for one in self.properties.values() if one.type == "title")

    def add(self, name: str, kind: str) -> Property:
        """Add a property of that type."""
        number = len(self.properties)
        if kind == "title":
            made = Property("title", name, kind)
        else:
            while True:
                made = Property(_ID_SIGNS[number % len(_ID_SIGNS)] + uuid.uuid4().hex[:3], name, kind)
                if made.id not in self.properties:
                    break
        self.properties[made.id] = made
        return made


@dataclass(slots=True)
class Database:
    """A database: a block on a page that holds data sources."""

    id: str
    title: str
    created: float
    is_inline: bool = False
    in_trash: bool = False


@dataclass(slots=True)
class Workspace:
    """Everything behind one connection."""

    page_id: str
    clock: Clock
    page_title: str = "Finances"
    index_lag: float = 0.0  # seconds until a new row or table is found by query and search
    query_cap: int = 10_000  # rows that one query yields in all
    shared: bool = True
    page_in_trash: bool = False
    databases: dict[str, Database] = field(default_factory=dict)
    sources: dict[str, Source] = field(default_factory=dict)
    source_of: dict[str, str] = field(default_factory=dict)  # page id -> data source id
    revision: int = 0  # goes up with every change
    created: float = 0.0
    bot_id: str = field(default_factory=new_id)
    user_id: str = field(default_factory=new_id)
    workspace_id: str = field(default_factory=new_id)

    def now(self) -> float:
        """Unix seconds, and notes that something changes."""
        self.revision += 1
        return self.clock.now()

    def add_table(self, title: str, *, inline: bool = False) -> Source:
        """Add a database with one empty data source; its title property is called Name."""
        database = Database(new_id(), title, self.now(), inline)
        self.databases[database.id] = database
        source = self.add_source(database, title)
        source.add("Name", "title")
        return source

    def add_source(self, database: Database, title: str) -> Source:
        """Add a data source without properties to a database."""
        source = Source(new_id(), database.id, title, self.now())
        self.sources[source.id] = source
        return source

    def add_page(
        self, source: Source, values: dict[str, Any], created: float | None = None, *, by_person: bool = False
    ) -> Page:
        """Add a row."""
        at = self.now() if created is None else created
        page = Page(new_id(), at, at, values, by_person)
        source.pages[page.id] = page
        self.source_of[page.id] = source.id
        return page

    def sources_of(self, database: Database) -> Iterator[Source]:
        """Give the data sources of a database that are not in the trash."""
        return (one for one in self.sources.values() if one.database_id == database.id and not one.in_trash)

    def page(self, page_id: str) -> tuple[Source, Page]:
        """Find a row that the connection may see; trashed ones are still found by their id. Refuses with 404."""
        wanted = canonical_id(page_id)
        source = self.sources.get(self.source_of.get(wanted, ""))
        if source is None or not self.shared:
            not_found("page", wanted)
        return source, source.pages[wanted]

    def source(self, source_id: str) -> Source:
        """Find a data source that the connection may see. Refuses with 404."""
        found = self.sources.get(canonical_id(source_id))
        if found is None or not self.shared:
            not_found("data source", canonical_id(source_id))
        return found

    def database(self, database_id: str) -> Database:
        """Find a database that the connection may see. Refuses with 404."""
        found = self.databases.get(canonical_id(database_id))
        if found is None or not self.shared:
            not_found("database", canonical_id(database_id))
        return found

    def indexed(self, created: float) -> bool:
        """Whether query and search already know what was made then."""
        return self.index_lag <= 0 or created + self.index_lag <= self.clock.now()


def not_found(noun: str, wanted: str) -> NoReturn:
    """Answer that it does not exist or was not shared; the vendor does not say which."""
    refuse(
        404,
        "object_not_found",
        f"Could not find {noun} with ID: {wanted}. Make sure the relevant pages and databases are shared with your "
        "integration.",
    )


def invalid(message: str) -> NoReturn:
    """Answer that a body does not validate."""
    refuse(400, "validation_error", message)
