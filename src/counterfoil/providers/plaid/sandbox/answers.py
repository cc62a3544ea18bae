"""What the endpoints for Items, accounts, transactions and institutions answer. https://plaid.com/docs/api/"""

import datetime as dt
from collections.abc import Sequence
from typing import Any, Final

from counterfoil.providers.plaid.sandbox import requests as ask
from counterfoil.providers.plaid.sandbox.desk import Call
from counterfoil.providers.plaid.sandbox.errors import PlaidError
from counterfoil.providers.plaid.sandbox.items import Item, Stage
from counterfoil.providers.plaid.sandbox.vendor import CUSTOM
from counterfoil.providers.plaid.sandbox.wire import shown
from counterfoil.sandbox.world.ledger import Movement

# A transparent picture of one pixel: the shape of a logo without its size.
_LOGO: Final = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAAC0lEQVR4nGNgAAIAAAUAAXpeqz8AAAAASUVORK5CYII="
DYNAMIC: Final = "user_transactions_dynamic"
_FIRED: Final = {
    "DEFAULT_UPDATE", "NEW_ACCOUNTS_AVAILABLE", "SMS_MICRODEPOSITS_VERIFICATION", "USER_PERMISSION_REVOKED",
    "USER_ACCOUNT_REVOKED", "PENDING_DISCONNECT", "RECURRING_TRANSACTIONS_UPDATE", "LOGIN_REPAIRED",
    "SYNC_UPDATES_AVAILABLE", "PRODUCT_READY", "ERROR",
}  # fmt: skip
_PRODUCT_OF: Final = {
    "TRANSACTIONS": "transactions",
    "HOLDINGS": "investments",
    "INVESTMENTS_TRANSACTIONS": "investments",
    "LIABILITIES": "liabilities",
    "AUTH": "auth",
    "ASSETS": "assets",
}
_ITEM_CODES: Final = {
    "NEW_ACCOUNTS_AVAILABLE", "USER_PERMISSION_REVOKED", "USER_ACCOUNT_REVOKED", "PENDING_DISCONNECT",
    "LOGIN_REPAIRED", "ERROR",
}  # fmt: skip


def exchange(call: Call[ask.Exchange]) -> dict[str, Any]:
    """Give the access token for a public token; the same one each time, so that a lost reply can be asked for again."""
    item = call.vendor.exchange(call.ask.public_token)
    return {"access_token": item.access_token, "item_id": item.id}


def item_get(call: Call[ask.OfItem]) -> dict[str, Any]:
    """Give the Item with when it was last read and what it was last told of."""
    item = call.item
    status: dict[str, Any] = {"transactions": None, "investments": None, "last_webhook": None}
    if item.stage is not Stage.NOT_READY:
        status["transactions"] = {"last_successful_update": stamp(item.updated), "last_failed_update": None}
    if "investments" in item.products:
        updated = item.traded or item.created
        status["investments"] = {"last_successful_update": stamp(updated), "last_failed_update": None}
    if item.told is not None:
        status["last_webhook"] = {"sent_at": stamp(item.told[0]), "code_sent": item.told[1]}
    return {"item": item.body() | {"created_at": stamp(item.created)}, "status": status}


def item_remove(call: Call[ask.ItemRemove]) -> dict[str, Any]:
    """Forget the Item."""
    call.vendor.remove(call.item)
    return {}


def webhook_update(call: Call[ask.WebhookUpdate]) -> dict[str, Any]:
    """Change where webhooks go, and say so there."""
    item = call.item
    item.webhook = call.ask.webhook
    call.vendor.tell(item, "ITEM", "WEBHOOK_UPDATE_ACKNOWLEDGED", error=None, new_webhook_url=item.webhook)
    return {"item": item.body()}


def accounts_get(call: Call[ask.OfAccounts]) -> dict[str, Any]:
    """Give the accounts with balances as last known; here those are always of this moment."""
    return {"accounts": chosen_accounts(call.item, call.ask.options.account_ids), "item": call.item.body()}


def balance_get(call: Call[ask.OfAccounts]) -> dict[str, Any]:
    """Give the accounts with balances of this moment and its time."""
    accounts = chosen_accounts(call.item, call.ask.options.account_ids)
    for account in accounts:
        account["balances"]["last_updated_datetime"] = stamp(call.vendor.clock.now())
    return {"accounts": accounts, "item": call.item.body()}


