"""Encryption of credentials: AES-256-GCM, bound to the row they belong to, with a key id for rotation."""

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from counterfoil.errors import BadSettings

_NONCE = 12
_REMEDY = "Set COUNTERFOIL_SECRET_KEY (or the key file in the data directory) to the key it was encrypted with."


def new_key() -> str:
    """Give a fresh 256-bit key as text, fit for an environment variable."""
    return base64.urlsafe_b64encode(os.urandom(32)).decode()


@dataclass(frozen=True, slots=True)
class Vault:
    """Encrypts with the `current` key and decrypts with any key that is still known (id -> 32 bytes)."""

    current: str
    keys: Mapping[str, bytes]

    @classmethod
    def of(cls, *texts: str) -> "Vault":
        """Make a vault of keys as `new_key` writes them, the current one first. Raises `BadSettings`."""
        keys: dict[str, bytes] = {}
        for text in texts:
            try:
                key = base64.urlsafe_b64decode(text.encode())
            except ValueError as error:
                raise BadSettings("The secret key is not base64.", remedy=_REMEDY) from error
            if len(key) != 32:
                raise BadSettings("The secret key is not 32 bytes long.", remedy=_REMEDY)
            keys[key_id(key)] = key
        if not keys:
            raise BadSettings("There is no secret key.", remedy=_REMEDY)
        return cls(next(iter(keys)), keys)

    def seal(self, plaintext: bytes, *, bound_to: str) -> bytes:
        """Encrypt; only `open` with the same `bound_to` (table and row id) gives it back."""
        nonce = os.urandom(_NONCE)
        box = AESGCM(self.keys[self.current]).encrypt(nonce, plaintext, bound_to.encode())
        return self.current.encode() + b":" + nonce + box

    def open(self, sealed: bytes, *, bound_to: str) -> bytes:
        """Decrypt what `seal` gave. Raises `BadSettings` where the key is not known or the binding does not hold."""
        rest = sealed.partition(b":")[2]
        key = self.keys.get(sealed_with(sealed))
        if key is None:
            raise BadSettings("A credential was encrypted with a key that is not here.", remedy=_REMEDY)
        try:
            return AESGCM(key).decrypt(rest[:_NONCE], rest[_NONCE:], bound_to.encode())
        except InvalidTag as error:
            raise BadSettings("A credential does not belong to its row, or was altered.", remedy=_REMEDY) from error


def key_id(key: bytes) -> str:
    """Name a key without giving it away."""
    return blake2b(key, digest_size=6, person=b"cf-key-id").hexdigest()


def fingerprint(secret: str) -> str:
    """Give a short stable name for a credential, for budgets and caches; the credential cannot be read from it."""
    return blake2b(secret.encode(), digest_size=8, person=b"cf-credent").hexdigest()


def sealed_with(sealed: bytes) -> str:
    """Name the key that something was encrypted with."""
    return sealed.partition(b":")[0].decode("ascii", "replace")
