"""Which webhooks are believed, and what is kept of them."""

import base64
import json
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, utils

from counterfoil.errors import BadRequest, Forged, RetryLater
from counterfoil.lib.secrets import fingerprint
from counterfoil.ports import Incoming
from counterfoil.providers.plaid.webhook import WebhookReader
from providers.plaid_vendor import Vendor, refused

pytestmark = pytest.mark.anyio

NOW = 1_772_800_000.0
KEYS = "/webhook_verification_key/get"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass(slots=True)
class Signer:
    """Signs as Plaid does."""

    kid: str = "6c5516e1-92dc-479e-a8ff-5a51992e0001"
    private: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def key(self, **changes: Any) -> dict[str, Any]:
        numbers = self.private.public_key().public_numbers()
        x, y = (_b64(number.to_bytes(32, "big")) for number in (numbers.x, numbers.y))
        plain = {"alg": "ES256", "crv": "P-256", "kty": "EC", "use": "sig", "created_at": 1, "expired_at": None}
        return {"key": {**plain, "kid": self.kid, "x": x, "y": y, **changes}, "request_id": "r"}

    def sign(self, body: bytes, *, age: float = 1, **claims: Any) -> str:
        told = {"iat": int(NOW - age), "request_body_sha256": sha256(body).hexdigest(), **claims}
        return jwt.encode(told, self.private, algorithm="ES256", headers={"kid": self.kid})


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def message(**changes: Any) -> bytes:
    # Plaid indents its bodies, so a body that is written anew has another hash.
    told = {
        "webhook_type": "TRANSACTIONS",
        "webhook_code": "SYNC_UPDATES_AVAILABLE",
        "item_id": "item-1",
        "environment": "sandbox",
        **changes,
    }
    return json.dumps(told, indent=2).encode()


@dataclass(slots=True)
class Post:
    """The way of a webhook into a reader."""

    signer: Signer = field(default_factory=Signer)
    now: float = NOW
    vendor: Vendor = field(default_factory=lambda: Vendor({}))
    reader: WebhookReader = field(default_factory=WebhookReader)

    def __post_init__(self) -> None:
        self.vendor.answers.setdefault(KEYS, self.signer.key())
        self.reader.now = lambda: self.now

    async def read(self, body: bytes, token: str | None = None) -> Incoming:
        headers = {"plaid-verification": self.signer.sign(body) if token is None else token}
        (told,) = await self.reader.read(self.vendor.http(), self.vendor.app(), headers, body)
        return told


# --- what is kept ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "extra", "kept"),
    [
        (
            "TRANSACTIONS/SYNC_UPDATES_AVAILABLE",
            {"initial_update_complete": True, "historical_update_complete": False},
            ["initial_update_complete", "historical_update_complete"],
        ),
        ("TRANSACTIONS/INITIAL_UPDATE", {"new_transactions": 3, "error": None}, ["new_transactions"]),
        ("TRANSACTIONS/HISTORICAL_UPDATE", {"new_transactions": 9}, ["new_transactions"]),
        ("TRANSACTIONS/DEFAULT_UPDATE", {"new_transactions": 1}, ["new_transactions"]),
        ("TRANSACTIONS/TRANSACTIONS_REMOVED", {"removed_transactions": ["t"]}, []),
        ("HOLDINGS/DEFAULT_UPDATE", {"new_holdings": 1, "updated_holdings": 0}, ["new_holdings", "updated_holdings"]),
        (
            "INVESTMENTS_TRANSACTIONS/DEFAULT_UPDATE",
            {"new_investments_transactions": 2, "cancelled_investments_transactions": 1},
            ["new_investments_transactions", "cancelled_investments_transactions"],
        ),
        ("INVESTMENTS_TRANSACTIONS/HISTORICAL_UPDATE", {}, []),
        ("LIABILITIES/DEFAULT_UPDATE", {"account_ids_with_new_liabilities": ["a"], "error": None}, []),
        ("ITEM/LOGIN_REPAIRED", {}, []),
        ("ITEM/PENDING_EXPIRATION", {"consent_expiration_time": "2026-04-01T00:00:00Z"}, ["consent_expiration_time"]),
        ("ITEM/PENDING_DISCONNECT", {"reason": "INSTITUTION_MIGRATION"}, ["reason"]),
        ("ITEM/USER_PERMISSION_REVOKED", {"error": None}, []),
        ("ITEM/USER_ACCOUNT_REVOKED", {"account_id": "acc-1"}, ["account_id"]),
        ("ITEM/NEW_ACCOUNTS_AVAILABLE", {"error": None}, []),
        ("ITEM/WEBHOOK_UPDATE_ACKNOWLEDGED", {"new_webhook_url": "https://x.example"}, []),
        ("TELEPATHY/THOUGHT_OF", {"thought": "?"}, []),
    ],
)
async def test_a_webhook_becomes_a_named_fact(kind: str, extra: dict[str, Any], kept: list[str]) -> None:
    webhook_type, webhook_code = kind.split("/")
    fact = await Post().read(message(webhook_type=webhook_type, webhook_code=webhook_code, **extra))
    assert fact.name == f"plaid/{webhook_type}.{webhook_code}".lower()
    assert fact.remote_id == "item-1"
    assert fact.data == {"environment": "sandbox", **{name: extra[name] for name in kept}}


