"""How errors are answered: a page for people, problem+json (RFC 9457) for programs."""

from typing import Final
from urllib.parse import quote

from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException

from counterfoil.errors import ActionRequired, BadRequest, Forged, NotThere, RetryLater
from counterfoil.web import auth, csrf
from counterfoil.web.api import problems
from counterfoil.web.render import page

_FOR_PROGRAMS: Final = ("/api/", "/webhooks/", "/healthz", "/readyz", "/metrics")
_BY_STATUS: Final = {
    404: ("There is nothing here", "The address may be mistyped, or what it showed was removed."),
    405: ("This address cannot do that", "Go back and try again from its page."),
}


def install(app: FastAPI) -> None:
    """Have the application answer our errors."""
    for kind in (BadRequest, ActionRequired, RetryLater):
        app.add_exception_handler(kind, _answer)
    app.add_exception_handler(auth.SignInNeeded, _to_sign_in)
    app.add_exception_handler(HTTPException, _answer_status)
    app.add_exception_handler(Exception, _answer_bug)


async def _answer(request: Request, error: Exception) -> Response:
    status = _status(error)
    remedy = getattr(error, "remedy", "Wait a moment, then try again.")
    wait = error.after if isinstance(error, RetryLater | auth.TooMany) else None
    response = told(request, status, str(error), remedy)
    if wait is not None:
        response.headers["retry-after"] = str(max(1, round(wait)))
    return response


def _status(error: Exception) -> int:
    match error:
        case Forged():
            return 401
        case NotThere():
            return 404
        case auth.NotAllowed() | csrf.Foreign():
            return 403
        case auth.TooMany():
            return 429
        case ActionRequired():
            return 409
        case RetryLater():
            return 503
    return 400


def told(request: Request, status: int, message: str, remedy: str) -> Response:
    """Answer with what is wrong and what to do, in the form that the asker reads."""
    if request.url.path.startswith(_FOR_PROGRAMS):
        return problems.answer(status, problems.code_of(status), message, remedy)
    return page(request, "error.html", status=status, code=status, message=message, remedy=remedy)


async def _answer_status(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message, remedy = _BY_STATUS.get(error.status_code, (str(error.detail), "Go back and try again."))
    return told(request, error.status_code, message, remedy)


async def _answer_bug(request: Request, _error: Exception) -> Response:
    # The server's log has it: Starlette raises it on, once this is sent.
    request.state.nonce = getattr(request.state, "nonce", "")
    return told(request, 500, "Something went wrong here.", "Try again. If it stays, the server's log says more.")


async def _to_sign_in(request: Request, _error: Exception) -> Response:
    if "hx-request" in request.headers or request.method != "GET":
        # A fragment of the page to sign in would be shown inside another page: have the whole page go there.
        return Response(status_code=401, headers={"hx-redirect": "/sign-in"})
    path = request.url.path
    return RedirectResponse("/sign-in" if path == "/" else f"/sign-in?next={quote(path)}", 303)
