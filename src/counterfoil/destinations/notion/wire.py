"""Notion's bodies, as far as we read them: https://developers.notion.com/reference."""

from decimal import Decimal
from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")


class Text(msgspec.Struct, frozen=True):
    """One piece of a rich text."""

    plain_text: str = ""


class Named(msgspec.Struct, frozen=True):
    """An option of a select."""

    name: str


class Moment(msgspec.Struct, frozen=True):
    """A date, with or without a time."""

    start: str


class Reference(msgspec.Struct, frozen=True):
    """Something that is named by its id: a page in a relation, a user."""

    id: str


class Value(msgspec.Struct, frozen=True):
    """A cell; the field named by `type` holds it."""

    id: str
    type: str
    title: tuple[Text, ...] = ()
    rich_text: tuple[Text, ...] = ()
    number: Decimal | None = None
    date: Moment | None = None
    checkbox: bool | None = None
    select: Named | None = None
    url: str | None = None
    relation: tuple[Reference, ...] = ()


class Page(msgspec.Struct, frozen=True):
    """A page; a row, where its parent is a data source."""

    id: str
    created_time: str = ""
    in_trash: bool = False
    properties: dict[str, Value] = {}
    created_by: Reference | None = None

    def value(self, property_id: str) -> Value | None:
        """Give the cell of a property by its id (they come by name)."""
        for value in self.properties.values():
            if value.id == property_id:
                return value
        return None


class RelationTarget(msgspec.Struct, frozen=True):
    """Where a relation points."""

    data_source_id: str


class Property(msgspec.Struct, frozen=True):
    """A column."""

    id: str
    name: str
    type: str
    relation: RelationTarget | None = None


class Parent(msgspec.Struct, frozen=True):
    """What holds it."""

    page_id: str | None = None
    database_id: str | None = None


class DataSource(msgspec.Struct, frozen=True):
    """A table."""

    id: str
    title: tuple[Text, ...] = ()
    properties: dict[str, Property] = {}
    parent: Parent = Parent()
    database_parent: Parent = Parent()
    in_trash: bool = False

    @property
    def name(self) -> str:
        """The title as plain text."""
        return plain(self.title)

    def by_id(self, property_id: str) -> Property | None:
        """Find a column by its id."""
        return next((one for one in self.properties.values() if one.id == property_id), None)


class SourceName(msgspec.Struct, frozen=True):
    """A data source as its database lists it."""

    id: str
    name: str = ""


class Database(msgspec.Struct, frozen=True):
    """A database: it holds data sources."""

    id: str
    data_sources: tuple[SourceName, ...] = ()
    in_trash: bool = False


class Block(msgspec.Struct, frozen=True):
    """A block of a page."""

    id: str
    type: str


class RequestStatus(msgspec.Struct, frozen=True):
    """Whether a query gave all that matches."""

    type: str = "complete"


class Listing(msgspec.Struct, Generic[T], frozen=True):
    """One page of a list."""

    results: tuple[T, ...]
    next_cursor: str | None = None
    has_more: bool = False
    request_status: RequestStatus = RequestStatus()


class Bot(msgspec.Struct, frozen=True):
    """What a bot user knows of its workspace."""

    workspace_name: str | None = None


class User(msgspec.Struct, frozen=True):
    """Who a token is."""

    id: str
    type: str = ""
    bot: Bot = Bot()


class Tokens(msgspec.Struct, frozen=True):
    """What the OAuth endpoint gives."""

    access_token: str
    refresh_token: str | None = None


class More(msgspec.Struct, frozen=True):
    """What an error says besides."""

    committed_resource_id: str | None = None
    rate_limit_reason: str | None = None


class Failure(msgspec.Struct, frozen=True):
    """An error body."""

    code: str = ""
    message: str = ""
    additional_data: More = More()


def plain(pieces: tuple[Text, ...]) -> str:
    """Join the pieces of a rich text."""
    return "".join(piece.plain_text for piece in pieces)
