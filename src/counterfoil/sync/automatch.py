"""Proposes which of the user's tables and fields take ours, by name and type. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from counterfoil.model import Kind
from counterfoil.plan import Removal
from counterfoil.ports import FieldMapping, RemoteField, RemoteTable, Schema, TableMapping
from counterfoil.sync.conflicts import Conflict, field_conflict, holds_titles_only
from counterfoil.sync.mapping import default_mappings, with_links
from counterfoil.sync.names import EXACT, KEY, KNOWN, column_likeness, table_likeness

SURE_ENOUGH: Final = 0.5  # below, nothing is proposed
_TITLE: Final = 0.6  # the field that names the row, whatever it is called
_TELLING: Final = 4  # fields that are like ours by which a table of any name is known


@dataclass(frozen=True, slots=True)
class FieldMatch:
    """One of our columns and the user's field that is proposed for it, None where none is like it.

    `confidence` goes from 0 to 1: 1 is our own name, 0.85 a well-known other one, 0.5 a guess.
    """

    column: str
    label: str
    kind: Kind
    field: RemoteField | None
    confidence: float


@dataclass(frozen=True, slots=True)
class TableMatch:
    """One of our tables, what is proposed for it, and what stands in the way."""

    table: str
    label: str
    remote: RemoteTable | None  # None: a new table is made, or where that cannot be, the table stays off
    confidence: float
    key: FieldMatch
    fields: tuple[FieldMatch, ...]
    conflicts: tuple[Conflict, ...]  # fields with a fitting name and a type that cannot hold our values
    unused: tuple[str, ...]  # names of the user's fields that stay the user's alone


@dataclass(frozen=True, slots=True)
class Proposal:
    """What could go where, to be looked at by a person."""

    tables: tuple[TableMatch, ...]
    unused: tuple[str, ...]  # names of the user's tables that nothing goes to
    mappings: tuple[TableMapping, ...]  # the proposal as it would be saved; what is without an id is made


def propose(schema: Schema, tables: Iterable[str], *, can_create: bool, removal: Removal = Removal.DELETE) -> Proposal:
    """Match our tables with the user's, then the fields of each pair; nothing of the user's is used twice."""
    wanted = default_mappings(tables, removal)
    places = _match_tables(schema, wanted)
    ids = {table: remote.id for table, (remote, _) in places.items()}
    matches: list[TableMatch] = []
    mappings: list[TableMapping] = []
    for mapping in wanted:
        remote, confidence = places.get(mapping.table, (None, 0.0))
        aimed = replace(
            mapping, fields=tuple(replace(f, to_table_id=ids.get(f.to)) if f.to else f for f in mapping.fields)
        )
        match = _match_fields(aimed, remote, confidence)
        matches.append(match)
        if remote is not None or can_create:
            mappings.append(_as_mapping(aimed, match, can_create))
    used = set(ids.values())
    unused = tuple(table.name for table in schema.tables if table.id not in used)
    return Proposal(tuple(matches), unused, tuple(with_links(mappings)))


def match_fields(mapping: TableMapping, remote: RemoteTable, can_create: bool) -> TableMapping:
    """Give a mapping that goes to one of the user's tables, its columns matched with the fields there."""
    return _as_mapping(mapping, _match_fields(mapping, remote, EXACT), can_create)


def _match_tables(schema: Schema, wanted: Sequence[TableMapping]) -> Mapping[str, tuple[RemoteTable, float]]:
    scored = [
        (score, mapping.table, remote)
        for mapping in wanted
        for remote in schema.tables
        if (score := _table_score(mapping, remote)) >= SURE_ENOUGH
    ]
    chosen: dict[str, tuple[RemoteTable, float]] = {}
    used: set[str] = set()
    for score, table, remote in sorted(scored, key=lambda one: -one[0]):
        if table not in chosen and remote.id not in used:
            chosen[table] = (remote, round(min(score, 1.0), 2))
            used.add(remote.id)
    return chosen


