"""Reads Plaid's webhooks: believed only when signed, fresh and unaltered; kept only as ids and codes.

https://plaid.com/docs/api/webhooks/webhook-verification/
"""

import hmac
import re
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final, cast

import jwt
import msgspec
from pydantic import BaseModel

from counterfoil.errors import ActionRequired, BadRequest, Forged, RetryLater
from counterfoil.lib.http import Http
from counterfoil.lib.secrets import fingerprint
from counterfoil.ports import Incoming, Notice
from counterfoil.providers.plaid.client import AT_ONCE, PlaidClient
from counterfoil.providers.plaid.refusals import ASKS_A_PERSON, PlaidRefused
from counterfoil.providers.plaid.settings import PlaidApp
from counterfoil.providers.plaid.wire import VerificationKey, VerificationKeyReply

_HEADER: Final = "plaid-verification"
_OLDEST: Final = 5 * 60.0  # seconds between signing and arrival
_AHEAD: Final = 60.0  # seconds that Plaid's clock may be ahead of ours
_KEY_KEPT: Final = 3600.0  # seconds after which a key is asked for again: it may have been withdrawn
_UNKNOWN_A_MINUTE: Final = 30  # lookups of keys never seen before; strangers can name any key they like
_KEYS_HELD: Final = 100
_REMEDY: Final = "Only Plaid may call this address, and each call only once. If it did, check the server's clock."

# What a webhook may tell beside its type: ids, codes, counts and dates. All else stays unread.
_TOLD: Final = (
    "environment",
    "initial_update_complete",
    "historical_update_complete",
    "new_transactions",
    "new_holdings",
    "updated_holdings",
    "new_investments_transactions",
    "cancelled_investments_transactions",
    "account_id",
    "reason",
    "disconnect_time",
    "consent_expiration_time",
    "status",
    "link_session_id",
)


_RENEW: Final = "Open the connection and choose Repair, then sign in to the bank on Plaid's page."
_NOTICES: Final[Mapping[str, Notice]] = {
    "PENDING_EXPIRATION": Notice(
        "pending_expiration", "The bank's permission ends soon, usually within a week.", _RENEW
    ),
    "PENDING_DISCONNECT": Notice(
        "pending_disconnect", "The bank will end this login soon, usually within a week.", _RENEW
    ),
    "NEW_ACCOUNTS_AVAILABLE": Notice(
        "new_accounts_available",
        "The bank shows accounts that are not shared with Counterfoil.",
        "To add them, open the connection and choose Share more accounts. Otherwise nothing needs to be done.",
    ),
}


class _Fault(msgspec.Struct, frozen=True):
    error_code: str


class _Body(msgspec.Struct, frozen=True):
    webhook_type: str
    webhook_code: str
    item_id: str | None = None
    account_id: str | None = None
    link_token: str | None = None
    error: _Fault | None = None


class _Claims(msgspec.Struct, frozen=True):
    iat: float
    request_body_sha256: str


@dataclass(frozen=True, slots=True)
class _Known:
    key: VerificationKey
    asked_at: float


