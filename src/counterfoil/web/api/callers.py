"""Who calls the API: a token's bearer with its workspace and scope, or the command line on its own data directory."""

import enum
import secrets
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends, Request, Security
from fastapi.security import HTTPBearer
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Asgi

from counterfoil.bootstrap import Product
from counterfoil.store import Tx, attempts, audit, tokens, workspaces
from counterfoil.web.api.problems import Refusal
from counterfoil.web.auth import WINDOW, address_of

PREFIX: Final = "cft_"  # by which programs that look for leaked secrets know ours
FAILURES: Final = 30  # wrong tokens from one address within `WINDOW` before it must wait


class Scope(enum.Enum):
    """What a token may be used for; each scope holds those before it."""

    READ = "read"  # see everything
    SYNC = "sync"  # ask for syncs and reconciliations
    WRITE = "write"  # add, change and remove connections and destinations
    ADMIN = "admin"  # tokens, notifications and the workspace itself; functions and runs

    def covers(self, other: "Scope") -> bool:
        """Say whether this scope holds the other."""
        ladder = list(Scope)
        return ladder.index(self) >= ladder.index(other)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, and for which workspace.

    `operates` says that the whole installation is the caller's: its functions, and runs that concern no workspace.
    """

    workspace_id: str
    name: str
    scope: Scope
    operates: bool
    token_id: str | None = None

    def must(self, scope: Scope) -> None:
        """Raise `Refusal` where the scope does not cover what is asked."""
        if not self.scope.covers(scope):
            raise Refusal(
                403,
                "scope_too_narrow",
                f"The token's scope is {self.scope.value}; this needs {scope.value}.",
                remedy=f"Make a token with that scope: counterfoil token create --scope {scope.value}",
            )

    def must_operate(self) -> None:
        """Raise `Refusal` for what concerns every workspace of the installation, where there are several."""
        if not self.operates:
            raise Refusal(
                403,
                "concerns_others",
                "This concerns every workspace of the installation.",
                remedy="Use the command line on the server itself.",
            )


class Known:
    """Lets one caller in without a token: the command line, on the data directory that is its own."""

    def __init__(self, app: ASGIApp, caller: Caller) -> None:
        self._app = app
        self._caller = caller

    async def __call__(self, scope: Asgi, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})["caller"] = self._caller
        await self._app(scope, receive, send)


def product_of(request: Request) -> Product:
    """Give what the application works with."""
    product: Product = request.app.state.product
    return product


def new_token() -> str:
    """Make a token: 256 random bits behind our prefix."""
    return PREFIX + secrets.token_urlsafe(32)


async def identify(request: Request) -> Caller:
    """Give who calls. Raises `Refusal`: 401 without a valid token, 429 after too many wrong ones."""
    known: Caller | None = getattr(request.state, "caller", None)
    if known is None:
        known = request.state.caller = await _bearer(request)
    return known


async def _bearer(request: Request) -> Caller:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Refusal(
            401,
            "token_missing",
            "There is no API token with the request.",
            remedy="Send `Authorization: Bearer <token>`; make one with: counterfoil token create",
        )
    db = product_of(request).db
    found, alone = await db.read(_find, token.strip())
    if found is None:
        wait = await db.run(attempts.note, f"token:{address_of(request)[:60]}", limit=FAILURES, within=WINDOW)
        if wait:
            raise Refusal(
                429, "too_many_attempts", "Too many wrong tokens.", remedy="Wait, then use a valid one.", after=wait
            )
        raise Refusal(
            401,
            "token_invalid",
            "The API token is not valid: mistyped, revoked or expired.",
            remedy="Make another one with: counterfoil token create",
        )
    if not tokens.is_fresh(found):
        await db.run(tokens.touch, found.id)
    return Caller(found.workspace_id, found.name, Scope(found.scope), alone, found.id)


def _find(tx: Tx, token: str) -> tuple[tokens.Token | None, bool]:
    return tokens.find(tx, token), len(workspaces.every(tx)) == 1


@dataclass(frozen=True, slots=True)
class Needs:
    """Lets a caller of that scope in."""

    scope: Scope

    async def __call__(self, request: Request) -> Caller:
        caller = await identify(request)
        caller.must(self.scope)
        return caller


async def note(product: Product, caller: Caller, act: str, subject: str) -> None:
    """Keep in the audit log what was done through the API, and with which token."""
    by = caller.name if caller.token_id is None else f"token {caller.name}"
    await product.db.run(audit.note, caller.workspace_id, act, user_id=None, subject=f"{subject}, by {by}")


_bearer_scheme: Final = HTTPBearer(
    auto_error=False, scheme_name="token", description="An API token; each operation says which scope it needs."
)
_SCHEME: Final = Security(_bearer_scheme)


async def show_scheme(_token: Annotated[object, _SCHEME]) -> None:
    """Have the description say that every operation takes a token."""


Reader = Annotated[Caller, Depends(Needs(Scope.READ))]
Syncer = Annotated[Caller, Depends(Needs(Scope.SYNC))]
Writer = Annotated[Caller, Depends(Needs(Scope.WRITE))]
Admin = Annotated[Caller, Depends(Needs(Scope.ADMIN))]
Works = Annotated[Product, Depends(product_of)]
