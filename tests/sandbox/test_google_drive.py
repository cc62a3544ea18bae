"""Signing in, and the little of Drive: Google's own libraries believe the emulator."""

from collections.abc import Iterator
from typing import Any

import google.auth.transport.requests as transport
import httpx2
import pytest
from google.auth.exceptions import RefreshError
from google.oauth2.credentials import Credentials as UserCredentials
from google.oauth2.service_account import Credentials as ServiceCredentials
from googleapiclient.discovery import build  # type: ignore[import-untyped]
from googleapiclient.errors import HttpError  # type: ignore[import-untyped]

from counterfoil.destinations.google_sheets.sandbox import emulator
from counterfoil.sandbox.kit import Emulator
from counterfoil.sandbox.server import Served, serving

_SPREADSHEET = "application/vnd.google-apps.spreadsheet"


@pytest.fixture
def served() -> Iterator[Served]:
    with serving(emulator(rate_scale=None)) as served:
        yield served


def given(served: Served) -> tuple[Emulator, str, Any]:
    google, url = served.emulators["google"], served.urls["google"]
    return google, url, google.credentials(url)


def service_account(served: Served, scope: str = "spreadsheets") -> Any:
    _, _, credentials = given(served)
    scopes = [f"https://www.googleapis.com/auth/{scope}"]
    signer: Any = ServiceCredentials  # its methods have no types
    return signer.from_service_account_info(credentials["service_account"], scopes=scopes)


def user(served: Served, **changes: str) -> Any:
    _, url, credentials = given(served)
    oauth = {**credentials["oauth"], **changes}
    signer: Any = UserCredentials
    return signer(token=None, token_uri=f"{url}/token", **oauth)


def drive(served: Served, credentials: Any) -> Any:
    _, url, _ = given(served)
    options = {"api_endpoint": f"{url}/drive/v3"}
    return build("drive", "v3", static_discovery=True, credentials=credentials, client_options=options).files()


def test_a_service_account_signs_in_with_its_key(served: Served) -> None:
    credentials = service_account(served)
    credentials.refresh(transport.Request())
    assert credentials.token.startswith("ya29.") and credentials.valid


def test_a_key_of_somebody_else_is_refused(served: Served) -> None:
    google, _, _ = given(served)
    google.state.accounts.key_id = "another"
    credentials = service_account(served)
    google.state.accounts.key_id = "the real one"
    with pytest.raises(RefreshError, match="invalid_grant"):
        credentials.refresh(transport.Request())


def test_a_user_signs_in_with_a_refresh_token(served: Served) -> None:
    credentials = user(served)
    credentials.refresh(transport.Request())
    assert credentials.valid


@pytest.mark.parametrize(
    ("changes", "error"),
    [({"refresh_token": "1//wrong"}, "invalid_grant"), ({"client_secret": "wrong"}, "invalid_client")],
)
def test_a_wrong_refresh_token_or_client_is_refused(served: Served, changes: dict[str, str], error: str) -> None:
    with pytest.raises(RefreshError, match=error):
        user(served, **changes).refresh(transport.Request())


def test_tokens_die_after_an_hour_and_when_revoked(served: Served) -> None:
    google, _, _ = given(served)
    credentials = user(served)
    credentials.refresh(transport.Request())
    bearer = f"Bearer {credentials.token}"
    assert google.state.accounts.caller(bearer) is not None
    google.clock.advance(3600)
    assert google.state.accounts.caller(bearer) is None
    google.actions["revoke"]({})
    with pytest.raises(RefreshError, match="expired or revoked"):
        user(served).refresh(transport.Request())


def test_drive_file_shows_only_what_the_app_made(served: Served) -> None:
    _, _, credentials = given(served)
    files = drive(served, user(served))
    assert files.list(q=f"mimeType='{_SPREADSHEET}' and trashed=false").execute()["files"] == []
    with pytest.raises(HttpError) as error:
        files.get(fileId=credentials["spreadsheet_id"]).execute()
    assert error.value.status_code == 404
    body = {"name": "Mine", "mimeType": _SPREADSHEET, "appProperties": {"counterfoil": "x"}}
    made = files.create(body=body).execute()
    assert made["kind"] == "drive#file"
    found = files.list(q="appProperties has { key='counterfoil' and value='x' }", fields="files(id,name)").execute()
    assert found == {"files": [{"id": made["id"], "name": "Mine"}]}
    assert files.get(fileId=made["id"], fields="name").execute() == {"name": "Mine"}


def test_a_service_account_lists_what_is_shared_with_it_and_has_no_room_of_its_own(served: Served) -> None:
    google, _, credentials = given(served)
    files = drive(served, service_account(served, "drive"))
    assert [file["id"] for file in files.list().execute()["files"]] == [credentials["spreadsheet_id"]]
    with pytest.raises(HttpError) as error:
        files.create(body={"name": "Mine", "mimeType": _SPREADSHEET}).execute()
    assert error.value.error_details[0]["reason"] == "storageQuotaExceeded"
    google.actions["unshare"]({})
    assert files.list().execute()["files"] == []


def test_files_come_page_by_page(served: Served) -> None:
    files = drive(served, user(served))
    for number in range(3):
        files.create(body={"name": f"Book {number}", "mimeType": _SPREADSHEET}).execute()
    request, names = files.list(pageSize=2, fields="nextPageToken,files(name)"), []
    while request is not None:
        page = request.execute()
        names.append([file["name"] for file in page["files"]])
        request = files.list_next(request, page)
    assert names == [["Book 0", "Book 1"], ["Book 2"]]


# --- who is signed in, and the end of it -------------------------------------------------------------------


def test_drive_says_who_is_signed_in_and_nothing_that_was_not_asked_for(served: Served) -> None:
    _, url, _ = given(served)
    options = {"api_endpoint": f"{url}/drive/v3"}
    about = build("drive", "v3", static_discovery=True, credentials=user(served), client_options=options).about()
    told = about.get(fields="user(permissionId,emailAddress)").execute()
    assert told == {"user": {"permissionId": "10000000000000000042", "emailAddress": "user@example.com"}}
    with pytest.raises(HttpError, match="fields"):
        about.get().execute()


def revoked(served: Served, token: str) -> httpx2.Response:
    return httpx2.post(f"{given(served)[1]}/revoke", data={"token": token})


@pytest.mark.parametrize("which", ["access", "refresh"])
def test_revoking_one_token_ends_all_that_the_user_allowed(served: Served, which: str) -> None:
    google, _, credentials = given(served)
    google.state.accounts.refresh_tokens.add("1//another consent")
    signed_in, program = user(served), service_account(served)
    signed_in.refresh(transport.Request())
    program.refresh(transport.Request())
    reply = revoked(served, signed_in.token if which == "access" else credentials["oauth"]["refresh_token"])
    assert (reply.status_code, reply.json()) == (200, {})
    for token in (credentials["oauth"]["refresh_token"], "1//another consent"):
        with pytest.raises(RefreshError, match="invalid_grant"):
            user(served, refresh_token=token).refresh(transport.Request())
    again = revoked(served, signed_in.token)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_token")
    assert google.state.accounts.caller(f"Bearer {signed_in.token}") is None
    assert google.state.accounts.caller(f"Bearer {program.token}") is not None, "the service account is somebody else"
