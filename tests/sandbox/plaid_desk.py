"""What the tests of the Plaid emulator stand on: a client, and an address that receives webhooks."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from http.server import BaseHTTPRequestHandler
from typing import Any

import httpx2

from counterfoil.providers.plaid.sandbox import Timing, Vendor, emulator
from counterfoil.sandbox.kit import Emulator
from counterfoil.sandbox.server import serving
from counterfoil.sandbox.world import World
from sandbox.listening import listening

AT_ONCE = Timing(initial=None, refresh=0.0)


class Desk:
    """Calls the emulator as a client of the vendor does."""

    def __init__(self, url: str, served: Emulator) -> None:
        self.url = url
        self.vendor: Vendor = served.state
        self.emulator = served
        headers = {"plaid-client-id": self.vendor.client_id, "plaid-secret": self.vendor.secret}
        self.http = httpx2.Client(base_url=url, headers=headers, trust_env=False, timeout=30)

    def post(self, path: str, body: Mapping[str, Any]) -> tuple[int, Any]:
        """Give status and body of one call, numbers as Decimal."""
        reply = self.http.post(path, json=body)
        return reply.status_code, json.loads(reply.content, parse_float=Decimal)

    def call(self, path: str, **body: Any) -> Any:
        """Give the body of a call that works."""
        status, answer = self.post(path, body)
        assert status == 200, answer
        assert answer["request_id"]
        return answer

    def refused(self, path: str, **body: Any) -> tuple[int, str, str]:
        """Give (status, error_type, error_code) of a call that does not work."""
        status, answer = self.post(path, body)
        assert status != 200, answer
        assert answer["request_id"]
        return status, answer["error_type"], answer["error_code"]

    def act(self, action: str, **body: Any) -> Any:
        """Make something happen."""
        status, answer = self.post(f"/_sandbox/{action}", body)
        assert status == 200, answer
        return answer

    def settle(self) -> None:
        """Wait until everything that is due by the emulator's clock was begun."""
        done = threading.Event()
        self.vendor.agenda.after(0.0, done.set)
        assert done.wait(10)

    def connect(self, institution: str = "ins_109508", *, days: int | None = 730, **options: Any) -> str:
        """Give the access token of a new Item."""
        if days:
            options.setdefault("transactions", {"days_requested": days})
        products = ["investments"] if institution == "ins_109510" else ["transactions"]
        public = self.call(
            "/sandbox/public_token/create", institution_id=institution, initial_products=products, options=options
        )
        token: str = self.call("/item/public_token/exchange", public_token=public["public_token"])["access_token"]
        return token

    def custom(self, *accounts: Mapping[str, Any]) -> str:
        """Give the access token of an Item whose accounts are described here."""
        password = json.dumps({"override_accounts": accounts})
        return self.connect(days=None, override_username="user_custom", override_password=password)

    def pages(self, token: str, cursor: str | None = None, **ask: Any) -> list[Any]:
        """Give the pages of one loop of sync."""
        found: list[Any] = []
        while not found or found[-1]["has_more"]:
            place = {"cursor": cursor} if cursor else {}
            found.append(self.call("/transactions/sync", access_token=token, **place, **ask))
            cursor = found[-1]["next_cursor"]
        return found

    def rows(self, token: str) -> list[Any]:
        """Give every transaction that a first loop of sync brings."""
        return [row for page in self.pages(token, count=500) for row in page["added"]]


@contextmanager
def open_desk(*, timing: Timing = AT_ONCE, world: World | None = None) -> Iterator[Desk]:
    """Serve an emulator, and give the client of it."""
    served = emulator(world or World(7), timing=timing)
    with serving(served) as up:
        desk = Desk(up.urls["plaid"], served)
        try:
            yield desk
        finally:
            desk.http.close()


@dataclass
class Inbox:
    """Where webhooks arrive. `answers` are the statuses (and headers) of the next deliveries; then 200."""

    url: str = ""
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    arrived: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def codes(self) -> list[str]:
        """Give the codes of what has arrived."""
        return [json.loads(body)["webhook_code"] for _, body in self.arrived]

    def body(self, code: str) -> Any:
        """Give the last webhook of that code."""
        return [one for _, raw in self.arrived if (one := json.loads(raw))["webhook_code"] == code][-1]

    def wait(self, count: int) -> None:
        """Wait until so many have arrived."""
        until(lambda: len(self.arrived) >= count)


@contextmanager
def open_inbox() -> Iterator[Inbox]:
    """Listen on loopback."""
    inbox = Inbox()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            inbox.arrived.append(({name.lower(): value for name, value in self.headers.items()}, body))
            status, headers = inbox.answers.pop(0) if inbox.answers else (200, {})
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with listening(Receiver) as server:
        inbox.url = f"{server}/hooks"
        yield inbox


def until(true: Callable[[], bool]) -> None:
    """Wait until something is so."""
    for _ in range(1000):
        if true():
            return
        time.sleep(0.01)
    raise AssertionError("it never came about")
