"""Reads one Stripe account, stream by stream and page by page."""

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from counterfoil.errors import ActionRequired, RestartFetch
from counterfoil.ports import Access, Identity, Page
from counterfoil.providers.stripe import marks as m
from counterfoil.providers.stripe import wire
from counterfoil.providers.stripe.client import KEYS_PAGE, Client, Params, PermissionMissing, StaleId
from counterfoil.providers.stripe.marks import Loop, Marks
from counterfoil.providers.stripe.settings import StripeApp, StripeSettings

_LEDGER: Final = "/v1/balance_transactions"
_PAYOUTS: Final = "/v1/payouts"
_BANKS: Final = "/v1/financial_connections/accounts"
_BANK_ROWS: Final = "/v1/financial_connections/transactions"
_FULL: Final[Params] = (("limit", "100"),)
_SOURCE: Final[Params] = (("expand[]", "data.source"),)
_LINES: Final[Params] = (("expand[]", "data.balance_transaction"), ("expand[]", "data.failure_balance_transaction"))


def open_stripe(access: Access) -> "Stripe":
    """Open a connection; makes no call."""
    assert isinstance(access.app, StripeApp)
    assert isinstance(access.settings, StripeSettings)
    return Stripe(Client(access.http, access.app.url, access.settings.api_key.get_secret_value()))


