"""Webhooks as Plaid sends them: signed, retried for a day, and now and then twice or in the wrong order.

https://plaid.com/docs/api/webhooks/webhook-verification/
"""

import datetime as dt
import email.utils
import hashlib
import time
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpx2
import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from counterfoil.providers.plaid.sandbox.agenda import Agenda
from counterfoil.providers.plaid.sandbox.wire import short_id
from counterfoil.sandbox.kit import Clock

_DAY: Final = 86_400.0
_FIRST_DELAY: Final = 30.0
_GROWTH: Final = 4.0
_LONGEST_ASKED: Final = 4 * 3600.0  # seconds that a Retry-After is honoured for
_ANSWER_WITHIN: Final = 10.0
_REFUSALS: Final = 0.9  # of an endpoint's deliveries in a day: beyond, nothing is sent again
_JUDGED_FROM: Final = 20  # deliveries; how many the vendor waits for is not published
_HELD_ALONE: Final = 1.0  # seconds that a webhook waits for a second one to overtake it
_KEPT: Final = 2_000
_P256_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


class Keys:
    """The signing keys, one of them current. Every key is made from the seed, so that two runs agree."""

    def __init__(self, seed: int, clock: Clock) -> None:
        self._seed = seed
        self._clock = clock
        self._private: list[ec.EllipticCurvePrivateKey] = []
        self._public: dict[str, dict[str, Any]] = {}
        self.current = ""
        self.rotate()

    def rotate(self) -> str:
        """Sign with a new key from now on; the old one counts as expired. Gives the new key's id."""
        now = int(self._clock.now())
        if self.current:
            self._public[self.current]["expired_at"] = now
        number = len(self._private)
        secret = int.from_bytes(hashlib.sha512(f"plaid {self._seed} {number}".encode()).digest())
        key = ec.derive_private_key(secret % (_P256_ORDER - 1) + 1, ec.SECP256R1())
        self._private.append(key)
        digits = hashlib.sha256(f"kid {self._seed} {number}".encode()).hexdigest()
        self.current = f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:32]}"
        point: dict[str, Any] = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
        self._public[self.current] = {
            "alg": "ES256", "crv": "P-256", "kid": self.current, "kty": "EC", "use": "sig",
            "x": point["x"], "y": point["y"], "created_at": now, "expired_at": None,
        }  # fmt: skip
        return self.current

    def public(self, kid: str) -> Mapping[str, Any] | None:
        """Give the public key of that id as a JWK."""
        return self._public.get(kid)

    def sign(self, body: bytes) -> str:
        """Give the value of the Plaid-Verification header for a body that leaves now."""
        # Not the emulator's clock: whoever verifies lives in real time and refuses what is signed in the future.
        claims = {"iat": int(time.time()), "request_body_sha256": hashlib.sha256(body).hexdigest()}
        return jwt.encode(claims, self._private[-1], algorithm="ES256", headers={"kid": self.current})


@dataclass(slots=True)
class Delivery:
    """One webhook on its way, and how its attempts ended (an HTTP status, or 0 for no answer)."""

    id: str
    url: str
    body: dict[str, Any]
    due_since: float
    attempts: list[int] = field(default_factory=list)
    given_up: bool = False
    next_at: float | None = None  # when it is tried again


@dataclass(slots=True)
class Courier:
    """Delivers webhooks. The switches say whether all arrive twice, in reversed order, or not at all."""

    keys: Keys
    agenda: Agenda
    clock: Clock
    duplicate: bool = False
    reorder: bool = False
    off: bool = False
    deliveries: deque[Delivery] = field(default_factory=lambda: deque(maxlen=_KEPT))
    _held: list[Delivery] = field(default_factory=list)
    _ends: dict[str, deque[tuple[float, bool]]] = field(default_factory=lambda: defaultdict(deque))
    _client: httpx2.AsyncClient | None = None
    _sent: int = 0

    def send(self, url: str, body: dict[str, Any]) -> None:
        """Deliver a webhook, soon."""
        if self.off:
            return
        for _ in range(2 if self.duplicate else 1):
            self._sent += 1
            delivery = Delivery(short_id("delivery", str(self._sent)), url, body, self.clock.now())
            self.deliveries.append(delivery)
            if self.reorder:
                self._held.append(delivery)
                self.agenda.after(0.0 if len(self._held) > 1 else _HELD_ALONE, self._let_go)
            else:
                self._attempt_after(delivery, 0.0)

    async def _let_go(self) -> None:
        held, self._held = self._held, []
        for delivery in reversed(held):
            await self._attempt(delivery)  # one after the other, so that they arrive in this order

    def _attempt_after(self, delivery: Delivery, seconds: float) -> None:
        delivery.next_at = self.clock.now() + seconds
        self.agenda.after(seconds, lambda: self._attempt(delivery))

    async def _attempt(self, delivery: Delivery) -> None:
        delivery.next_at = None
        body = msgspec.json.format(msgspec.json.encode(delivery.body), indent=2)
        headers = {"content-type": "application/json", "plaid-verification": self.keys.sign(body)}
        self._client = self._client or httpx2.AsyncClient(timeout=_ANSWER_WITHIN, trust_env=False)
        wait = _FIRST_DELAY * _GROWTH ** len(delivery.attempts)
        status = 0
        try:
            response = await self._client.post(delivery.url, content=body, headers=headers)
            status = response.status_code
            if status == 429:
                wait = asked_for(response.headers.get("retry-after"), self.clock.now(), wait)
        except (httpx2.TransportError, httpx2.InvalidURL):
            status = 0
        delivery.attempts.append(status)
        now = self.clock.now()
        self._ends[delivery.url].append((now, status == 200))
        if status == 200:
            return
        if now + wait - delivery.due_since > _DAY or self._hopeless(delivery.url, now):
            delivery.given_up = True
        else:
            self._attempt_after(delivery, wait)

    def _hopeless(self, url: str, now: float) -> bool:
        ends = self._ends[url]
        while ends and ends[0][0] < now - _DAY:
            ends.popleft()
        refused = sum(not good for _, good in ends)
        return len(ends) >= _JUDGED_FROM and refused > _REFUSALS * len(ends)


def asked_for(retry_after: str | None, now: float, default: float) -> float:
    """Give the seconds that a Retry-After asks for (seconds, an HTTP date or ISO time), four hours at most."""
    if not retry_after:
        return default
    try:
        seconds = int(retry_after) if retry_after.isdecimal() else _moment(retry_after) - now
    except ValueError:
        return default
    return min(max(seconds, 0.0), _LONGEST_ASKED)


def _moment(text: str) -> float:
    try:
        return dt.datetime.fromisoformat(text).timestamp()
    except ValueError:
        return email.utils.parsedate_to_datetime(text).timestamp()
