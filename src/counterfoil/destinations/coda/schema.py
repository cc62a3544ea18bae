"""Our tables and fields found in the user's doc, and words for what is not there. Coda's API cannot make them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from counterfoil.destinations.coda.cells import TAKES
from counterfoil.destinations.coda.wire import Column, TableReference
from counterfoil.errors import ActionRequired
from counterfoil.model import Kind
from counterfoil.ports import FieldMapping, RemoteField, RemoteTable, TableMapping

# What a person picks in Coda's column menu.
_COLUMN_TYPES: Final[Mapping[Kind, str]] = {
    Kind.TEXT: "Text",
    Kind.LONG_TEXT: "Text",
    Kind.MONEY: "Number",
    Kind.NUMBER: "Number",
    Kind.PERCENT: "Percent",
    Kind.DATE: "Date",
    Kind.TIMESTAMP: "Date and time",
    Kind.FLAG: "Checkbox",
    Kind.SELECT: "Select list",
    Kind.URL: "Link",
    Kind.LINK: "Relation",
}


@dataclass(frozen=True, slots=True)
class Gap:
    """One thing that the doc lacks: a stable code, what is wrong, and what a person should do about it."""

    code: str
    message: str
    remedy: str


def takes(column: Column) -> frozenset[Kind]:
    """Say which of our kinds a column can hold."""
    return frozenset() if column.calculated else TAKES.get(column.format.type, frozenset())


def remote_table(table: TableReference, columns: Sequence[Column]) -> RemoteTable:
    """Describe a table of the user's."""
    fields = [
        RemoteField(
            column.id,
            column.name,
            column.format.type,
            takes(column),
            title=column.display,
            points_to=column.format.table.id if column.format.table is not None else None,
        )
        for column in columns
    ]
    return RemoteTable(table.id, table.name, tuple(fields))


def find_table(mapping: TableMapping, tables: Sequence[TableReference]) -> TableReference | None:
    """Find the table of a mapping: by id where it has one, else by name, whatever the case."""
    if mapping.table_id:
        return next((table for table in tables if table.id == mapping.table_id), None)
    return next((table for table in tables if table.name.casefold() == mapping.label.casefold()), None)


def no_table(mapping: TableMapping, labels: Mapping[str, str]) -> Gap:
    """Name a table that is missing, with all its columns. `labels` are the tables' names by canonical name."""
    wanted = ", ".join(f"“{field.label}” ({_type(field, labels)})" for field in (*mapping.fields, mapping.key_field))
    return Gap(
        "table_missing",
        f"The doc has no table “{mapping.label}”.",
        f"Add a table “{mapping.label}” with the columns {wanted}.",
    )


def fit(
    mapping: TableMapping, columns: Sequence[Column], table_ids: Mapping[str, str], labels: Mapping[str, str]
) -> tuple[TableMapping, list[Gap]]:
    """Give the mapping with its columns' ids, and what is missing or of the wrong type.

    `table_ids` and `labels` are ids and names of the user's tables by canonical name, for links.
    """
    gaps: list[Gap] = []

    def placed(field: FieldMapping) -> FieldMapping:
        target = table_ids.get(field.to or "", field.to_table_id)
        column = _find(field, columns)
        gap = _gap(mapping, field, column, target, labels)
        if gap is not None:
            gaps.append(gap)
        return replace(field, field_id=column.id if column else field.field_id, to_table_id=target)

    fields = tuple(placed(field) for field in mapping.fields)
    key_field = placed(mapping.key_field)
    return replace(mapping, fields=fields, key_field=key_field), gaps


def _find(field: FieldMapping, columns: Sequence[Column]) -> Column | None:
    if field.field_id:
        return next((column for column in columns if column.id == field.field_id), None)
    return next((column for column in columns if column.name.casefold() == field.label.casefold()), None)


def _gap(
    mapping: TableMapping, field: FieldMapping, column: Column | None, target: str | None, labels: Mapping[str, str]
) -> Gap | None:
    where = f"of the table “{mapping.label}”"
    if column is None:
        return Gap(
            "column_missing",
            f"The table “{mapping.label}” has no column “{field.label}”.",
            f"Add a column “{field.label}” ({_type(field, labels)}) to the table “{mapping.label}”, or unmap it.",
        )
    if column.calculated:
        return Gap(
            "column_calculated",
            f"The column “{column.name}” {where} has a formula, so nothing can be written to it.",
            f"Remove the formula of “{column.name}”, or map another column.",
        )
    wanted = Kind.TEXT if field is mapping.key_field else field.kind
    if wanted not in takes(column) or (field is mapping.key_field and column.format.type != "text"):
        return Gap(
            "column_type",
            f"The column “{column.name}” {where} is of the type {column.format.type}.",
            f"Change the type of “{column.name}” to {_type(field, labels)}, or map another column.",
        )
    points_to = column.format.table.id if column.format.table else None
    if column.format.type == "lookup" and target is not None and points_to not in (None, target):
        return Gap(
            "column_type",
            f"The column “{column.name}” {where} is a relation to another table.",
            f"Make “{column.name}” a {_type(field, labels)}, or map another column.",
        )
    return None


def _type(field: FieldMapping, labels: Mapping[str, str]) -> str:
    word = _COLUMN_TYPES[field.kind]
    return f"{word} to “{labels.get(field.to, field.to)}”" if field.kind is Kind.LINK and field.to else word


def ask(gaps: Sequence[Gap], *, template: str | None) -> ActionRequired:
    """Give the error that names everything the doc lacks; with a template, the easiest way comes first."""
    easiest = [f"Copy the template doc (coda.io/d/_d{template}) and connect the copy, or:"] if template else []
    return ActionRequired(
        gaps[0].code,
        " ".join(gap.message for gap in gaps),
        remedy=" ".join([*easiest, *(gap.remedy for gap in gaps)]),
    )