class Stripe:
    """One Stripe account as a provider. `now` gives Unix seconds."""

    def __init__(self, client: Client, now: Callable[[], float] = time.time) -> None:
        self._client = client
        self._now = now

    async def check(self) -> Identity:
        """Prove that the key may read all that is needed, and name every permission that it lacks at once."""
        refused = [
            await self._lacks("/v1/balance", wire.Balance),
            await self._lacks(_LEDGER, wire.Page[wire.BalanceTransaction], (("limit", "10"), *_SOURCE)),
            await self._lacks(_PAYOUTS, wire.Page[wire.Payout], (("limit", "1"), *_LINES)),
        ]
        if missing := ", ".join(dict.fromkeys(row for row in refused if row)):
            raise ActionRequired(
                "permission_missing",
                f"The Stripe key may not read: {missing}.",
                remedy=f"Open {KEYS_PAGE}, edit the restricted key and set these to Read: {missing}.",
            )
        account = await self._account()
        label = account.label if self._client.live else f"{account.label} (test)"
        return Identity(account.id, label, self._client.live)

    async def fetch(self, stream: str, cursor: bytes | None) -> Page:
        """Fetch the page of "accounts", "transactions" or "payouts" that follows `cursor`."""
        read = {"accounts": self._accounts, "transactions": self._transactions, "payouts": self._payouts}[stream]
        marks = m.parse(cursor)
        if marks is None:
            account = await self._account()
            marks = Marks(account=account.id, business=account.label)
        try:
            return await read(marks)
        except StaleId as error:
            raise RestartFetch("Stripe no longer knows the row after which to go on.") from error

    # --- accounts: the balance, then the outside accounts --------------------------------------------------

    async def _accounts(self, marks: Marks) -> Page:
        if marks.loop is None:
            now = self._seconds()
            reply, _ = await self._client.get("/v1/balance", wire.Balance)
            # Outside accounts that the key may not read are not asked for at every sync.
            loop = Loop(started=now, phase="banks") if now >= marks.banks_from else None
            return self._page("balance", replace(marks, loop=loop), reply.body)
        try:
            params = (*_FULL, *_after(marks.loop.after))
            reply, found = await self._client.get(_BANKS, wire.Page[wire.BankAccount], params)
        except PermissionMissing as refusal:
            return self._page("nothing", replace(_without_banks(marks, refusal, marks.loop.started), loop=None))
        rest = replace(marks.loop, after=found.data[-1].id) if found.has_more and found.data else None
        ahead = replace(marks, banks_seen=marks.banks_seen or bool(found.data), loop=rest)
        return self._page("bank_accounts", ahead, reply.body)

    # --- transactions: the ledger, then what is new at each outside account --------------------------------

    async def _transactions(self, marks: Marks) -> Page:
        loop = marks.loop or m.begin_ledger(marks, self._seconds())
        return await (self._ledger(marks, loop) if loop.phase == "ledger" else self._outside(marks, loop))

    async def _ledger(self, marks: Marks, loop: Loop) -> Page:
        while True:
            params = [*_FULL, *_SOURCE, ("created[gte]", str(loop.start)), *_after(loop.after)]
            if loop.end is not None:
                params.append(("created[lt]", str(loop.end)))
            reply, found = await self._client.get(_LEDGER, wire.Page[wire.BalanceTransaction], params)
            loop = m.after_movements(loop, found.data, found.has_more)
            if found.data or loop.phase == "banks":  # years in which there was nothing are passed over
                break
        if loop.phase == "banks" and loop.started < marks.banks_from:
            return self._page("movements", m.finish_ledger(marks, loop), reply.body)
        return self._page("movements", replace(marks, loop=loop), reply.body)

    async def _outside(self, marks: Marks, loop: Loop) -> Page:
        try:
            if loop.phase == "banks":
                loop = m.queue_banks(marks, loop, await self._bank_accounts())
            if loop.queue:
                return await self._bank_rows(marks, loop)
            return self._page("nothing", m.finish_ledger(marks, loop))
        except PermissionMissing as refusal:
            return self._page("nothing", m.finish_ledger(_without_banks(marks, refusal, loop.started), loop))

    async def _bank_rows(self, marks: Marks, loop: Loop) -> Page:
        account = loop.queue[0][0]
        params = [*_FULL, ("account", account), *_after(loop.after)]
        if since := marks.banks.get(account):
            params.append(("transaction_refresh[after]", since))
        try:
            reply, found = await self._client.get(_BANK_ROWS, wire.Page[wire.BankTransaction], params)
        except StaleId as error:
            if not error.param.startswith("transaction_refresh"):
                raise
            # A refresh that Stripe has forgotten: read that account from the beginning.
            known = {key: refresh for key, refresh in marks.banks.items() if key != account}
            return self._page("nothing", replace(marks, banks=known, loop=loop))
        loop = m.after_bank_rows(loop, found.data[-1].id if found.has_more and found.data else None)
        ahead = replace(marks, loop=loop) if loop.queue else m.finish_ledger(marks, loop)
        return self._page("bank_transactions", ahead, reply.body)

    async def _bank_accounts(self) -> Sequence[wire.BankAccount]:
        accounts: list[wire.BankAccount] = []
        after: str | None = None
        while True:
            _, found = await self._client.get(_BANKS, wire.Page[wire.BankAccount], (*_FULL, *_after(after)))
            accounts += found.data
            if not (found.has_more and found.data):
                return accounts
            after = found.data[-1].id

    # --- payouts: those that may have changed since the last loop ------------------------------------------

    async def _payouts(self, marks: Marks) -> Page:
        loop = marks.loop or m.begin_payouts(marks, self._seconds())
        params = (*_FULL, *_LINES, ("created[gte]", str(loop.start)), *_after(loop.after))
        reply, found = await self._client.get(_PAYOUTS, wire.Page[wire.Payout], params)
        if found.has_more and found.data:
            ahead = replace(marks, loop=replace(loop, after=found.data[-1].id))
        else:
            ahead = replace(marks, at=loop.started, loop=None)
        return self._page("payouts", ahead, reply.body)

    # --- shared -------------------------------------------------------------------------------------------

    async def _account(self) -> wire.Account:
        try:
            return (await self._client.get("/v1/account", wire.Account))[1]
        except PermissionMissing as refusal:
            # Not every restricted key can be given this permission, but the refusal names the account.
            if refusal.account is None:
                raise
            return wire.Account(refusal.account)

    async def _lacks(self, path: str, shape: type[Any], params: Params = ()) -> str | None:
        try:
            await self._client.get(path, shape, params)
        except PermissionMissing as refusal:
            return refusal.row
        return None

    def _page(self, kind: str, marks: Marks, reply: bytes = b"null") -> Page:
        staged = wire.Fetched(
            kind=kind, account=marks.account, business=marks.business, at=self._seconds(), reply=msgspec.Raw(reply)
        )
        return Page(msgspec.json.encode(staged), marks.dump(), has_more=marks.loop is not None)

    def _seconds(self) -> int:
        return int(self._now())


def _after(last: str | None) -> Params:
    return () if last is None else (("starting_after", last),)


def _without_banks(marks: Marks, refusal: PermissionMissing, now: int) -> Marks:
    """Leave the outside accounts out for a day; where they were read before, the owner must know. Raises `refusal`."""
    if marks.banks_seen:
        raise refusal
    return replace(marks, banks_from=now + m.ASK_AGAIN)
