"""Landing: what a provider told becomes canonical rows, in one transaction."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from hashlib import blake2b
from operator import attrgetter
from typing import Any, Final, cast

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from counterfoil.model import TABLES, Record, Transaction
from counterfoil.ports import Landing, Patch
from counterfoil.store import history, schema
from counterfoil.store.needle import needle
from counterfoil.store.saying import SPOKEN, Speaker
from counterfoil.store.schema.canonical import SEARCHED
from counterfoil.store.versions import Versions

_CHUNK: Final = 500  # keys in one IN list


@dataclass(slots=True)
class Landed:
    """How many rows a landing changed."""

    changed: int = 0
    removed: int = 0


class Lander:
    """Applies the landings of one finished loop to one connection's rows, in one transaction.

    Rows that are the same as before keep their version, so that nobody plans them again. Call `finish` at the end.
    With `remembers` False the history says nothing of it.
    """

    def __init__(
        self,
        tx: sa.Connection,
        connection_id: str,
        workspace_id: str,
        *,
        stream: str | None = None,
        remembers: bool = True,
    ) -> None:
        self._tx = tx
        self._stream = stream
        self._remembers = remembers
        self._connection_id = connection_id
        self._workspace_id = workspace_id
        self._versions = Versions(tx, workspace_id)
        self._speaker = Speaker(tx, connection_id, workspace_id)
        self._seen: dict[str, set[str]] = defaultdict(set)
        self.fresh: dict[str, set[str]] = defaultdict(set)  # keys that the connection never had before, by table
        self.landed = Landed()

    def apply(self, landing: Landing) -> None:
        """Apply one page: its rows, then its patches, then its removals."""
        by_table: dict[str, dict[str, Record]] = defaultdict(dict)
        for record in landing.rows:
            by_table[record.table][record.key] = record
        for table, records in by_table.items():
            self._seen[table].update(records)
            self._put(table, records)
        patches: dict[str, dict[str, Patch]] = defaultdict(dict)
        for patch in landing.patches:
            patches[patch.row.table][patch.row.key] = patch
        for table, by_key in patches.items():
            self._seen[table].update(by_key)
            self._patch(table, by_key)
        gone: dict[str, list[str]] = defaultdict(list)
        for table, key in landing.removed:
            gone[table].append(key)
        for table, keys in gone.items():
            self._remove(table, keys)

    def close_absent(self, tables: Iterable[str]) -> None:
        """Remove the connection's rows that no page of this loop has brought."""
        for table in tables:
            rows = schema.rows[table]
            live = self._tx.execute(
                sa.select(rows.c.key).where(rows.c.connection_id == self._connection_id, rows.c.removed.is_(False))
            ).scalars()
            self._remove(table, [key for key in live if key not in self._seen[table]])

    def close(self, table: str, doomed: Iterable[tuple[str, str]]) -> None:
        """Close live rows, given as (connection, key)."""
        gone = [(holder, key, self.next_version()) for holder, key in doomed]
        if not gone:
            return
        was = self._before(table, [(holder, key) for holder, key, _ in gone])
        rows = schema.rows[table]
        self._tx.execute(
            sa.update(rows)
            .where(rows.c.connection_id == sa.bindparam("c"), rows.c.key == sa.bindparam("k"))
            .values(removed=True, version=sa.bindparam("v")),
            [{"c": holder, "k": key, "v": version} for holder, key, version in gone],
        )
        self._note(history.closed(was, gone))
        self.landed.removed += len(gone)

    def next_version(self) -> int:
        """Give the version of one more changed row."""
        return self._versions.next()

    def finish(self) -> Landed:
        """Write the version reached."""
        self._versions.finish()
        if self._remembers and self._versions.reached != self._versions.first:
            versions = (self._versions.first + 1, self._versions.reached)
            history.note_landing(self._tx, self._workspace_id, self._connection_id, self._stream, versions)
        return self.landed

    def _before(self, table: str, places: Sequence[tuple[str, str]]) -> history.Before:
        return history.before(self._tx, table, places) if self._remembers else {}

    def _note(self, noted: Iterable[history.Change]) -> None:
        history.note(self._tx, self._workspace_id, history.BANK, noted)

    def _put(self, table: str, records: Mapping[str, Record]) -> None:
        known = self._known(table, list(records))
        write, speak = _writer(table, self._tx.dialect), _writer(table, self._tx.dialect, speaks=True)
        fresh = records.keys() - known.keys()
        self.fresh[table].update(fresh)
        moved = [record for record in records.values() if isinstance(record, Transaction)]
        said = self._speaker.verdicts([row for row in moved if row.key in fresh])
        changed: list[tuple[Any, ...]] = []
        spoken: list[tuple[Any, ...]] = []
        told_anew: list[tuple[int, Record]] = []
        for key, record in records.items():
            digest = _digest(record)
            standing = known.get(key)
            if standing == (digest, False):
                continue
            version = self._versions.next()
            fixed = (key, self._connection_id, self._workspace_id, version, False, digest)
            if (words := said.get(key)) is None:
                changed.append(write.parameters(fixed, record))
            else:
                spoken.append(speak.parameters(fixed, record, words))
            if standing is not None:
                told_anew.append((version, record))
        if not changed and not spoken:
            return
        was = self._before(table, [(self._connection_id, record.key) for _, record in told_anew])
        for writer, rows in ((write, changed), (speak, spoken)):
            if rows:
                self._tx.exec_driver_sql(writer.sql, rows)
        self._note(history.told_anew(was, self._connection_id, told_anew))
        self.landed.changed += len(changed) + len(spoken)
        self._name_successors(moved)
        self._speaker.carry_over([row for row in moved if row.key in fresh])

    def _name_successors(self, posted: Iterable[Transaction]) -> None:
        takeovers = [{"c": self._connection_id, "old": t.replaces, "new": t.key} for t in posted if t.replaces]
        if takeovers:
            self._tx.execute(_SET_SUCCESSOR, takeovers)

    def _patch(self, table: str, patches: Mapping[str, Patch]) -> None:
        rows = schema.rows[table]
        mine = (rows.c.connection_id == self._connection_id) & rows.c.key.in_(list(patches))
        there = {row["key"]: row for row in self._tx.execute(rows.select().where(mine)).mappings()}
        self._put(table, {key: patch.row for key, patch in patches.items() if key not in there})
        for key, row in there.items():
            patch = patches[key]
            values = {name: getattr(patch.row, name) for name in patch.columns}
            if not row["removed"] and all(row[name] == value for name, value in values.items()):
                continue
            version = self._versions.next()
            if table == history.TABLE:
                self._note([history.patched(row, version, values)])
            if table in SEARCHED:
                values["needle"] = needle(*({**row, **values}[name] for name in SEARCHED[table]))
            # The digest no longer tells what the whole row is: none is equal to the empty one.
            values.update(version=version, removed=False, digest=b"")
            self._tx.execute(
                sa.update(rows).where(rows.c.connection_id == self._connection_id, rows.c.key == key).values(**values)
            )
            self.landed.changed += 1

    def _known(self, table: str, keys: Sequence[str]) -> dict[str, tuple[bytes, bool]]:
        known: dict[str, tuple[bytes, bool]] = {}
        for start in range(0, len(keys), _CHUNK):
            asked = {"connection": self._connection_id, "keys": keys[start : start + _CHUNK]}
            found = self._tx.execute(_look_up(table), asked)
            known.update({key: (digest, removed) for key, digest, removed in found})
        return known

    def _remove(self, table: str, keys: Sequence[str]) -> None:
        known = self._known(table, keys)
        doomed = [key for key in keys if key in known and not known[key][1]]
        self.close(table, [(self._connection_id, key) for key in doomed])


