"""Google Sheets: each table is a tab of the user's spreadsheet."""

from typing import Final

from counterfoil.destinations.google_sheets.consent import GoogleConsent
from counterfoil.destinations.google_sheets.destination import GoogleSheets
from counterfoil.destinations.google_sheets.settings import GoogleApp, GoogleSheetsSettings
from counterfoil.ports import DestinationSpec


def _tab_url(spreadsheet: str, tab: str, _row: str) -> str:
    # The row has no address: its number changes whenever somebody sorts.
    return f"https://docs.google.com/spreadsheets/d/{spreadsheet}/edit#gid={tab}"


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
    row_url=_tab_url,
)

__all__ = ["SPEC", "GoogleApp", "GoogleSheetsSettings"]