async def test_an_items_error_is_told_by_its_code_only() -> None:
    error = {"error_type": "ITEM_ERROR", "error_code": "ITEM_LOGIN_REQUIRED", "error_message": "of Anna", "status": 400}
    fact = await Post().read(message(webhook_type="ITEM", webhook_code="ERROR", error=error))
    assert fact.name == "plaid/item.error"
    assert fact.data == {"environment": "sandbox", "error_code": "ITEM_LOGIN_REQUIRED"}


@pytest.mark.parametrize(
    ("code", "extra"),
    [
        ("SESSION_FINISHED", {"status": "SUCCESS", "public_tokens": ["public-sandbox-1"]}),
        ("ITEM_ADD_RESULT", {"public_token": "public-sandbox-1"}),
        ("EVENTS", {"events": [{"event_name": "OPEN"}]}),
    ],
)
async def test_a_finished_visit_is_told_without_any_token(code: str, extra: dict[str, Any]) -> None:
    body = message(
        webhook_type="LINK",
        webhook_code=code,
        item_id=None,
        link_token="link-sandbox-1",
        link_session_id="session-1",
        **extra,
    )
    fact = await Post().read(body)
    assert fact.name == f"plaid/link.{code.lower()}"
    assert fact.remote_id is None
    assert fact.data["visit"] == fingerprint("link-sandbox-1")
    assert fact.data["link_session_id"] == "session-1"
    assert "sandbox-1" not in repr(fact)


async def test_the_same_delivery_is_the_same_fact_and_another_one_is_not() -> None:
    post = Post()
    token = post.signer.sign(message())
    first = await post.read(message(), token)
    assert (await post.read(message(), token)).id == first.id
    assert (await post.read(message(), post.signer.sign(message(), age=7))).id != first.id


async def test_a_replay_with_the_signature_dressed_up_anew_is_still_the_same_fact() -> None:
    post = Post()
    token = post.signer.sign(message())
    signed, _, signature = token.rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    assert utils.encode_dss_signature(r, s) != utils.encode_dss_signature(r, order - s)
    twin = f"{signed}.{_b64(r.to_bytes(32, 'big') + (order - s).to_bytes(32, 'big'))}"
    assert twin != token
    assert (await post.read(message(), twin)).id == (await post.read(message(), token)).id


# --- what is refused ---------------------------------------------------------------------------------------


async def test_an_altered_body_is_refused() -> None:
    post = Post()
    token = post.signer.sign(message())
    for altered in (message(item_id="item-2"), json.dumps(json.loads(message())).encode(), message() + b" "):
        with pytest.raises(Forged):
            await post.read(altered, token)


@pytest.mark.parametrize(("age", "accepted"), [(299, True), (301, False), (-30, True), (-90, False)])
async def test_a_signature_holds_for_five_minutes(age: float, accepted: bool) -> None:
    post = Post()
    token = post.signer.sign(message(), age=age)
    if accepted:
        assert await post.read(message(), token)
    else:
        with pytest.raises(Forged):
            await post.read(message(), token)


async def test_another_keys_signature_is_refused() -> None:
    post = Post()
    with pytest.raises(Forged):
        await post.read(message(), Signer(kid=post.signer.kid).sign(message()))


