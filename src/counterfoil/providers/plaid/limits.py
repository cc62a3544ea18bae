"""Plaid's documented request limits as budgets: per minute, for an Item and for the whole client."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from counterfoil.lib.budget import Budget
from counterfoil.lib.secrets import fingerprint

WINDOW: Final = 60.0


@dataclass(frozen=True, slots=True)
class Limit:
    """Requests per minute; None where no limit of that kind is documented."""

    item: int | None
    client: int


# https://plaid.com/docs/errors/rate-limit-exceeded/
_PRODUCTION: Final[Mapping[str, Limit]] = {
    "/transactions/sync": Limit(50, 2_500),
    "/transactions/refresh": Limit(2, 100),
    "/accounts/get": Limit(15, 15_000),
    "/item/get": Limit(15, 5_000),
    "/item/remove": Limit(30, 2_000),
    "/investments/holdings/get": Limit(15, 2_000),
    "/investments/transactions/get": Limit(30, 20_000),
    "/liabilities/get": Limit(15, 1_000),
    "/institutions/get_by_id": Limit(None, 400),
}

_SANDBOX: Final[Mapping[str, Limit]] = {
    "/transactions/sync": Limit(50, 1_000),
    "/transactions/refresh": Limit(2, 100),
    "/accounts/get": Limit(100, 5_000),
    "/item/get": Limit(40, 5_000),
    "/item/remove": Limit(100, 500),
    "/investments/holdings/get": Limit(100, 1_000),
    "/investments/transactions/get": Limit(100, 1_000),
    "/liabilities/get": Limit(10, 1_000),
    "/institutions/get_by_id": Limit(None, 400),
}


def is_live(url: str, access_token: str | None) -> bool:
    """Say whether real banks are behind the credential.

    A token names its environment (`access-production-…`), which holds behind a proxy too; without one the host tells.
    """
    if access_token:
        return access_token.startswith("access-production-")
    return "sandbox" not in url


def budgets(path: str, *, url: str, client_id: str, access_token: str | None) -> Sequence[Budget]:
    """Give the budgets that a request counts against, the Item's last: a 429 then pauses this Item only."""
    live = is_live(url, access_token)
    limit = (_PRODUCTION if live else _SANDBOX).get(path)
    if limit is None:
        return ()
    where = "production" if live else "sandbox"
    spent = [Budget(f"plaid {where} {path} client {fingerprint(url + client_id)}", limit.client, WINDOW)]
    if limit.item is not None and access_token:
        spent.append(Budget(f"plaid {where} {path} connection {fingerprint(access_token)}", limit.item, WINDOW))
    return spent