@dataclass(slots=True)
class WebhookReader:
    """Reads webhooks, and remembers the keys they are signed with. `now` gives Unix seconds."""

    now: Callable[[], float] = time.time
    _keys: dict[tuple[str, str], _Known] = field(default_factory=dict)
    _lookups: deque[float] = field(default_factory=deque)

    async def read(self, http: Http, app: BaseModel, headers: Mapping[str, str], body: bytes) -> Sequence[Incoming]:
        """Give the fact that a webhook tells.

        Raises `Forged` where the signature, its age or the body's hash does not hold, `BadRequest` where a signed body
        is not what Plaid sends, and `RetryLater` where the key cannot be asked for now: answer 503, Plaid comes again.
        """
        token = headers.get(_HEADER, "")
        kid = self._check_unsigned(token, body)
        key = await self._key(http, cast(PlaidApp, app), kid)
        try:
            jwt.decode(
                token,
                _jwk(key.kty, key.crv, key.x, key.y),
                algorithms=["ES256"],
                options={"verify_iat": False},
            )
        except jwt.PyJWTError as error:
            raise Forged("A webhook's signature does not hold.", remedy=_REMEDY) from error
        return [incoming(body, delivery=token.rpartition(".")[0])]

    def _check_unsigned(self, token: str, body: bytes) -> str:
        """Refuse what needs no key to be refused; give the key id. What is read here is trusted only once verified."""
        try:
            header = jwt.get_unverified_header(token)
            claims = msgspec.convert(jwt.decode(token, options={"verify_signature": False}), _Claims)
        except (jwt.PyJWTError, msgspec.ValidationError) as error:
            raise Forged("A webhook came without a readable signature.", remedy=_REMEDY) from error
        kid = header.get("kid")
        if header.get("alg") != "ES256" or not isinstance(kid, str) or not re.fullmatch(r"[\w-]{1,64}", kid):
            raise Forged("A webhook is signed in a way that Plaid does not use.", remedy=_REMEDY)
        if not -_AHEAD <= self.now() - claims.iat <= _OLDEST:
            raise Forged("A webhook's signature is too old.", remedy=_REMEDY)
        if not hmac.compare_digest(sha256(body).hexdigest().encode(), claims.request_body_sha256.encode()):
            raise Forged("A webhook's body is not the one that was signed.", remedy=_REMEDY)
        return kid

    async def _key(self, http: Http, app: PlaidApp, kid: str) -> VerificationKey:
        known = self._keys.get((app.url, kid))
        if known is None or self.now() - known.asked_at > _KEY_KEPT:
            known = await self._ask(http, app, kid)
        if known.key.expired_at is not None and known.key.expired_at <= self.now():
            raise Forged("A webhook is signed with a key that has expired.", remedy=_REMEDY)
        return known.key

    async def _ask(self, http: Http, app: PlaidApp, kid: str) -> _Known:
        now = self.now()
        while self._lookups and self._lookups[0] <= now - 60:
            self._lookups.popleft()
        if len(self._lookups) >= _UNKNOWN_A_MINUTE:
            raise RetryLater("Too many webhooks with unknown keys.", after=60)
        self._lookups.append(now)
        try:
            client = PlaidClient(http, app, patience=AT_ONCE)
            reply = await client.read("/webhook_verification_key/get", {"key_id": kid}, VerificationKeyReply)
        except PlaidRefused as error:
            raise Forged("A webhook is signed with a key that Plaid does not know.", remedy=_REMEDY) from error
        except ActionRequired as error:
            raise RetryLater(f"A webhook could not be checked: {error} {error.remedy}", after=300) from error
        if len(self._keys) >= _KEYS_HELD:
            self._keys.clear()
        known = self._keys[app.url, kid] = _Known(reply.key, now)
        return known


@lru_cache(_KEYS_HELD)
def _jwk(kty: str, crv: str, x: str, y: str) -> jwt.PyJWK:
    return jwt.PyJWK.from_dict({"kty": kty, "crv": crv, "x": x, "y": y}, algorithm="ES256")


def incoming(body: bytes, *, delivery: str) -> Incoming:
    """Give the fact that a verified body tells.

    `delivery` is the signed part of its signature: an exact replay has the same, even if the signature over it is
    dressed up anew. A link token is a key to a person's session, so only its fingerprint is told, which is the id of
    the visit that we began; public tokens are never read, as the visit itself is asked for them.
    """
    try:
        told = msgspec.json.decode(body, type=_Body)
        values: dict[str, Any] = msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        raise BadRequest("The webhook's body is not what Plaid sends.", remedy="Nothing was kept of it.") from error
    facts: dict[str, str | int | bool | None] = {
        name: values[name] for name in _TOLD if isinstance(values.get(name), str | int | bool)
    }
    if told.error is not None:
        facts["error_code"] = told.error.error_code
    if told.link_token is not None:
        facts["visit"] = fingerprint(told.link_token)
    fact = Incoming(
        id=f"plaid:{sha256(delivery.encode()).hexdigest()}",
        name=f"plaid/{told.webhook_type}.{told.webhook_code}".lower(),
        remote_id=told.item_id,
        data=facts,
    )
    return _about_item(fact, told) if told.webhook_type == "ITEM" else fact


def _about_item(fact: Incoming, told: _Body) -> Incoming:
    """Add what a webhook says about the login itself. See https://plaid.com/docs/api/items/#webhooks."""
    if told.webhook_code == "USER_PERMISSION_REVOKED":
        code = told.webhook_code
        return replace(fact, stops=Notice(code.lower(), *ASKS_A_PERSON[code]))
    if told.webhook_code == "USER_ACCOUNT_REVOKED" and told.account_id is not None:
        return replace(fact, closed=(("accounts", told.account_id),))
    return replace(fact, notice=_NOTICES.get(told.webhook_code), mended=told.webhook_code == "LOGIN_REPAIRED")
