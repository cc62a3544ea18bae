"""Google Sheets as a destination: one spreadsheet, a tab for each table."""

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec
from structlog import get_logger

from counterfoil.destinations.google_sheets import refusals
from counterfoil.destinations.google_sheets.arrange import arrange, find_tab, looks_untouched
from counterfoil.destinations.google_sheets.auth import Credential
from counterfoil.destinations.google_sheets.batch import Places, compose, locate, marker, split
from counterfoil.destinations.google_sheets.cells import as_text, from_value
from counterfoil.destinations.google_sheets.client import Sheets
from counterfoil.destinations.google_sheets.layout import Tab, remote_table, tab_with_rows, tabs
from counterfoil.destinations.google_sheets.refusals import Refused
from counterfoil.destinations.google_sheets.settings import GoogleApp, GoogleSheetsSettings
from counterfoil.errors import ActionRequired, RetryLater
from counterfoil.model import Kind
from counterfoil.ports import (
    Access,
    Act,
    Cell,
    Change,
    Identity,
    Link,
    Outcome,
    RemoteRow,
    Schema,
    TableMapping,
    Undecided,
)

log = get_logger()

_ATTEMPTS: Final = 4
_CHANGED: Final = "The tab is being changed while we read it."
# Numbers with a fraction stay exact. A row is decoded when it is asked for: a large tab is never whole in memory.
_decode_row: Final = msgspec.json.Decoder(list[Any], float_hook=Decimal).decode


