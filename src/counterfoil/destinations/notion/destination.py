"""A Notion page as a destination: each canonical table is a database on it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace

from counterfoil.destinations.notion import cells, refusals, wire
from counterfoil.destinations.notion.client import Client
from counterfoil.destinations.notion.reading import read_rows
from counterfoil.destinations.notion.refusals import Refused
from counterfoil.destinations.notion.tables import Schemas, Tables, matched, remote_table
from counterfoil.destinations.notion.writing import Batch
from counterfoil.ports import (
    Access,
    Change,
    FieldMapping,
    Identity,
    Outcome,
    RemoteRow,
    Schema,
    TableMapping,
)


class Notion:
    """One page of one user. A table's id is that of its data source, a field's id that of its property."""

    def __init__(self, access: Access, schemas: Schemas) -> None:
        self._client = Client(access)
        self._page_id = self._client.settings.page_id
        self._tables = Tables(self._client, self._page_id, schemas)

    async def check(self) -> Identity:
        """Prove that the token works and that the page was shared; name the page and its workspace."""
        me = await self._client.get("/users/me", wire.User)
        try:
            page = await self._client.get(f"/pages/{self._page_id}", wire.Page)
        except Refused as refused:
            raise refusals.page_missing() from refused
        if page.in_trash:
            raise refusals.page_missing()
        title = next((wire.plain(value.title) for value in page.properties.values() if value.type == "title"), "")
        names = [name for name in (title, me.bot.workspace_name) if name]
        return Identity(page.id, " · ".join(names) or "Notion")

    async def describe(self) -> Schema:
        """Read the tables on the page, in two calls as a rule."""
        return Schema(tuple(remote_table(source) for source in await self._tables.all()))

    async def prepare(self, tables: Sequence[TableMapping]) -> Sequence[TableMapping]:
        """Create the databases and properties that are missing."""
        standing = await self._tables.all()
        done: list[TableMapping] = []
        for table in tables:
            ids = {one.table: one.table_id for one in done}
            fields = tuple(_aimed(field, ids) for field in table.fields)
            done.append(await self._prepare(replace(table, fields=fields), standing))
        return done

    async def _prepare(self, table: TableMapping, standing: Sequence[wire.DataSource]) -> TableMapping:
        if table.table_id:
            source = next((one for one in standing if one.id == table.table_id), None)
            source = source or await self._tables.one(table.table_id)  # moved away, its id column renamed
            if source is None:
                raise refusals.table_missing(table.label)
        else:
            named = (one for one in standing if one.name == table.label and self._tables.on_page(one))
            source = next(named, None) or await self._create(table)
        filled = matched(table, source)
        missing = [field for field in (filled.key_field, *filled.fields) if not field.field_id]
        if not missing:
            return filled
        currency = self._client.settings.currency
        body = {"properties": {field.label: cells.new_property(field, currency) for field in missing}}
        source = await self._client.update(f"/data_sources/{source.id}", body, wire.DataSource)
        self._tables.remember(source)
        return matched(filled, source)

    async def _create(self, table: TableMapping) -> wire.DataSource:
        """Create a database with all its properties.

        Without an answer this raises `RetryLater`, and the repeat finds the database by its name on the page.
        """
        currency = self._client.settings.currency
        # Notion lists properties in the order of the request; the id column comes last, where it bothers least.
        fields = (*table.fields, table.key_field)
        properties = {field.label: cells.new_property(field, currency) for field in fields}
        body = {
            "parent": {"type": "page_id", "page_id": self._page_id},
            "title": cells.text(table.label),
            "initial_data_source": {"properties": properties},
        }
        try:
            database = await self._client.create("/databases", body, wire.Database)
        except Refused as refused:
            if refused.status != 404:
                raise
            raise refusals.page_missing() from refused
        source = await self._client.get(f"/data_sources/{database.data_sources[0].id}", wire.DataSource)
        self._tables.remember(source)
        return source

    async def write(self, table: TableMapping, changes: Sequence[Change]) -> Sequence[Outcome]:
        """Bring the changes to the table, several at once, at the pace that the plan allows."""
        if not changes:
            return []
        source = await self._tables.known(table)
        return await Batch(self._client, self._tables, table, source).write(changes)

    async def read(self, table: TableMapping) -> AsyncIterator[RemoteRow]:
        """Read the whole table, a hundred rows a call, oldest first."""
        try:
            async for row in read_rows(self._client, table):
                yield row
        except Refused:
            await self._tables.fresh(table)  # raises where the table or a column is gone
            raise


def _aimed(field: FieldMapping, table_ids: Mapping[str, str]) -> FieldMapping:
    """Point a link to the table that was prepared just now."""
    table_id = table_ids.get(field.to or "")
    return field if table_id is None else replace(field, to_table_id=table_id)
