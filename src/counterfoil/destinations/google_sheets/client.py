"""The few calls to Sheets and Drive, paced as Google counts them, with refusals put in plain words.

Limits: https://developers.google.com/workspace/sheets/api/limits
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, TypeVar

import msgspec

from counterfoil.destinations.google_sheets import refusals, wire
from counterfoil.destinations.google_sheets.auth import Credential
from counterfoil.destinations.google_sheets.refusals import Refused
from counterfoil.destinations.google_sheets.settings import GoogleApp
from counterfoil.errors import RetryLater
from counterfoil.lib.budget import Budget
from counterfoil.lib.http import Http, Reply

T = TypeVar("T")
Act = Literal["reads", "writes"]

PER_USER: Final = 60  # calls a minute; reads and writes are counted apart
PER_PROJECT: Final = 300
SPREADSHEET: Final = "application/vnd.google-apps.spreadsheet"
_MARK: Final = "developerMetadata(metadataId,metadataKey,metadataValue)"
_PROPERTIES: Final = "properties(sheetId,title,sheetType,gridProperties(rowCount,columnCount,frozenRowCount))"
# Column metadata comes as part of the grid; the cells stay out of it.
STRUCTURE: Final = f"sheets({_PROPERTIES},data(startColumn,columnMetadata({_MARK})))"
HEADS: Final = (
    f"sheets({_PROPERTIES},{_MARK},data(startRow,startColumn,columnMetadata({_MARK}),"
    "rowData(values(effectiveValue(stringValue,numberValue),userEnteredFormat(numberFormat)))))"
)


class Sheets:
    """One spreadsheet, reached with one credential."""

    def __init__(self, http: Http, app: GoogleApp, credential: Credential) -> None:
        self._http = http
        self._app = app
        self._credential = credential

    # --- Sheets ---

    async def title(self, spreadsheet_id: str) -> str:
        """Give the spreadsheet's title."""
        params = {"fields": "properties(title)"}
        reply = await self._sheets("GET", spreadsheet_id, "", "reads", params=params)
        return reply.decode(wire.Spreadsheet).properties.title

    async def structure(self, spreadsheet_id: str) -> Sequence[wire.Sheet]:
        """Give every tab: its size and the metadata of its columns, no cells."""
        reply = await self._sheets("GET", spreadsheet_id, "", "reads", params={"fields": STRUCTURE})
        return reply.decode(wire.Spreadsheet).sheets

    async def heads(
        self, spreadsheet_id: str, sheet_ids: Sequence[int], *, column: Mapping[str, Any] | None = None
    ) -> Sequence[wire.Sheet]:
        """Give the first two rows of some tabs and, from the same moment, one column in full.

        `column` is the data filter that selects it. Raises `Refused` where a tab is gone.
        """
        filters: list[Mapping[str, Any]] = [
            {"gridRange": {"sheetId": sheet_id, "startRowIndex": 0, "endRowIndex": 2}} for sheet_id in sheet_ids
        ]
        body = {"dataFilters": [*filters, column] if column else filters}
        reply = await self._sheets(
            "POST", spreadsheet_id, ":getByDataFilter", "reads", json=body, params={"fields": HEADS}
        )
        return reply.decode(wire.Spreadsheet).sheets

    async def values(self, spreadsheet_id: str, sheet_id: int) -> Sequence[msgspec.Raw]:
        """Give all rows of a tab as JSON arrays, dates as serial numbers. Raises `Refused` where the tab is gone."""
        body = {
            "dataFilters": [{"gridRange": {"sheetId": sheet_id}}],
            "majorDimension": "ROWS",
            "valueRenderOption": "UNFORMATTED_VALUE",
            "dateTimeRenderOption": "SERIAL_NUMBER",
        }
        params = {"fields": "valueRanges(valueRange(values))"}
        path = "/values:batchGetByDataFilter"
        reply = await self._sheets("POST", spreadsheet_id, path, "reads", json=body, params=params)
        ranges = reply.decode(wire.Values).value_ranges
        return ranges[0].value_range.values if ranges else ()

    async def update(self, spreadsheet_id: str, requests: Sequence[Any]) -> None:
        """Carry out all requests, or none of them. Raises `Refused` where one of them is invalid."""
        params = {"fields": "spreadsheetId"}
        body = {"requests": list(requests)}
        reply = await self._sheets("POST", spreadsheet_id, ":batchUpdate", "writes", json=body, params=params)
        reply.decode(wire.Updated)  # half a reply is no promise that all was done

    async def _sheets(
        self,
        method: str,
        spreadsheet_id: str,
        path: str,
        act: Act,
        *,
        params: Mapping[str, str],
        json: Any = None,
    ) -> Reply:
        url = f"{self._app.sheets_url}/v4/spreadsheets/{spreadsheet_id}{path}"
        return await self._send(method, url, act, params={**params, "prettyPrint": "false"}, json=json)

    # --- Drive ---

    async def find_files(self, label: str) -> Sequence[wire.File]:
        """List the spreadsheets that were made by this app under a label of its own."""
        labelled = f"appProperties has {{ key='counterfoil' and value='{label}' }}"
        query = f"mimeType='{SPREADSHEET}' and trashed=false and {labelled}"
        params = {"q": query, "fields": "files(id)"}
        reply = await self._send("GET", f"{self._app.drive_url}/files", "reads", params=params, json=None)
        return reply.decode(wire.Files).files

    async def own_files(self) -> Sequence[wire.File]:
        """List every spreadsheet that the credential sees: with the scope drive.file, those that we made."""
        query = f"mimeType='{SPREADSHEET}' and trashed=false"
        params = {"q": query, "fields": "files(id,name)", "orderBy": "modifiedTime desc"}
        reply = await self._send("GET", f"{self._app.drive_url}/files", "reads", params=params, json=None)
        return reply.decode(wire.Files).files

    async def account(self) -> str:
        """Give the id of the account that is signed in, which Drive names people by."""
        params = {"fields": "user(permissionId)"}
        reply = await self._send("GET", f"{self._app.drive_url}/about", "reads", params=params, json=None)
        return reply.decode(wire.About).user.permission_id

    async def make_file(self, name: str, label: str) -> wire.File:
        """Make a spreadsheet in the user's Drive, to be found again by its label."""
        body = {"name": name, "mimeType": SPREADSHEET, "appProperties": {"counterfoil": label}}
        url = f"{self._app.drive_url}/files"
        reply = await self._send("POST", url, "writes", params={"fields": "id"}, json=body)
        return reply.decode(wire.File)

    # --- both ---

    async def _send(self, method: str, url: str, act: Act, *, params: Mapping[str, str], json: Any) -> Reply:
        for last in (False, True):
            token = await self._credential.token()
            reply = await self._http.send(
                method,
                url,
                json=json,
                params=params,
                headers={"authorization": f"Bearer {token}"},
                spend=self._budgets(act),
                repeatable=act == "reads",
            )
            if reply.status != 401 or last:
                break
            self._credential.forget(token)  # refused before its time, and the call not carried out: sign in anew
        if reply.ok:
            return reply
        raise self._refusal(reply, act)

    def _budgets(self, act: Act) -> tuple[Budget, Budget]:
        project, user = self._credential.project, self._credential.user
        return (
            Budget(f"google {act} of project {project}", PER_PROJECT, 60.0),
            Budget(f"google {act} of user {user}", PER_USER, 60.0),
        )

    def _refusal(self, reply: Reply, act: Act) -> Exception:
        if reply.status >= 500:
            text = f"Google Sheets did not answer properly (status {reply.status})."
            return RetryLater(text, after=10, fate_unknown=act == "writes")
        try:
            error = msgspec.json.decode(reply.body, type=wire.Failure).error
        except msgspec.DecodeError:
            return RetryLater(f"Google Sheets did not answer properly (status {reply.status}).", after=10)
        email = self._credential.email
        if reply.status == 401:
            return refusals.sign_in_refused(email is not None)
        if reply.status == 403:
            disabled = any(detail.reason == "SERVICE_DISABLED" for detail in error.details)
            return refusals.api_disabled() if disabled else refusals.not_shared(email)
        if reply.status == 404:
            return refusals.not_found(email)
        return Refused(error.message)
