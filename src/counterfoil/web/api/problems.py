"""What the API answers when it cannot do what was asked: one shape for all of it (problem+json, RFC 9457)."""

from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field, ValidationError
from starlette.exceptions import HTTPException

from counterfoil.errors import ActionRequired, BadRequest, CounterfoilError, Forged, NotThere, RetryLater
from counterfoil.store import Database
from counterfoil.sync.conflicts import Conflict, MappingRefused

MEDIA_TYPE: Final = "application/problem+json"
_AGAIN: Final = "Wait a moment, then try again."


class Refusal(BadRequest):
    """The request is understood and refused; `code` is stable, `after` the seconds to wait where waiting helps."""

    def __init__(self, status: int, code: str, message: str, *, remedy: str, after: float | None = None) -> None:
        super().__init__(message, remedy=remedy)
        self.status = status
        self.code = code
        self.after = after


class Fault(BaseModel):
    """One thing that is wrong with the request."""

    where: str = Field(description="path into the request, such as `body.settings.token`", examples=["query.limit"])
    message: str
    remedy: str | None = Field(None, description="what to do about this one")


class Problem(BaseModel):
    """Why a request could not be answered, and what to do about it."""

    type: str = Field("about:blank", description="always `about:blank`: `code` says which problem it is")
    title: str = Field(description="the status in words", examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str = Field(description="what is wrong, in plain words")
    code: str = Field(description="stable and machine-readable", examples=["not_found"])
    remedy: str = Field(description="what to do, in plain words")
    errors: list[Fault] | None = Field(None, description="each part of the request that cannot be used")


RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    status: {
        "description": description,
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for status, description in {
        "4XX": "The request cannot be answered as it stands; `remedy` says what to do.",
        "503": "A service is not ready; the same request may be sent again after `Retry-After` seconds.",
    }.items()
}


def install(app: FastAPI) -> None:
    """Have the application answer every error in the one shape."""
    app.add_exception_handler(CounterfoilError, _answer)
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    app.add_exception_handler(HTTPException, _answer_status)
    app.add_exception_handler(Database.unreachable, _answer_unreachable)
    app.add_exception_handler(Exception, _answer_fault)


def code_of(status: int) -> str:
    """Give the code of a problem of which no more is known than its status."""
    return HTTPStatus(status).phrase.lower().replace(" ", "_").replace("-", "_")


def answer(
    status: int,
    code: str,
    detail: str,
    remedy: str,
    *,
    errors: Sequence[Fault] | None = None,
    after: float | None = None,
) -> JSONResponse:
    """Make the answer; `after` are the seconds to wait where waiting helps."""
    problem = Problem(
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        code=code,
        remedy=remedy,
        errors=None if errors is None else list(errors),
    )
    headers = {} if after is None else {"retry-after": str(max(1, round(after)))}
    if status == HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = 'Bearer realm="counterfoil"'
    return JSONResponse(problem.model_dump(exclude_none=True), status, headers, media_type=MEDIA_TYPE)


async def _answer(_request: Request, error: Exception) -> JSONResponse:
    text = str(error)
    match error:
        case Refusal():
            return answer(error.status, error.code, text, error.remedy, after=error.after)
        case MappingRefused():
            faults = [_conflict(one) for one in error.conflicts]
            return answer(409, "mapping_refused", text, error.remedy, errors=faults)
        case NotThere():
            return answer(404, "not_found", text, error.remedy)
        case Forged():
            return answer(401, "forged", text, error.remedy)
        case BadRequest():
            return answer(400, "bad_request", text, error.remedy)
        case ActionRequired():
            return answer(409, error.code, text, error.remedy)
        case RetryLater():
            return answer(503, "retry_later", text, _AGAIN, after=error.after)
    return answer(409, "not_possible", text, "See what the connection or destination says of itself.")


def _conflict(conflict: Conflict) -> Fault:
    where = f"body.tables.{conflict.table}" + (f".fields.{conflict.column}" if conflict.column else "")
    return Fault(where=where, message=conflict.message, remedy=conflict.remedy)


async def _answer_invalid(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    # Never what was sent: it may be a credential.
    faults = [Fault(where=_path(one["loc"]), message=one["msg"]) for one in error.errors()]
    return answer(422, "invalid", "Parts of the request cannot be used.", "Mend what `errors` names.", errors=faults)


def invalid(error: ValidationError, *where: str) -> RequestValidationError:
    """Turn what a connector's settings model found into the answer to the request that carried them."""
    found = error.errors(include_input=False, include_url=False, include_context=False)
    return RequestValidationError([{**one, "loc": (*where, *one["loc"])} for one in found])


def no_such(what: str, name: str, known: Iterable[str]) -> Refusal:
    """Give the error for a connector that we do not have."""
    there = ", ".join(sorted(known))
    code = f"no_such_{what}"
    return Refusal(400, code, f"There is no {what} {name}.", remedy=f"There are: {there}.")


def _path(location: Sequence[int | str]) -> str:
    return ".".join(str(part) for part in location)


async def _answer_status(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    remedy = "The addresses and what each of them takes are listed at /api/docs."
    phrase = HTTPStatus(error.status_code).phrase
    response = answer(error.status_code, code_of(error.status_code), f"{phrase}.", remedy)
    response.headers.update(error.headers or {})
    return response


async def _answer_unreachable(_request: Request, error: Exception) -> JSONResponse:
    return answer(503, "database_unreachable", "The database does not answer.", _AGAIN, after=5)


async def _answer_fault(_request: Request, error: Exception) -> JSONResponse:
    # The error itself goes on to the server's log.
    return answer(500, "fault", "Something went wrong here.", "See the server's log, and report it.")
