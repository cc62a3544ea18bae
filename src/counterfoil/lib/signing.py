"""Signs webhooks as the Standard Webhooks specification says: https://www.standardwebhooks.com."""

import base64
import hmac
import os
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

PREFIX: Final = "whsec_"


def new_secret() -> str:
    """Give a fresh secret: 256 random bits in base64 behind the specification's prefix."""
    return PREFIX + base64.b64encode(os.urandom(32)).decode()


def headers(secrets: Sequence[str], message_id: str, seconds: int, body: bytes) -> dict[str, str]:
    """Give the three headers of a message; `seconds` since 1970 are those of this try, and each secret signs."""
    signed = f"{message_id}.{seconds}.".encode() + body
    signatures = [
        base64.b64encode(hmac.digest(base64.b64decode(secret.removeprefix(PREFIX)), signed, sha256)).decode()
        for secret in secrets
    ]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
