"""Reads from Stripe's API: the key, the pinned version, the rate budgets, and what its refusals mean."""

import re
from collections.abc import Sequence
from typing import Final, NoReturn, TypeVar

from counterfoil.errors import ActionRequired, CounterfoilError, RetryLater
from counterfoil.lib.budget import Budget
from counterfoil.lib.http import Http, Reply
from counterfoil.lib.secrets import fingerprint
from counterfoil.providers.stripe import wire

VERSION: Final = "2026-10-28.endive"
# The limits are by the second (https://docs.stripe.com/rate-limits), and counted as requests arrive: of a burst, the
# last may arrive half a second late, together with the first of the next.
_SECOND: Final = 1.5
T = TypeVar("T")
Params = Sequence[tuple[str, str]]

KEYS_PAGE: Final = "https://dashboard.stripe.com/apikeys"
# The permission's name in Stripe's refusal -> the row to tick in the dashboard.
# https://docs.stripe.com/stripe-apps/reference/permissions#object-permissions
_ROWS: Final = {
    "balance_read": "Balance",
    "balance_transaction_source_read": "Balance Transaction Sources",
    "charge_read": "Charges and Refunds",
    "dispute_read": "Disputes",
    "payout_read": "Payouts",
    "accounts_kyc_basic_read": "Accounts",
}


class PermissionMissing(ActionRequired):
    """The key may not read this: a choice of its owner for optional parts, a fault for the rest.

    `account` is the account's id, which Stripe names in the refusal; `row` the dashboard's name of the permission.
    """

    def __init__(self, permission: str | None, account: str | None) -> None:
        self.row = _row(permission)
        self.account = account
        super().__init__(
            "permission_missing",
            f"The Stripe key may not read: {self.row}.",
            remedy=f"Open {KEYS_PAGE}, edit the restricted key, set “{self.row}” to Read, and sync again.",
        )


class Client:
    """One key at Stripe. Raises `ActionRequired` for a key that cannot read, before any call is made with it."""

    def __init__(self, http: Http, url: str, api_key: str) -> None:
        self._http = http
        self._url = url.rstrip("/")
        self._key = api_key.strip()
        self._name = f"stripe:{fingerprint(self._key)}"

    @property
    def live(self) -> bool:
        """Whether the key reaches real money."""
        return self._key.startswith(("rk_live_", "sk_live_"))

    async def get(self, path: str, shape: type[T], params: Params = ()) -> tuple[Reply, T]:
        """Give the reply as received and decoded. Raises `RetryLater`, `ActionRequired`, `StaleId`."""
        refuse_unfit(self._key)
        reply = await self._http.send(
            "GET",
            self._url + path,
            params=params,
            headers={"authorization": f"Bearer {self._key}", "stripe-version": VERSION},
            spend=self._budgets(path),
        )
        if not reply.ok:
            _refused(reply)
        return reply, reply.decode(shape)

    def _budgets(self, path: str) -> tuple[Budget, ...]:
        # The account's budget is last: it is the one that a 429 pauses.
        return (
            Budget(f"{self._name}:{path}", 25, _SECOND),
            Budget(self._name, 100 if self.live else 25, _SECOND),
        )


class StripeRefused(CounterfoilError):
    """Stripe refused a request for a reason that no rule names: our mistake, or a code newer than this version."""

    def __init__(self, reply: Reply, problem: wire.Problem) -> None:
        super().__init__(
            f"Stripe refused a request with {problem.code or problem.type or 'no code'} (status {reply.status}, "
            f"request {reply.headers.get('request-id', 'unknown')}). Counterfoil does not know what to do about it; "
            "please report it with this line."
        )


class StaleId(CounterfoilError):
    """Stripe does not know an id that it gave before; `param` says in which place it was sent."""

    def __init__(self, param: str) -> None:
        super().__init__(f"Stripe does not know the id in {param} any more.")
        self.param = param


def refuse_unfit(api_key: str) -> None:
    """Refuse what cannot be a key for reading. Raises `ActionRequired`, which does not repeat the key."""
    if api_key.startswith(("rk_live_", "rk_test_", "sk_live_", "sk_test_")):
        return
    remedy = f"Make a restricted key at {KEYS_PAGE} (it begins with rk_) and enter that one."
    if api_key.startswith("pk_"):
        raise ActionRequired(
            "publishable_key", "This is a publishable key (pk_): it cannot read anything.", remedy=remedy
        )
    if api_key.startswith("whsec_"):
        raise ActionRequired("signing_secret", "This is a webhook's signing secret, not a key.", remedy=remedy)
    raise ActionRequired("key_unknown", "This does not look like a Stripe key.", remedy=remedy)


def _refused(reply: Reply) -> NoReturn:
    """Raise what a refusal means. https://docs.stripe.com/api/errors, https://docs.stripe.com/error-codes"""
    if reply.status == 409 or reply.status >= 500 or reply.headers.get("stripe-should-retry") == "true":
        raise RetryLater(f"Stripe is not able to answer just now (status {reply.status}).", after=30)
    problem = reply.decode(wire.Refused).error
    if reply.status == 401:
        if problem.code == "api_key_expired":
            raise ActionRequired(
                "key_expired", "The Stripe key has expired or was revoked.", remedy=f"Make a new one at {KEYS_PAGE}."
            )
        raise ActionRequired(
            "key_refused", "Stripe does not accept the key.", remedy=f"Check or replace it at {KEYS_PAGE}."
        )
    if reply.status == 403:
        raise _permission(problem)
    if problem.code == "resource_missing" and problem.param:
        raise StaleId(problem.param)
    raise StripeRefused(reply, problem)


def _permission(problem: wire.Problem) -> PermissionMissing:
    text = problem.message or ""
    permission = re.search(r"\brak_(\w+)", text)
    account = re.search(r"\bacct_\w+", text)
    return PermissionMissing(permission and permission[1], account and account[0])


def _row(permission: str | None) -> str:
    if permission is None:
        return "the rows named in the documentation"
    if permission in _ROWS:
        return _ROWS[permission]
    if permission.startswith("financial_connections"):
        return "Financial Connections"
    return permission.removesuffix("_read").replace("_", " ").capitalize()