def transactions_sync(call: Call[ask.Sync]) -> dict[str, Any]:
    """Give one page of changes. https://plaid.com/docs/api/products/transactions/#transactionssync"""
    item, options, vendor = call.item, call.ask.options, call.vendor
    _enable(item, "transactions")
    if options.account_id is not None and options.account_id not in item.accounts:
        raise PlaidError("INVALID_ACCOUNT_ID", "account_id not found on this Item")
    stage = item.stage  # before the first call starts the reading: its answer is always "not ready"
    vendor.begin_history(item)
    accounts = [
        body
        for account_id, body in zip(item.accounts, item.account_bodies(), strict=True)
        if item.in_sync(item.accounts[account_id]) and options.account_id in (None, account_id)
    ]
    if stage is Stage.NOT_READY:
        return {
            "transactions_update_status": stage.value,
            "accounts": accounts,
            "added": [],
            "modified": [],
            "removed": [],
            "next_cursor": "",
            "has_more": False,
        }
    page = item.feed.read(call.ask.cursor, call.ask.count, options.account_id)
    version, original = options.personal_finance_category_version, bool(options.include_original_description)
    if original and version == "v2":
        added, modified = page.added, page.modified
    else:
        added = [shown(row, version=version, original=original) for row in page.added]
        modified = [shown(row, version=version, original=original) for row in page.modified]
    if page.has_more and page.cursor.began is not None:
        vendor.mutate_after(item, [row.transaction_id for row in added])
    return {
        "transactions_update_status": item.stage.value,
        "accounts": accounts,
        "added": added,
        "modified": modified,
        "removed": page.removed,
        "next_cursor": page.cursor.write(),
        "has_more": page.has_more,
    }


def transactions_refresh(call: Call[ask.OfItem]) -> dict[str, Any]:
    """Ask the bank for news, which come later."""
    item, vendor = call.item, call.vendor
    if "transactions_refresh" not in item.institution.products:
        raise PlaidError("PRODUCTS_NOT_SUPPORTED")
    if not item.refreshable:
        raise PlaidError("PRODUCT_NOT_ENABLED", "transactions_refresh is not enabled for this client")
    vendor.agenda.after(vendor.timing.refresh, lambda: vendor.refreshed(item))
    return {}


def institution_by_id(call: Call[ask.InstitutionById]) -> dict[str, Any]:
    """Give an institution; its web address and logo only on request."""
    found = call.vendor.institution(call.ask.institution_id)
    body: dict[str, Any] = {
        "institution_id": found.id,
        "name": found.name,
        "products": list(found.products),
        "country_codes": list(found.countries),
        "routing_numbers": list(found.routing_numbers),
        "dtc_numbers": [],
        "oauth": False,
        "connection_availability": "SUPPORTED",
    }
    if call.ask.options.include_optional_metadata:
        body |= {"url": found.url, "primary_color": found.color, "logo": _LOGO}
    return {"institution": body}


def verification_key(call: Call[ask.VerificationKey]) -> dict[str, Any]:
    """Give the public key of a webhook's signature."""
    key = call.vendor.keys.public(call.ask.key_id)
    if key is None:
        raise PlaidError("INVALID_WEBHOOK_VERIFICATION_KEY_ID", "invalid key_id provided")
    return {"key": key}


# --- sandbox ---


def sandbox_token(call: Call[ask.SandboxToken]) -> dict[str, Any]:
    """Make an Item without Link. https://plaid.com/docs/api/sandbox/#sandboxpublic_tokencreate"""
    options, vendor = call.ask.options, call.vendor
    username = options.override_username or "user_good"
    institution = vendor.institution(call.ask.institution_id)
    foreign = [name for name in call.ask.initial_products if name not in institution.products]
    if foreign and username != CUSTOM:
        raise PlaidError("PRODUCTS_NOT_SUPPORTED", f"not supported by this institution: {', '.join(foreign)}")
    asked = options.transactions or ask.SandboxTransactions()
    _, public_token = vendor.create(
        institution.id,
        call.ask.initial_products,
        webhook=options.webhook,
        username=username,
        password=options.override_password,
        since=asked.start_date,
        until=asked.end_date,
        days=asked.days_requested,
    )
    return {"public_token": public_token}


def fire_webhook(call: Call[ask.FireWebhook]) -> dict[str, Any]:
    """Send a webhook of the codes that the vendor lets fire."""
    code, item, vendor = call.ask.webhook_code, call.item, call.vendor
    if code not in _FIRED:
        raise PlaidError("INVALID_FIELD", f"webhook_code {code} cannot be fired")
    kind = "ITEM" if code in _ITEM_CODES else call.ask.webhook_type or "TRANSACTIONS"
    product = _PRODUCT_OF.get(kind)
    if product and product not in item.products:
        raise PlaidError("SANDBOX_PRODUCT_NOT_ENABLED", f"{product} is not enabled on this Item")
    fired = vendor.tell(item, kind, code, **_extra(item, kind, code, vendor.moment()))
    return {"webhook_fired": fired}


