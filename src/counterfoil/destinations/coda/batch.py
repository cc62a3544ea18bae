"""One `write`: which rows go by upsert, which by their id, in what order, and what became of each."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from counterfoil.destinations.coda.cells import ROW_LIMIT, row_cells
from counterfoil.destinations.coda.client import CodaClient, Refused
from counterfoil.destinations.coda.lookup import Found, Lookup, by_key, side_by_side
from counterfoil.destinations.coda.posts import Pending, Post, posts
from counterfoil.destinations.coda.wire import CellEdit, Column, RowEdit
from counterfoil.errors import ActionRequired, RetryLater
from counterfoil.ports import Act, Change, Gone, Outcome, Rejected, TableMapping, Undecided, Written


@dataclass(slots=True)
class Batch:
    """Carries out the changes of one `write` call. Nobody else writes to the table meanwhile."""

    client: CodaClient
    table: TableMapping
    columns: Mapping[str, Column]
    settle: float  # seconds before a row whose reply was lost may be created again
    sync_token: str | None = None
    _outcomes: list[Outcome] = field(default_factory=list)

    async def write(self, changes: Sequence[Change]) -> list[Outcome]:
        """Write. Raises only while nothing has been written; later errors become undecided outcomes."""
        found = await self._look_up(changes)
        removals = [change for change in changes if change.act is Act.DELETE]
        pending = self._sorted_out([change for change in changes if change.act is not Act.DELETE], found)
        upserts = [one for one in pending if not one.by_id]
        if upserts:
            self.sync_token = found.sync_token or self.sync_token or await self.client.sync_token(self.table.table_id)
        if {change.key for change in removals} & {one.key for one in pending}:
            await self._remove(removals, found)  # or the upsert would fill the row that is about to go
            removals = []
        await asyncio.gather(
            self._remove(removals, found),
            self._write_by_key(upserts),
            side_by_side(self._write_by_id, [one for one in pending if one.by_id]),
        )
        return [*self._outcomes, *(one.outcome for one in pending if one.outcome is not None)]

    # --- before anything is written ---

    async def _look_up(self, changes: Sequence[Change]) -> Found:
        """Find the rows. Where one may have been created by an edit still in Coda's queue, wait and look again."""
        lookup = Lookup(self.client, self.table)
        found = await lookup.find(changes)
        absent = [one for one in changes if one.act is Act.CREATE and by_key(one) and found.row_of(one) is None]
        if any(change.doubtful for change in absent):
            await asyncio.sleep(self.settle)
            again = await lookup.find(absent)
            for row_id, key in again.key_of.items():
                found.add(row_id, key)
        return found

    def _sorted_out(self, changes: Sequence[Change], found: Found) -> list[Pending]:
        pending: list[Pending] = []
        for change in changes:
            cells = row_cells(self.table, change, self.columns)
            taken_over = change.remote_id is not None and change.was_key is not None
            row_id = change.remote_id if taken_over else found.row_of(change)
            if cells.size > ROW_LIMIT:
                self._outcomes.append(Rejected(change.key, f"The row is larger than Coda takes ({ROW_LIMIT} bytes)."))
            elif row_id is None and change.act is Act.UPDATE:
                self._outcomes.append(Gone(change.key))
            else:
                by_id = taken_over or (row_id is not None and found.key_of[row_id] != change.key)
                pending.append(Pending(change, cells, row_id, by_id))
        return pending

    # --- deletions ---

    async def _remove(self, changes: Sequence[Change], found: Found) -> None:
        row_of = {change.key: change.remote_id or found.row_of(change) for change in changes}
        row_ids = [row_id for row_id in row_of.values() if row_id is not None]
        error = await self._drop(row_ids)
        for key, row_id in row_of.items():
            gone = row_id is None or error is None
            self._outcomes.append(Written(key, row_id or "") if gone or error is None else Undecided(key, error))

    async def _drop(self, row_ids: Sequence[str]) -> RetryLater | ActionRequired | None:
        """Remove rows by id; give the error where it is not known to be done."""
        try:
            for start in range(0, len(row_ids), 500):
                queued = await self.client.delete(self.table.table_id, tuple(row_ids[start : start + 500]))
                if isinstance(queued, Refused):
                    return _strange(queued)
                await self.client.carried_out(queued.request_id)
        except (RetryLater, ActionRequired) as error:
            return error
        return None

    # --- upserts ---

    async def _write_by_key(self, upserts: Sequence[Pending]) -> None:
        await self._upsert(upserts, parsing=True)
        await self._upsert(upserts, parsing=False)
        if any(one.outcome is None for one in upserts):
            await self._learn_ids(upserts)
        await side_by_side(self._write_by_id, [one for one in upserts if one.outcome is None])

    async def _upsert(self, upserts: Iterable[Pending], *, parsing: bool) -> None:
        """Send what needs parsing, or what must escape it; the second only after the first has been carried out.

        Both carry the key. Two edits of one new key in Coda's queue would make two rows.
        """
        rows: list[tuple[Pending, RowEdit]] = []
        for one in upserts:
            cells = one.cells.for_upsert(parsing=parsing)
            if one.outcome is None and (len(cells) > 1 or (cells and one.row_id is None)):
                rows.append((one, RowEdit(cells)))
        await side_by_side(lambda post: self._send(post, parsing=parsing), posts(rows))

    async def _send(self, post: Post, *, parsing: bool) -> None:
        try:
            key_column = self.table.key_field.field_id
            queued = await self.client.upsert(self.table.table_id, key_column, post.rows, parsing=parsing)
            if not isinstance(queued, Refused):
                await self.client.carried_out(queued.request_id)
            elif len(post.rows) == 1:
                post.owners[0].settle(Rejected(post.owners[0].key, _reason(queued)))
            else:
                await side_by_side(lambda half: self._send(half, parsing=parsing), post.halves())
        except (RetryLater, ActionRequired) as error:
            for one in post.owners:
                one.settle(Undecided(one.key, error))

    # --- what became of the upserts ---

    async def _learn_ids(self, upserts: Sequence[Pending]) -> None:
        """Learn the ids of new rows, and find out where a row was made again that was deleted in this very moment."""
        waiting = [one for one in upserts if one.outcome is None]
        try:
            seen = await self._changed_rows()
            new = [one for one in waiting if one.row_id is None]
            known = [one for one in waiting if one.row_id is not None]
            unseen = {one.key for one in new if one.key not in seen}
            for key, ids in (await Lookup(self.client, self.table).rows((), unseen)).ids_of.items():
                seen[key] = ids
            extras: list[str] = []
            for one in new:
                ids = seen.get(one.key, [])
                one.row_id = ids[0] if ids else None
                # Nobody had this key a moment ago, so more than one row of it are our own earlier and later edit.
                extras += ids[1:] if one.change.doubtful else []
            extras += await self._made_again(known, seen)
            if extras and (error := await self._drop(extras)):
                raise error
        except (RetryLater, ActionRequired) as error:
            for one in waiting:
                one.settle(Undecided(one.key, error))
        for one in waiting:
            if one.row_id is None:
                late = RetryLater("Coda does not show a new row yet.", after=self.settle, fate_unknown=True)
                one.settle(Undecided(one.key, late))
            elif not one.cells.after_upsert:
                one.settle(Written(one.key, one.row_id))

    async def _changed_rows(self) -> dict[str, list[str]]:
        """Give the ids of the rows that changed since the sync token was taken, by key."""
        seen: dict[str, list[str]] = {}
        if self.sync_token is None:
            return seen
        lookup, since = Lookup(self.client, self.table), self.sync_token
        async for page in self.client.rows(self.table.table_id, since=since):
            self.sync_token = page.next_sync_token
            for row in page.items:
                seen.setdefault(lookup.key(row), []).append(row.id)
        return seen

    async def _made_again(self, updates: Sequence[Pending], seen: Mapping[str, list[str]]) -> list[str]:
        """Settle updates whose row was deleted between look and upsert; give the rows that the upsert then made."""
        extras: list[str] = []
        for one in updates:
            ids = seen.get(one.key, [])
            if ids and one.row_id not in ids:
                assert one.row_id is not None
                if await self.client.row(self.table.table_id, one.row_id) is None:
                    one.settle(Gone(one.key))
                    extras += ids
        return extras

    # --- rows addressed by id ---

    async def _write_by_id(self, one: Pending) -> None:
        assert one.row_id is not None
        edits = (
            [(parsing, one.cells.for_row(parsing=parsing)) for parsing in (True, False)]
            if one.by_id
            else [(True, one.cells.after_upsert)]
        )
        try:
            for parsing, cells in edits:
                if cells and one.outcome is None:
                    await self._put(one, one.row_id, cells, parsing=parsing)
        except (RetryLater, ActionRequired) as error:
            one.settle(Undecided(one.key, error))
        one.settle(Written(one.key, one.row_id))

    async def _put(self, one: Pending, row_id: str, cells: tuple[CellEdit, ...], *, parsing: bool) -> None:
        queued = await self.client.update(self.table.table_id, row_id, RowEdit(cells), parsing=parsing)
        if queued is None:
            one.settle(Gone(one.key))
        elif isinstance(queued, Refused):
            one.settle(Rejected(one.key, _reason(queued)))
        else:
            await self.client.carried_out(queued.request_id)


def _reason(refused: Refused) -> str:
    return f"Coda refuses this row: {refused.message or f'status {refused.status}'}"


def _strange(refused: Refused) -> ActionRequired:
    return ActionRequired(
        "request_refused",
        f"Coda refused to delete rows (status {refused.status}).",
        remedy="Update Counterfoil; if it stays, report it with this status.",
    )
