"""Says things of transactions, as rules and people do, and carries what was said over to their successors."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, cast

import msgspec
import sqlalchemy as sa

from counterfoil.errors import NotThere
from counterfoil.model import Transaction
from counterfoil.rules import BY_HAND, Movement, Rulebook, Said, settle
from counterfoil.store import categories, history, rules, schema
from counterfoil.store.needle import needle
from counterfoil.store.versions import Versions

SPOKEN: Final = ("said_summary", "said_category", "tags", "hidden", "rule_id", "said_needle")  # what rules say
UNDONE: Final = "rules"  # a cause: no rule holds for the row any more
_CHUNK: Final = 500  # keys in one IN list
_rows: Final = schema.rows["transactions"]
_looked_at: Final = (
    *(_rows.c[name] for name in ("key", "connection_id", "version", "merchant", "summary", "original_text", "amount")),
    *(_rows.c[name] for name in ("currency", "account", "date", "category", "said_summary", "said_category", "tags")),
    *(_rows.c[name] for name in ("hidden", "rule_id", "by_hand", "transfer")),
)
Place = tuple[str, str]  # connection and key of a row


@dataclass(frozen=True, slots=True)
class Difference:
    """A row of which something else is to be said."""

    row: sa.Row[Any]
    now: Said
    then: Said
    by_hand: frozenset[str]

    @property
    def place(self) -> Place:
        return self.row.connection_id, self.row.key

    def cells(self) -> dict[str, tuple[Any, Any]]:
        """Give what changes for whoever looks at the row: column -> (before, after)."""
        told = {"summary": self.row.summary, "category": self.row.category, "tags": None, "hidden": False}
        shown = {name: tuple(getattr(said, name) or told[name] for said in (self.now, self.then)) for name in BY_HAND}
        return {name: (was, becomes) for name, (was, becomes) in shown.items() if was != becomes}


class Part(msgspec.Struct, frozen=True):
    """Rows that changed together: all versions from `first` to `last`, in these columns."""

    first: int
    last: int
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Look:
    """A part of the live transactions, compared with what the rules say of them."""

    looked: int
    matched: Mapping[str, int]  # how many rows each rule is the first to hold for
    differences: Sequence[Difference]
    after: Place | None  # where to go on; None at the end


def look(
    tx: sa.Connection, workspace_id: str, book: Rulebook, *, after: Place | None, limit: int, keep: int | None = None
) -> Look:
    """Compare up to `limit` transactions with the rules, in the order of their keys; keep up to `keep` differences."""
    query = sa.select(*_looked_at).where(_live(workspace_id))
    if after is not None:
        connection, key = after
        query = query.where((_rows.c.key >= key) & ((_rows.c.key > key) | (_rows.c.connection_id > connection)))
    found = tx.execute(query.order_by(_rows.c.key, _rows.c.connection_id).limit(limit)).all()
    matched: dict[str, int] = defaultdict(int)
    differences: list[Difference] = []
    reached = after
    looked = 0
    for row in found:
        looked += 1
        reached = (row.connection_id, row.key)
        verdict = book.first_match(cast(Movement, row))
        if verdict is not None and verdict.rule_id is not None:
            matched[verdict.rule_id] += 1
        difference = _compare(row, verdict)
        if difference is not None:
            differences.append(difference)
            if len(differences) == keep:
                break
    return Look(looked, matched, differences, reached if looked == limit or looked < len(found) else None)


def apply(tx: sa.Connection, workspace_id: str, places: Collection[Place]) -> list[Part]:
    """Have the rules of this moment say what they say of rows; give what changed. Rows that stay keep their version."""
    versions = Versions(tx, workspace_id)
    book = Rulebook(rules.of_workspace(tx, workspace_id))
    differences = [
        difference
        for row in _read(tx, workspace_id, places)
        if (difference := _compare(row, book.first_match(cast(Movement, row)))) is not None
    ]
    together: dict[tuple[str, ...], list[Difference]] = defaultdict(list)
    for difference in differences:
        together[tuple(difference.cells())].append(difference)
    parts = []
    for columns, alike in together.items():
        first = versions.reached + 1
        anew = [(one, versions.next() if columns else one.row.version) for one in alike]
        _write(tx, anew)
        if columns:
            parts.append(Part(first, versions.reached, columns))
            _remember(tx, workspace_id, book, anew)
    versions.finish()
    return parts


def edit(tx: sa.Connection, workspace_id: str, key: str, words: Mapping[str, Any]) -> list[Part]:
    """Keep what a person says of one transaction; give what changed for whoever looks at it.

    `words` are by name (see `BY_HAND`); None gives a name back to the rules and the bank. Raises `NotThere`, and
    `BadRequest` for a category that is not there.
    """
    if words.get("category") is not None:
        categories.known(tx, workspace_id, words["category"])
    versions = Versions(tx, workspace_id)
    live = _live(workspace_id) & (_rows.c.key == key)
    found = tx.execute(sa.select(*_looked_at).where(live)).all()
    if not found:
        raise _not_there(key)
    book = Rulebook(rules.of_workspace(tx, workspace_id))
    given = {name for name, word in words.items() if word is not None}
    parts = []
    for row in found:
        was = _said(row)
        by_hand = (_by_hand(row) - words.keys()) | given
        wished = msgspec.structs.replace(was, **{name: words[name] for name in given})
        becomes = settle(book.first_match(cast(Movement, row)), wished, by_hand)
        if (becomes, by_hand) == (was, _by_hand(row)):
            continue
        difference = Difference(row, was, becomes, by_hand)
        columns = tuple(difference.cells())
        version = versions.next() if columns else row.version
        _write(tx, [(difference, version)])
        history.note(tx, workspace_id, history.YOU, [_noted(difference, version)])
        parts += [Part(version, version, columns)] if columns else []
    versions.finish()
    return parts


@dataclass(frozen=True, slots=True)
class Spoken:
    """A transaction as the bank tells it, and what is said of it here."""

    key: str
    told_summary: str
    told_category: str | None
    merchant: str | None
    said: Said
    by_hand: frozenset[str]


def spoken(tx: sa.Connection, workspace_id: str, key: str) -> Spoken:
    """Give what is said of a transaction. Raises `NotThere`."""
    row = tx.execute(sa.select(*_looked_at).where(_live(workspace_id), _rows.c.key == key)).first()
    if row is None:
        raise _not_there(key)
    return Spoken(row.key, row.summary, row.category, row.merchant, _said(row), _by_hand(row))


def inherit(tx: sa.Connection, heirs: Iterable[tuple[Place, Place]]) -> None:
    """Say of rows what was said of those whose place they take, where anything was."""
    new_of = dict(heirs)
    said = []
    for row in _at(tx, list(new_of), *_carried):
        if row.by_hand or row.rule_id or row.transfer or row.hidden:
            holder, key = new_of[row.connection_id, row.key]
            words = {f"to_{column.name}": getattr(row, column.name) for column in _carried[2:]}
            said.append({"of_connection": holder, "of_key": key, **words})
    if said:
        tx.execute(_CARRY, said)


class Speaker:
    """Says what the rules say of the rows that land; their rules are read once, and only when rows are new."""

    def __init__(self, tx: sa.Connection, connection_id: str, workspace_id: str) -> None:
        self._tx = tx
        self._connection_id = connection_id
        self._workspace_id = workspace_id
        self._book: Rulebook | None = None

    def verdicts(self, fresh: Sequence[Transaction]) -> Mapping[str, Sequence[Any]]:
        """Give what the rules say of rows that are about to be written for the first time: by key, as `SPOKEN`."""
        if not fresh:
            return {}
        if self._book is None:
            self._book = Rulebook(rules.of_workspace(self._tx, self._workspace_id))
        if not self._book.rules:
            return {}
        found = ((row.key, self._book.first_match(row)) for row in fresh)
        return {key: _spoken(verdict) for key, verdict in found if verdict is not None}

    def carry_over(self, fresh: Sequence[Transaction]) -> None:
        """Say of new rows what was said of the pending ones whose place they take, whatever the rules say."""
        mine = self._connection_id
        heirs = [((mine, row.replaces), (mine, row.key)) for row in fresh if row.replaces]
        if heirs:
            inherit(self._tx, heirs)


@lru_cache(maxsize=1024)  # a rule says the same of all its rows
def _spoken(said: Said, transfer: str | None = None) -> tuple[Any, ...]:
    words = needle(said.summary, said.tags, transfer) or None
    return (said.summary, said.category, said.tags, said.hidden, said.rule_id, words)


def _not_there(key: str) -> NotThere:
    return NotThere(f"There is no transaction {key}.", remedy="Take a key of the list of transactions.")


def _live(workspace_id: str) -> sa.ColumnElement[bool]:
    return (_rows.c.workspace_id == workspace_id) & _rows.c.removed.is_(False) & _rows.c.replaced_by.is_(None)


def _read(tx: sa.Connection, workspace_id: str, places: Collection[Place]) -> list[sa.Row[Any]]:
    return list(_at(tx, places, *_looked_at, where=_live(workspace_id)))


def _at(
    tx: sa.Connection, places: Collection[Place], *columns: sa.Column[Any], where: sa.ColumnElement[bool] | None = None
) -> Iterator[sa.Row[Any]]:
    """Give the rows at these places."""
    by_holder: dict[str, list[str]] = defaultdict(list)
    for holder, key in places:
        by_holder[holder].append(key)
    for holder, keys in by_holder.items():
        for start in range(0, len(keys), _CHUNK):
            here = (_rows.c.connection_id == holder) & _rows.c.key.in_(keys[start : start + _CHUNK])
            query = sa.select(*columns).where(here)
            yield from tx.execute(query if where is None else query.where(where))


def _by_hand(row: sa.Row[Any]) -> frozenset[str]:
    return frozenset(row.by_hand.split(",")) if row.by_hand else frozenset()


def _said(row: sa.Row[Any]) -> Said:
    return Said(row.said_summary, row.said_category, row.tags, row.hidden, row.rule_id)


def _compare(row: sa.Row[Any], verdict: Said | None) -> Difference | None:
    now, by_hand = _said(row), _by_hand(row)
    then = settle(verdict, now, by_hand)
    return None if then == now else Difference(row, now, then, by_hand)


def _write(tx: sa.Connection, differences: Sequence[tuple[Difference, int]]) -> None:
    tx.execute(
        _SAY_ANEW,
        [
            _words(*one.place, one.then, one.row.transfer)
            | {"to_version": version, "to_by_hand": ",".join(sorted(one.by_hand)) or None}
            for one, version in differences
        ],
    )


def _words(connection_id: str, key: str, said: Said, transfer: str | None) -> dict[str, Any]:
    words = zip(SPOKEN, _spoken(said, transfer), strict=True)
    return {"of_connection": connection_id, "of_key": key, **{f"to_{name}": word for name, word in words}}


def _remember(
    tx: sa.Connection, workspace_id: str, book: Rulebook, differences: Sequence[tuple[Difference, int]]
) -> None:
    by_cause: dict[str, list[history.Change]] = defaultdict(list)
    for one, version in differences:
        rule = book.rules.get(one.then.rule_id or "")
        by_cause[history.by_rule(rule.name) if rule else UNDONE].append(_noted(one, version))
    for cause, noted in by_cause.items():
        history.note(tx, workspace_id, cause, noted)


def _noted(one: Difference, version: int) -> history.Change:
    return history.Change(*one.place, one.row.version, version, one.cells())


def _setting(*names: str) -> sa.Update:
    here = (_rows.c.connection_id == sa.bindparam("of_connection")) & (_rows.c.key == sa.bindparam("of_key"))
    return sa.update(_rows).where(here).values({name: sa.bindparam(f"to_{name}") for name in names})


_carried: Final = tuple(_rows.c[name] for name in ("key", "connection_id", *SPOKEN, "by_hand", "transfer"))
_SAY_ANEW: Final = _setting(*SPOKEN, "version", "by_hand")
_CARRY: Final = _setting(*(column.name for column in _carried[2:]))
