"""Schema calls of the emulated Airtable: tables and fields are made here, links with their backward field.

https://airtable.com/developers/web/api/create-table and the pages beside it.
"""

from typing import Any, Final

from counterfoil.destinations.airtable.sandbox import refusals
from counterfoil.destinations.airtable.sandbox.fields import PRIMARY, options_of
from counterfoil.destinations.airtable.sandbox.store import LINK, Base, Field, Ids, Table

_MAX_FIELDS: Final = 500
_MAX_TABLES: Final = 1000


def create_table(base: Base, ids: Ids, body: Any) -> Table:
    """Make a table; the first field is the primary one."""
    name, fields = body.get("name"), body.get("fields")
    if not isinstance(name, str) or not name:
        raise refusals.bad_request()
    if any(table.name.casefold() == name.casefold() for table in base.tables):
        raise refusals.invalid("DUPLICATE_TABLE_NAME", f'A table named "{name}" already exists in this base')
    if not isinstance(fields, list) or not fields:
        raise refusals.invalid("INVALID_FIELDS", "A table needs at least one field")
    if fields[0].get("type") not in PRIMARY:
        raise refusals.invalid("INVALID_PRIMARY_FIELD_TYPE", "The first field cannot be the primary field")
    names = [str(field.get("name")).casefold() for field in fields]
    if len(set(names)) != len(names):
        raise refusals.invalid("DUPLICATE_OR_EMPTY_FIELD_NAME", "Field names must be unique in a table")
    if len(base.tables) >= _MAX_TABLES:
        raise refusals.invalid("TOO_MANY_TABLES", "The base has reached its limit of tables")
    for field in fields:
        _checked(base, ids, field)
    table = Table(ids.new("tbl"), name, [], "", ids.new("viw"), body.get("description"))
    base.tables.append(table)
    for field in fields:
        create_field(base, table, ids, field)
    table.primary = table.fields[0].id
    return table


def create_field(base: Base, table: Table, ids: Ids, body: Any) -> Field:
    """Add a column."""
    if any(field.name.casefold() == str(body.get("name")).casefold() for field in table.fields):
        raise refusals.invalid("DUPLICATE_OR_EMPTY_FIELD_NAME", "Field names must be unique in a table")
    if len(table.fields) >= _MAX_FIELDS:
        raise refusals.invalid("TOO_MANY_FIELDS", "The table has reached its limit of fields")
    field = _checked(base, ids, body)
    table.fields.append(field)
    if field.type == LINK:
        _link_back(base, table, field, ids)
    return field


def rename_field(table: Table, field: Field, body: Any) -> Field:
    """Change name and description; the type cannot be changed through the API."""
    if set(body) - {"name", "description"}:
        raise refusals.bad_request("Only name and description of a field can be changed")
    name = body.get("name", field.name)
    if any(one.name.casefold() == name.casefold() for one in table.fields if one is not field):
        raise refusals.invalid("DUPLICATE_OR_EMPTY_FIELD_NAME", "Field names must be unique in a table")
    field.name = name
    field.description = body.get("description", field.description)
    return field


def _checked(base: Base, ids: Ids, body: Any) -> Field:
    name, kind = body.get("name"), body.get("type")
    if not isinstance(name, str) or not name or not isinstance(kind, str):
        raise refusals.invalid("DUPLICATE_OR_EMPTY_FIELD_NAME", "Every field needs a name and a type")
    options = options_of(kind, body.get("options"), ids)
    if kind == LINK:
        target = (options or {}).get("linkedTableId")
        if not isinstance(target, str) or base.find(target) is None:
            raise refusals.invalid("INVALID_FIELD_TYPE_OPTIONS_FOR_CREATE", "The linked table does not exist")
        options = {
            "linkedTableId": target,
            "isReversed": False,
            "prefersSingleRecordLink": bool((options or {}).get("prefersSingleRecordLink", False)),
        }
    return Field(ids.new("fld"), name, kind, options, body.get("description"))


def _link_back(base: Base, table: Table, field: Field, ids: Ids) -> None:
    options = field.options or {}
    other = base.find(options["linkedTableId"])
    assert other is not None
    name, number = table.name, 1
    while any(one.name.casefold() == name.casefold() for one in other.fields):
        number += 1
        name = f"{table.name} {number}"
    backward = {
        "linkedTableId": table.id,
        "isReversed": False,
        "prefersSingleRecordLink": False,
        "inverseLinkFieldId": field.id,
    }
    inverse = Field(ids.new("fld"), name, LINK, backward)
    other.fields.append(inverse)
    options["inverseLinkFieldId"] = inverse.id
