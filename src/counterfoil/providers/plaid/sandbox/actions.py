"""What a person at the bank, or a tester, can make happen: POST /_sandbox/<name>."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Any, Final

import msgspec

from counterfoil.providers.plaid.sandbox.items import Item, Mutation, Stage
from counterfoil.providers.plaid.sandbox.vendor import Vendor
from counterfoil.sandbox.kit import Action
from counterfoil.sandbox.world import catalog
from counterfoil.sandbox.world.ledger import Account, Category, Change, Movement

_FIELDS: Final = {
    "name": "text",
    "merchant_name": "merchant",
    "website": "website",
    "payment_channel": "channel",
    "check_number": "check_number",
    "pending": "pending",
}


def actions(vendor: Vendor) -> Mapping[str, Action]:
    """Give the control actions by name."""
    tester = _Tester(vendor)
    names = (
        "items", "activity", "bulk", "transactions", "mutate", "resend_unchanged", "split_pending", "unknown_values",
        "login_required", "repair", "refresh", "open_account", "webhook", "webhooks", "rotate_key", "status",
    )  # fmt: skip
    return {name: getattr(tester, name) for name in names}


class _Tester:
    """Each method is one action; `item` is an item_id or access_token, and may be left out where there is one Item."""

    def __init__(self, vendor: Vendor) -> None:
        self._vendor = vendor

    def items(self, _: dict[str, Any]) -> dict[str, Any]:
        """List the Items and what they hold."""
        return {
            "items": [
                {
                    "item_id": item.id,
                    "institution_id": item.institution.id,
                    "bank": item.bank.id,
                    "error": item.error,
                    "status": item.stage.value,
                    "webhook": item.webhook,
                    "accounts": list(item.accounts),
                    "transactions": len(item.feed.rows),
                }
                for item in self._vendor.items.values()
            ]
        }

    def activity(self, ask: dict[str, Any]) -> dict[str, Any]:
        """Let `count` things happen at the Item's bank, or at every bank that has an Item."""
        chosen = [self._item(ask)] if "item" in ask else list(self._vendor.items.values())
        banks = {item.bank.id: item.bank for item in chosen}
        changes: list[Change] = []
        trades = 0
        for bank in banks.values():
            activity = self._vendor.live(bank, int(ask.get("count", 1)))
            changes += activity.changes
            trades += len(activity.trades)
        acts = [change.act.value for change in changes]
        return {"changes": {act: acts.count(act) for act in sorted(set(acts))}, "trades": trades}

    def bulk(self, ask: dict[str, Any]) -> dict[str, Any]:
        """Add `count` posted transactions to one account, spread over the Item's last `days` days."""
        item, count = self._item(ask), int(ask["count"])
        account = self._account(item, ask.get("account"))
        days, today, dice = int(ask.get("days", 700)), self._vendor.today(), Random(count)
        shops = [(shop, [-shop.price(dice) for _ in range(40)]) for shop in catalog.EVERYDAY]
        changes = []
        for number in range(count):
            shop, prices = shops[number % len(shops)]
            day = today - dt.timedelta(days=days - number * days // count)
            movement = Movement(
                item.bank.next_id(account.id), account.id, day, prices[number % len(prices)], account.currency,
                f"{shop.text} {number}", shop.name, shop.website, shop.category, shop.channel, day,
            )  # fmt: skip
            changes.append(item.bank.add(movement))
        self._vendor.happened(item.bank, changes)
        return {"added": count, "account_id": item.account_id(account.id)}

    def transactions(self, ask: dict[str, Any]) -> dict[str, Any]:
        """Add, modify and remove transactions, given in the API's own fields (amounts positive when money leaves).

        An added row needs `amount`; a posted one with `pending_transaction_id` takes the pending one's place.
        """
        item = self._item(ask)
        before = set(item.feed.rows)
        changes: list[Change] = []
        for row in ask.get("added", ()):
            pending_id = row.get("pending_transaction_id")
            if pending_id:
                changes.append(item.bank.remove(item.movement_of(pending_id).id))
                changes.append(item.bank.add(replace(self._new(item, row), replaces=changes[-1].movement.id)))
            else:
                changes.append(item.bank.add(self._new(item, row)))
        rows, removed = ask.get("modified", ()), ask.get("removed", ())
        changes += [item.bank.change(_edited(item.movement_of(row["transaction_id"]), row)) for row in rows]
        changes += [item.bank.remove(item.movement_of(transaction_id).id) for transaction_id in removed]
        self._vendor.happened(item.bank, changes)
        return {"added": [name for name in item.feed.rows if name not in before]}

    def mutate(self, ask: dict[str, Any]) -> None:
        """Let the log move after `pages` pages of the next loop; `remove_served` removes a row of the last one."""
        self._item(ask).mutation = Mutation(int(ask.get("pages", 1)), bool(ask.get("remove_served", False)))

    def resend_unchanged(self, ask: dict[str, Any]) -> dict[str, Any]:
        """Send the last `count` rows once more as modified, nothing changed."""
        item = self._item(ask)
        rows = list(item.feed.rows.values())[-int(ask.get("count", 10)) :]
        for row in rows:
            item.feed.modify(row)
        self._vendor.tell_sync(item)
        return {"modified": [row.transaction_id for row in rows]}

    def split_pending(self, ask: dict[str, Any]) -> None:
        """Let a pending row and the one that replaces it come on different pages, from now on (`on`)."""
        self._vendor.split_pending = bool(ask.get("on", True))

    def unknown_values(self, ask: dict[str, Any]) -> None:
        """Answer with fields and enum values that nobody knows, from now on (`on`)."""
        self._vendor.unknown_values = bool(ask.get("on", True))

    def login_required(self, ask: dict[str, Any]) -> None:
        """Put the Item into ITEM_LOGIN_REQUIRED, or another error (`code`)."""
        self._vendor.break_login(self._item(ask), ask.get("code", "ITEM_LOGIN_REQUIRED"))

    def repair(self, ask: dict[str, Any]) -> None:
        """End the Item's error, as when the bank is reachable again by itself."""
        self._vendor.repair(self._item(ask))

    def refresh(self, ask: dict[str, Any]) -> None:
        """Say whether the Item allows /transactions/refresh (`allowed`)."""
        self._item(ask).refreshable = bool(ask.get("allowed", True))

    def open_account(self, ask: dict[str, Any]) -> dict[str, Any]:
        """Let the user open an account at the bank; the Item shows it after update mode with account selection."""
        item = self._item(ask)
        number = len(item.bank.accounts)
        name = ask.get("name", "Holiday Savings")
        account = Account(f"opened-{number}", name, "depository", "savings", mask=f"{9000 + number}")
        item.bank.open(account)
        self._vendor.tell(item, "ITEM", "NEW_ACCOUNTS_AVAILABLE", error=None)
        return {"account": account.id, "name": name}

    def webhook(self, ask: dict[str, Any]) -> dict[str, Any]:
        """Send a webhook of any `type` and `code`; what else is given is sent with it."""
        extra = {name: value for name, value in ask.items() if name not in ("item", "type", "code")}
        return {"sent": self._vendor.tell(self._item(ask), ask["type"], ask["code"], **extra)}

    def webhooks(self, ask: dict[str, Any]) -> dict[str, Any]:
        """Switch `duplicate`, `reorder`, `off` and `legacy` on or off, and tell what was delivered so far."""
        courier, now = self._vendor.courier, self._vendor.clock.now()
        for name in ("duplicate", "reorder", "off"):
            if name in ask:
                setattr(courier, name, bool(ask[name]))
        self._vendor.legacy_webhooks = bool(ask.get("legacy", self._vendor.legacy_webhooks))
        return {
            "deliveries": [
                {
                    "id": one.id,
                    "url": one.url,
                    "type": one.body["webhook_type"],
                    "code": one.body["webhook_code"],
                    "attempts": one.attempts,
                    "again_in": None if one.next_at is None else one.next_at - now,
                    "given_up": one.given_up,
                }
                for one in courier.deliveries
            ]
        }

    def rotate_key(self, _: dict[str, Any]) -> dict[str, Any]:
        """Sign webhooks with a new key from now on."""
        return {"key_id": self._vendor.keys.rotate()}

    def status(self, ask: dict[str, Any]) -> None:
        """Hold the Item's history back (`ready` false: NOT_READY), or let all of it be there (true)."""
        item, ready = self._item(ask), bool(ask.get("ready", True))
        item.held = not ready
        if ready:
            self._vendor.reach(item, Stage.HISTORICAL)
        else:
            item.stage = Stage.NOT_READY

    # --- finding and making ---

    def _item(self, ask: dict[str, Any]) -> Item:
        wanted, items = ask.get("item"), self._vendor.items
        if wanted is None and len(items) == 1:
            return next(iter(items.values()))
        if wanted in items:
            return items[wanted]
        return self._vendor.item(str(wanted))

    def _account(self, item: Item, wanted: str | None) -> Account:
        """Find an account by account_id or name, else take the first that sync covers."""
        if wanted in item.accounts:
            return item.accounts[wanted]
        return next(
            account
            for account in item.accounts.values()
            if item.in_sync(account) and wanted in (None, account.name, account.id)
        )

    def _new(self, item: Item, row: dict[str, Any]) -> Movement:
        account = self._account(item, row.get("account_id") or row.get("account"))
        today = self._vendor.today()
        currency = row.get("iso_currency_code") or row.get("unofficial_currency_code") or account.currency
        blank = Movement(
            item.bank.next_id(account.id), account.id, today, Decimal(0), currency, "ADDED BY HAND",
            category=catalog.FROM_ACCOUNT, authorized_on=today,
        )  # fmt: skip
        return _edited(blank, row)


def _edited(movement: Movement, row: dict[str, Any]) -> Movement:
    """Bring the fields of a transaction, as the API names them, to a movement."""
    changed: dict[str, Any] = {ours: row[theirs] for theirs, ours in _FIELDS.items() if theirs in row}
    if "amount" in row:
        changed["amount"] = -Decimal(str(row["amount"]))
    for theirs, ours in (("date", "date"), ("authorized_date", "authorized_on")):
        if theirs in row:
            changed[ours] = row[theirs] and msgspec.convert(row[theirs], dt.date)
    if "personal_finance_category" in row:
        pfc = row["personal_finance_category"]
        changed["category"] = Category(pfc["primary"], pfc["detailed"]) if pfc else None
    return replace(movement, **changed)
