"""A bank, a base and a spreadsheet that outlive the product, which works on them in a process that is killed."""

import datetime as dt
import json
import multiprocessing
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Timer
from typing import Any, Final

import httpx2

from counterfoil.destinations.airtable import sandbox as airtable
from counterfoil.destinations.google_sheets import sandbox as google
from counterfoil.model import KEY_LABEL
from counterfoil.providers.plaid import sandbox as plaid
from counterfoil.sandbox.server import Served, serving
from counterfoil.sandbox.world import World
from kill.trap import AtCall, Trap, watch
from kill.worker import AtCommit, work

PLACES: Final = {"airtable": "airtable", "google": "google_sheets"}  # emulator -> destination kind
NOTES: Final = "My notes"
# The processes are forked by a server that has imported the product once: a start costs less than a second that way.
FORKS: Final = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["counterfoil.bootstrap", "sqlalchemy.dialects.sqlite"])


@dataclass(frozen=True, slots=True)
class InSeconds:
    """The process dies so long after the sync was asked for, wherever that finds it."""

    seconds: float


Point = AtCall | AtCommit | InSeconds


@dataclass
class Stage:
    """What the tests do to bank, user and product. Everything but the process stays as it is when the process dies."""

    folder: Path
    served: Served
    trap: Trap
    environ: Mapping[str, str]
    dice: random.Random
    client: httpx2.Client
    item: Any  # the bank's own state of the connection
    courier: Any  # who delivers the bank's webhooks
    login: dict[str, Any]  # the connection's settings
    kills: int = 0
    next_death: AtCommit | None = None  # of the next process that is started
    notes: dict[str, str] = field(default_factory=dict)  # transaction -> what the user wrote beside it
    _process: BaseProcess | None = None
    _orders: Connection | None = None

    # --- the product's process ---

    def order(self, *order: Any) -> Any:
        """Give an order again until a process has answered it, and start one whenever the last has died.

        What was answered is never asked for again.
        """
        while True:
            if self._orders is None:
                self._start()
            assert self._orders is not None and self._process is not None
            try:
                self._orders.send(order)
                return self._orders.recv()
            except (EOFError, ConnectionError):
                self._process.join()
                assert self._process.exitcode == -9, f"the product ended by itself: {self._process.exitcode}"
                self._orders.close()
                self._orders, self._process = None, None
                self.kills += 1

    def _start(self) -> None:
        death, self.next_death = self.next_death, None
        self._orders, theirs = FORKS.Pipe()
        self._process = FORKS.Process(target=work, args=(theirs, self.folder, self.environ, death), daemon=True)
        self._process.start()
        theirs.close()

    def arm(self, point: Point) -> Timer | None:
        """Let the present process die at a point."""
        self.order("settle")
        assert self._process is not None and self._process.pid is not None
        if isinstance(point, AtCommit):
            self.order("die_at", point)
        elif isinstance(point, AtCall):
            self.trap.set(self._process.pid, point)
        else:
            timer = Timer(point.seconds, self._process.kill)
            timer.start()
            return timer
        return None

    def stop(self) -> None:
        """Kill what is left."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
        if self._orders is not None:
            self._orders.close()
        self._orders, self._process = None, None

    def survive(self, point: Point, again: AtCommit | None = None) -> None:
        """Ask for a sync that dies at a point (and whose recovery dies at another), and see it end all the same."""
        timer = self.arm(point)
        self.next_death = again
        self.order("sync")
        self.settled()
        if timer is not None:
            timer.cancel()
            timer.join()
        self.trap.point = self.next_death = None

    def settled(self) -> None:
        """Wait for the end of all work: no sync may hang, and none may say that something went wrong."""
        ended = self.order("settle")
        assert {(state, note) for _, state, note in ended} <= {("done", None)}

    # --- what happens at the bank, and at the user's places ---

    def begin(self) -> None:
        """Add both destinations and the connection."""
        for slug, kind in PLACES.items():
            self.order("add_destination", kind, self.keys(slug))
        self.order("connect", self.login)

    def keys(self, slug: str) -> dict[str, Any]:
        """Give what the product needs to reach a place."""
        keys = self.served.emulators[slug].credentials(self.served.urls[slug])
        return {name: keys[name] for name in ("token", "base_id", "service_account", "spreadsheet_id") if name in keys}

    def live_on(self, new: int = 14) -> None:
        """Let things happen at the bank: new, changed and removed transactions, and pending ones that post."""
        rows = list(self.item.feed.rows.values())
        pending = [row for row in rows if row.pending]
        posted = [row for row in rows if not row.pending]
        self.dice.shuffle(posted)
        added = [
            *self._purchases(new),
            *(
                {"amount": self._amount(), "name": row.name, "account": "Everyday", "pending_transaction_id": known}
                for row in pending
                if (known := row.transaction_id)
            ),
        ]
        before = {row.transaction_id: row for row in pending}
        acts = {
            "added": added,
            "modified": [{"transaction_id": row.transaction_id, "amount": self._amount()} for row in posted[:12]],
            "removed": [row.transaction_id for row in posted[12:17]],
        }
        self._act("plaid", "transactions", acts)
        for row in self.item.feed.rows.values():
            if row.pending_transaction_id in before and row.pending_transaction_id in self.notes:
                self.notes[row.transaction_id] = self.notes.pop(row.pending_transaction_id)
        for gone in set(self.notes) - set(self.item.feed.rows):
            del self.notes[gone]

    def buy(self, count: int) -> None:
        """Let nothing but new transactions happen at the bank."""
        self._act("plaid", "transactions", {"added": self._purchases(count)})

    def _purchases(self, count: int) -> list[dict[str, Any]]:
        return [
            {"amount": self._amount(), "name": f"Shop {n}", "account": "Everyday", "pending": n % 3 == 0}
            for n in range(count)
        ]

    def listen(self, url: str) -> None:
        """Let the bank send webhooks from now on."""
        self.item.webhook, self.courier.off = url, False

    def deliveries(self) -> list[int]:
        """Give the status that each webhook was last answered with (0: not at all)."""
        return [delivery.attempts[-1] for delivery in list(self.courier.deliveries) if delivery.attempts]

    def write_notes(self) -> None:
        """Let the user write beside every pending transaction and some others, at both places."""
        rows = sorted(self.item.feed.rows.values(), key=lambda row: (not row.pending, row.transaction_id))
        for row in rows[:12]:
            self.notes.setdefault(row.transaction_id, f"about {row.transaction_id}")
        for slug in PLACES:
            table = self.table(slug, "Transactions")
            if NOTES not in [known["name"] for known in table["fields"]]:
                self._act(slug, "add_field", {"table": table["id"], "name": NOTES})
                self._act(slug, "add_row", {"table": table["id"], "cells": {NOTES: "a row of my own"}})
            for row in table["rows"]:
                key = row["cells"].get(KEY_LABEL)
                if key in self.notes and NOTES not in row["cells"]:
                    cells = {NOTES: self.notes[key]}
                    self._act(slug, "edit_row", {"table": table["id"], "row": row["id"], "cells": cells})

    def _amount(self) -> float:
        return self.dice.randrange(100, 20_000) / 100

    def _act(self, slug: str, name: str, body: dict[str, Any]) -> Any:
        reply = self.client.post(f"{self.served.urls[slug]}/_sandbox/{name}", json=body)
        reply.raise_for_status()
        return reply.json()

    # --- the truth ---

    def table(self, slug: str, name: str) -> dict[str, Any]:
        """Show one of the user's tables; two of one name fail the test."""
        [found] = [table for table in self._act(slug, "tables", {})["tables"] if table["name"] == name]
        return dict(found)

    def check(self) -> None:
        """Compare both places with the bank: no row missing, none double, the user's own cells and rows untouched."""
        bank = {row.transaction_id: (-row.amount, row.pending) for row in self.item.feed.rows.values()}
        for slug in PLACES:
            for name in ("Accounts", "Transactions", "Categories", "Institutions"):
                keys = Counter(row["cells"].get(KEY_LABEL) or "" for row in self.table(slug, name)["rows"])
                assert [key for key, count in keys.items() if key and count > 1] == [], f"double in {name} at {slug}"
            cells = [row["cells"] for row in self.table(slug, "Transactions")["rows"]]
            ours = {row[KEY_LABEL]: row for row in cells if row.get(KEY_LABEL)}
            assert ours.keys() == bank.keys(), f"rows at {slug}"
            for key, (amount, pending) in bank.items():
                row = ours[key]
                assert (Decimal(str(row["Amount"])), bool(row.get("Pending"))) == (amount, pending), f"{key} at {slug}"
            if self.notes:
                assert {key: row[NOTES] for key, row in ours.items() if NOTES in row} == self.notes, f"notes at {slug}"
                assert [row[NOTES] for row in cells if not row.get(KEY_LABEL)] == ["a row of my own"]
            accounts = {row["cells"][KEY_LABEL] for row in self.table(slug, "Accounts")["rows"]}
            assert accounts == set(self.item.accounts), f"accounts at {slug}"


