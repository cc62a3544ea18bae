"""How Google is signed in to: keys, refresh tokens, and what is asked of the user where they fail."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from counterfoil.destinations.google_sheets import GoogleApp, GoogleSheetsSettings
from counterfoil.destinations.google_sheets.auth import Credential
from counterfoil.destinations.google_sheets.sandbox.oauth import Accounts
from counterfoil.errors import ActionRequired, RetryLater
from counterfoil.lib.http import Http
from counterfoil.sandbox.kit import Clock
from destinations.google_place import GooglePlace, google_place

KEY: dict[str, Any] = Accounts(Clock()).key_file("https://oauth2.googleapis.com")


@pytest.fixture
async def place() -> AsyncIterator[GooglePlace]:
    async with google_place() as place:
        yield place


def sign_ins(place: GooglePlace) -> int:
    return len([call for call in place.google.faults.calls if call.path == "/token"])


@pytest.mark.anyio
async def test_a_token_serves_every_opening_of_the_same_credential(place: GooglePlace) -> None:
    given = place.google.credentials(place.url)
    for _ in range(3):
        await place.open(spreadsheet_id=given["spreadsheet_id"], service_account=given["service_account"]).check()
    assert sign_ins(place) == 1


@pytest.mark.anyio
async def test_a_token_that_is_refused_before_its_time_is_replaced(place: GooglePlace) -> None:
    await place.destination.check()
    place.google.state.accounts.tokens.clear()
    await place.destination.check()
    assert sign_ins(place) == 2


@pytest.mark.anyio
async def test_a_deleted_key_asks_for_a_new_one(place: GooglePlace) -> None:
    place.act("revoke")
    with pytest.raises(ActionRequired) as caught:
        await place.destination.check()
    assert caught.value.code == "sign_in_refused" and "JSON key" in caught.value.remedy


@pytest.mark.anyio
async def test_signing_in_as_a_user_makes_one_spreadsheet_and_keeps_it(place: GooglePlace) -> None:
    refresh_token = place.google.credentials(place.url)["oauth"]["refresh_token"]
    place.google.faults.plan({"kind": "cut_after", "method": "POST", "path": "/drive/v3/files"})
    with pytest.raises(Exception, match="connection"):
        await place.open(refresh_token=refresh_token).check()
    identity = await place.open(refresh_token=refresh_token).check()
    (saved,) = place.saved
    assert isinstance(saved, GoogleSheetsSettings)
    assert saved.spreadsheet_id == identity.remote_id
    assert identity.label == "Counterfoil"
    assert len(place.google.state.books) == 2, "the one that was there, and one new one although a reply was lost"


@pytest.mark.anyio
async def test_a_user_s_consent_that_ended_asks_to_sign_in_again(place: GooglePlace) -> None:
    with pytest.raises(ActionRequired) as caught:
        await place.open(refresh_token="1//gone").check()
    assert caught.value.remedy == "Sign in with Google again."


def signed_in(place: GooglePlace) -> Credential:
    """Give the credential of the user who has signed in."""
    accounts = place.google.state.accounts
    app = GoogleApp(url=place.url, client_id=accounts.client_id, client_secret=accounts.client_secret)
    return Credential(place.http, app, GoogleSheetsSettings(refresh_token=accounts.refresh_token))


@pytest.mark.anyio
async def test_a_revoked_permission_opens_nothing_not_even_with_a_token_that_is_still_good(place: GooglePlace) -> None:
    credential = signed_in(place)
    granted = await credential.token()
    await credential.revoke()
    assert place.google.state.accounts.caller(f"Bearer {granted}") is None
    with pytest.raises(ActionRequired) as caught:
        await credential.token()
    assert caught.value.code == "sign_in_refused"
    await credential.revoke()  # a repeat after a lost reply
    await place.destination.check()  # the service account is somebody else


@pytest.mark.anyio
async def test_a_revocation_says_what_is_wrong_without_the_token(place: GooglePlace) -> None:
    credential = signed_in(place)
    place.google.faults.plan({"kind": "status", "path": "/revoke", "status": 503, "times": 4})
    with pytest.raises(RetryLater) as later:
        await credential.revoke()
    place.google.faults.plan({"kind": "status", "path": "/revoke", "status": 400, "body": {"error": "invalid_request"}})
    with pytest.raises(ActionRequired, match="refuses to end") as refused:
        await credential.revoke()
    assert place.google.state.accounts.refresh_token not in f"{later.value!r} {refused.value!r}"
    assert await credential.token()


@pytest.mark.anyio
async def test_a_key_file_cannot_send_the_server_anywhere() -> None:
    settings = GoogleSheetsSettings(
        spreadsheet_id="1abc", service_account={**KEY, "token_uri": "http://169.254.169.254/token"}
    )
    http = Http()
    with pytest.raises(ActionRequired) as caught:
        await Credential(http, GoogleApp(), settings).token()
    await http.aclose()
    assert caught.value.code == "token_address_unknown"


@pytest.mark.anyio
async def test_a_private_key_that_is_none_is_not_quoted() -> None:
    settings = GoogleSheetsSettings(spreadsheet_id="1abc", service_account={**KEY, "private_key": "s3cret no key"})
    http = Http()
    with pytest.raises(ActionRequired) as caught:
        await Credential(http, GoogleApp(), settings).token()
    await http.aclose()
    assert caught.value.code == "key_unreadable"
    assert "s3cret" not in f"{caught.value!r} {caught.value.remedy} {caught.value.__cause__!r}"


@pytest.mark.parametrize(
    "given",
    [
        "1BxiMVs0XRA5nFMdKvBdBZjgmUUqptlbs74OgvE2upms",
        " 1BxiMVs0XRA5nFMdKvBdBZjgmUUqptlbs74OgvE2upms ",
        "https://docs.google.com/spreadsheets/d/1BxiMVs0XRA5nFMdKvBdBZjgmUUqptlbs74OgvE2upms/edit?gid=0#gid=0",
        "https://docs.google.com/spreadsheets/u/1/d/1BxiMVs0XRA5nFMdKvBdBZjgmUUqptlbs74OgvE2upms",
    ],
)
def test_a_spreadsheet_goes_by_its_link_or_its_id(given: str) -> None:
    settings = GoogleSheetsSettings(spreadsheet_id=given, refresh_token=SecretStr("1//x"))
    assert settings.spreadsheet_id == "1BxiMVs0XRA5nFMdKvBdBZjgmUUqptlbs74OgvE2upms"


@pytest.mark.parametrize(
    "settings",
    [
        {"spreadsheet_id": "1abc"},
        {"spreadsheet_id": "1abc", "service_account": KEY, "refresh_token": "1//x"},
        {"service_account": KEY},
        {"spreadsheet_id": "1abc", "service_account": "my key"},
        {"spreadsheet_id": "../../v1/secrets", "service_account": KEY},
    ],
)
def test_settings_that_cannot_work_are_refused_without_quoting_them(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        GoogleSheetsSettings(**settings)
    assert "PRIVATE KEY" not in str(caught.value)


def test_google_s_hosts_are_its_own_until_another_takes_their_place() -> None:
    google, other = GoogleApp(), GoogleApp(url="http://127.0.0.1:4015/")
    assert (google.sheets_url, google.drive_url, google.token_url, google.revoke_url) == (
        "https://sheets.googleapis.com",
        "https://www.googleapis.com/drive/v3",
        "https://oauth2.googleapis.com/token",
        "https://oauth2.googleapis.com/revoke",
    )
    assert (other.sheets_url, other.drive_url, other.token_url, other.revoke_url) == (
        "http://127.0.0.1:4015",
        "http://127.0.0.1:4015/drive/v3",
        "http://127.0.0.1:4015/token",
        "http://127.0.0.1:4015/revoke",
    )
    assert google.trusts("https://oauth2.googleapis.com/token") and other.trusts("http://127.0.0.1:4015/token")
    assert not google.trusts("https://oauth2.googleapis.com.evil.example/token")
