"""What every call to the emulator passes first: the token, the rate class, the doc."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from counterfoil.destinations.coda.sandbox.doc import Doc, Table
from counterfoil.destinations.coda.sandbox.shapes import Shapes
from counterfoil.destinations.coda.sandbox.vendor import Token, Vendor, error_body, refusal
from counterfoil.sandbox.kit import Json
from counterfoil.sandbox.limits import Limits

RateClass = Literal["read", "write", "list docs"]
# Requests per seconds, per user over all docs (https://coda.io/developers/apis/v1#section/Using-the-API/Rate-Limiting).
RATES: Final[dict[RateClass, tuple[int, float]]] = {"read": (100, 6.0), "write": (10, 6.0), "list docs": (4, 6.0)}
PREFIX: Final = "/apis/v1"


@dataclass(frozen=True, slots=True)
class Caller:
    """A call that passed the gate."""

    vendor: Vendor
    token: Token
    request: Request
    shapes: Shapes

    def query(self, name: str, default: str = "") -> str:
        return str(self.request.query_params.get(name, default))

    def flag(self, name: str) -> bool:
        return self.query(name).lower() == "true"

    def doc(self) -> Doc:
        """Give the doc that the path names. Refuses strangers, trashed docs and other docs' tokens."""
        doc = self.vendor.docs.get(str(self.request.path_params["doc"]))
        if doc is None:
            raise refusal(404, "Could not find the specified doc.")
        if doc.deleted:
            raise refusal(410, "This doc has been deleted.")
        if not doc.shared or self.token.doc not in (None, doc.id):
            raise refusal(403, "You do not have permission to perform this operation.")
        return doc

    def table(self, doc: Doc) -> Table:
        """Give the table that the path names, by id or name."""
        table = doc.table(str(self.request.path_params["table"])) if self.filled(doc) else None
        if table is None:
            raise refusal(404, "Could not find the specified table.")
        return table

    def filled(self, doc: Doc) -> bool:
        """Say whether a copied doc has its tables already."""
        return doc.filled_at <= self.vendor.clock.now()

    async def body(self) -> bytes:
        return bytes(await self.request.body())


Act = Callable[[Caller], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Gate:
    """Makes routes of acts."""

    vendor: Vendor
    limits: Limits

    def route(self, method: str, path: str, act: Act, *, kind: RateClass, status: int = 200) -> Route:
        """Give a route that answers `status` with what the act gives."""

        async def endpoint(request: Request) -> Response:
            caller = Caller(self.vendor, self._admit(request, kind), request, shapes_for(request))
            self.vendor.settle()
            return Json(await act(caller), status)

        return Route(PREFIX + path, endpoint, methods=[method])

    def _admit(self, request: Request, kind: RateClass) -> Token:
        name = request.headers.get("authorization", "").removeprefix("Bearer ")
        token = self.vendor.tokens.get(name)
        if token is None or not token.live:
            raise refusal(401, "Unauthorized")
        if self.limits.take(f"{token.user}:{kind}", *RATES[kind]) is not None:
            raise refusal(429, "Too Many Requests")
        if token.access not in ("both", "write" if kind == "write" else "read"):
            raise refusal(403, "This API token is not authorized to perform this operation.")
        return token


def shapes_for(request: Request) -> Shapes:
    """Give the writer of bodies whose links lead back to this server."""
    return Shapes(str(request.base_url).rstrip("/") + PREFIX)


def refuse_429(_seconds: float) -> Response:
    """Give the vendor's 429; it names no time to wait."""
    return Json(error_body(429, "Too Many Requests"), 429)
