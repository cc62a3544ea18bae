"""Everything Plaid knows: institutions, Items, tokens, and what it tells by webhook when something happens."""

import datetime as dt
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from counterfoil.providers.plaid.sandbox.agenda import Agenda
from counterfoil.providers.plaid.sandbox.custom import read_user
from counterfoil.providers.plaid.sandbox.errors import PlaidError
from counterfoil.providers.plaid.sandbox.items import Institution, Item, Stage
from counterfoil.providers.plaid.sandbox.webhooks import Courier, Keys
from counterfoil.providers.plaid.sandbox.wire import short_id
from counterfoil.sandbox.kit import Clock
from counterfoil.sandbox.limits import Limits
from counterfoil.sandbox.world import Activity, Bank, World
from counterfoil.sandbox.world.ledger import Change

_PUBLIC_TOKEN_LIFE: Final = 30 * 60.0
_LOGIN_LIFE: Final = 30 * 86_400.0  # a sandbox Item asks for its login again by itself
CUSTOM: Final = "user_custom"


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds until the vendor has done its part. With `initial` None, an Item's history is there at once."""

    initial: float | None = 0.2  # from the first /transactions/sync
    historical: float = 0.5
    refresh: float = 0.3


class Vendor:
    """The state of the emulator and all that changes it."""

    def __init__(self, world: World, clock: Clock, limits: Limits, timing: Timing) -> None:
        self.world = world
        self.clock = clock
        self.limits = limits
        self.timing = timing
        self.agenda = Agenda(clock)
        self.keys = Keys(world.seed, clock)
        self.courier = Courier(self.keys, self.agenda, clock)
        self.client_id = short_id("client_id", str(world.seed)).lower()[:24]
        self.secret = short_id("secret", str(world.seed)).lower()[:30]
        self.institutions = _institutions()
        self.items: dict[str, Item] = {}  # by item_id
        self.split_pending = False
        self.unknown_values = False
        self.legacy_webhooks = True
        self._dice = Random(f"{world.seed}:plaid")
        self._tokens: dict[str, Item] = {}
        self._removed: set[str] = set()
        self._public: dict[str, tuple[Item, float]] = {}

    # --- names and time ---

    def token(self, kind: str) -> str:
        """Give a new token of a kind: public, access, link."""
        return f"{kind}-sandbox-{uuid.UUID(int=self._dice.getrandbits(128), version=4)}"

    def new_id(self, length: int = 37) -> str:
        """Give a new id in the vendor's shape."""
        return short_id("id", str(self._dice.getrandbits(128)))[:length]

    def today(self) -> dt.date:
        """The day by the emulator's clock, and no earlier than the world's."""
        return max(self.moment().date(), self.world.today)

    def moment(self) -> dt.datetime:
        """The time by the emulator's clock, UTC."""
        return dt.datetime.fromtimestamp(self.clock.now(), dt.UTC)

    # --- Items ---

    def create(
        self,
        institution_id: str,
        products: Sequence[str],
        *,
        webhook: str | None = None,
        username: str = "user_good",
        password: str | None = None,
        since: dt.date | None = None,
        until: dt.date | None = None,
        days: int | None = None,
        chosen: Callable[[str], bool] = lambda account: True,
    ) -> tuple[Item, str]:
        """Make an Item and give it with its public token. `chosen` says which of the world's accounts it shows."""
        institution = self.institution(institution_id)
        item_id = self.new_id()
        if username == CUSTOM:
            bank = read_user(password or "", f"custom/{item_id}", self.today())
            # Whoever describes the rows means them all, so only limits that were spelled out hold.
            first = since or (self._days_ago(days) if days else dt.date.min)
        else:
            bank = self.world.bank(institution.bank)
            first = since or self._days_ago(days or 90)
        item = Item(
            id=item_id,
            access_token=self.token("access"),
            institution=institution,
            bank=bank,
            products=list(dict.fromkeys(products)),
            webhook=webhook,
            created=self.clock.now(),
            since=first,
            until=until or dt.date.max,
            username=username,
        )
        item.show(account for account in bank.accounts.values() if chosen(account.id))
        if self.timing.initial is None:
            item.advance(Stage.HISTORICAL, self.today())
            item.updated = self.clock.now()
            item.trades_ready = True
        self.items[item.id] = item
        self._tokens[item.access_token] = item
        self.agenda.after(_LOGIN_LIFE, lambda: self.break_login(item))
        public_token = self.token("public")
        self._public[public_token] = (item, self.clock.now() + _PUBLIC_TOKEN_LIFE)
        return item, public_token

    def exchange(self, public_token: str) -> Item:
        """Give the Item of a public token, as often as asked within half an hour. Raises the vendor's error."""
        item, until = self._public.get(public_token, (None, 0.0))
        if item is None or until < self.clock.now():
            raise PlaidError("INVALID_PUBLIC_TOKEN")
        return item

    def item(self, access_token: str) -> Item:
        """Give the Item of an access token. Raises the vendor's error."""
        item = self._tokens.get(access_token)
        if item is None:
            raise PlaidError("ITEM_NOT_FOUND" if access_token in self._removed else "INVALID_ACCESS_TOKEN")
        return item

    def remove(self, item: Item) -> None:
        """Forget an Item; its token stops working."""
        del self._tokens[item.access_token]
        del self.items[item.id]
        self._removed.add(item.access_token)

    def institution(self, institution_id: str) -> Institution:
        """Give an institution. Raises the vendor's error."""
        found = self.institutions.get(institution_id)
        if found is None:
            raise PlaidError("INVALID_INSTITUTION")
        return found

    # --- what happens ---

    def begin_history(self, item: Item) -> None:
        """Start reading an Item's transactions: the first call of sync does."""
        if item.synced:
            return
        item.synced = True
        self._read_on(item)

    def _read_on(self, item: Item) -> None:
        if item.stage is not Stage.HISTORICAL and not item.held:
            self.agenda.after(self.timing.initial or 0.0, lambda: self.reach(item, Stage.INITIAL))
            self.agenda.after(self.timing.historical, lambda: self.reach(item, Stage.HISTORICAL))

    def begin_trades(self, item: Item) -> None:
        """Start reading an Item's investment transactions, and tell when they are there."""
        if item.traded is None:
            item.traded = self.clock.now()
            self.agenda.after(self.timing.historical, lambda: self._reach_trades(item))

    def _reach_trades(self, item: Item) -> None:
        item.trades_ready = True
        item.traded = self.clock.now()
        self.tell(item, "INVESTMENTS_TRANSACTIONS", "HISTORICAL_UPDATE", error=None,
                  new_investments_transactions=len(item.bank.trades), cancelled_investments_transactions=0)  # fmt: skip

    def reach(self, item: Item, stage: Stage) -> None:
        """Let an Item's history be complete up to a stage, and tell so."""
        if item.held or item.error or item.stage is Stage.HISTORICAL or item.id not in self.items:
            return
        new = item.advance(stage, self.today())
        item.updated = self.clock.now()
        code = "INITIAL_UPDATE" if stage is Stage.INITIAL else "HISTORICAL_UPDATE"
        self._tell_legacy(item, code, new_transactions=new)
        self.tell_sync(item)

    def live(self, bank: Bank, count: int = 1) -> Activity:
        """Let new things happen at a bank now, and tell every Item there."""
        activity = self.world.live(bank, self.moment(), count)
        self.happened(bank, activity.changes)
        if bank.positions or activity.trades:
            self._traded(bank, len(activity.trades))
        return activity

    def happened(self, bank: Bank, changes: Sequence[Change]) -> None:
        """Bring changes at a bank to the log of every Item there, and tell of them."""
        for item in self.items.values():
            if item.bank is not bank or item.error:
                continue
            before = item.feed.head
            new, removed = item.apply(changes, split_pending=self.split_pending)
            if item.feed.head == before:
                continue
            item.updated = self.clock.now()
            self._tell_legacy(item, "DEFAULT_UPDATE", new_transactions=new)
            if removed:
                self._tell_legacy(item, "TRANSACTIONS_REMOVED", removed_transactions=removed)
            self.tell_sync(item)

    def catch_up(self, item: Item) -> None:
        """Read what an Item missed: the time of its error, or the history of accounts that it shows since now."""
        if item.synced:
            self._read_on(item)
        if item.stage is Stage.NOT_READY:
            return
        before = item.feed.head
        item.advance(item.stage, self.today())
        if item.feed.head != before:
            item.updated = self.clock.now()
            self.tell_sync(item)

    def refreshed(self, item: Item) -> None:
        """Come back from the bank, where two things have happened since."""
        if item.id in self.items:
            self.live(item.bank, 2)

    def mutate_after(self, item: Item, served: Sequence[str]) -> None:
        """Move the log between two pages where that was planned; `served` are the new rows of the first."""
        plan = item.mutation
        if plan is None:
            return
        plan.pages -= 1
        if plan.pages > 0:
            return
        item.mutation = None
        if plan.remove_served and served:
            self.happened(item.bank, [item.bank.remove(item.movement_of(served[0]).id)])
        else:
            self.happened(item.bank, self.world.live(item.bank, self.moment()).changes)

    def break_login(self, item: Item, code: str = "ITEM_LOGIN_REQUIRED") -> None:
        """Put an Item into an error that only its user can end, and tell so."""
        if item.id in self.items and item.error != code:
            item.error = code
            self.tell(item, "ITEM", "ERROR", error=item.error_body())

    def repair(self, item: Item, *, tell: bool = True) -> None:
        """End an Item's error. The webhook tells of repairs that the client had no part in."""
        if item.error is not None:
            item.error = None
            if tell:
                self.tell(item, "ITEM", "LOGIN_REPAIRED")
            self.catch_up(item)

    # --- what is told ---

    def tell(self, item: Item, kind: str, code: str, **extra: Any) -> bool:
        """Send a webhook about an Item; False where it has no address."""
        if not item.webhook:
            return False
        item.told = (self.clock.now(), code)
        body = {"webhook_type": kind, "webhook_code": code, "item_id": item.id, **extra, "environment": "sandbox"}
        self.courier.send(item.webhook, body)
        return True

    def tell_sync(self, item: Item) -> None:
        """Say that sync has something new, to those that call it."""
        if item.synced:
            self.tell(
                item,
                "TRANSACTIONS",
                "SYNC_UPDATES_AVAILABLE",
                initial_update_complete=item.stage is not Stage.NOT_READY,
                historical_update_complete=item.stage is Stage.HISTORICAL,
            )

    def _tell_legacy(self, item: Item, code: str, **extra: Any) -> None:
        if self.legacy_webhooks:
            self.tell(item, "TRANSACTIONS", code, error=None, **extra)

    def _traded(self, bank: Bank, trades: int) -> None:
        for item in self.items.values():
            if item.bank is bank and "investments" in item.products and not item.error:
                item.traded = self.clock.now()
                self.tell(item, "HOLDINGS", "DEFAULT_UPDATE", error=None, new_holdings=0,
                          updated_holdings=len(bank.positions))  # fmt: skip
                if trades:
                    self.tell(item, "INVESTMENTS_TRANSACTIONS", "DEFAULT_UPDATE", error=None,
                              new_investments_transactions=trades, cancelled_investments_transactions=0)  # fmt: skip

    def _days_ago(self, days: int) -> dt.date:
        return self.today() - dt.timedelta(days=days)


def _institutions() -> Mapping[str, Institution]:
    """List the institutions under ids of the vendor's own sandbox; the last two share the people of the first two."""
    everyday = ("transactions", "balance", "liabilities", "auth", "identity", "transactions_refresh")
    investing = ("investments", *everyday)
    rows = (
        ("ins_109508", "First Harbor Bank", "firstharbor.example", "#1f5fa8", everyday, "first"),
        ("ins_109509", "Alder Credit Union", "aldercu.example", "#2f7d4f", everyday, "second"),
        ("ins_109510", "Meridian Brokerage", "meridian.example", "#6b3fa0", investing, "broker"),
        ("ins_109511", "Quillstone Bank", "quillstone.example", "#8a4b2a", investing, "first"),
        ("ins_109512", "Oxbow Savings", "oxbow.example", "#2a6f8a", investing, "second"),
    )
    return {
        ident: Institution(ident, name, f"https://{host}", color, products, ("US",), (f"0{ident[4:]}21",), bank)
        for ident, name, host, color, products, bank in rows
    }
