"""The tables on the user's page: found, shown, matched with a mapping."""

import time
from dataclasses import replace
from typing import Final

from counterfoil.destinations.notion import refusals, wire
from counterfoil.destinations.notion.cells import TAKES
from counterfoil.destinations.notion.client import Client
from counterfoil.destinations.notion.refusals import Refused
from counterfoil.errors import ActionRequired
from counterfoil.model import KEY_LABEL, Kind
from counterfoil.ports import FieldMapping, RemoteField, RemoteTable, TableMapping

_NOTHING: Final[frozenset[Kind]] = frozenset()


class Schemas:
    """Schemas as last seen, shared by all destinations of the process: a write need not ask for what `describe` read.

    A schema that is out of date does no harm: Notion refuses what does not fit it, and then it is read again.
    """

    def __init__(self, keep: float = 900.0, most: int = 5_000) -> None:
        self._keep = keep  # seconds
        self._most = most
        self._seen: dict[str, tuple[float, wire.DataSource]] = {}  # oldest first

    def get(self, source_id: str) -> wire.DataSource | None:
        """Give a schema that was seen lately."""
        when, source = self._seen.get(source_id, (0.0, None))
        return source if time.monotonic() - when < self._keep else None

    def remember(self, source: wire.DataSource) -> None:
        """Keep a schema that a reply brought."""
        self.forget(source.id)
        self._seen[source.id] = (time.monotonic(), source)
        if len(self._seen) > self._most:
            del self._seen[next(iter(self._seen))]

    def forget(self, source_id: str) -> None:
        """Drop the schema of a table that is gone."""
        self._seen.pop(source_id, None)


class Tables:
    """Finds the data sources of one destination."""

    def __init__(self, client: Client, page_id: str, schemas: Schemas) -> None:
        self._client = client
        self._page_id = page_id
        self._schemas = schemas
        self._known: set[str] = set()  # ids of tables that this destination has used

    async def all(self) -> list[wire.DataSource]:
        """Read the tables on the page, and those elsewhere that are known or have our id column.

        Two calls as a rule: the search gives every schema but may lag behind, the page's own list of blocks does not.
        """
        on_page = await self._databases_on_page()
        body = {"filter": {"property": "object", "value": "data_source"}}
        found: dict[str, wire.DataSource] = {}
        async for source in self._client.listed("/search", wire.Listing[wire.DataSource], body=body):
            found[source.id] = source
        indexed = {source.parent.database_id for source in found.values()}
        for database_id in on_page:
            if database_id not in indexed:
                found |= {source.id: source for source in await self._sources_of(database_id)}
        for missing in self._known - found.keys():
            elsewhere = await self.one(missing)
            if elsewhere is not None:
                found[missing] = elsewhere
        ours = [source for source in found.values() if not source.in_trash and self._is_ours(source, on_page)]
        place = {database_id: number for number, database_id in enumerate(on_page)}
        ours.sort(key=lambda source: place.get(source.parent.database_id or "", len(place)))
        for source in ours:
            self.remember(source)
        return ours

    def _is_ours(self, source: wire.DataSource, on_page: list[str]) -> bool:
        return (
            source.id in self._known
            or source.parent.database_id in on_page
            or source.database_parent.page_id == self._page_id
            or KEY_LABEL in source.properties
        )

    def on_page(self, source: wire.DataSource) -> bool:
        """Whether the table stands on the user's page itself."""
        return source.database_parent.page_id == self._page_id

    async def _databases_on_page(self) -> list[str]:
        path = f"/blocks/{self._page_id}/children"
        try:
            blocks = [block async for block in self._client.listed(path, wire.Listing[wire.Block])]
        except Refused as refused:
            raise refusals.page_missing() from refused
        return [block.id for block in blocks if block.type == "child_database"]

    async def _sources_of(self, database_id: str) -> list[wire.DataSource]:
        try:
            database = await self._client.get(f"/databases/{database_id}", wire.Database)
        except Refused:
            return []  # a linked view of a database elsewhere: it has no rows of its own
        read = [await self.one(source.id) for source in database.data_sources]
        return [source for source in read if source is not None]

    async def one(self, source_id: str) -> wire.DataSource | None:
        """Read a table by its id, wherever it stands; None where it is gone or not shared."""
        try:
            source = await self._client.get(f"/data_sources/{source_id}", wire.DataSource)
        except Refused as refused:
            if refused.status != 404:
                raise
            return None
        return None if source.in_trash else source

    async def fresh(self, table: TableMapping) -> wire.DataSource:
        """Read a mapped table's schema now. Raises `ActionRequired` where the table or a mapped column is gone."""
        source = await self.one(table.table_id)
        if source is None:
            self._known.discard(table.table_id)
            self._schemas.forget(table.table_id)
            raise refusals.table_missing(table.label)
        self.remember(source)
        misfit = find_misfit(table, source)
        if misfit is not None:
            raise misfit
        return source

    async def known(self, table: TableMapping) -> wire.DataSource:
        """Give a mapped table's schema as last seen, reading it only where it was not seen lately or does not fit."""
        source = self._schemas.get(table.table_id)
        return source if source is not None and find_misfit(table, source) is None else await self.fresh(table)

    def remember(self, source: wire.DataSource) -> None:
        """Keep a schema that a reply brought."""
        self._known.add(source.id)
        self._schemas.remember(source)


def remote_table(source: wire.DataSource) -> RemoteTable:
    """Show a data source as the rest of the product sees it."""
    fields = tuple(
        RemoteField(
            one.id,
            one.name,
            one.type,
            TAKES.get(one.type, _NOTHING),
            title=one.type == "title",
            points_to=one.relation.data_source_id if one.relation is not None else None,
        )
        for one in source.properties.values()
    )
    return RemoteTable(source.id, source.name, fields)


def find_misfit(table: TableMapping, source: wire.DataSource) -> ActionRequired | None:
    """Say what stands in the way of writing to a table as it is mapped, None where nothing does."""
    for field in (table.key_field, *table.fields):
        prop = source.by_id(field.field_id)
        if prop is None:
            return refusals.column_missing(table.label, field.label)
        misfit = _field_misfit(table, field, prop)
        if misfit is not None:
            return misfit
    return None


def _field_misfit(table: TableMapping, field: FieldMapping, prop: wire.Property) -> ActionRequired | None:
    if field.kind not in TAKES.get(prop.type, _NOTHING):
        return refusals.column_retyped(table.label, field.label, prop.type)
    if prop.relation is not None and field.to_table_id not in (None, prop.relation.data_source_id):
        return refusals.link_astray(table.label, field.label)
    return None


def matched(table: TableMapping, source: wire.DataSource) -> TableMapping:
    """Fill in the ids of the fields that the table has, by name; the title is the title, whatever its name.

    Raises `ActionRequired` where a field's own column is gone, or a column of that name cannot take its values.
    """
    return replace(
        table,
        table_id=source.id,
        key_field=_matched(table, table.key_field, source),
        fields=tuple(_matched(table, field, source) for field in table.fields),
    )


def _matched(table: TableMapping, field: FieldMapping, source: wire.DataSource) -> FieldMapping:
    if field.field_id:
        prop = source.by_id(field.field_id)
        if prop is None:
            raise refusals.column_missing(table.label, field.label)
    elif field.title:
        prop = next(one for one in source.properties.values() if one.type == "title")
    else:
        prop = source.properties.get(field.label)
        if prop is None:
            return field
    misfit = _field_misfit(table, field, prop)
    if misfit is not None:
        raise misfit
    return replace(field, field_id=prop.id)
