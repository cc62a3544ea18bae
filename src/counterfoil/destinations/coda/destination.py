"""A Coda doc as a destination: our tables found in it, rows kept by upsert on the id column."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import cast

from counterfoil.destinations.coda.batch import Batch
from counterfoil.destinations.coda.cells import from_value, key_text
from counterfoil.destinations.coda.client import CodaClient
from counterfoil.destinations.coda.lookup import side_by_side
from counterfoil.destinations.coda.schema import Gap, ask, find_table, fit, no_table, remote_table
from counterfoil.destinations.coda.settings import CodaApp, CodaSettings
from counterfoil.destinations.coda.wire import Column
from counterfoil.errors import ActionRequired
from counterfoil.lib.http import Http
from counterfoil.ports import Access, Change, Destination, Identity, Outcome, RemoteRow, Schema, TableMapping


class CodaDestination:
    """One doc, with one token."""

    def __init__(self, client: CodaClient, app: CodaApp) -> None:
        self._client, self._app = client, app
        # While an edit waits in Coda's queue a second one of the same key would not find its row: one write at a time.
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._sync_tokens: dict[str, str | None] = {}  # by table: what changed since our last write

    async def check(self) -> Identity:
        """Prove that the token works and that the doc can be reached and is small enough for the API."""
        await self._client.whoami()
        doc = await self._client.doc()
        if doc.doc_size.over_api_size_limit:
            raise ActionRequired(
                "doc_too_big",
                f"The doc “{doc.name}” has grown too big for Coda's API.",
                remedy="Move other tables out of the doc, or connect a new doc.",
            )
        return Identity(doc.id, doc.name)

    async def describe(self) -> Schema:
        """Read the doc's tables, then the columns of all of them at once."""
        tables = await self._client.tables()
        columns = await side_by_side(self._client.columns, [table.id for table in tables])
        return Schema(tuple(remote_table(*one) for one in zip(tables, columns, strict=True)))

    async def prepare(self, tables: Sequence[TableMapping]) -> Sequence[TableMapping]:
        """Find every table and column in the doc.

        Coda's API can make neither, so `ActionRequired` names whatever is missing or cannot hold what it should.
        """
        standing = await self._client.tables()
        found = {mapping.table: find_table(mapping, standing) for mapping in tables}
        table_ids = {name: table.id for name, table in found.items() if table is not None}
        of_each = await side_by_side(self._client.columns, list(table_ids.values()))
        columns = dict(zip(table_ids, of_each, strict=True))
        labels = {mapping.table: mapping.label for mapping in tables}
        prepared: list[TableMapping] = []
        gaps: list[Gap] = []
        for mapping in tables:
            if mapping.table not in table_ids:
                gaps.append(no_table(mapping, labels))
                continue
            fitted, missing = fit(mapping, columns[mapping.table], table_ids, labels)
            prepared.append(replace(fitted, table_id=table_ids[mapping.table]))
            gaps += missing
        if gaps:
            raise ask(gaps, template=self._app.template_doc_id)
        return prepared

    async def write(self, table: TableMapping, changes: Sequence[Change]) -> Sequence[Outcome]:
        """Bring the changes to the table: see docs/connectors/coda.md for what it costs."""
        if not changes:
            return []
        async with self._turns[table.table_id]:
            columns = await self._columns(table)
            token = self._sync_tokens.get(table.table_id)
            batch = Batch(self._client, table, columns, self._app.settle, token)
            outcomes = await batch.write(changes)
            self._sync_tokens[table.table_id] = batch.sync_token
            return outcomes

    async def _columns(self, table: TableMapping) -> Mapping[str, Column]:
        """Give the table's columns by id. Raises `ActionRequired` where a mapped one is gone or has another type.

        Coda takes any value for any column and flags what does not fit, so nobody else would notice.
        """
        columns = await self._client.columns(table.table_id)
        _, gaps = fit(table, columns, {}, {})
        if gaps:
            raise ask(gaps, template=None)
        return {column.id: column for column in columns}

    async def read(self, table: TableMapping) -> AsyncIterator[RemoteRow]:
        """Read the whole table, 500 rows a call."""
        async for page in self._client.rows(table.table_id, value_format="rich"):
            for row in page.items:
                cells = {field.column: from_value(row.values.get(field.field_id), field) for field in table.fields}
                yield RemoteRow(key_text(row.values.get(table.key_field.field_id)), row.id, cells)


def open_coda(access: Access) -> Destination:
    """Open the user's doc."""
    app, settings = cast(CodaApp, access.app), cast(CodaSettings, access.settings)
    return CodaDestination(CodaClient(access.http, app, settings.token, settings.doc_id), app)


async def copy_template(http: Http, app: CodaApp, token: str, *, title: str, template_doc_id: str = "") -> str:
    """Copy the template doc for a new user; give the copy's id, once its tables are there.

    Raises `ActionRequired` where no template is named or it cannot be copied; `RetryLater` with an unknown fate where
    the reply was lost: look at the list of docs before trying again.
    """
    source = template_doc_id or app.template_doc_id
    if not source:
        raise ActionRequired(
            "template_unknown",
            "No template doc is set up.",
            remedy="Set COUNTERFOIL_CODA_TEMPLATE_DOC_ID, or add the tables to a doc by hand.",
        )
    doc = await CodaClient(http, app, token, source).copy_doc(source, title)
    return doc.id
