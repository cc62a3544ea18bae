"""What happened, as Stripe's events: kept for thirty days, signed, delivered, repeated until they are taken."""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any, Final

import httpx2

from counterfoil.providers.stripe.client import VERSION
from counterfoil.providers.stripe.sandbox.banks import rfc3339
from counterfoil.sandbox.kit import Clock

Json = dict[str, Any]
KEPT: Final = 30 * 86400
# https://docs.stripe.com/webhooks#automatic-retries: a sandbox is tried three times over a few hours, here in seconds.
PAUSES: Final = (0.2, 0.8)


@dataclass(slots=True)
class Event:
    """Something that happened; `pending` is 1 until it was taken."""

    id: str
    created: int
    type: str
    subject: Json  # the object as it was
    url: str  # where the object is now
    pending: int = 0


@dataclass(frozen=True, slots=True)
class Delivery:
    """One try: the status that came back, None where nothing did."""

    event: str
    type: str
    thin: bool
    status: int | None


@dataclass(slots=True)
class Endpoint:
    """The user's webhook endpoint: which events in which style. `secrets` sign all at once while one is rolled."""

    secrets: list[str]
    url: str | None = None
    snapshot: bool = True
    thin: bool = False
    duplicate: bool = False
    reorder: bool = False


@dataclass(slots=True)
class Post:
    """The events and their deliveries. `account` is set where a platform hears of a connected account."""

    clock: Clock
    live: bool
    endpoint: Endpoint
    version: str = VERSION
    pauses: Sequence[float] = PAUSES
    account: str | None = None
    boot: str = field(default_factory=lambda: token_hex(6))  # so that a new start sends no old ids
    events: list[Event] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    _waiting: list[Event] = field(default_factory=list)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def emit(self, kind: str, subject: Json, url: str) -> None:
        """Note an event; `send` delivers it."""
        number = len(self.events) + 1
        event = Event(f"evt_1{self.boot}{number:08d}", int(self.clock.now()), kind, subject, url)
        self.events.append(event)
        if self.endpoint.url:
            event.pending = 1
            self._waiting.append(event)

    def send(self) -> None:
        """Deliver what waits, without making the caller wait. Needs a running event loop."""
        waiting, self._waiting = self._waiting, []
        endpoint = self.endpoint
        if not waiting or not endpoint.url:
            return
        for event in reversed(waiting) if endpoint.reorder else waiting:
            for _ in range(2 if endpoint.duplicate else 1):
                for thin in [style for style, on in ((False, endpoint.snapshot), (True, endpoint.thin)) if on]:
                    task = asyncio.get_running_loop().create_task(self._deliver(event, thin, endpoint.url))
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)

    async def _deliver(self, event: Event, thin: bool, url: str) -> None:
        raw = json.dumps(self.thin_body(event) if thin else self.body(event), separators=(",", ":")).encode()
        async with httpx2.AsyncClient(timeout=20, trust_env=False) as client:
            for pause in (*self.pauses, None):
                status = await self._try(client, url, raw)
                self.deliveries.append(Delivery(event.id, event.type, thin, status))
                if status is not None and 200 <= status < 300:
                    event.pending = 0
                    return
                if pause is not None:
                    await asyncio.sleep(pause)

    async def _try(self, client: httpx2.AsyncClient, url: str, raw: bytes) -> int | None:
        headers = {
            "content-type": "application/json; charset=utf-8",
            "stripe-signature": signature(raw, self.endpoint.secrets, int(time.time())),
            "user-agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        }
        try:
            return (await client.post(url, content=raw, headers=headers)).status_code
        except httpx2.TransportError:
            return None

    def recent(self) -> list[Event]:
        """Give the events of the last thirty days, oldest first."""
        since = self.clock.now() - KEPT
        return [event for event in self.events if event.created >= since]

    def body(self, event: Event) -> Json:
        """A snapshot event. https://docs.stripe.com/api/events/object"""
        body: Json = {
            "id": event.id,
            "object": "event",
            "api_version": self.version,
            "created": event.created,
            "data": {"object": event.subject},
            "livemode": self.live,
            "pending_webhooks": event.pending,
            "request": {"id": None, "idempotency_key": None},
            "type": event.type,
        }
        return {**body, "account": self.account} if self.account else body

    def thin_body(self, event: Event) -> Json:
        """A thin event. https://docs.stripe.com/event-destinations#thin-events"""
        related = {"type": event.subject["object"], "url": event.url}
        if "id" in event.subject:
            related["id"] = event.subject["id"]
        return {
            "id": thin_id(event),
            "object": "v2.core.event",
            "context": self.account,
            "created": rfc3339(event.created),
            "livemode": self.live,
            "reason": None,
            "related_object": related,
            "snapshot_event": event.id,
            "type": f"v1.{event.type}",
        }


def thin_id(event: Event) -> str:
    """Give the id under which the event goes out thin."""
    return event.id.replace("evt_1", "evt_test_65", 1)


def signature(raw: bytes, secrets: Sequence[str], now: int) -> str:
    """Give the Stripe-Signature header. https://docs.stripe.com/webhooks#verify-manually"""
    signed = f"{now}.".encode() + raw
    digests = [hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest() for secret in secrets]
    return ",".join([f"t={now}", *(f"v1={digest}" for digest in digests)])
