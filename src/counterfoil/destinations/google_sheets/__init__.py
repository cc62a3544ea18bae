"""Google Sheets: each table is a tab of the user's spreadsheet."""

from typing import Final

from counterfoil.destinations.google_sheets.consent import GoogleConsent
from counterfoil.destinations.google_sheets.destination import GoogleSheets
from counterfoil.destinations.google_sheets.settings import GoogleApp, GoogleSheetsSettings
from counterfoil.ports import DestinationSpec

SPEC: Final = DestinationSpec(
    slug="google_sheets",
    label="Google Sheets",
    env="GOOGLE",
    app=GoogleApp,
    settings=GoogleSheetsSettings,
    batch=10_000,
    open=GoogleSheets,
    pace=2_000.0,  # the spreadsheet's own work
    links=False,
    consent=GoogleConsent(),
)

__all__ = ["SPEC", "GoogleApp", "GoogleSheetsSettings"]
