"""An authenticator in software: makes passkeys and signs with them as devices do, and misbehaves when told to."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from os import urandom
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

_PRESENT, _VERIFIED, _WITH_KEY = 0x01, 0x04, 0x40


@dataclass
class Authenticator:
    """A device with one key, whose user the browser at `origin` asks."""

    origin: str = "https://counterfoil.test"
    counts: bool = True
    verifies: bool = True  # finger, face or PIN
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    credential_id: bytes = field(default_factory=lambda: urandom(32))
    user_handle: bytes = b""
    count: int = 0

    def create(self, options: str) -> str:
        """Answer `navigator.credentials.create`."""
        asked = json.loads(options)
        self.user_handle = unspelled(asked["user"]["id"])
        about = self._about("webauthn.create", asked["challenge"])
        attested = bytes(16) + len(self.credential_id).to_bytes(2) + self.credential_id + cbor2.dumps(self._cose())
        statement = {"fmt": "none", "attStmt": {}, "authData": self._state(asked["rp"]["id"], _WITH_KEY) + attested}
        return self._answer(clientDataJSON=about, attestationObject=cbor2.dumps(statement))

    def get(self, options: str) -> str:
        """Answer `navigator.credentials.get`."""
        asked = json.loads(options)
        about, state = self._about("webauthn.get", asked["challenge"]), self._state(asked["rpId"], 0)
        signature = self.key.sign(state + sha256(about).digest(), ec.ECDSA(SHA256()))
        return self._answer(
            clientDataJSON=about, authenticatorData=state, signature=signature, userHandle=self.user_handle
        )

    def _about(self, kind: str, challenge: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}).encode()

    def _state(self, host: str, flags: int) -> bytes:
        if self.counts:
            self.count += 1
        flags |= _PRESENT | (_VERIFIED if self.verifies else 0)
        return sha256(host.encode()).digest() + bytes([flags]) + self.count.to_bytes(4)

    def _cose(self) -> dict[int, Any]:
        numbers = self.key.public_key().public_numbers()
        return {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32), -3: numbers.y.to_bytes(32)}

    def _answer(self, **response: bytes) -> str:
        own_name = spelled(self.credential_id)
        told = {name: spelled(value) for name, value in response.items()}
        return json.dumps({"id": own_name, "rawId": own_name, "type": "public-key", "response": told})


def spelled(raw: bytes) -> str:
    """Write bytes as WebAuthn's JSON does."""
    return urlsafe_b64encode(raw).decode().rstrip("=")


def unspelled(text: str) -> bytes:
    """Read what `spelled` wrote."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
