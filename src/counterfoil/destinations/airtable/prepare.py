"""Which of the user's tables and fields take ours, and what has to be made. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from counterfoil.destinations.airtable.fields import LINK, TAKES, definition
from counterfoil.destinations.airtable.types import FieldEntry, TableEntry, Tables
from counterfoil.errors import ActionRequired
from counterfoil.model import Kind
from counterfoil.ports import FieldMapping, TableMapping


def find_table(schema: Tables, wanted: TableMapping) -> TableEntry | None:
    """Give the table that the mapping names by id, else by name (Airtable's names are unique without regard to case).

    Raises `ActionRequired` where the table of that id is gone.
    """
    if wanted.table_id:
        found = schema.table(wanted.table_id)
        if found is None:
            raise ActionRequired(
                "table_missing",
                f"The table “{wanted.label}” is not in the base any more.",
                remedy="Restore it from the trash in Airtable, or choose another table for it in the mapping.",
            )
        return found
    named = (table for table in schema.tables if table.name.casefold() == wanted.label.casefold())
    return next(named, None)


def fitting(schema: Tables, wanted: Sequence[TableMapping]) -> dict[str, str]:
    """Give the tables that are there already, canonical name -> id.

    Raises `ActionRequired` where one of them has a column that cannot take ours, before anything is made.
    """
    found = [(mapped, table) for mapped in wanted if (table := find_table(schema, mapped)) is not None]
    table_ids = {mapped.table: table.id for mapped, table in found}
    for mapped, table in found:
        for field in (mapped.key_field, *aimed(mapped, table_ids).fields):
            find_field(table, field)
    return table_ids


def find_field(table: TableEntry, wanted: FieldMapping) -> FieldEntry | None:
    """Give the field that the mapping names by id, else by name.

    Raises `ActionRequired` where the field of that id is gone, or the one found cannot take the column.
    """
    if wanted.field_id:
        found = next((field for field in table.fields if field.id == wanted.field_id), None)
        if found is None:
            raise missing_column(table.name, wanted.label)
    else:
        named = (field for field in table.fields if field.name.casefold() == wanted.label.casefold())
        found = next(named, None)
    if found is not None and (clash := _clash(found, wanted)):
        raise ActionRequired(
            "column_type",
            f"The column “{found.name}” of “{table.name}” {clash}.",
            remedy="Change its type or rename it in Airtable, or map something else to it.",
        )
    return found


def _clash(found: FieldEntry, wanted: FieldMapping) -> str | None:
    """Say why the field cannot take the column; None where it can."""
    if wanted.kind not in TAKES.get(found.type, frozenset()):
        return f"is of the type {found.type}, which cannot hold a {wanted.kind.value.replace('_', ' ')}"
    if found.type == LINK and wanted.to_table_id and (found.options or {}).get("linkedTableId") != wanted.to_table_id:
        return "links to another table"
    return None


def missing_column(table: str, label: str) -> ActionRequired:
    """Say that a mapped column is gone."""
    return ActionRequired(
        "column_missing",
        f"The column “{label}” of “{table}” is not there any more.",
        remedy="Undo its deletion in Airtable, or change the mapping of this table.",
    )


def aimed(wanted: TableMapping, table_ids: Mapping[str, str]) -> TableMapping:
    """Point the links at the tables that are known by now: canonical name -> the user's table."""
    fields = tuple(
        replace(field, to_table_id=table_ids.get(field.to or "", field.to_table_id))
        if field.kind is Kind.LINK
        else field
        for field in wanted.fields
    )
    return replace(wanted, fields=fields)


def new_table(wanted: TableMapping) -> dict[str, Any]:
    """Give the body that creates the table. The first field is the primary one, which names the row."""
    titles: Sequence[FieldMapping] = [field for field in wanted.fields if field.title]
    rest = [field for field in wanted.fields if not field.title]
    return {"name": wanted.label, "fields": [definition(field) for field in (*titles, wanted.key_field, *rest)]}


def filled(wanted: TableMapping, table: TableEntry) -> TableMapping:
    """Give the mapping with every id, from the table as it now is."""

    def with_id(field: FieldMapping) -> FieldMapping:
        found = find_field(table, field)
        assert found is not None, "every field was found or made"
        return replace(field, field_id=found.id)

    fields = tuple(with_id(field) for field in wanted.fields)
    return replace(wanted, table_id=table.id, key_field=with_id(wanted.key_field), fields=fields)
