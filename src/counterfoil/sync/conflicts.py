"""What stands in the way of a mapping, all of it, in plain words, before anything is written. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from counterfoil.errors import BadRequest
from counterfoil.model import KEY_LABEL, Kind
from counterfoil.ports import FieldMapping, RemoteField, RemoteTable, Schema, TableMapping

HOLDS: Final[Mapping[Kind, str]] = {
    Kind.TEXT: "text",
    Kind.LONG_TEXT: "long text",
    Kind.MONEY: "amounts",
    Kind.NUMBER: "numbers",
    Kind.PERCENT: "percentages",
    Kind.DATE: "dates",
    Kind.TIMESTAMP: "dates with times",
    Kind.FLAG: "yes or no",
    Kind.SELECT: "a choice of words",
    Kind.URL: "web addresses",
    Kind.LINK: "links to rows of another table",
}
_NAMED: Final = 3  # fields that are suggested instead
_TITLES: Final = frozenset({Kind.TEXT, Kind.LONG_TEXT})


@dataclass(frozen=True, slots=True)
class Conflict:
    """One thing that stands in the way: which of our columns (None: the whole table), what is wrong, what to do."""

    code: str
    table: str
    column: str | None
    message: str
    remedy: str


class MappingRefused(BadRequest):
    """A mapping cannot be kept; `conflicts` names everything that is wrong with it."""

    def __init__(self, conflicts: Sequence[Conflict]) -> None:
        super().__init__(
            " ".join(conflict.message for conflict in conflicts),
            remedy=" ".join(dict.fromkeys(conflict.remedy for conflict in conflicts)),
        )
        self.conflicts = tuple(conflicts)


def find_conflicts(
    mappings: Sequence[TableMapping], schema: Schema, *, can_create: bool, ids: Mapping[str, str]
) -> list[Conflict]:
    """Give all that stands in the way of writing to these tables as the user's place looks now.

    `ids` are the user's tables by canonical name, those included that nothing is written to at present.
    """
    found: list[Conflict] = []
    goals = Counter(mapping.table_id for mapping in mappings if mapping.table_id)
    for mapping in mappings:
        remote = table_of(mapping, schema)
        if goals[mapping.table_id] > 1:
            found.append(_shared(mapping, remote))
        if remote is not None:
            found += _in_table(mapping, remote, can_create, ids)
        elif mapping.table_id:
            found.append(_table_gone(mapping))
        elif not can_create:
            found.append(_table_to_add(mapping))
    return found


def table_of(mapping: TableMapping, schema: Schema) -> RemoteTable | None:
    """Give the user's table that a mapping goes to: by its id, else the one that bears its name."""
    if mapping.table_id:
        return next((table for table in schema.tables if table.id == mapping.table_id), None)
    named = (table for table in schema.tables if table.name.casefold() == mapping.label.casefold())
    return next(named, None)


def bound_by_name(mapping: TableMapping, schema: Schema) -> TableMapping:
    """Give a mapping the ids of what stands there under its names already, as its preparation will."""
    remote = table_of(mapping, schema)
    if remote is None:
        return mapping
    there = remote

    def bound(mapped: FieldMapping) -> FieldMapping:
        found = None if mapped.field_id else field_of(mapped, there)
        return mapped if found is None else replace(mapped, field_id=found.id)

    fields = tuple(bound(mapped) for mapped in mapping.fields)
    return replace(mapping, table_id=remote.id, key_field=bound(mapping.key_field), fields=fields)


def field_of(mapped: FieldMapping, remote: RemoteTable) -> RemoteField | None:
    """Give the user's field that takes a column: by its id, else the one that bears its name."""
    if mapped.field_id:
        return next((field for field in remote.fields if field.id == mapped.field_id), None)
    if mapped.title and (title := next((field for field in remote.fields if holds_titles_only(field)), None)):
        return title
    return next((field for field in remote.fields if field.name.casefold() == mapped.label.casefold()), None)


def holds_titles_only(field: RemoteField) -> bool:
    """Say whether a field is the one place for the name of a row, which takes it whatever the field is called."""
    return field.title and field.takes == _TITLES