class GoogleSheets:
    """One spreadsheet. A row is known by the text in its key column: Google gives rows no ids."""

    def __init__(self, access: Access) -> None:
        assert isinstance(access.app, GoogleApp) and isinstance(access.settings, GoogleSheetsSettings)
        self._access = access
        self._settings = access.settings
        self._sheets = Sheets(access.http, access.app, Credential(access.http, access.app, access.settings))

    async def check(self) -> Identity:
        """Prove that the credential opens the spreadsheet."""
        spreadsheet = await self._spreadsheet()
        return Identity(spreadsheet, await self._sheets.title(spreadsheet))

    async def describe(self) -> Schema:
        """Read tabs and columns: one call, and a second one where there are columns that are not ours.

        Our own columns go by the header that was last seen; only others must be looked at to learn their headers.
        """
        return Schema(tuple(remote_table(tab) for tab in await self._seen_tabs(None)))

    async def prepare(self, tables: Sequence[TableMapping]) -> Sequence[TableMapping]:
        """Make missing tabs and columns in one atomic call, and give the mappings with every id filled in."""
        found = await self._seen_tabs(tables)
        untouched = found[0] if looks_untouched(found) and not find_any(found, tables) else None
        if untouched is not None and await self._sheets.values(await self._spreadsheet(), untouched.sheet_id):
            untouched = None
        arranged = arrange(found, tables, untouched)
        if arranged.requests:
            try:
                await self._sheets.update(await self._spreadsheet(), arranged.requests)
            except Refused as refused:
                labels = ", ".join(table.label for table in tables)
                raise refusals.meaning(refused, labels) or RetryLater(_CHANGED, after=5) from None
        return arranged.tables

    async def _seen_tabs(self, tables: Sequence[TableMapping] | None) -> list[Tab]:
        """Give every tab, with its headers read where a table may go to it or (None) where they are not known."""
        spreadsheet = await self._spreadsheet()
        found = tabs(await self._sheets.structure(spreadsheet))
        if tables is None:
            unread = [tab.sheet_id for tab in found if not tab.all_known]
        else:
            mapped = {tab.sheet_id for table in tables if (tab := find_tab(found, table)) is not None}
            unread = [tab.sheet_id for tab in found if tab.sheet_id in mapped or len(found) == 1]
        if not unread:
            return found
        try:
            read = {tab.sheet_id: tab for tab in tabs(await self._sheets.heads(spreadsheet, unread))}
        except Refused:
            raise RetryLater(_CHANGED, after=5) from None  # a tab went away meanwhile
        return [read.get(tab.sheet_id, tab) for tab in found]

    async def _spreadsheet(self) -> str:
        """Give the spreadsheet's id; where signing in with Google left it open, find or make one, and save it."""
        if not self._settings.spreadsheet_id:
            label = "destination"
            files = await self._sheets.find_files(label)  # a repeat after a lost reply finds the one it made
            made = files[0] if files else await self._sheets.make_file("Counterfoil", label)
            self._settings = self._settings.model_copy(update={"spreadsheet_id": made.id})
            await self._access.save(self._settings)
        return self._settings.spreadsheet_id

    # --- writing ---

    async def write(self, table: TableMapping, changes: Sequence[Change]) -> Sequence[Outcome]:
        """Write in two calls: one look at the tab as it stands now, and one atomic batch.

        A change whose fate a lost reply left open is `Undecided`; sent again, it is looked up by its key, and a batch
        that arrives twice after all fails the second time, as a whole, at its marker.
        """
        outcomes: list[Outcome] = []
        stopped: RetryLater | ActionRequired | None = None
        for part in split(changes):
            if stopped is None:
                try:
                    outcomes += await self._write_part(table, part)
                    continue
                except (RetryLater, ActionRequired) as error:
                    stopped = error
            outcomes += [Undecided(change.key, stopped) for change in part]
        return outcomes

    async def _write_part(self, table: TableMapping, changes: Sequence[Change]) -> Sequence[Outcome]:
        needs_keys = any(change.act is not Act.CREATE or change.doubtful or change.was_key for change in changes)
        for _ in range(_ATTEMPTS):
            tab = await self._tab(table, with_keys=needs_keys)
            mark, nth = marker(table, changes, 0), 0
            while mark in tab.batches:
                mark, nth = marker(table, changes, nth + 1), nth + 1
            if nth and not needs_keys:
                # The same changes were written within the last minutes, perhaps by a call that we gave up: look first.
                needs_keys = True
                continue
            batch = compose(tab, table, changes, mark, int(time.time()))
            if not batch.requests:
                return batch.outcomes
            try:
                await self._sheets.update(self._settings.spreadsheet_id, batch.requests)
            except Refused as refused:
                error = refusals.meaning(refused, table.label)
                if error is not None:
                    raise error from None
                # Our marker is there by now, or the tab changed between our look and our write: nothing was done.
                log.info("google_sheets_batch_refused", table=table.table, where=refused.where)
                needs_keys = True
                continue
            return batch.outcomes
        raise RetryLater("Google Sheets refuses the changes; the tab keeps changing.", after=30)

    async def _tab(self, table: TableMapping, *, with_keys: bool) -> Tab:
        """Look at a tab: where its columns are now and, where asked for, which row holds which key."""
        key_id = table.key_field.field_id
        lookup = {"developerMetadataLookup": {"metadataId": int(key_id)}} if with_keys else None
        tab = await self._look(table, lookup, None)
        if not with_keys or tab.rows is not None:
            return tab
        # The key column has lost its metadata and is known by its header only.
        index = locate(tab, table).key.column.index
        span = {"sheetId": tab.sheet_id, "startColumnIndex": index, "endColumnIndex": index + 1}
        tab = await self._look(table, {"gridRange": span}, index)
        if tab.rows is None or locate(tab, table).key.column.index != index:
            raise RetryLater(_CHANGED, after=5)
        return tab

    async def _look(self, table: TableMapping, column: Mapping[str, Any] | None, key_index: int | None) -> Tab:
        spreadsheet, sheet_id = await self._spreadsheet(), int(table.table_id)
        try:
            found = await self._sheets.heads(spreadsheet, [sheet_id], column=column)
        except Refused:
            if column is not None:
                return await self._look(table, None, None)  # no such metadata or column any more, or no such tab
            raise refusals.table_missing(table.label) from None
        sheet = next((sheet for sheet in found if sheet.properties.sheet_id == sheet_id), None)
        if sheet is None:
            raise refusals.table_missing(table.label)
        return tab_with_rows(sheet, key_index, table.key_field.field_id if column else "")

    # --- reading ---

    async def read(self, table: TableMapping) -> AsyncIterator[RemoteRow]:
        """Read the whole tab in one moment; left out are empty rows, and headers that rows were inserted above."""
        tab, rows = await self._snapshot(table)
        places = locate(tab, table)
        key = places.key.column
        for raw in rows[1:]:
            values = _decode_row(raw)
            if any(value not in (None, "") for value in values) and _at(values, key.index) != key.name:
                yield _remote_row(values, places)

    async def _snapshot(self, table: TableMapping) -> tuple[Tab, Sequence[msgspec.Raw]]:
        for _ in range(_ATTEMPTS):
            tab = await self._tab(table, with_keys=False)
            try:
                rows = await self._sheets.values(await self._spreadsheet(), tab.sheet_id)
            except Refused:
                raise refusals.table_missing(table.label) from None
            heads = _decode_row(rows[0]) if rows else []
            columns = [place.column for place in locate(tab, table).all]
            if all(not column.head or column.head == _at(heads, column.index) for column in columns):
                return tab, rows
        raise RetryLater(_CHANGED, after=10)


def find_any(found: Sequence[Tab], tables: Sequence[TableMapping]) -> bool:
    """Say whether some table has a tab already."""
    return any(find_tab(found, table) is not None for table in tables)


def _at(values: Sequence[Any], index: int) -> str:
    return as_text(values[index]) if index < len(values) and values[index] is not None else ""


def _remote_row(values: Sequence[Any], places: Places) -> RemoteRow:
    key = _at(values, places.key.column.index)
    cells: dict[str, Cell] = {}
    for name, place in places.fields.items():
        value = values[place.column.index] if place.column.index < len(values) else None
        cell = from_value(value, place.mapped.kind)
        if place.mapped.kind is Kind.LINK:
            target = _at(values, place.keys.index) if place.keys else ""
            cell = Link(target, target or None, str(cell) if cell is not None else None) if cell or target else None
        cells[name] = cell
    return RemoteRow(key or None, key, cells)
