"""How a person lets us into a destination on the vendor's own consent page: OAuth 2.0 with an authorization code."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from pydantic import BaseModel

from counterfoil.lib.http import Http

NEW: Final = "new"  # the place that is made once it has been chosen
Revocation = Callable[[Http, BaseModel, BaseModel], Awaitable[None]]  # (http, app, settings)


@dataclass(frozen=True, slots=True)
class OfferedPlace:
    """A place that the person let us see; `id` is what the settings name it by, or NEW."""

    id: str
    label: str


class ConsentFlow(Protocol):
    """How one vendor asks a person for consent, and what comes of it.

    A grant is what consent gave: the credential of the settings, without the place. The methods that ask the vendor
    may raise `RetryLater` and `ActionRequired`.
    """

    grant: type[BaseModel]
    place: str  # the settings field that names the place
    asks: Sequence[str]  # settings fields that are asked for beside the place
    way_out: str  # where a person ends the permission at the vendor: "in your Airtable account, under Integrations"

    @property
    def revoke(self) -> Revocation | None:
        """What ends a permission at the vendor, None where only the person can. One that has ended already is fine."""
        ...

    def permission(self, held: BaseModel) -> str | None:
        """Name the permission that settings, or a grant, live by; None for a key of the person's own.

        All that has the same name ends together.
        """
        ...

    def is_set_up(self, app: BaseModel) -> bool:
        """Say whether this deployment is registered at the vendor: without that there is no consent page."""
        ...

    def address(self, app: BaseModel, *, return_to: str, state: str, challenge: str) -> str:
        """Give the address of the consent page, from which the browser comes back to `return_to` with `state`.

        `challenge` is the S256 challenge of PKCE (RFC 7636), for vendors that know it.
        """
        ...

    async def exchange(self, http: Http, app: BaseModel, *, code: str, return_to: str, verifier: str) -> BaseModel:
        """Turn the code that came back into a grant; it works once."""
        ...

    async def places(self, http: Http, app: BaseModel, grant: BaseModel) -> Sequence[OfferedPlace]:
        """Read which places the grant opens, the likeliest first."""
        ...

    async def settle(
        self, http: Http, app: BaseModel, grant: BaseModel, place: str, *, key: str, before: BaseModel | None = None
    ) -> BaseModel:
        """Give settings for a place; where it is NEW, make it, one for each `key` however often this is repeated.

        `before` are the settings of a destination that is authorised anew: all but the credential is kept of them.
        Raises `pydantic.ValidationError` for a place that cannot be one.
        """
        ...
