"""Stripe's webhooks: signature over the raw bytes, then snapshot and thin events as one kind of fact."""

import hashlib
import hmac
import re
import time
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from msgspec import Struct
from pydantic import BaseModel

from counterfoil.errors import BadRequest, Forged
from counterfoil.lib.http import Http
from counterfoil.ports import Incoming
from counterfoil.providers.stripe.settings import SigningSecret, StripeApp
from counterfoil.providers.stripe.wire import expanded

TOLERANCE: Final = 300  # seconds that a signature may be old
_REMEDY: Final = "Compare the signing secret of the endpoint at Stripe with COUNTERFOIL_STRIPE_WEBHOOK_SECRETS."
_SHAPE_REMEDY: Final = "Send Stripe's events to this address and nothing else."


class _Object(Struct, frozen=True):
    id: str | None = None
    object: str | None = None
    type: str | None = None  # in a thin event's related_object the kind, in a snapshot anything


class _Snapshot(Struct, frozen=True):
    object: msgspec.Raw


class Event(Struct, frozen=True, kw_only=True):
    """Either kind. https://docs.stripe.com/api/events/object, https://docs.stripe.com/api/v2/core/events"""

    id: str
    object: str
    type: str
    livemode: bool | None = None
    account: str | None = None  # snapshot, Connect
    context: str | None = None  # thin
    data: _Snapshot | None = None
    related_object: _Object | None = None  # thin


async def read_webhook(http: Http, app: BaseModel, headers: Mapping[str, str], raw: bytes) -> Sequence[Incoming]:
    """Give the fact that a delivery tells. Raises `Forged`, or `BadRequest` for a body that is no event.

    https://docs.stripe.com/webhooks#verify-manually
    """
    assert isinstance(app, StripeApp)
    if not app.webhook_secrets:
        raise BadRequest(
            "Stripe's webhooks are switched off here.",
            remedy="Set COUNTERFOIL_STRIPE_WEBHOOK_SECRETS to the signing secret that Stripe shows for the endpoint.",
        )
    secret = verify(headers.get("stripe-signature", ""), raw, app.signing_secrets, time.time())
    return (incoming(raw, secret),)


def verify(header: str, raw: bytes, secrets: Sequence[SigningSecret], now: float) -> SigningSecret:
    """Give the secret that signed the bytes within the last five minutes. Raises `Forged`."""
    times = re.findall(r"(?:^|,)\s*t=(\d{1,12})(?=,|\s|$)", header)
    signatures = re.findall(r"(?:^|,)\s*v1=([0-9a-f]{64})(?=,|\s|$)", header)
    if len(times) != 1 or not signatures:
        raise Forged("A webhook came without Stripe's signature.", remedy=_REMEDY)
    signed = times[0].encode() + b"." + raw
    for secret in secrets:
        expected = hmac.new(secret.key.encode(), signed, hashlib.sha256).hexdigest()
        if any(hmac.compare_digest(expected, signature) for signature in signatures):
            # Only the past is limited: clocks differ, and a time ahead is covered by the signature.
            if now - int(times[0]) > TOLERANCE:
                raise Forged("A webhook's signature is older than five minutes.", remedy="Set this computer's clock.")
            return secret
    raise Forged("A webhook's signature does not fit any known signing secret.", remedy=_REMEDY)


def incoming(raw: bytes, secret: SigningSecret) -> Incoming:
    """Give the fact that a verified body tells. Raises `BadRequest` where it is no event.

    Events of the account that owns the endpoint do not name it: then the account that the secret is bound to is meant,
    and where it is bound to none, `remote_id` is None and `data["secret"]` tells which secret signed.
    """
    try:
        event = msgspec.json.decode(raw, type=Event)
    except msgspec.DecodeError as error:
        raise BadRequest("A signed webhook holds no Stripe event.", remedy=_SHAPE_REMEDY) from error
    if event.object not in ("event", "v2.core.event") or not event.id or not event.type:
        raise BadRequest("A signed webhook holds no Stripe event.", remedy=_SHAPE_REMEDY)
    thin = event.object == "v2.core.event"
    subject = _subject(event)
    return Incoming(
        id=event.id,
        name="stripe/" + event.type.removeprefix("v1."),
        # A context may be a path of accounts, the innermost last.
        remote_id=event.account or (event.context or "").rpartition("/")[2] or secret.account,
        data={
            "object": subject.id,
            "object_type": subject.type if thin else subject.object,
            "live": event.livemode,
            "thin": thin,
            "secret": secret.name,
        },
    )


def _subject(event: Event) -> _Object:
    if event.related_object is not None:
        return event.related_object
    return (expanded(event.data.object, _Object) if event.data else None) or _Object()
