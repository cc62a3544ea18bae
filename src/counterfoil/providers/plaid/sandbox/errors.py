"""Plaid's error bodies. https://plaid.com/docs/errors/"""

from typing import Any, Final

from counterfoil.sandbox.kit import Refusal

_TYPES: Final = {
    "INVALID_REQUEST": ("MISSING_FIELDS", "UNKNOWN_FIELDS", "INVALID_FIELD", "INVALID_BODY", "NOT_FOUND",
                        "SANDBOX_PRODUCT_NOT_ENABLED", "INVALID_CONFIGURATION"),
    "INVALID_INPUT": ("INVALID_API_KEYS", "INVALID_ACCESS_TOKEN", "INVALID_PUBLIC_TOKEN", "INVALID_LINK_TOKEN",
                      "INVALID_INSTITUTION", "INVALID_ACCOUNT_ID", "INVALID_PRODUCT",
                      "INVALID_WEBHOOK_VERIFICATION_KEY_ID"),
    "ITEM_ERROR": ("ITEM_LOGIN_REQUIRED", "ITEM_LOCKED", "ITEM_NOT_FOUND", "USER_SETUP_REQUIRED", "NO_ACCOUNTS",
                   "PASSWORD_RESET_REQUIRED", "INVALID_CREDENTIALS", "INSUFFICIENT_CREDENTIALS", "ACCESS_NOT_GRANTED",
                   "USER_PERMISSION_REVOKED", "PRODUCTS_NOT_SUPPORTED", "PRODUCT_NOT_READY", "PRODUCT_NOT_ENABLED",
                   "NO_INVESTMENT_ACCOUNTS", "NO_LIABILITY_ACCOUNTS"),
    "TRANSACTIONS_ERROR": ("TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION",),
    "INSTITUTION_ERROR": ("INSTITUTION_DOWN", "INSTITUTION_NOT_RESPONDING", "INSTITUTION_NOT_AVAILABLE",
                          "INSTITUTION_NO_LONGER_SUPPORTED", "UNSUPPORTED_RESPONSE"),
    "INVALID_RESULT": ("ADDITIONAL_CONSENT_REQUIRED",),
    "API_ERROR": ("INTERNAL_SERVER_ERROR", "PLANNED_MAINTENANCE"),
}  # fmt: skip
_TYPE_OF: Final = {code: kind for kind, codes in _TYPES.items() for code in codes}
_STATUS: Final = {"INTERNAL_SERVER_ERROR": 500, "PLANNED_MAINTENANCE": 503}
_MESSAGES: Final = {
    "INVALID_API_KEYS": "invalid client_id or secret provided",
    "INVALID_ACCESS_TOKEN": "could not find matching access token",
    "INVALID_PUBLIC_TOKEN": "could not find matching public token",
    "INVALID_LINK_TOKEN": "the link token is invalid or has expired",
    "INVALID_INSTITUTION": "invalid institution_id provided",
    "INVALID_BODY": "could not parse the request body as JSON",
    "ITEM_NOT_FOUND": "The Item you requested cannot be found. This Item does not exist, or has been removed.",
    "ITEM_LOGIN_REQUIRED": "the login details of this item have changed (credentials, MFA, or required user action)",
    "PRODUCT_NOT_READY": "the requested product is not yet ready. please wait for its webhook or try again later",
    "PRODUCTS_NOT_SUPPORTED": "the requested products are not supported by this institution or Item",
    "SANDBOX_PRODUCT_NOT_ENABLED": "the requested product is not enabled on this Item",
    "TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION": "Underlying transaction data changed since last page was fetched. "
    "Please restart pagination from last update.",
}
_DISPLAY: Final = {
    "ITEM_LOGIN_REQUIRED": "Username or password incorrect. If you've recently updated your account, try again.",
}
DOCS: Final = "https://plaid.com/docs/?ref=error#"


def error_body(code: str, request_id: str, message: str | None = None) -> dict[str, Any]:
    """Give the JSON body of an error. Codes that are not in the table are rate limits or the Item's own."""
    kind = _TYPE_OF.get(code, "RATE_LIMIT_EXCEEDED" if code.endswith("LIMIT") else "ITEM_ERROR")
    slug = kind.lower().replace("_", "-")
    return {
        "display_message": _DISPLAY.get(code),
        "documentation_url": f"{DOCS}{slug}-errors",
        "error_code": code,
        "error_message": message or _MESSAGES.get(code, code.lower().replace("_", " ")),
        "error_type": kind,
        "request_id": request_id,
        "suggested_action": None,
    }


def status_of(code: str) -> int:
    """Give the HTTP status of an error."""
    return 429 if code not in _TYPE_OF and code.endswith("LIMIT") else _STATUS.get(code, 400)


class PlaidError(Exception):
    """An answer that is an error; `refusal` makes it one of HTTP."""

    def __init__(self, code: str, message: str | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.message = message

    def refusal(self, request_id: str) -> Refusal:
        """Give the answer."""
        return Refusal(status_of(self.code), error_body(self.code, request_id, self.message))
