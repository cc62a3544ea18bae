"""What Plaid's error codes mean for us: one table, by code and never by status."""

from collections.abc import Mapping
from typing import Final

import msgspec

from counterfoil.errors import ActionRequired, CounterfoilError, NotOffered, RestartFetch, RetryLater
from counterfoil.lib.http import Reply
from counterfoil.providers.plaid.wire import Fault

_MINUTE: Final = 60.0  # every limit of Plaid's is counted by the minute, and none promises a Retry-After
_SOON: Final = 15.0  # the first look at a bank takes between seconds and two minutes
_HOURS: Final = 4 * 3600.0  # banks that are down stay down for hours; Plaid itself looks 1 to 4 times a day

RATE_LIMITED: Final = "RATE_LIMIT_EXCEEDED"  # an error_type: each endpoint has a code of its own

_RETRY_LATER: Final[Mapping[str, tuple[float, str]]] = {
    "INTERNAL_SERVER_ERROR": (_MINUTE, "Plaid has trouble of its own."),
    "PLANNED_MAINTENANCE": (10 * _MINUTE, "Plaid is down for planned maintenance."),
    "INSTITUTION_DOWN": (_HOURS, "The bank cannot be reached by Plaid at the moment."),
    "INSTITUTION_NOT_RESPONDING": (_HOURS, "The bank does not answer Plaid at the moment."),
    "INSTITUTION_NOT_AVAILABLE": (_HOURS, "The bank cannot be reached by Plaid at the moment."),
}

_SIGN_IN: Final = "Open the connection and choose Repair, then sign in to the bank on Plaid's page."
_SHARE: Final = "Open the connection and choose Repair, then tick the accounts that Counterfoil may read."
_CONNECT_AGAIN: Final = "Remove the connection and connect the bank again."
_OPERATOR: Final = (
    "Whoever runs this installation must check COUNTERFOIL_PLAID_CLIENT_ID and COUNTERFOIL_PLAID_SECRET "
    "(each environment has a secret of its own), and then COUNTERFOIL_PLAID_URL."
)

ASKS_A_PERSON: Final[Mapping[str, tuple[str, str]]] = {
    "ITEM_LOGIN_REQUIRED": ("The bank asks you to sign in again.", _SIGN_IN),
    "ITEM_LOCKED": (
        "The bank has locked the login after too many attempts.",
        "Unlock it at the bank. Then open the connection, choose Repair and sign in.",
    ),
    "USER_SETUP_REQUIRED": (
        "The bank wants you to finish something on its own website first.",
        "Sign in at the bank's website and follow what it asks. Then open the connection and choose Repair.",
    ),
    "PASSWORD_RESET_REQUIRED": (
        "The bank asks for a new password.",
        "Change it at the bank. Then open the connection, choose Repair and sign in with the new one.",
    ),
    "INVALID_CREDENTIALS": ("The bank does not accept the login any more.", _SIGN_IN),
    "INSUFFICIENT_CREDENTIALS": ("The sign-in at the bank was not completed.", _SIGN_IN),
    "ACCESS_NOT_GRANTED": ("The bank was not allowed to share what is needed.", _SHARE),
    "NO_ACCOUNTS": ("The bank shares no account with this connection.", _SHARE),
    "ADDITIONAL_CONSENT_REQUIRED": ("The bank needs your consent to share this kind of record.", _SHARE),
    "USER_PERMISSION_REVOKED": ("You took back the permission to read this bank.", _CONNECT_AGAIN),
    "INVALID_ACCESS_TOKEN": ("Plaid does not know this connection's key (any more).", _CONNECT_AGAIN),
    "ITEM_NOT_FOUND": ("Plaid does not know this connection any more.", _CONNECT_AGAIN),
    "INSTITUTION_NO_LONGER_SUPPORTED": (
        "Plaid cannot read this bank any more.",
        "Nothing can be repaired here. What was read so far stays; remove the connection when you like.",
    ),
    "INVALID_PUBLIC_TOKEN": ("The sign-in took too long, or was used already.", "Connect the bank again."),
    "INVALID_LINK_TOKEN": ("The link to Plaid's page is too old.", "Begin again, and sign in within 30 minutes."),
    "INVALID_API_KEYS": ("Plaid does not accept this installation's keys.", _OPERATOR),
    "UNAUTHORIZED_ENVIRONMENT": ("Plaid's keys are not allowed in this environment.", _OPERATOR),
    "UNSUPPORTED_RESPONSE": (
        "The bank answered in a way that Plaid does not understand.",
        "Open the connection and choose Repair. Where that does not help, tell the bank's name to Plaid's support.",
    ),
}

_NOT_OFFERED: Final = frozenset(
    {
        "PRODUCTS_NOT_SUPPORTED",
        "PRODUCT_NOT_ENABLED",
        "SANDBOX_PRODUCT_NOT_ENABLED",
        "INVALID_PRODUCT",  # the installation's contract with Plaid lacks the product
        "UNAUTHORIZED_ROUTE_ACCESS",
        "NO_INVESTMENT_ACCOUNTS",
        "NO_LIABILITY_ACCOUNTS",
    }
)

_RESTART: Final = frozenset({"TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION"})


class NotReady(RetryLater):
    """Plaid is still collecting this from the bank; a webhook will tell, and asking again will too."""


class PlaidRefused(CounterfoilError):
    """Plaid refused a request for a reason that no table names: our mistake, or a code newer than this version."""

    def __init__(self, path: str, fault: Fault) -> None:
        super().__init__(
            f"Plaid refused {path} with {fault.error_code} ({fault.error_type or 'no type'}, "
            f"request {fault.request_id or 'unknown'}). Counterfoil does not know what to do about it; "
            "please report it with this line."
        )
        self.code = fault.error_code


def read_fault(reply: Reply) -> Fault | None:
    """Give the error of a reply that is not a success, None where the body is not Plaid's (a proxy's web page)."""
    try:
        return msgspec.json.decode(reply.body, type=Fault)
    except msgspec.DecodeError:
        return None


def refusal(path: str, status: int, fault: Fault | None) -> CounterfoilError:
    """Give the error to raise for a refused request. See https://plaid.com/docs/errors/."""
    if fault is None:
        return RetryLater(f"Plaid answered {path} with status {status} and no explanation.", after=_MINUTE)
    code = fault.error_code
    if fault.error_type == RATE_LIMITED:
        return RetryLater("Plaid asks to slow down.", after=_MINUTE)
    if code == "PRODUCT_NOT_READY":
        return NotReady("Plaid is still collecting this from the bank.", after=_SOON)
    if code in _RETRY_LATER:
        after, message = _RETRY_LATER[code]
        return RetryLater(message, after=after)
    if code in _RESTART:
        return RestartFetch("The bank's history changed while it was being read.")
    if code in _NOT_OFFERED:
        return NotOffered("The bank, or the contract with Plaid, does not offer this.")
    return action_required(code) or PlaidRefused(path, fault)


def action_required(code: str) -> ActionRequired | None:
    """Give what a person must do about an error code, None where it asks for nobody's action."""
    known = ASKS_A_PERSON.get(code)
    return known and ActionRequired(code.lower(), known[0], remedy=known[1])