def _in_table(
    mapping: TableMapping, remote: RemoteTable, can_create: bool, ids: Mapping[str, str]
) -> Iterator[Conflict]:
    taken: dict[str, FieldMapping] = {}
    for mapped in (mapping.key_field, *mapping.fields):
        field = field_of(mapped, remote)
        if field is None:
            if mapped.field_id or not can_create:
                yield _field_gone(mapping, mapped, remote, can_create)
            continue
        if field.id in taken:
            yield _twice(mapping, mapped, taken[field.id], field)
        taken[field.id] = mapped
        conflict = field_conflict(mapping, mapped, field, remote, ids)
        if conflict is not None:
            yield conflict


def field_conflict(
    mapping: TableMapping,
    mapped: FieldMapping,
    field: RemoteField,
    remote: RemoteTable | None = None,
    ids: Mapping[str, str] | None = None,
) -> Conflict | None:
    """Say why a field cannot take a column, None where it can."""
    where = f" of your table “{remote.name}”" if remote is not None else ""
    if mapped.kind not in field.takes:
        others = [one for one in (remote.fields if remote else ()) if mapped.kind in one.takes]
        instead = ", ".join(f"“{one.name}”" for one in others[:_NAMED])
        return Conflict(
            "column_type",
            mapping.table,
            mapped.column,
            f"“{field.name}”{where} is of the type {field.type}, which cannot hold {HOLDS[mapped.kind]}, "
            f"so it cannot take {mapped.label}.",
            f"Change the type of “{field.name}”, rename it, "
            + (f"or map {mapped.label} to another field, such as {instead}." if others else "or map another field."),
        )
    goals = (mapped.to_table_id, (ids or {}).get(mapped.to or ""))
    if mapped.kind is Kind.LINK and field.points_to is not None and field.points_to not in goals:
        return Conflict(
            "link_astray",
            mapping.table,
            mapped.column,
            f"“{field.name}”{where} links to rows of another table than the one that takes our {mapped.to}.",
            f"Let “{field.name}” link to that table, or map a text field to {mapped.label}.",
        )
    return None


def _shared(mapping: TableMapping, remote: RemoteTable | None) -> Conflict:
    name = remote.name if remote is not None else mapping.label
    return Conflict(
        "table_twice",
        mapping.table,
        None,
        f"The table “{name}” would take the rows of more than one of our tables.",
        f"Choose a table of its own for {mapping.label}, or switch it off.",
    )


def _table_gone(mapping: TableMapping) -> Conflict:
    return Conflict(
        "table_missing",
        mapping.table,
        None,
        f"The table for {mapping.label} is not there any more.",
        "Undo its deletion, choose another table, or have it made anew.",
    )


def _table_to_add(mapping: TableMapping) -> Conflict:
    wanted = ", ".join(f"“{f.label}” ({HOLDS[f.kind]})" for f in (*mapping.fields, mapping.key_field))
    return Conflict(
        "table_missing",
        mapping.table,
        None,
        f"There is no table “{mapping.label}”, and this app lets nobody but you make one.",
        f"Add a table “{mapping.label}” with the columns {wanted}; or choose another table, or switch this one off.",
    )


def _field_gone(mapping: TableMapping, mapped: FieldMapping, remote: RemoteTable, can_create: bool) -> Conflict:
    if mapped.field_id:
        message = f"The field for {mapped.label} is not in your table “{remote.name}” any more."
        remedy = "Undo its deletion, map another field, or take this column out."
    else:
        message = f"Your table “{remote.name}” has no field “{mapped.label}”."
        remedy = f"Add a field “{mapped.label}” ({HOLDS[mapped.kind]}) there, map another one, or take this column out."
    if mapped is mapping.key_field:
        remedy = f"Add a text field “{KEY_LABEL}”: by it our rows are known again."
    return Conflict("column_missing", mapping.table, mapped.column, message, remedy)


def _twice(mapping: TableMapping, mapped: FieldMapping, other: FieldMapping, field: RemoteField) -> Conflict:
    return Conflict(
        "column_twice",
        mapping.table,
        mapped.column,
        f"“{field.name}” cannot take both {other.label} and {mapped.label}.",
        f"Map another field to {mapped.label}, or take it out.",
    )
