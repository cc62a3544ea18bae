"""The emulated endpoints of the account's own money: balance, ledger, sales, payouts, events."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from starlette.routing import BaseRoute

from counterfoil.providers.stripe.sandbox import shapes
from counterfoil.providers.stripe.sandbox.banks import Banks
from counterfoil.providers.stripe.sandbox.gate import Body, Call, Gate, missing, refused, whole
from counterfoil.providers.stripe.sandbox.lists import PAGING, expand, listed
from counterfoil.providers.stripe.sandbox.post import Event, Post, thin_id
from counterfoil.providers.stripe.sandbox.till import Shelf, T, Till

_EQUAL: Final = ("charge", "status", "currency", "source", "type", "payout")  # filters that name a field


class Api:
    """One account's API: its state, and what each endpoint answers."""

    def __init__(self, gate: Gate, till: Till, banks: Banks, post: Post, name: str) -> None:
        self.gate, self.till, self.banks, self.post, self.name = gate, till, banks, post, name

    def tick(self) -> None:
        """Let the clock's time take effect, and deliver what it caused."""
        self.till.settle()
        self.banks.settle()
        self.post.send()

    def find(self, key: str) -> tuple[Body, str] | None:
        """Give an object by its id, and the permission that reading it needs."""
        till, live = self.till, self.gate.live
        if line := till.lines.find(key):
            return shapes.line(line, till.now), "balance_transaction_source_read"
        if charge := till.charges.find(key):
            return shapes.charge(charge, till, live), "charge_read"
        if refund := till.refunds.find(key):
            return shapes.refund(refund, till), "charge_read"
        if dispute := till.disputes.find(key):
            return shapes.dispute(dispute, till, live), "dispute_read"
        if payout := till.payouts.find(key):
            return shapes.payout(payout, live), "payout_read"
        return None

    def routes(self) -> Sequence[BaseRoute]:
        """Give the routes, each behind the gate."""
        ledger, till = "balance_transaction_source_read", self.till
        return [
            self._get("/v1/account", "accounts_kyc_basic_read", lambda _: shapes.account(self.gate.account, self.name)),
            self._get("/v1/balance", "balance_read", lambda _: shapes.balance(till, self.gate.live)),
            *self._shelf("balance_transactions", ledger, till.lines, "created currency source type payout"),
            *self._shelf("charges", "charge_read", till.charges, "created"),
            *self._shelf("refunds", "charge_read", till.refunds, "created charge"),
            *self._shelf("disputes", "dispute_read", till.disputes, "created charge"),
            *self._shelf("payouts", "payout_read", till.payouts, "created status"),
            self._post("/v1/refunds", "charge_write", self._refund, "charge amount reason metadata"),
            self._post("/v1/payouts", "payout_write", self._payout, "amount currency description metadata"),
            self._get("/v1/events", "event_read", self._events, f"{PAGING} created type types delivery_success"),
            self._get("/v1/events/{id}", "event_read", self._event),
            self._get("/v2/core/events/{id}", "event_read", self._thin_event),
        ]

    def _get(self, path: str, permission: str, answer: Callable[[Call], Body], accepts: str = "") -> BaseRoute:
        return self._route("GET", path, permission, answer, accepts)

    def _post(self, path: str, permission: str, answer: Callable[[Call], Body], accepts: str = "") -> BaseRoute:
        return self._route("POST", path, permission, answer, accepts)

    def _route(
        self, method: str, path: str, permission: str, answer: Callable[[Call], Body], accepts: str
    ) -> BaseRoute:
        def timely(call: Call) -> Body:
            self.tick()
            body = expand(answer(call), call.params, self.find, call.allowed)
            self.post.send()
            return body

        return self.gate.route(method, path, permission, timely, accepts)

    def _shelf(self, noun: str, permission: str, shelf: Shelf[T], filters: str) -> list[BaseRoute]:
        """Make the list and the single read of one kind of object."""

        def keep(call: Call) -> Callable[[T], bool]:
            wanted = {name: call.params[name] for name in _EQUAL if name in call.params}
            return lambda one: all(getattr(one, name) == value for name, value in wanted.items())

        def page(call: Call) -> Body:
            return listed(shelf, call.params, f"/v1/{noun}", self._body, keep(call))

        def single(call: Call) -> Body:
            key = call.path["id"]
            if shelf.find(key) is None:
                raise missing(noun.removesuffix("s"), key)
            return self._body(shelf.find(key))

        return [
            self._get(f"/v1/{noun}", permission, page, f"{PAGING} {filters}"),
            self._get(f"/v1/{noun}/{{id}}", permission, single),
        ]

    def _body(self, one: Any) -> Body:
        found = self.find(one.id)
        assert found is not None
        return found[0]

    def _refund(self, call: Call) -> Body:
        charge = self.till.charges.find(str(call.params.get("charge")))
        if charge is None:
            raise missing("charge", str(call.params.get("charge")), "charge", 400)
        left = charge.amount - self.till.refunded(charge.id)
        amount = whole(call.params, "amount", left)
        if amount > left or amount <= 0:
            raise refused(400, f"Refund amount is greater than unrefunded amount on charge ({left}).", param="amount")
        return self._body(self.till.refund(charge, amount))

    def _payout(self, call: Call) -> Body:
        amount, currency = whole(call.params, "amount"), str(call.params.get("currency", "usd"))
        if amount > self.till.sums()[0].get(currency, 0):
            message = "You have insufficient funds in your Stripe account for this transfer."
            raise refused(400, message, code="balance_insufficient")
        return self._body(self.till.payout(amount, currency))

    def _events(self, call: Call) -> Body:
        params = call.params
        types = params.get("types") or ([params["type"]] if "type" in params else None)
        undelivered = params.get("delivery_success") == "false"

        def keep(event: Event) -> bool:
            return (types is None or event.type in types) and not (undelivered and not event.pending)

        return listed(Shelf(self.post.recent()), params, "/v1/events", self.post.body, keep)

    def _event(self, call: Call) -> Body:
        for event in self.post.recent():
            if event.id == call.path["id"]:
                return self.post.body(event)
        raise missing("event", call.path["id"])

    def _thin_event(self, call: Call) -> Body:
        for event in self.post.recent():
            if thin_id(event) == call.path["id"]:
                return self.post.thin_body(event)
        raise missing("event", call.path["id"])


def subject(api: Api, one: Any) -> tuple[Body, str]:
    """Give the object that an event is about, and its address."""
    if one is None:
        return shapes.balance(api.till, api.gate.live), "/v1/balance"
    found = api.find(one.id)
    if found is not None:
        body = found[0]
        return body, f"/v1/{body['object']}s/{one.id}"
    return api.banks.account_body(one), f"/v1/financial_connections/accounts/{one.id}"