_transactions = schema.rows["transactions"]
_SET_SUCCESSOR: Final = (
    sa.update(_transactions)
    .where(_transactions.c.connection_id == sa.bindparam("c"), _transactions.c.key == sa.bindparam("old"))
    .values(replaced_by=sa.bindparam("new"))
)
_encode: Final = msgspec.msgpack.Encoder(decimal_format="string").encode


def _digest(record: Record) -> bytes:
    return blake2b(_encode(record), digest_size=8).digest()


@dataclass(frozen=True, slots=True)
class _Writer:
    """The upsert of one table, compiled once: SQLAlchemy's own handling of parameters costs as much as the insert."""

    sql: str
    fields: Callable[[Record], tuple[Any, ...]]
    convert: tuple[tuple[int, Callable[[Any], Any]], ...]  # (place among the fields, conversion)
    made: tuple[tuple[int, Callable[[Record, Sequence[Any]], Any]], ...]  # (place, what is not the record's own)

    def parameters(self, fixed: tuple[Any, ...], record: Record, said: Sequence[Any] = ()) -> tuple[Any, ...]:
        """Give the parameters of one row; `said` are the values of `SPOKEN`, for a writer that speaks."""
        values = list(self.fields(record))
        for place, convert in self.convert:
            if values[place] is not None:
                values[place] = convert(values[place])
        for place, make in self.made:
            values.insert(place, make(record, said))
        return (*fixed, *values)


