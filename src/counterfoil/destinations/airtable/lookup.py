"""Finding rows by what stands in their id field, for writes whose fate is unknown."""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Final

import msgspec

from counterfoil.destinations.airtable.client import Client
from counterfoil.destinations.airtable.prepare import missing_column
from counterfoil.destinations.airtable.types import Tables
from counterfoil.errors import ActionRequired
from counterfoil.ports import TableMapping

_AT_ONCE: Final = 50  # texts in one formula: even copied rows then fit on a page


async def rows_by_key(client: Client, table: TableMapping, keys: Iterable[str]) -> dict[str, list[str]]:
    """Give the ids of the rows that hold these keys, the oldest first; a key without a row is absent."""
    wanted = list(dict.fromkeys(keys))
    if not wanted:
        return {}
    # Formulas know fields by name only, and the user may have renamed it a moment ago.
    name = _field_name(await client.schema(), table)
    found: dict[str, list[tuple[str, str]]] = {}
    for some in _portions(wanted):
        formula = _any_of(f"{{{name}}}={_quoted(key)}" for key in some)
        records = await client.matching(table.table_id, formula, table.key_field.field_id)
        for record in records.records:
            held = msgspec.json.decode(record.fields.get(table.key_field.field_id, b"null"), type=str | None)
            if held in some:  # the vendor's comparison may be laxer than ours
                found.setdefault(str(held), []).append((record.createdTime, record.id))
    return {key: [row_id for _, row_id in sorted(rows)] for key, rows in found.items()}


async def rows_still_there(client: Client, table: TableMapping, row_ids: Sequence[str]) -> set[str]:
    """Give those of these row ids that the table still has."""
    formula = _any_of(f"RECORD_ID()={_quoted(row_id)}" for row_id in row_ids)
    records = await client.matching(table.table_id, formula, table.key_field.field_id)
    return {record.id for record in records.records}


def _field_name(schema: Tables, table: TableMapping) -> str:
    found = schema.table(table.table_id)
    if found is None:
        raise ActionRequired(
            "table_missing",
            f"The table “{table.label}” is not in the base any more.",
            remedy="Restore it from the trash in Airtable, or choose another table for it in the mapping.",
        )
    for field in found.fields:
        if field.id == table.key_field.field_id:
            return field.name.replace("}", "\\}")
    raise missing_column(table.label, table.key_field.label)


def _any_of(conditions: Iterable[str]) -> str:
    return f"OR({','.join(conditions)})"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _portions(keys: Sequence[str]) -> Iterable[list[str]]:
    remaining = iter(keys)
    while portion := list(islice(remaining, _AT_ONCE)):
        yield portion