def reset_login(call: Call[ask.OfItem]) -> dict[str, Any]:
    """Put the Item into ITEM_LOGIN_REQUIRED."""
    call.vendor.break_login(call.item)
    return {"reset_login": True}


def transactions_create(call: Call[ask.TransactionsCreate]) -> dict[str, Any]:
    """Add transactions of today and the two weeks before, to Items of one test user only."""
    item, vendor = call.item, call.vendor
    if item.username != DYNAMIC:
        raise PlaidError("INVALID_FIELD", f"transactions can only be created on Items of the test user {DYNAMIC}")
    wanted = call.ask.account_id
    account_id = next(
        (one for one, account in item.accounts.items() if account.type == "depository" and wanted in (None, one)), None
    )
    if account_id is None:
        raise PlaidError("INVALID_ACCOUNT_ID", "there is no such depository account on this Item")
    account, today = item.accounts[account_id], vendor.today()
    for line in call.ask.transactions:
        if not today - dt.timedelta(days=14) <= line.date_posted <= today:
            raise PlaidError("INVALID_FIELD", "date_posted must be today or up to 14 days back")
    changes = [
        item.bank.add(
            Movement(
                id=item.bank.next_id(account.id),
                account=account.id,
                date=line.date_posted,
                authorized_on=line.date_transacted,
                amount=-line.amount,
                currency=line.iso_currency_code,
                text=line.description,
            )
        )
        for line in call.ask.transactions
    ]
    vendor.happened(item.bank, changes)
    return {}


# --- shared ---


def stamp(seconds: float | None) -> str | None:
    """Write a time as the vendor does."""
    if seconds is None:
        return None
    return dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def chosen_accounts(item: Item, account_ids: Sequence[str] | None) -> list[dict[str, Any]]:
    """Give all accounts, or those asked for. Raises the vendor's error where one is not the Item's."""
    try:
        return item.account_bodies(account_ids)
    except KeyError as error:
        message = "one or more of the account IDs is not found on this Item"
        raise PlaidError("INVALID_ACCOUNT_ID", message) from error


def _enable(item: Item, product: str) -> None:
    """Calling a product's endpoint puts it on the Item, where its institution has it."""
    if product not in item.products:
        if product not in item.institution.products:
            raise PlaidError("PRODUCTS_NOT_SUPPORTED")
        item.products.append(product)


def _extra(item: Item, kind: str, code: str, now: dt.datetime) -> dict[str, Any]:
    """Give the fields that a fired webhook has besides the common ones."""
    in_a_week = (now + dt.timedelta(days=7)).isoformat(timespec="seconds").replace("+00:00", "Z")
    stage = item.stage
    known: dict[tuple[str, str], dict[str, Any]] = {
        ("TRANSACTIONS", "DEFAULT_UPDATE"): {"new_transactions": 0, "error": None},
        ("TRANSACTIONS", "SYNC_UPDATES_AVAILABLE"): {
            "initial_update_complete": stage is not Stage.NOT_READY,
            "historical_update_complete": stage is Stage.HISTORICAL,
        },
        ("TRANSACTIONS", "RECURRING_TRANSACTIONS_UPDATE"): {"account_ids": list(item.accounts)},
        ("HOLDINGS", "DEFAULT_UPDATE"): {"new_holdings": 0, "updated_holdings": 0, "error": None},
        ("INVESTMENTS_TRANSACTIONS", "DEFAULT_UPDATE"): {
            "new_investments_transactions": 0,
            "cancelled_investments_transactions": 0,
            "error": None,
        },
        ("LIABILITIES", "DEFAULT_UPDATE"): {
            "account_ids_with_new_liabilities": [],
            "account_ids_with_updated_liabilities": {},
            "error": None,
        },
        ("ITEM", "ERROR"): {"error": item.error_body("ITEM_LOGIN_REQUIRED")},
        ("ITEM", "LOGIN_REPAIRED"): {},
        ("ITEM", "USER_ACCOUNT_REVOKED"): {"account_id": next(iter(item.accounts), "")},
        ("ITEM", "PENDING_DISCONNECT"): {"reason": "INSTITUTION_TOKEN_EXPIRATION", "disconnect_time": in_a_week},
    }
    return known.get((kind, code), {"error": None})
