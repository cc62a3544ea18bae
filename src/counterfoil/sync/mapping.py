"""From canonical tables to the user's: the default mapping, and what no longer fits."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from counterfoil.errors import ActionRequired
from counterfoil.model import KEY_LABEL, TABLES, Kind, Writes, columns
from counterfoil.plan import REMOVED, Removal
from counterfoil.ports import FieldMapping, Schema, TableMapping

# What is wrong with one table only; the destination's other tables go on.
TABLE_CODES = frozenset({"table_missing", "column_missing", "column_retyped", "column_type", "column_calculated"})


def default_mappings(tables: Iterable[str], removal: Removal = Removal.DELETE) -> list[TableMapping]:
    """Map every column of the tables under its own label, in dependency order, nothing bound to ids yet."""
    chosen = set(tables)
    return [_default(table, chosen, removal) for table in TABLES if table in chosen]


def _default(table: str, chosen: set[str], removal: Removal) -> TableMapping:
    fields = [
        FieldMapping(c.name, c.label, c.kind, c.writes, to=c.to, title=c.title)
        for c in columns(table).values()
        if c.kind is not Kind.LINK or c.to in chosen
    ]
    if removal is Removal.MARK:
        fields.append(FieldMapping(REMOVED, "Removed", Kind.FLAG, Writes.ALWAYS))
    key = FieldMapping("key", KEY_LABEL, Kind.TEXT, Writes.ALWAYS)
    return TableMapping(table, TABLES[table].label, key, tuple(sorted(fields, key=lambda field: not field.title)))


def is_bound(mapping: TableMapping) -> bool:
    """Say whether a mapping knows the user's table and every field of it."""
    fields = (mapping.key_field, *mapping.fields)
    return bool(mapping.table_id) and all(field.field_id for field in fields)


def with_links(mappings: Sequence[TableMapping]) -> list[TableMapping]:
    """Tell each link which of the user's tables it points to."""
    ids = {mapping.table: mapping.table_id for mapping in mappings}
    return [
        replace(
            mapping,
            fields=tuple(
                replace(field, to_table_id=ids.get(field.to) or None) if field.to is not None else field
                for field in mapping.fields
            ),
        )
        for mapping in mappings
    ]


def check(mapping: TableMapping, schema: Schema) -> None:
    """Raise `ActionRequired` where the user's table no longer has what the mapping writes to."""
    table = next((table for table in schema.tables if table.id == mapping.table_id), None)
    if table is None:
        raise ActionRequired(
            "table_missing",
            f"The table “{mapping.label}” is not there any more.",
            remedy="Undo its deletion, or prepare the destination again to have it made anew.",
        )
    there = {field.id: field for field in table.fields}
    for field in (mapping.key_field, *mapping.fields):
        found = there.get(field.field_id)
        if found is None:
            raise ActionRequired(
                "column_missing",
                f"The column “{field.label}” of the table “{table.name}” is not there any more.",
                remedy="Undo its deletion, map another column, or take this one out of the mapping.",
            )
        if field.kind not in found.takes:
            raise ActionRequired(
                "column_retyped",
                f"The column “{found.name}” of the table “{table.name}” is now of the type {found.type}, "
                f"which cannot hold {field.kind.value.replace('_', ' ')}.",
                remedy="Change the column's type back, or map another column.",
            )