@pytest.mark.parametrize("algorithm", ["HS256", "none"])
async def test_only_es256_is_accepted(algorithm: str) -> None:
    post = Post()
    told = {"iat": int(NOW), "request_body_sha256": sha256(message()).hexdigest()}
    secret = "x" * 64 if algorithm == "HS256" else None
    token = jwt.encode(told, secret or "", algorithm=algorithm, headers={"kid": post.signer.kid})
    with pytest.raises(Forged):
        await post.read(message(), token)
    assert not post.vendor.asked, "an impossible signature must cost no call"


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "ünïcödé.ü.ü"])
async def test_a_missing_or_broken_signature_is_refused(token: str) -> None:
    with pytest.raises(Forged):
        await Post().read(message(), token)


@pytest.mark.parametrize(
    "claims", [{"iat": "soon"}, {"request_body_sha256": None}, {"request_body_sha256": "ü"}, {"iat": None}]
)
async def test_claims_of_the_wrong_kind_are_refused(claims: dict[str, Any]) -> None:
    post = Post()
    with pytest.raises(Forged):
        await post.read(message(), post.signer.sign(message(), **claims))


async def test_an_expired_key_is_refused() -> None:
    post = Post(vendor=Vendor({}))
    post.vendor.answers[KEYS] = post.signer.key(expired_at=int(NOW) - 1)
    with pytest.raises(Forged):
        await post.read(message())


async def test_a_key_is_asked_for_once_an_hour_and_its_withdrawal_is_noticed() -> None:
    post = Post()
    for _ in range(3):
        await post.read(message())
    assert post.vendor.paths() == [KEYS]
    post.vendor.answers[KEYS] = post.signer.key(expired_at=int(NOW) + 3600)
    post.now = NOW + 3700
    with pytest.raises(Forged):
        await post.read(message(), post.signer.sign(message(), age=-3699))
    assert post.vendor.paths() == [KEYS, KEYS]


async def test_a_rotated_key_is_found_by_its_id() -> None:
    post, rotated = Post(), Signer(kid="another-key")
    await post.read(message())
    post.vendor.answers[KEYS] = rotated.key()
    assert await post.read(message(), rotated.sign(message()))
    assert [asked["key_id"] for _, asked in post.vendor.asked] == [post.signer.kid, "another-key"]


async def test_a_key_that_plaid_does_not_know_is_a_forgery() -> None:
    post = Post(vendor=Vendor({KEYS: refused("INVALID_WEBHOOK_VERIFICATION_KEY_ID", "INVALID_INPUT")}))
    with pytest.raises(Forged):
        await post.read(message())


async def test_strangers_cannot_make_us_ask_for_keys_without_end() -> None:
    post = Post(vendor=Vendor({KEYS: refused("INVALID_WEBHOOK_VERIFICATION_KEY_ID", "INVALID_INPUT")}))
    for number in range(30):
        with pytest.raises(Forged):
            await post.read(message(), Signer(kid=f"made-up-{number}").sign(message()))
    with pytest.raises(RetryLater):
        await post.read(message(), Signer(kid="made-up-again").sign(message()))
    assert len(post.vendor.asked) == 30


async def test_a_key_that_cannot_be_asked_for_now_asks_plaid_to_come_again() -> None:
    post = Post(vendor=Vendor({KEYS: (502, b"<html>bad gateway</html>")}))
    with pytest.raises(RetryLater):
        await post.read(message())


async def test_neither_a_crowd_nor_wrong_keys_of_ours_make_plaid_wait_for_an_answer() -> None:
    for answer in (
        refused("RATE_LIMIT", "RATE_LIMIT_EXCEEDED", 429),
        refused("INVALID_API_KEYS", "INVALID_INPUT"),
    ):
        post = Post(vendor=Vendor({KEYS: answer}))
        with pytest.raises(RetryLater):
            await post.read(message())
        assert len(post.vendor.asked) == 1


@pytest.mark.parametrize("body", [b"", b"not json", b"[]", b'{"webhook_type": "ITEM"}', b'{"webhook_type": 7}'])
async def test_a_signed_body_that_makes_no_sense_is_a_bad_request(body: bytes) -> None:
    with pytest.raises(BadRequest) as caught:
        await Post().read(body)
    assert not isinstance(caught.value, Forged)