@contextmanager
def raised(folder: Path, seed: int, transactions: int) -> Iterator[Stage]:
    """Serve a bank with so many transactions, an Airtable base and a spreadsheet, and nothing connected yet."""
    trap = Trap()
    bank = plaid.emulator(World(seed), timing=plaid.Timing(initial=None))
    emulators = [bank, airtable.emulator(), google.emulator()]
    for emulator in emulators:
        emulator.limits.scale = None
    with serving(*watch(emulators, trap)) as served, httpx2.Client(timeout=60) as client:
        bank.state.courier.off = True  # the tests ask for syncs themselves
        keys = bank.credentials(served.urls["plaid"])
        login = _log_in(client, served.urls["plaid"], keys, transactions)
        environ = {f"COUNTERFOIL_{slug.upper()}_URL": url for slug, url in served.urls.items()}
        environ |= {f"COUNTERFOIL_PLAID_{name.upper()}": keys[name] for name in ("client_id", "secret")}
        item = bank.state.item(login["access_token"])
        stage = Stage(folder, served, trap, environ, random.Random(seed), client, item, bank.state.courier, login)
        try:
            yield stage
        finally:
            stage.stop()


def _log_in(client: httpx2.Client, url: str, keys: Mapping[str, str], transactions: int) -> dict[str, Any]:
    headers = {"PLAID-CLIENT-ID": keys["client_id"], "PLAID-SECRET": keys["secret"]}
    today = dt.datetime.now(dt.UTC).date()
    lines = [
        {
            "date_transacted": (day := (today - dt.timedelta(days=3 + n * 600 // transactions)).isoformat()),
            "date_posted": day,
            "amount": round(5 + n / 100, 2),
            "description": f"Purchase {n}",
            "currency": "USD",
        }
        for n in range(transactions)
    ]
    accounts = [
        {"type": "depository", "subtype": "checking", "meta": {"name": "Everyday"}, "transactions": lines},
        {"type": "depository", "subtype": "savings", "meta": {"name": "Rainy day"}},
    ]
    options = {
        "override_username": "user_custom",
        "override_password": json.dumps({"override_accounts": accounts}),
        "transactions": {"days_requested": 730},
    }

    def ask(path: str, body: Mapping[str, Any]) -> Any:
        return client.post(url + path, json=body, headers=headers).raise_for_status().json()

    asked = {"institution_id": "ins_109508", "initial_products": ["transactions"], "options": options}
    public = ask("/sandbox/public_token/create", asked)["public_token"]
    exchanged = ask("/item/public_token/exchange", {"public_token": public})
    return {name: exchanged[name] for name in ("access_token", "item_id")} | {"institution_id": "ins_109508"}
