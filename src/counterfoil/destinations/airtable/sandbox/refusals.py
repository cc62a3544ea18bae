"""The error bodies of Airtable's API (https://airtable.com/developers/web/api/errors)."""

from counterfoil.sandbox.kit import Refusal


def refusal(status: int, kind: str, message: str | None = None) -> Refusal:
    """Give an error in the usual form."""
    return Refusal(status, {"error": {"type": kind} | ({"message": message} if message else {})})


def invalid(kind: str, message: str) -> Refusal:
    """Give a 422."""
    return refusal(422, kind, message)


def unauthenticated() -> Refusal:
    return refusal(401, "AUTHENTICATION_REQUIRED", "Authentication required")


def not_allowed() -> Refusal:
    """What a token hears that may not see the base, or names one that is not there: the vendor does not say which."""
    return refusal(
        403,
        "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND",
        "Invalid permissions, or the requested model was not found. Check that both your user and your token have "
        "the required permissions, and that the model names and/or ids are correct.",
    )


def missing_scope() -> Refusal:
    return refusal(403, "INVALID_PERMISSIONS", "You are not permitted to perform this operation")


def not_found() -> Refusal:
    return Refusal(404, {"error": "NOT_FOUND"})


def too_many_requests() -> Refusal:
    return _plural(429, "RATE_LIMIT_REACHED", "Rate limit exceeded. Please try again later")


def over_the_monthly_limit() -> Refusal:
    return _plural(429, "PUBLIC_API_BILLING_LIMIT_EXCEEDED", "The API billing plan limit has been exceeded.")


def _plural(status: int, kind: str, message: str) -> Refusal:
    return Refusal(status, {"errors": [{"error": kind, "message": message}]})


def unknown_field(name: str) -> Refusal:
    return invalid("UNKNOWN_FIELD_NAME", f'Unknown field name: "{name}"')


def bad_value(field: str) -> Refusal:
    return invalid("INVALID_VALUE_FOR_COLUMN", f'Field "{field}" cannot accept the provided value')


def computed(field: str) -> Refusal:
    return invalid("INVALID_VALUE_FOR_COLUMN", f'Field "{field}" cannot accept a value because the field is computed')


def no_such_option(option: str) -> Refusal:
    return invalid(
        "INVALID_MULTIPLE_CHOICE_OPTIONS", f'Insufficient permissions to create new select option ""{option}""'
    )


def no_such_row(record_id: str) -> Refusal:
    return invalid("ROW_DOES_NOT_EXIST", f"Record ID {record_id} does not exist in this table")


def bad_request(message: str = "Invalid request: parameter validation failed. Check your request data.") -> Refusal:
    return invalid("INVALID_REQUEST_UNKNOWN", message)
