"""Reading an emulated Stripe account over HTTP while things happen there."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest

from contracts.ledger import Reading
from contracts.stage import Control, Hurried, Stage, staged
from counterfoil.errors import ActionRequired
from counterfoil.lib.http import Http
from counterfoil.model import Account as Money
from counterfoil.model import Transaction
from counterfoil.ports import Page
from counterfoil.providers.stripe import SPEC, marks
from counterfoil.providers.stripe.client import Client
from counterfoil.providers.stripe.provider import Stripe
from counterfoil.providers.stripe.sandbox import Account, emulator
from counterfoil.sandbox.kit import Emulator
from counterfoil.sandbox.merchant import Merchant

TODAY = dt.datetime.now(dt.UTC).date()
MERCHANT = Merchant(11, TODAY - dt.timedelta(days=45), TODAY)
DAY = 86400

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with staged("stripe") as stage:
        yield stage


@dataclass
class Shop:
    """One emulated account and a connection that shares its clock."""

    emulator: Emulator
    control: Control
    http: Http
    url: str
    pages: list[Page] = field(default_factory=list)

    @property
    def own(self) -> Account:
        assert isinstance(self.emulator.state, Account)
        return self.emulator.state

    def open(self, key: str | None = None) -> Stripe:
        return Stripe(Client(self.http, self.url, key or self.own.api_key), now=self.emulator.clock.now)

    def reading(self) -> Reading:
        return Reading(SPEC, self.open())

    def paths(self) -> list[str]:
        return [call["path"] for call in self.control.calls()]


async def opened(stage: Stage, fresh: Emulator, http: Http) -> AsyncIterator[Shop]:
    stage.show(fresh)
    control = Control(stage.url)
    try:
        yield Shop(fresh, control, http, stage.url)
    finally:
        control.close()
        await http.aclose()


@pytest.fixture
async def shop(stage: Stage) -> AsyncIterator[Shop]:
    fresh = emulator(MERCHANT)
    fresh.limits.scale = None
    async for shop in opened(stage, fresh, Http(budgets=Hurried(), backoff=lambda attempt: 0.0)):
        yield shop


def transaction(reading: Reading, key: str) -> Transaction:
    row = reading.ledger.rows["transactions"][key]
    assert isinstance(row, Transaction)
    return row


# --- the ledger ---


async def test_the_nets_of_every_account_sum_up_to_its_balance(shop: Shop) -> None:
    for action in ("charge", "refund", "dispute", "payout", "fail_payout"):
        shop.control.act(action)
    shop.control.act("charge", amount=7001, currency="jpy")
    rows = (await shop.reading().everything()).rows
    held = {
        key: row.current for key, row in rows["accounts"].items() if isinstance(row, Money) and row.type == "stripe"
    }
    sums = dict.fromkeys(held, Decimal(0))
    for row in rows["transactions"].values():
        if isinstance(row, Transaction) and row.net is not None:
            sums[row.account] += row.net
    assert sums == held
    assert len(held) == 4


async def test_a_pending_row_is_read_again_when_it_settles(shop: Shop) -> None:
    key = shop.control.act("charge", amount=9000)["balance_transaction"]
    reading = shop.reading()
    await reading.everything()
    assert transaction(reading, key).pending
    before = transaction(reading, key)
    shop.control.act("advance", days=1, seconds=-3600)
    shop.control.act("charge", amount=100)  # the mark moves on, past the pending row
    await reading.stream("transactions")
    shop.control.act("advance", days=6)
    await reading.stream("transactions")
    after = transaction(reading, key)
    assert not after.pending
    assert (after.amount, after.date, after.net) == (before.amount, before.date, before.net)


async def test_nothing_is_read_again_when_nothing_is_due(shop: Shop) -> None:
    reading = shop.reading()
    await reading.everything()
    shop.control.act("advance", days=8)
    await reading.everything()
    shop.control.forget_calls()
    await reading.everything()
    assert len([path for path in shop.paths() if path == "/v1/balance_transactions"]) == 1


async def test_a_row_that_becomes_visible_late_is_found_by_the_overlap(shop: Shop) -> None:
    shop.control.act("charge", amount=100)
    reading = shop.reading()
    await reading.everything()
    late = shop.control.act("charge", amount=4242, created=int(shop.emulator.clock.now()) - 1800)
    await reading.everything()
    assert transaction(reading, late["balance_transaction"]).amount == Decimal("42.42")


async def test_a_row_that_appears_while_pages_are_read_is_found_by_the_next_read(shop: Shop) -> None:
    shop.control.act("bulk", count=250)
    appeared: list[str] = []

    def interfere(pages: int) -> None:
        if pages == 2:
            appeared.append(shop.control.act("charge", amount=777)["balance_transaction"])

    reading = shop.reading()
    ledger = await reading.stream("transactions", after_page=interfere)
    assert appeared[0] not in ledger.rows["transactions"]
    again = await reading.stream("transactions")
    assert len(again.rows["transactions"]) == len(shop.own.api.till.lines) + len(shop.own.api.banks.transactions)


async def test_a_page_that_is_read_twice_leads_to_the_same_end(shop: Shop) -> None:
    shop.control.act("bulk", count=150)
    provider, cursor, bodies = shop.open(), None, set()
    while True:
        page = await provider.fetch("transactions", cursor)
        again = await provider.fetch("transactions", cursor)
        bodies.add(page.body)
        assert (again.cursor, again.has_more) == (page.cursor, page.has_more)
        cursor = page.cursor
        if not page.has_more:
            break
    keys = {row.key for body in bodies for row in SPEC.land("transactions", body).rows}
    assert keys == (await shop.reading().stream("transactions")).rows["transactions"].keys()


# --- payouts ---


async def test_a_paid_payout_that_fails_later_shows_both_ways_and_the_reason(shop: Shop) -> None:
    payout = shop.control.act("payout", amount=5000)
    shop.control.act("advance", days=10)
    shop.control.act("charge")  # the ledger's mark is far past the payout
    reading = shop.reading()
    await reading.everything()
    sent = transaction(reading, payout["balance_transaction"])
    assert (sent.amount, sent.original_text) == (Decimal("-50.00"), "STRIPE PAYOUT")
    shop.control.act("advance", days=2)
    failed = shop.control.act("fail_payout", payout=payout["id"])
    await reading.everything()
    assert "closed" in str(transaction(reading, payout["balance_transaction"]).original_text)
    back = transaction(reading, failed["failure_balance_transaction"])
    assert (back.amount, back.type) == (Decimal("50.00"), "payout_reversal")


# --- outside banks ---


async def test_pending_outside_rows_post_under_their_id_and_void_ones_go(shop: Shop) -> None:
    keys = shop.control.act(
        "fc_activity", rows=[{"amount": -1200, "status": "pending"}, {"amount": -500, "status": "pending"}]
    )["rows"]
    reading = shop.reading()
    await reading.everything()
    assert transaction(reading, keys[0]).pending
    shop.control.act("fc_activity", post=[keys[0]], void=[keys[1]])
    await reading.everything()
    assert not transaction(reading, keys[0]).pending
    assert keys[1] not in reading.ledger.rows["transactions"]


async def test_only_outside_rows_of_newer_refreshes_are_read(shop: Shop) -> None:
    reading = shop.reading()
    await reading.everything()
    (key,) = shop.control.act("fc_activity", rows=[{"amount": -1200}])["rows"]
    await reading.stream("transactions")
    outside = [row.key for landing in reading.landed("transactions") for row in landing.rows if row.key[:5] == "fctxn"]
    assert outside == [key]


async def test_an_outside_account_whose_last_refresh_is_forgotten_is_read_in_full(shop: Shop) -> None:
    reading = shop.reading()
    first = await reading.everything()
    shop.control.act("fc_activity", rows=[{"amount": -1200}])
    banks = shop.own.api.banks
    cursor = marks.parse(reading.ledger.cursors["transactions"])
    assert cursor is not None
    banks.refreshes[:] = [refresh for refresh in banks.refreshes if refresh not in cursor.banks.values()]
    second = await reading.everything()
    assert len(second.rows["transactions"]) == len(first.rows["transactions"]) + 1
    assert reading.restarts == 0


async def test_a_disconnected_outside_account_is_closed(shop: Shop) -> None:
    reading = shop.reading()
    before = await reading.everything()
    gone = shop.own.api.banks.accounts[0].id
    shop.control.act("fc_status", account=gone, status="disconnected")
    after = await reading.everything()
    assert before.rows["accounts"].keys() - after.rows["accounts"].keys() == {gone}


# --- keys ---


async def test_every_missing_permission_is_named_at_once_in_the_dashboards_words(shop: Shop) -> None:
    shop.control.act("permissions", deny=["balance_read", "payout_read"])
    with pytest.raises(ActionRequired) as caught:
        await shop.open().check()
    assert caught.value.code == "permission_missing"
    assert "Balance, Payouts" in caught.value.remedy
    shop.control.act("permissions", grant=["balance_read", "payout_read"], deny=["charge_read"])
    with pytest.raises(ActionRequired, match="Charges and Refunds"):
        await shop.open().check()


async def test_outside_accounts_are_left_out_where_the_key_may_not_read_them(shop: Shop) -> None:
    shop.control.act("permissions", deny=["financial_connections_account_read"])
    reading = shop.reading()
    ledger = await reading.everything()
    assert not reading.errors
    assert {row.type for row in ledger.rows["accounts"].values() if isinstance(row, Money)} == {"stripe"}
    shop.control.forget_calls()
    await reading.everything()
    assert not any("financial_connections" in path for path in shop.paths()), "asked again within the day"
    shop.control.act("permissions", grant=["financial_connections_account_read"])
    shop.control.act("advance", days=2)
    await reading.everything()
    assert len(reading.ledger.rows["accounts"]) == len(ledger.rows["accounts"]) + 2


async def test_outside_accounts_that_were_readable_are_not_dropped_silently(shop: Shop) -> None:
    reading = shop.reading()
    before = await reading.everything()
    shop.control.act("permissions", deny=["financial_connections_account_read"])
    for stream in ("accounts", "transactions"):
        provider = shop.open()
        page = await provider.fetch(stream, reading.ledger.cursors[stream])
        with pytest.raises(ActionRequired, match="Financial Connections"):
            await provider.fetch(stream, page.cursor)
    assert reading.ledger.rows == before.rows


async def test_a_key_without_the_account_permission_still_knows_its_account(shop: Shop) -> None:
    shop.control.act("permissions", deny=["accounts_kyc_basic_read"])
    identity = await shop.open().check()
    assert identity.remote_id == shop.own.account
    assert f"{shop.own.account}:usd" in (await shop.reading().everything()).rows["accounts"]


async def test_live_keys_are_told_apart(stage: Stage, shop: Shop) -> None:
    test = await shop.open().check()
    assert (test.live, test.label) == (False, "Harbour Lane Coffee (test)")
    async for real in opened(stage, emulator(MERCHANT, live=True), Http(budgets=Hurried())):
        live = await real.open().check()
        assert (live.live, live.label) == (True, "Harbour Lane Coffee")


@pytest.mark.parametrize("live", [False, True])
async def test_our_own_pace_never_meets_a_429(stage: Stage, live: bool) -> None:
    fresh = emulator(MERCHANT, live=live)
    async for busy in opened(stage, fresh, Http()):
        client = Client(busy.http, busy.url, busy.own.api_key)
        paths = ["/v1/balance"] * 40 + ["/v1/account"] * 40
        await asyncio.gather(*(client.get(path, object) for path in paths))
        assert fresh.limits.refused == 0
        statuses: set[Any] = {call["status"] for call in busy.control.calls()}
        assert statuses == {200}
