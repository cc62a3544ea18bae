"""How often an endpoint may be called in a minute, per Item and per client, in Plaid's sandbox.

https://plaid.com/docs/errors/rate-limit-exceeded/
"""

from dataclasses import dataclass
from typing import Final

from counterfoil.providers.plaid.sandbox.errors import PlaidError
from counterfoil.sandbox.limits import Limits

_MINUTE: Final = 60.0


@dataclass(frozen=True, slots=True)
class Limit:
    """Calls in a minute, and the code that tells that there were more."""

    item: int | None
    client: int | None
    item_code: str = "RATE_LIMIT"
    client_code: str = ""


LIMITS: Final = {
    "/transactions/sync": Limit(50, 1_000, "TRANSACTIONS_SYNC_LIMIT"),
    "/transactions/refresh": Limit(2, 100, "TRANSACTIONS_REFRESH_LIMIT"),
    "/accounts/get": Limit(100, 5_000, "ACCOUNTS_LIMIT"),
    "/accounts/balance/get": Limit(25, 100, "BALANCE_LIMIT", "ACCOUNTS_BALANCE_GET_LIMIT"),
    "/item/get": Limit(40, 5_000, "ITEM_GET_LIMIT"),
    "/item/remove": Limit(100, 500),
    "/investments/holdings/get": Limit(100, 1_000, "INVESTMENT_HOLDINGS_GET_LIMIT"),
    "/investments/transactions/get": Limit(100, 1_000, "INVESTMENT_TRANSACTIONS_LIMIT"),
    "/investments/refresh": Limit(1, 100),
    "/liabilities/get": Limit(10, 1_000),
    "/institutions/get_by_id": Limit(None, 400, "INSTITUTIONS_GET_BY_ID_LIMIT"),
    "/sandbox/transactions/create": Limit(2, 50),
}


def take(limits: Limits, path: str, item_id: str | None) -> None:
    """Count one call. Raises the vendor's error where it was one too many."""
    limit = LIMITS.get(path)
    if limit is None:
        return
    if item_id and limit.item and limits.take(f"{path} {item_id}", limit.item, _MINUTE) is not None:
        raise PlaidError(limit.item_code, f"rate limit exceeded for attempts to access this item at {path}")
    if limit.client and limits.take(path, limit.client, _MINUTE) is not None:
        raise PlaidError(
            limit.client_code or limit.item_code, f"rate limit exceeded for {path}. please try again later"
        )
