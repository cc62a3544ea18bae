"""Which rows are there: looked up one by one or in one scan, whichever takes fewer reads."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from counterfoil.destinations.coda.cells import key_text
from counterfoil.destinations.coda.client import PAGE, CodaClient
from counterfoil.destinations.coda.wire import Row
from counterfoil.ports import Act, Change, TableMapping

T = TypeVar("T")
A = TypeVar("A")
_FEW: Final = 3  # so many rows are looked up without asking first how many the table has


@dataclass(slots=True)
class Found:
    """Rows that are there: the key of each row that was asked for by id, the ids of each key, oldest first."""

    key_of: dict[str, str] = field(default_factory=dict)
    ids_of: dict[str, list[str]] = field(default_factory=dict)
    sync_token: str | None = None  # where a scan was made: what changed after it can be read with this

    def add(self, row_id: str, key: str) -> None:
        self.key_of[row_id] = key
        ids = self.ids_of.setdefault(key, [])
        if row_id not in ids:
            ids.append(row_id)

    def row_of(self, change: Change) -> str | None:
        """Give the row that a change is about, None where there is none."""
        if change.remote_id is not None:
            return change.remote_id if change.remote_id in self.key_of else None
        for key in (change.key, change.was_key):
            if key and (ids := self.ids_of.get(key)):
                return ids[0]
        return None


def by_key(change: Change) -> bool:
    """Say whether the row of a change must be looked for by its key: an earlier creation may have made it."""
    return change.remote_id is None and (change.doubtful or change.was_key is not None or change.act is not Act.CREATE)


def by_id(change: Change) -> bool:
    """Say whether the row of a change must be seen first: an upsert would make a deleted row again."""
    # A row that is taken over is addressed by its id, and Coda says itself when that is gone.
    return change.act is Act.UPDATE and change.remote_id is not None and change.was_key is None


@dataclass(frozen=True, slots=True)
class Lookup:
    """Looks up rows of one table, always in the latest state of the doc."""

    client: CodaClient
    table: TableMapping

    async def find(self, changes: Sequence[Change]) -> Found:
        """Find the rows that these changes are about."""
        ids = {change.remote_id for change in changes if by_id(change) and change.remote_id}
        keys = {key for change in changes if by_key(change) for key in (change.key, change.was_key) if key}
        return await self.rows(ids, keys)

    async def rows(self, ids: Iterable[str], keys: Iterable[str]) -> Found:
        """Find rows by id and by key."""
        ids, keys = set(ids), set(keys)
        singles = len(ids) + len(keys)
        if singles == 0:
            return Found()
        if singles > _FEW:
            pages = -(-await self.client.row_count(self.table.table_id) // PAGE)
            if pages <= singles:
                return await self._scan(ids, keys)
        found = Found()
        await side_by_side(self._one_by_id(found), sorted(ids))
        await side_by_side(self._one_by_key(found), sorted(keys))
        return found

    def key(self, row: Row) -> str:
        """Give the key that stands in a row."""
        return key_text(row.values.get(self.table.key_field.field_id))

    async def _scan(self, ids: set[str], keys: set[str]) -> Found:
        found = Found()
        async for page in self.client.rows(self.table.table_id):
            found.sync_token = found.sync_token or page.next_sync_token
            for row in page.items:
                key = self.key(row)
                if row.id in ids or key in keys:
                    found.add(row.id, key)
        return found

    def _one_by_id(self, found: Found) -> Callable[[str], Awaitable[None]]:
        async def look(row_id: str) -> None:
            row = await self.client.row(self.table.table_id, row_id)
            if row is not None:
                found.add(row.id, self.key(row))

        return look

    def _one_by_key(self, found: Found) -> Callable[[str], Awaitable[None]]:
        async def look(key: str) -> None:
            for row in await self.client.rows_with(self.table.table_id, self.table.key_field.field_id, key):
                if self.key(row) == key:  # Coda's own comparison may be laxer than ours
                    found.add(row.id, key)

        return look


async def side_by_side(act: Callable[[A], Awaitable[T]], subjects: Sequence[A]) -> list[T]:
    """Act on every subject at once; the first error is raised as it is, and ends the others."""
    running = [asyncio.ensure_future(act(subject)) for subject in subjects]
    try:
        return list(await asyncio.gather(*running))
    finally:
        for task in running:
            task.cancel()
