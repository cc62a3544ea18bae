"""What Google's refusals mean for the user, in plain words."""

import re
from typing import Final

from counterfoil.errors import ActionRequired


class Refused(Exception):
    """Google refused one request as invalid (400) and did nothing of it. The message may quote cells: never show it."""

    def __init__(self, message: str) -> None:
        super().__init__("400")
        self.message = message

    @property
    def where(self) -> str:
        """Name the request that was refused, without what it held."""
        found = re.match(r"Invalid requests\[\d+\]\.\w+", self.message)
        return found[0] if found else ""


def not_shared(email: str | None) -> ActionRequired:
    """The credential may not open the spreadsheet, or may not edit it."""
    if email is None:
        remedy = "Sign in with Google again and pick the spreadsheet, or leave it empty to have a new one made."
    else:
        remedy = f"Open the spreadsheet, choose Share, and add {email} as an editor."
    return ActionRequired("spreadsheet_not_shared", "Google does not let us edit the spreadsheet.", remedy=remedy)


def not_found(email: str | None) -> ActionRequired:
    """There is no such spreadsheet, or it was deleted."""
    share = f" and that it is shared with {email}" if email else ""
    return ActionRequired(
        "spreadsheet_missing",
        "Google knows no spreadsheet under this link.",
        remedy=f"Check the link, that the spreadsheet is not in the trash{share}.",
    )


def sign_in_refused(service_account: bool) -> ActionRequired:
    """The key or the refresh token is not valid any more."""
    if service_account:
        remedy = "Make a new JSON key for the service account in the Google Cloud console and store it here."
    else:
        remedy = "Sign in with Google again."
    return ActionRequired("sign_in_refused", "Google does not accept the credential any more.", remedy=remedy)


def not_revoked(status: int) -> ActionRequired:
    """Google would not end what a user has allowed."""
    return ActionRequired(
        "not_revoked",
        f"Google refuses to end its permission (status {status}).",
        remedy="End it at https://myaccount.google.com/connections.",
    )


def client_refused() -> ActionRequired:
    """The installation's OAuth client is not known to Google."""
    return ActionRequired(
        "client_refused",
        "Google does not know this installation's OAuth client.",
        remedy="Check COUNTERFOIL_GOOGLE_CLIENT_ID and COUNTERFOIL_GOOGLE_CLIENT_SECRET.",
    )


def token_address_unknown() -> ActionRequired:
    """A key file names a token address that is not Google's."""
    return ActionRequired(
        "token_address_unknown",
        "The service account's key names a sign-in address that does not belong to Google.",
        remedy="Download the key again from the Google Cloud console and store it here unchanged.",
    )


def key_unreadable() -> ActionRequired:
    """The private key in the key file is not one."""
    return ActionRequired(
        "key_unreadable",
        "The private key of the service account cannot be read.",
        remedy="Paste the whole content of the JSON key file, from the first brace to the last.",
    )


def api_disabled() -> ActionRequired:
    """The Google Cloud project has not switched the API on."""
    return ActionRequired(
        "api_disabled",
        "The Google Sheets API is switched off in the Google Cloud project of the credential.",
        remedy="Open the project in the Google Cloud console, search for Google Sheets API and choose Enable.",
    )


def table_missing(label: str) -> ActionRequired:
    """A mapped tab was deleted."""
    return ActionRequired(
        "table_missing",
        f"The tab “{label}” is not in the spreadsheet any more.",
        remedy="Bring it back through File, Version history, or choose another tab for it in the mapping.",
    )


def column_missing(table: str, column: str) -> ActionRequired:
    """A mapped column was deleted."""
    return ActionRequired(
        "column_missing",
        f"The column “{column}” of the tab “{table}” is not there any more.",
        remedy="Undo its deletion in Google Sheets, or change the mapping of this table.",
    )


_FULL: Final = "above the limit of"


def meaning(refused: Refused, label: str) -> ActionRequired | None:
    """Give what a refused change asks of the user; None where it may pass when the table is read anew."""
    if "protected cell or object" in refused.message:
        return ActionRequired(
            "tab_protected",
            f"The tab “{label}” is protected, so that nothing can be written to it.",
            remedy="Choose Data, Protect sheets and ranges, and let the account that Counterfoil uses edit it.",
        )
    if _FULL in refused.message:
        return ActionRequired(
            "spreadsheet_full",
            "The spreadsheet has no room for more: Google allows 10 million cells, empty ones included.",
            remedy="Delete empty columns, rows or tabs, or choose a later start of the history.",
        )
    return None
