"""Looking through rows: searched, filtered, and a page at a time from any place, newest or first by name."""

import datetime as dt
import enum
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import sqlalchemy as sa

from counterfoil.errors import NotThere
from counterfoil.model import TABLES, columns
from counterfoil.store import said, schema
from counterfoil.store.needle import fold
from counterfoil.store.rows import Stored
from counterfoil.store.schema.canonical import SEARCHED, order_of

_WORDS: Final = 8  # of a search; each more than that would narrow nothing
BROWSED: Final = tuple(SEARCHED)


class State(enum.Enum):
    """Which rows are looked through."""

    LIVE = "live"  # all that is there, without what is hidden here
    PENDING = "pending"
    POSTED = "posted"
    REMOVED = "removed"  # the provider has taken it back
    HIDDEN = "hidden"  # there, and hidden here
    ALL = "all"  # every one of these


class Direction(enum.Enum):
    """Which way the money went."""

    IN = "in"
    OUT = "out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is asked for. Amounts are compared without their sign; what a table has no column for filters nothing."""

    words: str = ""  # all of them, anywhere in the texts, without regard to case and accents
    state: State = State.LIVE
    connection_id: str | None = None
    account: str | None = None  # keys
    category: str | None = None
    since: dt.date | None = None
    until: dt.date | None = None  # that day included
    least: Decimal | None = None
    most: Decimal | None = None
    direction: Direction | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """A row's place in the order: its day or name as text, its key, its connection."""

    by: str
    key: str
    connection_id: str


@dataclass(frozen=True, slots=True)
class Found(Stored):
    """One row as people see it."""

    hidden: bool
    replaces: str | None  # the key of the row that it stands for: a pending one, or one of an earlier link
    replaced_by: str | None


def position_of(table: str, row: Found) -> Position:
    """Give the place of a row."""
    return Position(str(row.record[order_of(table).name]), row.record["key"], row.connection_id)


def page(
    tx: sa.Connection,
    workspace_id: str,
    table: str,
    wanted: Wanted,
    *,
    after: Position | None = None,
    limit: int,
    backwards: bool = False,
) -> list[Found]:
    """Give up to `limit` rows from the one that follows a place: the newest first, or by name.

    With `backwards` the order is turned around: what comes before a place, the nearest first.
    """
    asked = query(workspace_id, table, wanted, after=after, limit=limit, backwards=backwards)
    return [_found(table, row) for row in tx.execute(asked).mappings()]


def query(
    workspace_id: str, table: str, wanted: Wanted, *, after: Position | None, limit: int, backwards: bool
) -> sa.Select[Any]:
    """Make the query of a page."""
    rows = schema.rows[table]
    c = rows.c
    place = (order_of(table), c.key, c.connection_id)
    falls = ("date" in c) is not backwards  # the newest first
    order = [one.desc() if falls else one.asc() for one in place]
    chosen = sa.select(c.key, c.connection_id).where(c.workspace_id == workspace_id, *_asked(table, wanted))
    if after is not None:
        here = sa.tuple_(sa.literal(after.by, sa.String), sa.literal(after.key), sa.literal(after.connection_id))
        there = sa.tuple_(sa.type_coerce(place[0], sa.String), *place[1:])
        chosen = chosen.where(there < here if falls else there > here)
    found = chosen.order_by(*order).limit(limit).subquery()
    # Only the rows that are shown are read from the table; all others are passed over in the index.
    same = (c.key == found.c.key) & (c.connection_id == found.c.connection_id)
    return sa.select(rows).join(found, same).order_by(*order)


def parts(tx: sa.Connection, workspace_id: str, table: str, wanted: Wanted, size: int) -> Iterator[list[Found]]:
    """Give all rows that are asked for, up to `size` at a time."""
    after: Position | None = None
    while found := page(tx, workspace_id, table, wanted, after=after, limit=size):
        yield found
        after = position_of(table, found[-1])


