"""One spreadsheet at the emulator, opened as the product opens it, with its calls in sight."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import httpx2
from pydantic import BaseModel

from contracts.samples import mappings
from counterfoil.destinations.google_sheets import SPEC, GoogleApp, GoogleSheetsSettings
from counterfoil.destinations.google_sheets.sandbox import emulator
from counterfoil.lib.http import Http
from counterfoil.ports import Access, Change, Destination, Outcome, RemoteRow, TableMapping
from counterfoil.sandbox.kit import Emulator
from counterfoil.sandbox.server import serving
from sandbox.google_schemas import Witness


@dataclass(slots=True)
class GooglePlace:
    """The emulator, the destination, and every body that was sent to change something."""

    google: Emulator
    url: str
    http: Http
    destination: Destination
    witness: Witness
    batches: list[httpx2.Request] = field(default_factory=list)
    saved: list[BaseModel] = field(default_factory=list)

    def act(self, action: str, **body: Any) -> Any:
        """Do what a user could do."""
        return self.google.actions[action](body)

    def open(self, **settings: Any) -> Destination:
        """Open the spreadsheet with other settings."""
        app = GoogleApp(
            url=self.url,
            client_id=self.google.state.accounts.client_id,
            client_secret=self.google.state.accounts.client_secret,
        )
        return SPEC.open(Access(self.http, app, GoogleSheetsSettings(**settings), self._save))

    async def _save(self, settings: BaseModel) -> None:
        self.saved.append(settings)

    def calls(self) -> list[str]:
        """Give the calls since the last look, by the last word of their path; signing in is left out."""
        calls = [
            call.path.rpartition(":")[2] if ":" in call.path else call.path.rpartition("/")[2]
            for call in self.google.faults.calls
            if call.path != "/token"
        ]
        self.google.faults.calls.clear()
        return ["get" if call == self.google.state.first.id else call for call in calls]

    async def prepared(self, *tables: str) -> list[TableMapping]:
        """Prepare canonical tables."""
        return list(await self.destination.prepare(mappings(*tables)))

    async def write(self, table: TableMapping, *changes: Change) -> dict[str, Outcome]:
        """Write, every change with the remote id that a row has here: its key."""
        known = [
            change if change.remote_id or change.act.value == "create" else replace(change, remote_id=change.key)
            for change in changes
        ]
        return {outcome.key: outcome for outcome in await self.destination.write(table, known)}

    async def read(self, table: TableMapping) -> dict[str | None, RemoteRow]:
        """Read the whole table by key."""
        return {row.key: row async for row in self.destination.read(table)}

    def rows(self, table: TableMapping) -> dict[str, dict[str, Any]]:
        """Give what the spreadsheet holds of a table, by row id; two rows of one id are an error."""
        found = next(one for one in self.act("tables")["tables"] if one["id"] == table.table_id)
        rows = {row["id"]: row["cells"] for row in found["rows"]}
        assert len(rows) == len(found["rows"]), [row["id"] for row in found["rows"]]
        return rows

    def heads(self, table: TableMapping) -> list[str]:
        """Give the headers of a table."""
        found = next(one for one in self.act("tables")["tables"] if one["id"] == table.table_id)
        return [one["name"] for one in found["fields"]]


@asynccontextmanager
async def google_place() -> AsyncIterator[GooglePlace]:
    """Serve a Google without quotas and open its spreadsheet; every body must fit the discovery document."""
    witness = Witness()
    google = emulator(rate_scale=None, witness=witness)
    batches: list[httpx2.Request] = []

    network = httpx2.AsyncHTTPTransport()

    async def send(request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith(":batchUpdate"):
            batches.append(request)
        return await network.handle_async_request(request)

    with serving(google) as served:
        url = served.urls["google"]
        http = Http(transport=httpx2.MockTransport(send))
        place = GooglePlace(google, url, http, None, witness, batches)  # type: ignore[arg-type]
        given = google.credentials(url)
        place.destination = place.open(spreadsheet_id=given["spreadsheet_id"], service_account=given["service_account"])
        try:
            yield place
        finally:
            await http.aclose()
            await network.aclose()
    assert witness.complaints == []
