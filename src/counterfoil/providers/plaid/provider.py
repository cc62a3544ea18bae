"""One Plaid Item: its streams, page by page."""

import datetime as dt
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, cast

import msgspec

from counterfoil.errors import RestartFetch
from counterfoil.ports import Access, Identity, Page
from counterfoil.providers.plaid import wire
from counterfoil.providers.plaid.client import PlaidClient
from counterfoil.providers.plaid.limits import is_live
from counterfoil.providers.plaid.refusals import NotReady, PlaidRefused, action_required
from counterfoil.providers.plaid.settings import PlaidApp, PlaidSettings

_PAGE: Final = 500  # rows; the most that Plaid gives, and the larger the page the rarer a restart
_NOT_READY_WAIT: Final = 15.0  # seconds; the first 30 days are usually there within a minute
_HISTORY: Final = dt.timedelta(days=730)  # what Plaid keeps
_OVERLAP: Final = dt.timedelta(days=60)  # trades are corrected after the fact
_BANK_KEPT: Final = dt.timedelta(days=7)  # a bank's name and address hardly change, and the limit is per client
_NO_BANK: Final = frozenset({"INVALID_INSTITUTION", "INSTITUTION_NOT_FOUND"})


class InvestmentsCursor(msgspec.Struct, frozen=True, kw_only=True):
    """Where the loop over investment transactions stands; between loops `offset` is 0 and `total` None."""

    start: dt.date
    end: dt.date
    offset: int = 0
    total: int | None = None


class PlaidProvider:
    """Reads one Item."""

    def __init__(self, access: Access, *, now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC)) -> None:
        self._app = cast(PlaidApp, access.app)
        self._settings = cast(PlaidSettings, access.settings)
        token = self._settings.access_token.get_secret_value()
        self._item = PlaidClient(access.http, self._app, token)
        self._plaid = PlaidClient(access.http, self._app)
        self._live = is_live(self._app.url, token)
        self._now = now
        self._fetchers: Mapping[str, Callable[[bytes | None], Awaitable[Page]]] = {
            "accounts": self._accounts,
            "transactions": self._transactions,
            "liabilities": self._liabilities,
            "holdings": self._holdings,
            "investment_transactions": self._investment_transactions,
        }

    async def check(self) -> Identity:
        """Prove that the token works, and name the bank."""
        item = (await self._item.read("/item/get", {}, wire.ItemReply)).item
        _raise_standing(item)
        label = item.institution_name or self._settings.label or item.institution_id or item.item_id
        return Identity(remote_id=item.item_id, label=label, live=self._live)

    async def fetch(self, stream: str, cursor: bytes | None) -> Page:
        """Fetch the next page of a stream (KeyError where there is no such stream)."""
        return await self._fetchers[stream](cursor)

    async def _accounts(self, cursor: bytes | None) -> Page:
        """The cursor is the day on which the bank itself was read last."""
        item_reply = await self._item.post("/item/get", {})
        item = item_reply.decode(wire.ItemReply).item
        # The cached reads of an Item in error go on working: without this look nobody would learn of it by polling.
        _raise_standing(item)
        accounts = await self._item.post("/accounts/get", {})
        accounts.decode(wire.AccountsReply)
        now = self._now()
        read_on = dt.date.fromisoformat(cursor.decode()) if cursor else dt.date.min
        bank: msgspec.Raw | None = None
        if item.institution_id and now.date() - read_on >= _BANK_KEPT:
            bank = await self._bank(item.institution_id)
            read_on = now.date()
        body = msgspec.json.encode(
            wire.RawAccountsPage(now, msgspec.Raw(item_reply.body), msgspec.Raw(accounts.body), bank)
        )
        return Page(body, read_on.isoformat().encode(), has_more=False)

    async def _bank(self, institution_id: str) -> msgspec.Raw | None:
        try:
            reply = await self._plaid.post(
                "/institutions/get_by_id",
                {"institution_id": institution_id, "country_codes": list(self._app.country_codes)},
            )
        except PlaidRefused as refused:
            if refused.code in _NO_BANK:
                return None
            raise
        reply.decode(wire.InstitutionReply)
        return msgspec.Raw(reply.body)

    async def _transactions(self, cursor: bytes | None) -> Page:
        """The cursor is Plaid's own."""
        body: dict[str, Any] = {
            "count": _PAGE,
            "options": {"include_original_description": True, "personal_finance_category_version": "v2"},
        }
        if cursor:
            body["cursor"] = cursor.decode()
        reply = await self._item.post("/transactions/sync", body)
        head = reply.decode(wire.SyncHead)
        if not head.next_cursor:
            # Plaid has nothing yet: an empty cursor stands for "from the beginning" and must never be kept.
            return Page(reply.body, cursor, has_more=False, wait=_NOT_READY_WAIT)
        return Page(reply.body, head.next_cursor.encode(), head.has_more)

    async def _liabilities(self, _cursor: bytes | None) -> Page:
        return await self._whole("/liabilities/get", wire.LiabilitiesPage)

    async def _holdings(self, _cursor: bytes | None) -> Page:
        return await self._whole("/investments/holdings/get", wire.HoldingsPage)

    async def _whole(self, path: str, shape: type[wire.Wire]) -> Page:
        try:
            reply = await self._item.post(path, {})
        except NotReady as error:
            return Page(b"", None, has_more=False, wait=error.after)
        reply.decode(shape)
        return Page(reply.body, None, has_more=False)

    async def _investment_transactions(self, cursor: bytes | None) -> Page:
        """Two years at first, then the days that are new and those just before, in which trades may change."""
        at = self._window(cursor)
        try:
            reply = await self._item.post(
                "/investments/transactions/get",
                {
                    "start_date": at.start.isoformat(),
                    "end_date": at.end.isoformat(),
                    "options": {"count": _PAGE, "offset": at.offset, "async_update": True},
                },
            )
        except NotReady as error:
            return Page(b"", cursor, has_more=False, wait=error.after)
        page = reply.decode(wire.InvestmentTransactionsPage)
        total = page.total_investment_transactions
        if at.total is not None and at.total != total:
            # Rows are counted from the newest: one that came or went since the last page has shifted all the others.
            raise RestartFetch("The trades changed while they were being read.")
        offset = at.offset + len(page.investment_transactions)
        more = bool(page.investment_transactions) and offset < total
        after = msgspec.structs.replace(at, offset=offset if more else 0, total=total if more else None)
        return Page(reply.body, msgspec.json.encode(after), more)

    def _window(self, cursor: bytes | None) -> InvestmentsCursor:
        today = self._now().date()
        if cursor is None:
            return InvestmentsCursor(start=today - _HISTORY, end=today)
        at = msgspec.json.decode(cursor, type=InvestmentsCursor)
        if at.offset:
            return at
        return InvestmentsCursor(start=max(at.end - _OVERLAP, today - _HISTORY), end=max(today, at.end))


def _raise_standing(item: wire.Item) -> None:
    """Raise what an Item in error waits for a person to do."""
    if item.error is not None and (error := action_required(item.error.error_code)):
        raise error
