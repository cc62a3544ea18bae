"""Who is asking: sessions in the store, a token in a cookie, and the doors before a password is looked at."""

import datetime as dt
import ipaddress
import secrets
from dataclasses import dataclass
from hashlib import blake2b
from typing import Annotated, Final

from fastapi import Depends, Request, Response

from counterfoil.bootstrap import Product
from counterfoil.errors import BadRequest, CounterfoilError
from counterfoil.lib.passkeys import Site
from counterfoil.store import Tx, attempts, pulse, sessions, users
from counterfoil.store.sessions import SignedIn
from counterfoil.store.users import User
from counterfoil.store.workspaces import Workspace
from counterfoil.web import cookies, csrf

LIVES: Final = dt.timedelta(days=30)
IDLE: Final = dt.timedelta(days=7)
_TOUCH: Final = dt.timedelta(minutes=5)  # a session's last use is kept this exactly
WINDOW: Final = dt.timedelta(minutes=15)
PER_ACCOUNT: Final = 10  # attempts in a window
PER_ADDRESS: Final = 40


class SignInNeeded(CounterfoilError):
    """Nobody is signed in: show the page to sign in, or to begin with."""


class NotAllowed(BadRequest):
    """The user's role does not cover this act."""


class TooMany(BadRequest):
    """Too many attempts; `after` is in seconds."""

    def __init__(self, after: float) -> None:
        minutes = max(1, round(after / 60))
        word = "minute" if minutes == 1 else "minutes"
        super().__init__("Too many attempts to sign in.", remedy=f"Wait {minutes} {word}, then try again.")
        self.after = after


@dataclass(frozen=True, slots=True)
class Visitor:
    """A user who is signed in, in the workspace that they look at."""

    session_id: str
    user: User
    workspace: Workspace
    role: str
    pulse: str  # of the workspace, taken before anything that the page shows was read

    @property
    def is_owner(self) -> bool:
        """Say whether the user may invite, and change what concerns the whole installation."""
        return self.role == users.OWNER

    def must_own(self) -> None:
        """Raise `NotAllowed` for a member who is no owner."""
        if not self.is_owner:
            raise NotAllowed("Only an owner may do that.", remedy="Ask an owner of this workspace.")


def product_of(request: Request) -> Product:
    """Give what the application works with."""
    product: Product = request.app.state.product
    return product


def site_of(request: Request, product: Product) -> Site:
    """Give the site that passkeys are for: the public address, else the one that the browser has asked."""
    return Site.of(product.settings.public_url or str(request.base_url))


async def visitor(request: Request) -> Visitor:
    """Give who is signed in; a request that changes something carries the CSRF token. Raises `SignInNeeded`."""
    token = request.cookies.get(cookies.session_name(request))
    if token is None:
        raise SignInNeeded("Nobody is signed in.")
    found, seen = await product_of(request).db.read(_find, token)
    await csrf.check(request)
    if dt.datetime.now(dt.UTC) - found.session.seen_at > _TOUCH:
        await product_of(request).db.run(sessions.touch, found.session.id)
    return Visitor(found.session.id, found.user, found.workspace, found.role, seen)


async def guest(request: Request) -> None:
    """Let anybody in; a form carries the CSRF token of the browser all the same."""
    await csrf.check(request)


SignedInVisitor = Annotated[Visitor, Depends(visitor)]
ProductOf = Annotated[Product, Depends(product_of)]


def _find(tx: Tx, token: str) -> tuple[SignedIn, str]:
    found = sessions.find(tx, token, idle=IDLE)
    if found is None:
        raise SignInNeeded("Nobody is signed in.")
    return found, pulse.of_workspace(tx, found.workspace.id)


async def begin(request: Request, response: Response, user_id: str) -> None:
    """Sign a user in on this response: always a new token, so that none can be planted beforehand."""
    token = secrets.token_urlsafe(32)
    opened = await product_of(request).db.run(
        sessions.open_session,
        token=token,
        user_id=user_id,
        lives=LIVES,
        address=address_of(request),
        agent=request.headers.get("user-agent", ""),
    )
    if opened is None:
        raise NotAllowed("You belong to no workspace any more.", remedy="Ask its owner to invite you.")
    cookies.put(request, response, cookies.session_name(request), token, LIVES)


def end(request: Request, response: Response) -> None:
    """Have the browser forget its token."""
    cookies.drop(request, response, cookies.session_name(request))


def address_of(request: Request) -> str:
    """Give the visitor's network address, as uvicorn knows it after the proxies it trusts."""
    return request.client.host if request.client else "unknown"


async def admit(request: Request, email: str) -> None:
    """Count an attempt to sign in. Raises `TooMany`."""
    wait = await product_of(request).db.run(_count, _account(email), _network(address_of(request)))
    if wait:
        raise TooMany(wait)


async def admit_network(request: Request) -> None:
    """Count an attempt to sign in of which it is not known yet whose it is. Raises `TooMany`."""
    network = _network(address_of(request))
    wait = await product_of(request).db.run(attempts.note, network, limit=PER_ADDRESS, within=WINDOW)
    if wait:
        raise TooMany(wait)


async def forgive(request: Request, email: str) -> None:
    """Forget an account's attempts: it has signed in."""
    await product_of(request).db.run(attempts.forget, _account(email))


def _count(tx: Tx, account: str, network: str) -> float:
    return attempts.note(tx, network, limit=PER_ADDRESS, within=WINDOW) or attempts.note(
        tx, account, limit=PER_ACCOUNT, within=WINDOW
    )


def _account(email: str) -> str:
    return f"account:{blake2b(email.strip().lower().encode(), digest_size=16).hexdigest()}"


def _network(address: str) -> str:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return f"address:{address[:60]}"
    # One customer has a whole /64 of IPv6.
    prefix = 64 if found.version == 6 else 32
    return f"address:{ipaddress.ip_network((found, prefix), strict=False)}"
