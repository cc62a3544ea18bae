"""An emulated Stripe account: the API that its own SDK believes, signed webhooks, and a clock that settles money."""

from dataclasses import dataclass
from random import Random
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from counterfoil.providers.stripe.sandbox.actions import actions
from counterfoil.providers.stripe.sandbox.bank_routes import BankApi
from counterfoil.providers.stripe.sandbox.banks import Banks
from counterfoil.providers.stripe.sandbox.gate import READS, Gate, refused, too_many
from counterfoil.providers.stripe.sandbox.post import Endpoint, Post
from counterfoil.providers.stripe.sandbox.routes import Api, subject
from counterfoil.providers.stripe.sandbox.till import Till
from counterfoil.sandbox.kit import Clock, Emulator
from counterfoil.sandbox.limits import Limits
from counterfoil.sandbox.merchant import Merchant


class World(Protocol):
    """Whatever has a merchant in it."""

    @property
    def merchant(self) -> Merchant:
        """The business whose account is emulated."""
        ...


@dataclass(frozen=True, slots=True)
class Account:
    """The emulated account, for tests in the same process. `secret_key` may do everything, `api_key` only read."""

    api: Api
    account: str
    api_key: str
    secret_key: str


def emulator(
    source: Merchant | World, *, live: bool = False, banks: bool = True, webhook_url: str | None = None
) -> Emulator:
    """Make the Stripe account of a merchant. With `banks`, two outside accounts are connected to it.

    `live` gives live keys and live limits; nothing else changes.
    """
    merchant = source if isinstance(source, Merchant) else source.merchant
    tail = Random(f"{merchant.seed}:keys").randbytes(12).hex()
    mode = "live" if live else "test"
    account = f"acct_1{tail[:16]}"
    api = _api(merchant, account, live, Endpoint([f"whsec_{tail}"], webhook_url))
    own = Account(api, account, f"rk_{mode}_{tail}", f"sk_{mode}_{tail}")
    own.api.gate.keys.update({own.api_key: READS, own.secret_key: None})
    if banks:
        own.api.banks.seed()
    return Emulator(
        slug="stripe",
        routes=[*own.api.routes(), *BankApi(own.api).routes(), Route("/{rest:path}", _nowhere)],
        credentials=lambda _url: {"api_key": own.api_key, "webhook_secret": own.api.post.endpoint.secrets[0]},
        limits=own.api.gate.limits,
        clock=own.api.till.clock,
        actions=actions(own.api, own.api_key),
        refuse_429=lambda _after: too_many("global-rate").response,
        state=own,
    )


def _api(merchant: Merchant, account: str, live: bool, endpoint: Endpoint) -> Api:
    clock = Clock()
    post = Post(clock, live, endpoint)

    def emit(kind: str, one: Any) -> None:
        body, url = subject(api, one)
        post.emit(kind, body, url)

    till = Till(merchant, clock, emit)
    banks = Banks(merchant.seed, clock, live, emit)
    api = Api(Gate(account, live, Limits(), {}), till, banks, post, merchant.name)
    return api


async def _nowhere(request: Request) -> Response:
    raise refused(404, f"Unrecognized request URL ({request.method}: {request.url.path}).")
