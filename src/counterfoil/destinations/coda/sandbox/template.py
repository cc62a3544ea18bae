"""The template doc that the emulator knows: one table for every canonical one, built from the model's own labels."""

from collections.abc import Mapping
from typing import Final

from counterfoil.destinations.coda.sandbox.doc import Column, Doc, Ids, Table
from counterfoil.model import KEY_LABEL, TABLES, Kind, columns

TEMPLATE_DOC_ID: Final = "tMpLtDoc01"

# The vendor's format for each of our kinds. Money is a plain number: a currency format shows one symbol for all rows.
FORMATS: Final[Mapping[Kind, str]] = {
    Kind.TEXT: "text",
    Kind.LONG_TEXT: "text",
    Kind.MONEY: "number",
    Kind.NUMBER: "number",
    Kind.PERCENT: "percent",
    Kind.DATE: "date",
    Kind.TIMESTAMP: "dateTime",
    Kind.FLAG: "checkbox",
    Kind.SELECT: "select",
    Kind.URL: "link",
    Kind.LINK: "lookup",
}


def template(ids: Ids, now: float) -> Doc:
    """Make the template doc: the tables of the model, and a view to trip over."""
    tables: dict[str, Table] = {}
    for name in TABLES:
        ordered = sorted(columns(name).values(), key=lambda column: not column.title)
        made = [_column(ids, column.label, FORMATS[column.kind], column.to, tables) for column in ordered]
        made.append(Column(ids.new("c-"), KEY_LABEL, "text"))
        tables[name] = Table(ids.new("grid-"), TABLES[name].label, made, made[0].id, now)
    base = tables["transactions"]
    view = Table(ids.new("table-"), "Recent transactions", base.columns, base.display, now, parent=base.id)
    return Doc(TEMPLATE_DOC_ID, "Counterfoil template", now, [*tables.values(), view])


def _column(ids: Ids, label: str, kind: str, to: str | None, tables: Mapping[str, Table]) -> Column:
    return Column(ids.new("c-"), label, kind, to=tables[to].id if to else None)


def copied(source: Doc, ids: Ids, doc_id: str, name: str, now: float, filled_at: float) -> Doc:
    """Copy a doc as `sourceDoc` does: new ids for the doc and its tables, the same for columns and rows."""
    new_ids = {table.id: ids.new("table-" if table.parent else "grid-") for table in source.tables}
    shared_columns: dict[str, list[Column]] = {}  # a view has its table's columns
    tables = []
    for table in source.tables:
        own = shared_columns.setdefault(
            table.parent or table.id,
            [
                Column(one.id, one.name, one.type, new_ids.get(one.to or ""), one.calculated, one.is_array)
                for one in table.columns
            ],
        )
        parent = new_ids[table.parent] if table.parent else None
        copy = Table(new_ids[table.id], table.name, own, table.display, now, parent=parent)
        for row in table.rows.values():
            copy.put(row, version=0, shown_at=now)
        tables.append(copy)
    return Doc(doc_id, name, now, tables, source=source.id, filled_at=filled_at)
