"""What every operation of the API passes through: the caller is known first, and a repeated POST is answered again."""

from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from counterfoil.bootstrap import Product
from counterfoil.store import idempotency
from counterfoil.web.api.callers import Caller, Needs, identify, product_of, show_scheme
from counterfoil.web.api.problems import RESPONSES, Refusal

LONGEST: Final = 1_000_000  # bytes of a body
_KEY: Final = "idempotency-key"
Answer = Callable[[Request], Awaitable[Response]]


class Operation(APIRoute):
    """One operation. The caller is known before anything of the body is read."""

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        for part in self.dependant.dependencies:
            if isinstance(part.call, Needs):
                scope = part.call.scope.value
                self.description = f"{self.description}\n\nNeeds the scope `{scope}`."
                self.openapi_extra = {**(self.openapi_extra or {}), "x-scope": scope}
        parts = (self.dependant, *self.dependant.dependencies)
        self._asked = {field.alias for part in parts for field in part.query_params}

    def get_route_handler(self) -> Callable[[Request], Any]:
        """Put caller, length and idempotency around what FastAPI does."""
        answer = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            caller = await identify(request)
            _check_length(request)
            self._check_query(request)
            key = request.headers.get(_KEY)
            if request.method != "POST" or key is None:
                return await answer(request)
            return await _once(request, caller, key, answer)

        return guarded

    def _check_query(self, request: Request) -> None:
        """Refuse a parameter that nobody reads: a filter with a misspelt name would show too much."""
        unknown = sorted(set(request.query_params) - self._asked)
        if unknown:
            there = ", ".join(sorted(self._asked)) or "none"
            raise RequestValidationError(
                [{"loc": ("query", name), "msg": f"There is no such parameter; there are: {there}"} for name in unknown]
            )


async def _show_key(
    idempotency_key: Annotated[
        str | None,
        Header(min_length=1, max_length=255, description="of your choice: the same key acts once within 24 hours"),
    ] = None,
) -> None:
    """Have the description say that a POST takes an idempotency key."""


def router(tag: str) -> APIRouter:
    """Make the router of one noun."""
    return APIRouter(tags=[tag], route_class=Operation, responses=RESPONSES, dependencies=[Depends(show_scheme)])


REPEATABLE: Final = [Depends(_show_key)]  # dependencies of every POST


def _check_length(request: Request) -> None:
    length = request.headers.get("content-length")
    if length is None and "transfer-encoding" in request.headers:
        raise Refusal(411, "length_required", "The request does not say how long it is.", remedy="Send Content-Length.")
    if length is not None and int(length) > LONGEST:
        raise Refusal(413, "too_long", "The request is too long.", remedy="Requests are at most a megabyte.")


class _Kept(msgspec.Struct):
    body: bytes
    media_type: str


async def _once(request: Request, caller: Caller, key: str, answer: Answer) -> Response:
    """Answer a request with a key: the first does what it asks, the next ones hear what the first was told."""
    if not 1 <= len(key) <= 255:
        raise Refusal(400, "bad_idempotency_key", "The idempotency key is too long.", remedy="At most 255 characters.")
    product: Product = product_of(request)
    asked = await _digest(request, caller)
    vault = product.doors.vault
    known = await product.db.run(idempotency.begin, vault, caller.workspace_id, key, asked)
    if known is not None:
        return _answer_again(known)
    kept = False
    try:
        response = await answer(request)
        if response.status_code < 300:
            told = _Kept(bytes(response.body), response.headers.get("content-type", ""))
            sealed = msgspec.msgpack.encode(told)
            await product.db.run(idempotency.finish, vault, caller.workspace_id, key, response.status_code, sealed)
            kept = True
        return response
    finally:
        if not kept:  # it has failed, and may be tried again
            await product.db.run(idempotency.free, caller.workspace_id, key)


def _answer_again(known: idempotency.Known) -> Response:
    if not known.same:
        raise Refusal(
            422, "idempotency_key_reused", "This idempotency key was used for another request.", remedy="Use a new key."
        )
    if known.status is None:
        raise Refusal(
            409,
            "still_at_work",
            "The first request with this idempotency key is still at work.",
            remedy="Wait a moment, then send it again.",
            after=1,
        )
    told = msgspec.msgpack.decode(known.answer, type=_Kept)
    headers = {"idempotency-replayed": "true"} | ({"content-type": told.media_type} if told.media_type else {})
    return Response(told.body, known.status, headers)


async def _digest(request: Request, caller: Caller) -> bytes:
    # The token belongs to it: one of a narrower scope does not get to see the answer that another one got.
    parts = (caller.token_id or "", request.method, request.url.path, request.url.query)
    return sha256("\n".join(parts).encode() + b"\n" + await request.body()).digest()
