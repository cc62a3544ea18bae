"""Control calls of the emulated account: what happens in the shop, at the bank and in the dashboard."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from counterfoil.providers.stripe.sandbox.banks import BankAccount
from counterfoil.providers.stripe.sandbox.routes import Api
from counterfoil.providers.stripe.sandbox.till import Shelf, T
from counterfoil.sandbox.kit import Action, Refusal

Json = dict[str, Any]


def actions(api: Api, restricted: str) -> Mapping[str, Action]:
    """Give the control calls by name; `restricted` is the key that `revoke` ends."""
    acts = _Acts(api, restricted)
    named: Mapping[str, Callable[[Json], Json]] = {
        "charge": acts.charge,
        "refund": acts.refund,
        "dispute": acts.dispute,
        "close_dispute": acts.close_dispute,
        "payout": acts.payout,
        "fail_payout": acts.fail_payout,
        "bulk": acts.bulk,
        "advance": acts.advance,
        "fc_account": acts.fc_account,
        "fc_complete_session": acts.fc_complete_session,
        "fc_activity": acts.fc_activity,
        "fc_refresh": acts.fc_refresh,
        "fc_status": acts.fc_status,
        "webhooks": acts.webhooks,
        "deliveries": acts.deliveries,
        "rotate_secret": acts.rotate_secret,
        "permissions": acts.permissions,
        "novelties": acts.novelties,
        "revoke": acts.revoke,
        "restore": acts.restore,
    }

    def timely(act: Callable[[Json], Json]) -> Action:
        async def run(body: Json) -> Json:
            api.tick()
            answer = act(body)
            api.tick()
            return answer

        return run

    return {name: timely(act) for name, act in named.items()}


class _Acts:
    def __init__(self, api: Api, restricted: str) -> None:
        self._api, self._till, self._banks, self._key = api, api.till, api.banks, restricted
        self._secrets = 1

    # --- the shop -----------------------------------------------------------------------------------------

    def charge(self, body: Json) -> Json:
        """{amount?, currency?, description?, buyer?, created?}"""
        return self._shown(self._till.charge(body.pop("amount", 2500), body.pop("currency", "usd"), **body))

    def refund(self, body: Json) -> Json:
        """{charge? (default the newest), amount? (default all)}"""
        charge = _one(self._till.charges, body.get("charge"))
        left = charge.amount - self._till.refunded(charge.id)
        return self._shown(self._till.refund(charge, body.get("amount", left)))

    def dispute(self, body: Json) -> Json:
        """{charge?}"""
        return self._shown(self._till.dispute(_one(self._till.charges, body.get("charge"))))

    def close_dispute(self, body: Json) -> Json:
        """{dispute?, won?}"""
        dispute = _one(self._till.disputes, body.get("dispute"))
        return self._shown(self._till.close_dispute(dispute, bool(body.get("won"))))

    def payout(self, body: Json) -> Json:
        """{amount? (default all that is available), currency?}"""
        currency = body.get("currency", "usd")
        amount = body.get("amount", self._till.sums()[0].get(currency, 0))
        return self._shown(self._till.payout(amount, currency))

    def fail_payout(self, body: Json) -> Json:
        """{payout? (default the newest)}"""
        return self._shown(self._till.fail_payout(_one(self._till.payouts, body.get("payout"))))

    def bulk(self, body: Json) -> Json:
        """{count}"""
        self._till.bulk(int(body["count"]))
        return {"balance_transactions": len(self._till.lines)}

    def advance(self, body: Json) -> Json:
        """{seconds?, days?}: move the clock; pending rows settle, payouts arrive, refreshes end."""
        self._till.clock.advance(body.get("seconds", 0) + 86400 * body.get("days", 0))
        return {"now": self._till.now}

    # --- outside banks ------------------------------------------------------------------------------------

    def fc_account(self, body: Json) -> Json:
        """{name?, institution?, category?, subcategory?, current?, last4?, permissions?}"""
        return self._banks.account_body(self._banks.open(**body))

    def fc_complete_session(self, body: Json) -> Json:
        """{session, accounts?: [{...as fc_account}]}"""
        session = self._banks.sessions.get(body["session"])
        if session is None:
            raise _unknown(body["session"])
        for wanted in body.get("accounts", [{}]):
            account = self._banks.open(**{"permissions": session.permissions, **wanted})
            session.accounts.append(account.id)
            if "transactions" in session.prefetch:
                self._banks.start_refresh(account)
        return self._banks.session_body(session)

    def fc_activity(self, body: Json) -> Json:
        """{account?, rows?: [{amount, description?, status?}], post?: [id], void?: [id], current?, refresh? (true)}"""
        account = _one(self._banks.accounts, body.get("account"))
        rows = [self._banks.happen(account, **{"description": "CARD PURCHASE", **row}) for row in body.get("rows", [])]
        for status, name in (("posted", "post"), ("void", "void")):
            for key in body.get(name, []):
                if self._banks.change(key, status) is None:
                    raise _unknown(key)
        account.current = body.get("current", account.current)
        if body.get("refresh", True):
            self._banks.refresh_now(account)
        return {"account": account.id, "rows": [row.id for row in rows]}

    def fc_refresh(self, body: Json) -> Json:
        """{account?, fail?, wait?}: begin a refresh; without `wait` it ends at once."""
        account = _one(self._banks.accounts, body.get("account"))
        account.fail_next = bool(body.get("fail"))
        (self._banks.start_refresh if body.get("wait") else self._banks.refresh_now)(account)
        return self._banks.account_body(account)

    def fc_status(self, body: Json) -> Json:
        """{account?, status: active|inactive|disconnected}"""
        account: BankAccount = _one(self._banks.accounts, body.get("account"))
        account.status = body["status"]
        word = {"active": "reactivated", "inactive": "deactivated"}.get(account.status, account.status)
        self._till.emit_about(f"financial_connections.account.{word}", account)
        return self._banks.account_body(account)

    # --- the dashboard ------------------------------------------------------------------------------------

    def webhooks(self, body: Json) -> Json:
        """{url?, duplicate?, reorder?, thin?, snapshot? (default: not thin), off?}"""
        endpoint = self._api.post.endpoint
        if "thin" in body:
            body.setdefault("snapshot", not body["thin"])
        endpoint.url = None if body.get("off") else body.get("url", endpoint.url)
        for name in ("duplicate", "reorder", "thin", "snapshot"):
            setattr(endpoint, name, bool(body.get(name, getattr(endpoint, name))))
        return {"url": endpoint.url, "secrets": endpoint.secrets}

    def deliveries(self, _body: Json) -> Json:
        """What was sent so far, every try of it."""
        return {"deliveries": [asdict(one) for one in self._api.post.deliveries]}

    def rotate_secret(self, body: Json) -> Json:
        """{keep_old? (true)}: roll the signing secret; the old one signs too until the next roll."""
        self._secrets += 1
        endpoint = self._api.post.endpoint
        fresh = f"{endpoint.secrets[0].partition('-')[0]}-{self._secrets}"
        endpoint.secrets = [fresh, endpoint.secrets[0]] if body.get("keep_old", True) else [fresh]
        return {"webhook_secret": fresh}

    def permissions(self, body: Json) -> Json:
        """{deny?: [name], grant?: [name]}: change what the restricted key may do."""
        granted = self._api.gate.keys[self._key] or frozenset()
        self._api.gate.keys[self._key] = (granted - set(body.get("deny", []))) | set(body.get("grant", []))
        return {"permissions": sorted(self._api.gate.keys[self._key] or [])}

    def novelties(self, body: Json) -> Json:
        """{on? (true)}: answer with fields and values that nobody has seen before."""
        self._api.gate.novel = bool(body.get("on", True))
        return {"novel": self._api.gate.novel}

    def revoke(self, _body: Json) -> Json:
        """Expire the restricted key."""
        self._api.gate.expired.add(self._key)
        return {"ok": True}

    def restore(self, _body: Json) -> Json:
        """Let the restricted key work again."""
        self._api.gate.expired.discard(self._key)
        return {"ok": True}

    def _shown(self, one: Any) -> Json:
        found = self._api.find(one.id)
        assert found is not None
        return found[0]


def _one(shelf: Shelf[T], key: str | None) -> T:
    """Give the record of that id, or the newest."""
    found = shelf.find(key) if key else shelf[-1] if shelf else None
    if found is None:
        raise _unknown(key or "anything")
    return found


def _unknown(key: str) -> Refusal:
    return Refusal(404, {"error": f"there is no {key}"})
