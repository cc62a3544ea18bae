"""Writes one batch of changes to one table: several requests in flight, one outcome per change."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from counterfoil.destinations.notion import cells, wire
from counterfoil.destinations.notion.client import Client
from counterfoil.destinations.notion.lookup import Lookup
from counterfoil.destinations.notion.refusals import Refused, reason
from counterfoil.destinations.notion.tables import Tables
from counterfoil.errors import ActionRequired, RetryLater
from counterfoil.ports import Act, Change, Gone, Outcome, Rejected, TableMapping, Undecided, Written


class Batch:
    """The changes of one `write` call, and what became of them so far."""

    def __init__(self, client: Client, tables: Tables, table: TableMapping, source: wire.DataSource) -> None:
        self._client = client
        self._tables = tables
        self._table = table
        self._types = _types(source)
        key = table.key_field.field_id
        self._lookup = Lookup(client, source.id, key, self._types[key])
        self._places = asyncio.Semaphore(client.settings.in_flight)
        self._halt: RetryLater | ActionRequired | None = None
        self._unanswered: dict[str, RetryLater] = {}  # creations that may or may not hold, by key

    async def write(self, changes: Sequence[Change]) -> list[Outcome]:
        """Bring the changes to the table.

        1. Creations that were in flight before are looked up first. 2. Everything is sent. 3. Creations without an
        answer are looked up, and sent once more where they are not there; without an answer again they stay undecided.
        """
        first, second = self._client.app.lookup_waits
        old = {change.key: change for change in changes if change.act is Act.CREATE and change.doubtful}
        standing = await self._standing(old, (0.0, first)) if old else {}
        outcomes = await self._all(changes, standing)
        if self._unanswered:
            again = [change for change in changes if change.key in self._unanswered]
            outcomes = [one for one in outcomes if one.key not in self._unanswered]
            outcomes += await self._again(again, (first, second))
        return outcomes

    async def _standing(self, creations: Mapping[str, Change], waits: Sequence[float]) -> dict[str, str]:
        """Find the rows that hold a creation's key, or the older key that it takes over; by its key."""
        older = {change.was_key: key for key, change in creations.items() if change.was_key}
        found = await self._lookup.settle([*creations, *older], waits)
        taken = {older[was]: page_id for was, page_id in found.items() if was in older}
        return taken | {key: page_id for key, page_id in found.items() if key in creations}

    async def _again(self, changes: Sequence[Change], waits: Sequence[float]) -> list[Outcome]:
        errors, self._unanswered = self._unanswered, {}
        try:
            standing = await self._standing({change.key: change for change in changes}, waits)
        except RetryLater:
            return [Undecided(change.key, errors[change.key]) for change in changes]
        except ActionRequired as error:
            return [Undecided(change.key, error) for change in changes]
        return await self._all(changes, standing)

    async def _all(self, changes: Sequence[Change], standing: Mapping[str, str]) -> list[Outcome]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._in_turn(change, standing.get(change.key))) for change in changes]
        return [task.result() for task in tasks]

    async def _in_turn(self, change: Change, page_id: str | None) -> Outcome:
        async with self._places:
            if self._halt is not None:
                return Undecided(change.key, self._halt)
            try:
                return await self._one(change, page_id)
            except ActionRequired as error:
                self._halt = error
                return Undecided(change.key, error)
            except RetryLater as error:
                if not error.fate_unknown:
                    self._halt = error  # the service cannot be reached: the rest need not try
                elif change.act is Act.CREATE:
                    self._unanswered[change.key] = error
                return Undecided(change.key, error)

    async def _one(self, change: Change, page_id: str | None) -> Outcome:
        while True:
            types = self._types
            try:
                return await self._send(change, page_id)
            except Refused as refused:
                # Raises where it is the table that does not fit any more, and not the row.
                current = _types(await self._tables.fresh(self._table))
                if current == types:
                    return Rejected(change.key, self._reason(refused))
                self._types = current  # a column has changed since we looked, into another that takes our values

    def _reason(self, refused: Refused) -> str:
        if refused.status == 404:
            return "A row that this one links to is not in Notion any more."
        labels = {field.field_id: field.label for field in (self._table.key_field, *self._table.fields)}
        return f"Notion refused it: {reason(refused.message, labels)}"

    async def _send(self, change: Change, page_id: str | None) -> Outcome:
        match change.act:
            case Act.DELETE:
                return await self._delete(change)
            case Act.UPDATE:
                assert change.remote_id is not None
                return await self._update(change, change.remote_id)
            case Act.CREATE if page_id is not None:
                outcome = await self._update(change, page_id)
                return await self._create(change) if isinstance(outcome, Gone) else outcome
            case _:
                return await self._create(change)

    async def _create(self, change: Change) -> Outcome:
        body = {
            "parent": {"type": "data_source_id", "data_source_id": self._table.table_id},
            "properties": self._properties(change, with_key=True),
        }
        return Written(change.key, await self._client.create_page(body))

    async def _update(self, change: Change, page_id: str) -> Outcome:
        with_key = change.act is Act.CREATE or change.was_key is not None
        body = {"properties": self._properties(change, with_key=with_key)}
        try:
            page = await self._client.update(f"/pages/{page_id}", body, wire.Page)
        except Refused:
            # The vendor refuses a row in the trash with 400, and a lost row and a lost link alike with 404.
            if not await self._is_gone(page_id):
                raise
            # Every row of a table that was trashed or is not shared any more looks gone; then it is the table's loss.
            await self._tables.fresh(self._table)
            return Gone(change.key)
        return Gone(change.key) if page.in_trash else Written(change.key, page_id)

    async def _delete(self, change: Change) -> Outcome:
        page_id = change.remote_id or ""
        if page_id:
            try:
                await self._client.update(f"/pages/{page_id}", {"in_trash": True}, wire.Reference)
            except Refused as refused:
                if refused.status != 404:
                    raise
                await self._tables.fresh(self._table)
        return Written(change.key, page_id)

    async def _is_gone(self, page_id: str) -> bool:
        try:
            return (await self._client.get(f"/pages/{page_id}", wire.Page)).in_trash
        except Refused as refused:
            if refused.status != 404:
                raise
            return True

    def _properties(self, change: Change, *, with_key: bool) -> dict[str, Any]:
        mapped = {field.column: field.field_id for field in self._table.fields}
        written = {
            mapped[column]: cells.write(self._types[mapped[column]], cell) for column, cell in change.cells.items()
        }
        if with_key:
            key = self._table.key_field.field_id
            written[key] = cells.write(self._types[key], change.key)
        return written


def _types(source: wire.DataSource) -> dict[str, str]:
    return {prop.id: prop.type for prop in source.properties.values()}
