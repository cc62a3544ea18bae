"""Writes one batch of changes: ten records a call, side by side, and what to do when a call of ten is refused."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec

from counterfoil.destinations.airtable.client import BATCH, Client
from counterfoil.destinations.airtable.fields import encode
from counterfoil.destinations.airtable.lookup import rows_by_key, rows_still_there
from counterfoil.destinations.airtable.prepare import missing_column
from counterfoil.destinations.airtable.types import FieldEntry, Records, Refused
from counterfoil.errors import ActionRequired, RetryLater
from counterfoil.ports import Act, Change, Gone, Outcome, Rejected, TableMapping, Undecided, Written

Options = dict[str, set[str]]  # select field id -> the words it knows

_RECORD_ID: Final = re.compile(r"\brec[A-Za-z0-9]{14}\b")
_NO_ROW: Final = "ROW_DOES_NOT_EXIST"
_NO_OPTION: Final = "INVALID_MULTIPLE_CHOICE_OPTIONS"
_BAD_CELL: Final = "INVALID_VALUE_FOR_COLUMN"
_NO_FIELD: Final = "UNKNOWN_FIELD_NAME"
_FULL: Final = re.compile(r"TOO_MANY|LIMIT")
_NOTHING_TRIED: Final[frozenset[str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Row:
    """One row on its way: by id where that is known, else by its key."""

    key: str
    remote_id: str | None
    fields: Mapping[str, Any]  # field id -> JSON value; a list is a link

    def wire(self) -> dict[str, Any]:
        return {"fields": self.fields} | ({"id": self.remote_id} if self.remote_id else {})

    def links(self) -> dict[str, Any]:
        """Give the link cells that point somewhere."""
        return {field: value for field, value in self.fields.items() if isinstance(value, list) and value}

    def unlinked(self, dead: set[str]) -> "Row":
        """Give the row without links to rows that are gone."""
        empty: dict[str, Any] = {field: [] for field, value in self.links().items() if dead.intersection(value)}
        return replace(self, fields={**self.fields, **empty}) if empty else self


class Writer:
    """One `write` to one table. `columns` are its fields by id; `options` is shared and grows as words are added."""

    def __init__(
        self, client: Client, table: TableMapping, columns: Mapping[str, FieldEntry], options: Options
    ) -> None:
        self._client, self._table, self._columns, self._options = client, table, columns, options
        self._key = table.key_field.field_id

    async def write(self, changes: Sequence[Change]) -> list[Outcome]:
        """Bring the changes to the table; give one outcome each."""
        located = await self._located(changes)
        rows = [self._row(change, located) for change in changes if change.act is not Act.DELETE]
        doomed = [self._row(change, located) for change in changes if change.act is Act.DELETE]
        outcomes: list[Outcome] = [Written(row.key, "") for row in doomed if row.remote_id is None]
        outcomes += await self._in_tens(self._remove, [row for row in doomed if row.remote_id])
        return outcomes + await self._write(rows)

    async def _located(self, changes: Sequence[Change]) -> dict[str, list[str]]:
        """Look for rows that may be there under either key. A plain repeat needs no look: the upsert matches by key."""
        keys = [
            key
            for change in changes
            if change.remote_id is None and (change.was_key or change.act is Act.DELETE)
            for key in (change.key, change.was_key)
            if key
        ]
        return await rows_by_key(self._client, self._table, keys)

    def _row(self, change: Change, located: Mapping[str, list[str]]) -> Row:
        fields = {}
        for column, cell in change.cells.items():
            field_id = self._table.field(column).field_id
            fields[field_id] = encode(cell, self._columns[field_id].type)
        found = located.get(change.key) or located.get(change.was_key or "")
        remote_id = change.remote_id or (found[0] if found else None)
        if change.act is not Act.DELETE and (remote_id is None or change.was_key or change.doubtful):
            fields[self._key] = change.key
        return Row(change.key, remote_id, fields)

    # --- rows, with the select words they bring ---

    async def _write(self, rows: Sequence[Row], tried: frozenset[str] = _NOTHING_TRIED) -> list[Outcome]:
        """Write rows; where a select word is new, one row that has it goes first and introduces it.

        Only those rows are sent with `typecast`, and without their links: together with a link to a row that the user
        has deleted it could make a new row there. The links follow by id.
        """
        outcomes: list[Outcome] = []
        waiting = list(rows)
        while heralds := self._heralds(waiting):
            bare = [replace(row, fields=_without(row.fields, row.links())) for row in heralds]
            done = {outcome.key: outcome for outcome in await self._put(bare, tried, typecast=True)}
            waiting = [row for row in waiting if row.key not in done]
            for row in heralds:
                outcome = done[row.key]
                if isinstance(outcome, Written):
                    self._learn(row)
                if isinstance(outcome, Written) and row.links():
                    waiting.append(Row(row.key, outcome.remote_id, row.links()))
                else:
                    outcomes.append(outcome)
            stopped = [outcome.error for outcome in done.values() if isinstance(outcome, Undecided)]
            if stopped:
                return outcomes + [Undecided(row.key, stopped[0]) for row in waiting]
        return outcomes + await self._put(waiting, tried)

    def _heralds(self, rows: Iterable[Row]) -> list[Row]:
        """Choose rows that together have every select word that the table does not know yet."""
        heralds: list[Row] = []
        announced: set[tuple[str, str]] = set()
        for row in rows:
            news = {pair for pair in self._words(row) if pair[1] not in self._options.get(pair[0], ())} - announced
            if news:
                heralds.append(row)
                announced |= news
        return heralds

    def _words(self, row: Row) -> list[tuple[str, str]]:
        return [
            (field, value)
            for field, value in row.fields.items()
            if isinstance(value, str) and self._columns[field].type == "singleSelect"
        ]

    def _learn(self, row: Row) -> None:
        for field, word in self._words(row):
            self._options.setdefault(field, set()).add(word)

    async def _put(self, rows: Sequence[Row], tried: frozenset[str], *, typecast: bool = False) -> list[Outcome]:
        """Send rows side by side; a call holds only rows with ids, which skip the matching, or only rows without."""

        async def send(some: Sequence[Row]) -> list[Outcome]:
            return await self._put_ten(some, tried, typecast)

        known, new = [row for row in rows if row.remote_id], [row for row in rows if not row.remote_id]
        done = await asyncio.gather(self._in_tens(send, known), self._in_tens(send, new))
        return [*done[0], *done[1]]

    @staticmethod
    async def _in_tens(act: Callable[[Sequence[Row]], Awaitable[list[Outcome]]], rows: Sequence[Row]) -> list[Outcome]:
        calls = [act(rows[start : start + BATCH]) for start in range(0, len(rows), BATCH)]
        return [outcome for outcomes in await asyncio.gather(*calls) for outcome in outcomes]

    # --- one call ---

    async def _put_ten(self, rows: Sequence[Row], tried: frozenset[str], typecast: bool) -> list[Outcome]:
        try:
            answer = await self._send(rows, typecast)
            if isinstance(answer, Refused):
                return await self._mend(rows, answer, tried, typecast)
            return self._written(rows, answer)
        except (RetryLater, ActionRequired) as error:
            return [Undecided(row.key, error) for row in rows]

    async def _send(self, rows: Sequence[Row], typecast: bool) -> Records | Refused:
        records = [row.wire() for row in rows]
        if rows[0].remote_id:
            return await self._client.update(self._table.table_id, records, typecast=typecast)
        return await self._client.upsert(self._table.table_id, self._key, records, typecast=typecast)

    def _written(self, rows: Sequence[Row], answer: Records) -> list[Outcome]:
        if rows[0].remote_id:
            return [Written(row.key, row.remote_id or "") for row in rows]
        ids = {
            msgspec.json.decode(record.fields[self._key], type=str): record.id
            for record in answer.records
            if self._key in record.fields
        }
        lost = RetryLater("Airtable's answer does not name every row.", after=10, fate_unknown=True)
        return [Written(row.key, ids[row.key]) if row.key in ids else Undecided(row.key, lost) for row in rows]

    # --- refusals ---

    async def _mend(
        self, rows: Sequence[Row], refused: Refused, tried: frozenset[str], typecast: bool
    ) -> list[Outcome]:
        """A call is all or nothing: set aside what cannot be written and send the rest."""
        self._raise_if_about_the_table(refused)
        if refused.kind == _NO_ROW and (dead := set(_RECORD_ID.findall(refused.message))):
            rest = [row.unlinked(dead) for row in rows if row.remote_id not in dead]
            if rest != list(rows):
                gone: list[Outcome] = [Gone(row.key) for row in rows if row.remote_id in dead]
                return gone + await self._put(rest, tried, typecast=typecast)
        if refused.kind == _NO_OPTION and "options" not in tried:
            await self._reload_options()
            return await self._write(rows, tried | {"options"})
        if refused.kind != _BAD_CELL and "rows" not in tried:
            return await self._look_again(rows, refused, tried | {"rows"}, typecast)
        if len(rows) == 1:
            return [Rejected(rows[0].key, _reason(refused, rows[0]))]
        half = len(rows) // 2
        done = await asyncio.gather(
            self._put_ten(rows[:half], tried, typecast), self._put_ten(rows[half:], tried, typecast)
        )
        return [*done[0], *done[1]]

    async def _look_again(
        self, rows: Sequence[Row], refused: Refused, tried: frozenset[str], typecast: bool
    ) -> list[Outcome]:
        """See which rows are there: the user may have deleted some, or copied one so that its key matches twice."""
        if rows[0].remote_id:
            there = await rows_still_there(self._client, self._table, [row.remote_id or "" for row in rows])
            present = [row for row in rows if row.remote_id in there]
            gone: list[Outcome] = [Gone(row.key) for row in rows if row.remote_id not in there]
        else:
            found = await rows_by_key(self._client, self._table, [row.key for row in rows])
            twice = any(len(ids) > 1 for ids in found.values())
            present = [replace(row, remote_id=found[row.key][0]) if twice and row.key in found else row for row in rows]
            gone = []
        if refused.status in (403, 404) and not gone:
            raise refused.action()
        return gone + await self._put(present, tried, typecast=typecast)

    async def _reload_options(self) -> None:
        table = (await self._client.schema()).table(self._table.table_id)
        for field in table.fields if table else ():
            if field.type == "singleSelect":
                self._options[field.id] = set(field.choices())

    def _raise_if_about_the_table(self, refused: Refused) -> None:
        if refused.kind == _NO_FIELD:
            named = next((field for field in self._table.fields if field.field_id in refused.message), None)
            raise missing_column(self._table.label, named.label if named else self._table.key_field.label)
        if _FULL.search(refused.kind):
            raise ActionRequired(
                "base_full",
                "The Airtable base has reached its limit of records.",
                remedy="Delete rows in Airtable, choose a larger plan there, or set a later history start.",
            )

    # --- deletions ---

    async def _remove(self, rows: Sequence[Row]) -> list[Outcome]:
        """Delete rows; those that are not there any more are as good as deleted."""
        if not rows:
            return []
        try:
            row_ids = [row.remote_id or "" for row in rows]
            answer = await self._client.delete(self._table.table_id, row_ids)
            if not isinstance(answer, Refused):
                return [Written(row.key, row.remote_id or "") for row in rows]
            there = await rows_still_there(self._client, self._table, row_ids)
            if len(there) == len(set(row_ids)):
                raise answer.action()
        except (RetryLater, ActionRequired) as error:
            return [Undecided(row.key, error) for row in rows]
        absent: list[Outcome] = [Written(row.key, row.remote_id or "") for row in rows if row.remote_id not in there]
        return absent + await self._remove([row for row in rows if row.remote_id in there])


def _without(fields: Mapping[str, Any], some: Mapping[str, Any]) -> dict[str, Any]:
    return {field: value for field, value in fields.items() if field not in some}


def _reason(refused: Refused, row: Row) -> str:
    """Give the vendor's words without the cells they may quote."""
    reason = refused.message or refused.kind or f"status {refused.status}"
    for value in sorted((str(one) for one in row.fields.values() if isinstance(one, str) and one), key=len)[::-1]:
        reason = reason.replace(value, "…")
    return f"Airtable refuses the row: {reason[:200]}"
