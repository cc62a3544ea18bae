"""Google's error bodies."""

from typing import Any, Final

from starlette.responses import Response

from counterfoil.sandbox.kit import Json, Refusal

_STATUS: Final = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
}
_PROJECT: Final = "projects/100000000001"


def refusal(code: int, message: str, details: list[dict[str, Any]] | None = None) -> Refusal:
    """Give Google's current error form: `{"error": {"code", "message", "status", "details"}}`."""
    error: dict[str, Any] = {"code": code, "message": message, "status": _STATUS[code]}
    if details:
        error["details"] = details
    return Refusal(code, {"error": error})


def invalid(message: str) -> Refusal:
    """Give a 400."""
    return refusal(400, message)


def drive_refusal(code: int, reason: str, domain: str, message: str) -> Refusal:
    """Give the older error form that Drive still uses."""
    inner = {"message": message, "domain": domain, "reason": reason}
    return Refusal(code, {"error": {"code": code, "message": message, "errors": [inner]}})


def quota_exceeded(kind: str = "Write", limit: int = 60, scope: str = "user") -> Response:
    """Give the 429 of a quota per minute; `kind` is Read or Write, `scope` user or project. There is no Retry-After."""
    name = f"{kind}RequestsPerMinutePer{'User' if scope == 'user' else 'Project'}"
    metadata = {
        "consumer": _PROJECT,
        "quota_limit": name,
        "quota_limit_value": str(limit),
        "quota_location": "global",
        "quota_metric": f"sheets.googleapis.com/{kind.lower()}_requests",
        "service": "sheets.googleapis.com",
    }
    per = "minute per user" if scope == "user" else "minute"
    message = (
        f"Quota exceeded for quota metric '{kind} requests' and limit '{kind} requests per {per}' "
        "of service 'sheets.googleapis.com' for consumer 'project_number:100000000001'."
    )
    help_link = {"description": "Request a higher quota limit.", "url": "https://cloud.google.com/docs/quotas"}
    details = [
        {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "RATE_LIMIT_EXCEEDED",
            "domain": "googleapis.com",
            "metadata": metadata,
        },
        {"@type": "type.googleapis.com/google.rpc.Help", "links": [help_link]},
    ]
    return Json({"error": {"code": 429, "message": message, "status": _STATUS[429], "details": details}}, 429)
