"""The emulated endpoints of Financial Connections. https://docs.stripe.com/api/financial_connections"""

from collections.abc import Callable, Sequence

from starlette.routing import BaseRoute

from counterfoil.providers.stripe.sandbox.banks import REFRESH_REST, BankAccount, Banks, BankTransaction
from counterfoil.providers.stripe.sandbox.gate import Body, Call, missing, refused
from counterfoil.providers.stripe.sandbox.lists import PAGING, listed
from counterfoil.providers.stripe.sandbox.routes import Api

_READ, _WRITE = "financial_connections_account_read", "financial_connections_account_write"
_ROOT = "/v1/financial_connections"
_FILTERS = f"{PAGING} account transacted_at transaction_refresh"


class BankApi:
    """What each Financial Connections endpoint answers."""

    def __init__(self, api: Api) -> None:
        self._api, self._banks = api, api.banks

    def routes(self) -> Sequence[BaseRoute]:
        """Give the routes, each behind the gate."""
        accounts = f"{_ROOT}/accounts"
        return [
            self._route("GET", accounts, self._accounts, f"{PAGING} account_holder session"),
            self._route("GET", accounts + "/{id}", lambda call: self._banks.account_body(self._account(call))),
            self._route("POST", accounts + "/{id}/refresh", self._refresh, "features"),
            self._route("POST", accounts + "/{id}/subscribe", self._subscribe, "features"),
            self._route("POST", accounts + "/{id}/unsubscribe", self._unsubscribe, "features"),
            self._route("POST", accounts + "/{id}/disconnect", self._disconnect),
            self._route("GET", f"{_ROOT}/transactions", self._transactions, _FILTERS),
            self._route("GET", f"{_ROOT}/transactions/{{id}}", self._transaction),
            self._route(
                "POST", f"{_ROOT}/sessions", self._new_session, "account_holder permissions prefetch filters return_url"
            ),
            self._route("GET", f"{_ROOT}/sessions/{{id}}", self._session),
        ]

    def _route(self, method: str, path: str, answer: Callable[[Call], Body], accepts: str = "") -> BaseRoute:
        def timely(call: Call) -> Body:
            self._api.tick()
            body = answer(call)
            self._api.post.send()
            return body

        return self._api.gate.route(method, path, _READ if method == "GET" else _WRITE, timely, accepts)

    def _account(self, call: Call) -> BankAccount:
        account = self._banks.accounts.find(call.path["id"])
        if account is None:
            raise missing("financial_connections.account", call.path["id"], "account")
        return account

    def _active(self, call: Call) -> BankAccount:
        account = self._account(call)
        if account.status != "active":
            message = f"This account is {account.status}; it must be reconnected first."
            raise refused(400, message, code="financial_connections_account_inactive")
        return account

    def _accounts(self, call: Call) -> Body:
        return listed(self._banks.accounts, call.params, f"{_ROOT}/accounts", self._banks.account_body)

    def _refresh(self, call: Call) -> Body:
        account, features = self._active(call), call.params.get("features", [])
        if not features:
            raise refused(400, "Missing required param: features.", code="parameter_missing", param="features")
        refresh = account.refresh
        if "transactions" in features:
            if refresh and (refresh.status == "pending" or self._banks.now < refresh.started + REFRESH_REST):
                raise refused(400, "The transactions of this account cannot be refreshed again yet.")
            self._banks.start_refresh(account)
        if "balance" in features:
            self._banks.start_balance_refresh(account)
        return self._banks.account_body(account)

    def _subscribe(self, call: Call) -> Body:
        account = self._active(call)
        if not account.subscribed:
            account.subscribed = True
            self._banks.start_refresh(account)
        return self._banks.account_body(account)

    def _unsubscribe(self, call: Call) -> Body:
        account = self._account(call)
        account.subscribed = False
        return self._banks.account_body(account)

    def _disconnect(self, call: Call) -> Body:
        account = self._account(call)
        account.status, account.subscribed = "disconnected", False
        self._api.till.emit_about("financial_connections.account.disconnected", account)
        return self._banks.account_body(account)

    def _transactions(self, call: Call) -> Body:
        key = call.params.get("account")
        if not key:
            raise refused(400, "Missing required param: account.", code="parameter_missing", param="account")
        account = self._banks.accounts.find(key)
        if account is None:
            raise missing("financial_connections.account", key, "account", 400)
        if "transactions" not in account.permissions:
            raise refused(400, "This account was connected without the `transactions` permission.", param="account")
        refreshed = _after(self._banks, call.params.get("transaction_refresh", {}).get("after"))

        def keep(row: BankTransaction) -> bool:
            return row.account == key and (refreshed is None or row.refresh in refreshed)

        rows, url = self._banks.transactions, f"{_ROOT}/transactions"
        return listed(rows, call.params, url, self._banks.transaction_body, keep, "transacted_at")

    def _transaction(self, call: Call) -> Body:
        row = self._banks.transactions.find(call.path["id"])
        if row is None:
            raise missing("financial_connections.transaction", call.path["id"])
        return self._banks.transaction_body(row)

    def _new_session(self, call: Call) -> Body:
        holder, permissions = call.params.get("account_holder"), call.params.get("permissions")
        for name, value in (("account_holder", holder), ("permissions", permissions)):
            if not value:
                raise refused(400, f"Missing required param: {name}.", code="parameter_missing", param=name)
        session = self._banks.new_session(
            {"account": None, "customer": None, **(holder or {})},
            permissions or [],
            call.params.get("prefetch", []),
            call.params.get("return_url"),
        )
        return self._banks.session_body(session)

    def _session(self, call: Call) -> Body:
        session = self._banks.sessions.get(call.path["id"])
        if session is None:
            raise missing("financial_connections.session", call.path["id"])
        return self._banks.session_body(session)


def _after(banks: Banks, refresh: str | None) -> frozenset[str] | None:
    if refresh is None:
        return None
    if refresh not in banks.refreshes:
        raise missing("transaction refresh", refresh, "transaction_refresh[after]", 400)
    return frozenset(banks.refreshes[banks.refreshes.index(refresh) + 1 :])
