"""Takes a request in: who asks, is the body right, is it too often; and gives the answer out."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from counterfoil.providers.plaid.sandbox.errors import PlaidError
from counterfoil.providers.plaid.sandbox.items import Item
from counterfoil.providers.plaid.sandbox.limits import take
from counterfoil.providers.plaid.sandbox.requests import A, Ask, OfItem, read
from counterfoil.providers.plaid.sandbox.strange import strange
from counterfoil.providers.plaid.sandbox.vendor import Vendor
from counterfoil.sandbox.kit import Json

_EVEN_WHEN_BROKEN: Final = frozenset(
    {"/item/get", "/item/remove", "/item/webhook/update", "/sandbox/item/reset_login", "/sandbox/item/fire_webhook"}
)
T = TypeVar("T", bound=Ask)


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One call: what is asked, and the Item that it is about."""

    vendor: Vendor
    ask: T
    own_url: str
    maybe_item: Item | None

    @property
    def item(self) -> Item:
        """The Item of the access token."""
        assert self.maybe_item is not None
        return self.maybe_item


def endpoint(vendor: Vendor, path: str, shape: type[A], answer: Callable[[Call[A]], dict[str, Any]]) -> Route:
    """Make the route of one endpoint. `answer` gives the body without its request_id, or raises the vendor's error."""

    async def respond(request: Request) -> Response:
        request_id = vendor.new_id(15)
        try:
            ask = read(await request.body(), shape)
            _admit(vendor, request, ask)
            item = vendor.item(ask.access_token) if isinstance(ask, OfItem) else None
            take(vendor.limits, path, item.id if item else None)
            if item is not None and item.error is not None and path not in _EVEN_WHEN_BROKEN:
                raise PlaidError(item.error)
            own_url = str(request.base_url).rstrip("/")
            body = answer(Call(vendor, ask, own_url, item)) | {"request_id": request_id}
        except PlaidError as error:
            raise error.refusal(request_id) from error
        return Json(strange(body) if vendor.unknown_values else body)

    return Route(path, respond, methods=["POST"])


def _admit(vendor: Vendor, request: Request, ask: Ask) -> None:
    client_id = ask.client_id or request.headers.get("plaid-client-id")
    secret = ask.secret or request.headers.get("plaid-secret")
    if not client_id or not secret:
        missing = ", ".join(name for name, value in (("client_id", client_id), ("secret", secret)) if not value)
        raise PlaidError("MISSING_FIELDS", f"the following required fields are missing: {missing}")
    if (client_id, secret) != (vendor.client_id, vendor.secret):
        raise PlaidError("INVALID_API_KEYS")
