"""An emulator of Google Sheets v4, of the little of Drive v3 beside it, and of the OAuth token endpoint.

Formulas are kept and never calculated, and styles other than a cell's format are not kept; everything else that is
answered is answered as Google answers it. Limits: https://developers.google.com/workspace/sheets/api/limits
"""

from collections.abc import Mapping
from typing import Any

from counterfoil.destinations.google_sheets.sandbox.actions import Actions
from counterfoil.destinations.google_sheets.sandbox.errors import quota_exceeded
from counterfoil.destinations.google_sheets.sandbox.service import Service
from counterfoil.destinations.google_sheets.sandbox.state import State, Witness
from counterfoil.sandbox.kit import Clock, Emulator
from counterfoil.sandbox.limits import Limits

ROW_KEY = "counterfoil.key"  # the metadata by which the control actions know a row's id


def emulator(*, title: str = "Money", rate_scale: float | None = 1.0, witness: Witness | None = None) -> Emulator:
    """Make Google with one new spreadsheet, shared with a service account.

    `rate_scale` multiplies the quotas, None switches them off; `witness` is shown every Sheets body with the name of
    its schema in the discovery document.
    """
    clock, limits = Clock(), Limits(rate_scale)
    state = State.fresh(clock, title)
    state.witness = witness

    def credentials(url: str) -> Mapping[str, Any]:
        accounts = state.accounts
        oauth = {
            "client_id": accounts.client_id,
            "client_secret": accounts.client_secret,
            "refresh_token": accounts.refresh_token,
        }
        return {"service_account": accounts.key_file(url), "spreadsheet_id": state.first.id, "oauth": oauth}

    return Emulator(
        slug="google",
        routes=Service(state, limits).routes(),
        credentials=credentials,
        limits=limits,
        clock=clock,
        actions=Actions(state, ROW_KEY).all(),
        refuse_429=lambda _seconds: quota_exceeded(),
        state=state,
    )
