"""Google Sheets keeps every promise of a destination, and a few of its own."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from contracts.destination import DestinationContract, Endpoint
from counterfoil.destinations.google_sheets import SPEC, GoogleApp, GoogleSheetsSettings
from counterfoil.destinations.google_sheets.sandbox import emulator
from counterfoil.sandbox.kit import Emulator

_BOOK = "/v4/spreadsheets/[^/:]+"
_UNAUTHORISED = {
    "error": {
        "code": 401,
        "message": "Request had invalid authentication credentials.",
        "status": "UNAUTHENTICATED",
    }
}


class TestGoogleSheets(DestinationContract):
    spec = SPEC
    place_field, unknown_place = "spreadsheet_id", "1UnknownUnknownUnknownUnknownUnknownUnknown1"
    endpoints = (
        Endpoint("POST", "/token"),
        Endpoint("GET", _BOOK),
        Endpoint("POST", f"{_BOOK}:getByDataFilter"),
        Endpoint("POST", f"{_BOOK}/values:batchGetByDataFilter"),
        Endpoint("POST", f"{_BOOK}:batchUpdate", writes=True),
    )
    unauthorised = _UNAUTHORISED
    exempt = {  # noqa: RUF012
        "test_a_retyped_column_shows_in_describe": "a column of a spreadsheet has no type",
    }

    def emulator(self) -> Emulator:
        return emulator()

    def app(self, url: str) -> BaseModel:
        return GoogleApp(url=url)

    def settings(self, url: str, credentials: Mapping[str, Any]) -> BaseModel:
        return GoogleSheetsSettings(
            spreadsheet_id=credentials["spreadsheet_id"], service_account=credentials["service_account"]
        )

    def id_under(self, key: str, row_id: str) -> str:
        return key

    def secrets(self, credentials: Mapping[str, Any]) -> Sequence[str]:
        key = credentials["service_account"]["private_key"]
        return [line for line in key.splitlines() if len(line) > 40]