def _table_score(mapping: TableMapping, remote: RemoteTable) -> float:
    """Score by the table's name, and by its fields: those of another name need several that are like ours."""
    alike = {
        f.column: max((_field_score(mapping, f, there) for there in remote.fields), default=0.0) for f in mapping.fields
    }
    telling = [column for column, score in alike.items() if score >= KNOWN - 0.1]
    share = len(telling) / len(alike)
    name = table_likeness(remote.name, mapping.table)
    if name:
        return name + share / 10
    kinds = {mapping.field(column).kind for column in telling}
    known = len(telling) >= _TELLING and {Kind.MONEY, Kind.DATE} <= kinds
    return SURE_ENOUGH + share / 4 if known else 0.0


def _field_score(mapping: TableMapping, ours: FieldMapping, there: RemoteField) -> float:
    if field_conflict(mapping, ours, there) is not None:
        return 0.0
    score = column_likeness(there.name, mapping.table, ours.column)
    return max(score, _TITLE) if ours.title and there.title else score


def _match_fields(mapping: TableMapping, remote: RemoteTable | None, confidence: float) -> TableMatch:
    ours = (mapping.key_field, *mapping.fields)
    there = remote.fields if remote is not None else ()
    scored = [
        (score, nth, mine, field)
        for nth, mine in enumerate(ours)
        for field in there
        if (score := _field_score(mapping, mine, field)) >= SURE_ENOUGH
    ]
    found: dict[str, tuple[RemoteField, float]] = {}
    used: set[str] = set()
    for score, _, mine, field in sorted(scored, key=lambda one: (-one[0], one[1])):
        if mine.column not in found and field.id not in used:
            found[mine.column] = (field, score)
            used.add(field.id)

    def match(mine: FieldMapping) -> FieldMatch:
        field, score = found.get(mine.column, (None, 0.0))
        return FieldMatch(mine.column, mine.label, mine.kind, field, round(score, 2))

    return TableMatch(
        mapping.table,
        mapping.label,
        remote,
        confidence,
        match(mapping.key_field),
        tuple(match(mine) for mine in mapping.fields),
        tuple(_clashes(mapping, [mine for mine in ours if mine.column not in found], remote, used)),
        tuple(field.name for field in there if field.id not in used),
    )


def _clashes(
    mapping: TableMapping, unmatched: Sequence[FieldMapping], remote: RemoteTable | None, used: set[str]
) -> Iterator[Conflict]:
    """Name the fields that bear our name, or one just as telling, and cannot hold our values."""
    for mine in unmatched:
        for field in remote.fields if remote is not None else ():
            like = column_likeness(field.name, mapping.table, mine.column)
            conflict = field_conflict(mapping, mine, field, remote)
            if conflict is not None and field.id not in used and like > KNOWN and mine.column != KEY:
                yield conflict


def _as_mapping(mapping: TableMapping, match: TableMatch, can_create: bool) -> TableMapping:
    """Bind what is matched; what is not is made, where it can be, under a name that is free."""
    ids = {one.column: one.field.id for one in (match.key, *match.fields) if one.field is not None}
    there = match.remote.fields if match.remote is not None else ()
    taken = {field.name.casefold() for field in there}
    titled = any(holds_titles_only(field) and field.id in ids.values() for field in there)

    def bound(mine: FieldMapping) -> FieldMapping:
        if mine.column in ids:
            return replace(mine, field_id=ids[mine.column])
        return replace(mine, label=f"{mine.label} (Counterfoil)") if mine.label.casefold() in taken else mine

    kept = (mine for mine in mapping.fields if mine.column in ids or (can_create and not (mine.title and titled)))
    table_id = match.remote.id if match.remote is not None else ""
    return replace(
        mapping, table_id=table_id, key_field=bound(mapping.key_field), fields=tuple(bound(mine) for mine in kept)
    )
