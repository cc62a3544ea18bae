"""The little of Drive v3 that is needed: who is signed in; list, get and create files."""

import re
from typing import Any, Final

from starlette.requests import Request

from counterfoil.destinations.google_sheets.sandbox import masks
from counterfoil.destinations.google_sheets.sandbox.errors import drive_refusal
from counterfoil.destinations.google_sheets.sandbox.grid import Book
from counterfoil.destinations.google_sheets.sandbox.oauth import Caller
from counterfoil.destinations.google_sheets.sandbox.state import State
from counterfoil.destinations.google_sheets.sandbox.wire import decode

SPREADSHEET: Final = "application/vnd.google-apps.spreadsheet"
_LISTED: Final = "kind,incompleteSearch,nextPageToken,files(kind,id,name,mimeType)"
_GIVEN: Final = "kind,id,name,mimeType"
_CLAUSE: Final = re.compile(
    r"""(?P<field>mimeType|name)\s*(?P<op>=|contains)\s*'(?P<text>(?:[^'\\]|\\.)*)'
      | trashed\s*=\s*(?P<trashed>true|false)
      | appProperties\s+has\s*\{\s*key='(?P<key>[^']*)'\s+and\s+value='(?P<value>[^']*)'\s*\}""",
    re.VERBOSE,
)


def about(state: State, caller: Caller, request: Request) -> dict[str, Any]:
    """Answer about.get, as far as it tells who is signed in. Drive gives nothing of it that is not asked for."""
    asked = request.query_params.get("fields")
    if not asked:
        raise drive_refusal(400, "required", "global", "The 'fields' parameter is required for this method.")
    user = {
        "kind": "drive#user",
        "displayName": caller.email.partition("@")[0],
        "me": True,
        "permissionId": "10000000000000000001" if caller.service_account else state.accounts.user_id,
        "emailAddress": caller.email,
    }
    answer: dict[str, Any] = masks.apply(masks.parse(asked), {"kind": "drive#about", "user": user})
    return answer


def list_files(state: State, caller: Caller, request: Request) -> dict[str, Any]:
    """Answer files.list: the spreadsheets that the caller may see, page by page."""
    query = request.query_params.get("q", "")
    size = int(request.query_params.get("pageSize", "100"))
    start = int(request.query_params.get("pageToken", "0"))
    seen = [_file(book) for book in state.books.values() if state.seen_by(caller, book)]
    found = [file for file in seen if _matches(query, file)]
    page: dict[str, Any] = {"kind": "drive#fileList", "incompleteSearch": False, "files": found[start : start + size]}
    if start + size < len(found):
        page["nextPageToken"] = str(start + size)
    answer: dict[str, Any] = masks.apply(masks.parse(request.query_params.get("fields") or _LISTED), page)
    return answer


def get_file(state: State, caller: Caller, request: Request) -> dict[str, Any]:
    """Answer files.get."""
    file_id = request.path_params["file"]
    book = state.books.get(file_id)
    if book is None or not state.seen_by(caller, book):
        raise drive_refusal(404, "notFound", "global", f"File not found: {file_id}.")
    return _answered(book, request)


async def create_file(state: State, caller: Caller, request: Request) -> dict[str, Any]:
    """Answer files.create for a spreadsheet. A service account has no room of its own."""
    if caller.service_account:
        raise drive_refusal(
            403, "storageQuotaExceeded", "usageLimits", "The user's Drive storage quota has been exceeded."
        )
    body = decode(await request.body(), dict)
    if body.get("mimeType") != SPREADSHEET:
        raise drive_refusal(400, "invalid", "global", "Only spreadsheets can be made here.")
    book = state.new_book(body.get("name") or "Untitled spreadsheet")
    book.made_by = state.accounts.client_id
    book.app_properties = dict(body.get("appProperties") or {})
    return _answered(book, request)


def _answered(book: Book, request: Request) -> dict[str, Any]:
    answer: dict[str, Any] = masks.apply(masks.parse(request.query_params.get("fields") or _GIVEN), _file(book))
    return answer


def _file(book: Book) -> dict[str, Any]:
    return {
        "kind": "drive#file",
        "id": book.id,
        "name": book.title,
        "mimeType": SPREADSHEET,
        "trashed": False,
        "appProperties": book.app_properties,
        "webViewLink": f"https://docs.google.com/spreadsheets/d/{book.id}/edit",
    }


def _matches(query: str, file: dict[str, Any]) -> bool:
    """Say whether a file meets a query of clauses joined by "and". Raises a 400 for one that is not understood."""
    rest = query.strip()
    while rest:
        clause = _CLAUSE.match(rest)
        if clause is None:
            raise drive_refusal(400, "invalid", "global", "Invalid Value")
        if not _meets(clause, file):
            return False
        rest = re.sub(r"^\s*and\s+", "", rest[clause.end() :]).strip()
    return True


def _meets(clause: re.Match[str], file: dict[str, Any]) -> bool:
    if clause["field"]:
        text = re.sub(r"\\(.)", r"\1", clause["text"])
        found = str(file[clause["field"]])
        return text.casefold() in found.casefold() if clause["op"] == "contains" else found == text
    if clause["trashed"]:
        return clause["trashed"] == "false"
    return bool(file["appProperties"].get(clause["key"]) == clause["value"])