@cache
def _look_up(table: str) -> sa.Select[str, bytes, bool]:
    """Make the query once: one that holds its keys would be made anew for each page."""
    rows = schema.rows[table]
    mine = rows.c.connection_id == sa.bindparam("connection")
    return sa.select(rows.c.key, rows.c.digest, rows.c.removed).where(
        mine, rows.c.key.in_(sa.bindparam("keys", expanding=True))
    )


@cache
def _writer(table: str, dialect: sa.Dialect, speaks: bool = False) -> _Writer:
    """Make the writer of a table; one that speaks says of new rows what the rules say."""
    rows = schema.rows[table]
    fixed = ("key", "connection_id", "workspace_id", "version", "removed", "digest")
    told = TABLES[table].__struct_fields__
    made: dict[str, Callable[[Record, Sequence[Any]], Any]] = {}
    if table in SEARCHED:
        made["needle"] = _needle_of(*SEARCHED[table])
    if speaks:
        made |= {name: partial(_word, place) for place, name in enumerate(SPOKEN)}
    written = [column.name for column in rows.c if column.name in (*told, *made) and column.name not in fixed]
    names = [name for name in written if name not in made]
    insert = postgresql.insert(rows) if dialect.name == "postgresql" else sqlite.insert(rows)
    kept = ("connection_id", "workspace_id", "key", *SPOKEN)
    values: dict[str, Any] = {name: insert.excluded[name] for name in (*fixed, *written) if name not in kept}
    if "replaces" in values:  # a row that took over the place of one from an earlier link keeps it
        values["replaces"] = sa.func.coalesce(insert.excluded["replaces"], rows.c.replaces)
    upsert = insert.on_conflict_do_update(index_elements=["key", "connection_id"], set_=values)
    # Parameters go by position, in the order of the table's columns, on both databases.
    positional = cast(Any, type(dialect))(paramstyle="format") if dialect.name == "postgresql" else dialect
    compiled = upsert.compile(dialect=positional, column_keys=[*fixed, *written])
    converters = (rows.c[name].type.dialect_impl(dialect).bind_processor(dialect) for name in names)
    convert = tuple((place, one) for place, one in enumerate(converters) if one is not None)
    makers = tuple((place, made[name]) for place, name in enumerate(written) if name in made)
    return _Writer(str(compiled), attrgetter(*names), convert, makers)


def _needle_of(first: str, *others: str) -> Callable[[Record, Sequence[Any]], str]:
    if not others:
        return lambda record, _: needle(getattr(record, first))
    texts = attrgetter(first, *others)
    return lambda record, _: needle(*texts(record))


def _word(place: int, _record: Record, said: Sequence[Any]) -> Any:
    return said[place]
