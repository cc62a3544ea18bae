"""The Airtable destination: one base."""

from collections.abc import AsyncIterator, Sequence

import msgspec

from counterfoil.destinations.airtable.client import Client, IteratorGone
from counterfoil.destinations.airtable.fields import TAKES, decode, definition
from counterfoil.destinations.airtable.prepare import (
    aimed,
    filled,
    find_field,
    find_table,
    fitting,
    missing_column,
    new_table,
)
from counterfoil.destinations.airtable.types import FieldEntry, Record, TableEntry, Tables
from counterfoil.destinations.airtable.writer import Options, Writer
from counterfoil.errors import ActionRequired
from counterfoil.model import Kind
from counterfoil.ports import (
    Access,
    Act,
    Change,
    Identity,
    Outcome,
    RemoteField,
    RemoteRow,
    RemoteTable,
    Schema,
    TableMapping,
)


class AirtableDestination:
    """Implements `counterfoil.ports.Destination` over Airtable's Web API."""

    def __init__(self, access: Access) -> None:
        self._client = Client(access)
        self._schema: Tables | None = None  # as last read; columns may have changed since
        self._options: Options = {}

    async def check(self) -> Identity:
        """Find the base among those that the token can see, with the right to edit it."""
        offset: str | None = None
        while True:
            page = await self._client.bases(offset)
            for base in page.bases:
                if base.id == self._client.base_id:
                    if base.permissionLevel not in ("create", "edit", ""):
                        raise _read_only(base.name)
                    return Identity(base.id, base.name)
            offset = page.offset
            if offset is None:
                raise _not_shared()

    async def describe(self) -> Schema:
        """Read the base's tables and fields, in one call."""
        schema = await self._read_schema()
        return Schema(tuple(_remote_table(table) for table in schema.tables))

    async def prepare(self, tables: Sequence[TableMapping]) -> Sequence[TableMapping]:
        """Create what is missing. What does not fit is said before anything is created."""
        schema = await self._read_schema()
        table_ids = fitting(schema, tables)
        made: list[TableEntry] = []
        done: list[TableMapping] = []
        for wanted in tables:
            target = aimed(wanted, table_ids)
            entry = await self._completed(schema, target)
            table_ids[wanted.table] = entry.id
            made.append(entry)
            done.append(filled(target, entry))
        others = [table for table in schema.tables if table.id not in table_ids.values()]
        self._schema = Tables([*made, *others])
        return done

    async def _completed(self, schema: Tables, wanted: TableMapping) -> TableEntry:
        found = find_table(schema, wanted)
        if found is None:
            return await self._client.create_table(new_table(wanted))
        missing = [field for field in (wanted.key_field, *wanted.fields) if find_field(found, field) is None]
        made = [await self._client.create_field(found.id, definition(field)) for field in missing]
        return msgspec.structs.replace(found, fields=[*found.fields, *made])

    async def write(self, table: TableMapping, changes: Sequence[Change]) -> Sequence[Outcome]:
        """Upsert by key what is new, update by id what is known; ten rows a call, several calls in flight."""
        if not changes:
            return []
        columns = await self._columns(table, changes)
        return await Writer(self._client, table, columns, self._options).write(changes)

    async def read(self, table: TableMapping) -> AsyncIterator[RemoteRow]:
        """Read the whole table. Where the listing dies on the way it starts again and leaves out what was given."""
        wanted = [table.key_field.field_id, *(field.field_id for field in table.fields)]
        given: set[str] = set()
        offset: str | None = None
        while True:
            try:
                page = await self._client.page(table.table_id, wanted, offset)
            except IteratorGone:
                offset = None
                continue
            for record in page.records:
                if record.id not in given:
                    given.add(record.id)
                    yield _remote_row(table, record)
            offset = page.offset
            if offset is None:
                return

    # --- what the base looks like ---

    async def _read_schema(self) -> Tables:
        self._schema = await self._client.schema()
        for table in self._schema.tables:
            for field in table.fields:
                if field.type == "singleSelect":
                    self._options[field.id] = set(field.choices())
        return self._schema

    async def _columns(self, table: TableMapping, changes: Sequence[Change]) -> dict[str, FieldEntry]:
        """Give the table's fields by id. Raises `ActionRequired` where one that is to be written is gone."""
        needed = [table.field(column) for column in {column for change in changes for column in change.cells}]
        if any(change.act is not Act.DELETE for change in changes):
            needed.append(table.key_field)
        columns = self._known_columns(table.table_id)
        if any(field.field_id not in columns for field in needed):
            await self._read_schema()
            columns = self._known_columns(table.table_id)
        for field in needed:
            if field.field_id not in columns:
                raise missing_column(table.label, field.label)
        return columns

    def _known_columns(self, table_id: str) -> dict[str, FieldEntry]:
        found = self._schema.table(table_id) if self._schema else None
        return {field.id: field for field in found.fields} if found else {}


def _remote_table(table: TableEntry) -> RemoteTable:
    fields = (
        RemoteField(
            one.id,
            one.name,
            one.type,
            TAKES.get(one.type, frozenset()),
            title=nth == 0,  # the first field is the primary one
            points_to=(one.options or {}).get("linkedTableId"),
        )
        for nth, one in enumerate(table.fields)
    )
    return RemoteTable(table.id, table.name, tuple(fields))


def _remote_row(table: TableMapping, record: Record) -> RemoteRow:
    cells = {field.column: decode(record.fields.get(field.field_id), field.kind) for field in table.fields}
    key = decode(record.fields.get(table.key_field.field_id), Kind.TEXT)
    return RemoteRow(key if isinstance(key, str) else None, record.id, cells)


def _not_shared() -> ActionRequired:
    return ActionRequired(
        "base_not_shared",
        "The token cannot see this Airtable base.",
        remedy="Check the base id, and add the base to the token's access at airtable.com/create/tokens.",
    )


def _read_only(name: str) -> ActionRequired:
    return ActionRequired(
        "read_only",
        f"The token may read the Airtable base “{name}” but not edit it.",
        remedy="Use a token of a user who may edit the base (creator, if Counterfoil is to make the tables).",
    )