def find(tx: sa.Connection, workspace_id: str, table: str, key: str, connection_id: str | None = None) -> Found:
    """Give one row, also one that was taken back; of several connections' rows a live one. Raises `NotThere`."""
    rows = schema.rows[table]
    mine = (rows.c.workspace_id == workspace_id) & (rows.c.key == key)
    if connection_id is not None:
        mine &= rows.c.connection_id == connection_id
    row = (
        tx.execute(rows.select().where(mine).order_by(rows.c.removed, rows.c.version.desc()).limit(1))
        .mappings()
        .first()
    )
    if row is None:
        what = TABLES[table].label.lower()
        raise NotThere(f"There is no such row among the {what}.", remedy="Look for it in the list.")
    return _found(table, row)


@dataclass(frozen=True, slots=True)
class AccountName:
    """An account as people know it."""

    connection_id: str
    key: str
    name: str
    mask: str | None
    is_open: bool

    def __str__(self) -> str:
        return f"{self.name} •••• {self.mask}" if self.mask else self.name


def account_names(tx: sa.Connection, workspace_id: str) -> dict[str, AccountName]:
    """Give a workspace's accounts by key, in the order of their names; closed ones are among them."""
    c = schema.rows["accounts"].c
    query = sa.select(c.connection_id, c.key, c.name, c.mask, c.removed.is_(False)).where(
        c.workspace_id == workspace_id, c.replaced_by.is_(None)
    )
    return {row.key: AccountName(*row) for row in tx.execute(query.order_by(c.name, c.key, c.removed.desc()))}


def _found(table: str, row: sa.RowMapping) -> Found:
    shown = said.cells(table, row, ("key", *columns(table)))
    hidden = bool(row.get("hidden"))
    return Found(
        row["connection_id"], row["version"], row["removed"], shown, hidden, row["replaces"], row["replaced_by"]
    )


def _asked(table: str, wanted: Wanted) -> Iterator[sa.ColumnElement[bool]]:
    """Give the conditions, those first that most rows fail: SQLite looks at them in this order."""
    c = schema.rows[table].c
    if wanted.account is not None and "account" in c:
        yield c.account == wanted.account
    if wanted.connection_id is not None:
        yield c.connection_id == wanted.connection_id
    if wanted.category is not None and "category" in c:
        yield said.column(table, "category") == wanted.category
    if "date" in c:
        yield from _of_days(c.date, wanted)
    yield from _of_words(table, wanted.words)
    if "amount" in c:
        yield from _of_amounts(c.amount, wanted)
    yield from _of_state(table, wanted.state)


def _of_words(table: str, words: str) -> Iterator[sa.ColumnElement[bool]]:
    c = schema.rows[table].c
    texts: sa.ColumnElement[str] = c.needle
    if "said_needle" in c:
        texts = sa.case((c.said_needle.is_(None), c.needle), else_=c.needle + "\n" + c.said_needle)
    for word in fold(words).split()[:_WORDS]:
        yield texts.contains(word, autoescape=True)


def _of_state(table: str, state: State) -> Iterator[sa.ColumnElement[bool]]:
    c = schema.rows[table].c
    yield c.replaced_by.is_(None)  # another row stands for it
    if state is State.ALL:
        return
    yield c.removed.is_(state is State.REMOVED)
    if state is not State.REMOVED:
        shown = said.is_shown(table)
        yield ~shown if state is State.HIDDEN else shown
    if "pending" in c and state in (State.PENDING, State.POSTED):
        yield c.pending.is_(state is State.PENDING)


def _of_days(date: sa.ColumnElement[dt.date], wanted: Wanted) -> Iterator[sa.ColumnElement[bool]]:
    if wanted.since is not None:
        yield date >= wanted.since
    if wanted.until is not None:
        yield date <= wanted.until


def _of_amounts(amount: sa.ColumnElement[Decimal], wanted: Wanted) -> Iterator[sa.ColumnElement[bool]]:
    # SQLite keeps amounts as text and compares them as doubles, on both sides: exact up to 15 digits.
    number = sa.cast(amount, sa.Numeric)
    if wanted.direction is not None:
        yield number > 0 if wanted.direction is Direction.IN else number < 0
    if wanted.least is not None:
        yield sa.func.abs(number) >= _number(wanted.least)
    if wanted.most is not None:
        yield sa.func.abs(number) <= _number(wanted.most)


def _number(value: Decimal) -> sa.ColumnElement[Any]:
    return sa.cast(sa.literal(format(value, "f"), sa.String), sa.Numeric)
