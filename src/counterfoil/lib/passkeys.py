"""Passkeys: what a browser is asked, and whether its answer holds (WebAuthn Level 2).

https://www.w3.org/TR/webauthn-2/. The library is imported when a passkey is used: that takes a quarter of a second.
"""

import ipaddress
import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from counterfoil.errors import BadRequest

TIMEOUT: Final = 300  # seconds that a person has in front of the browser's question
_NAME: Final = "Counterfoil"


@dataclass(frozen=True, slots=True)
class Site:
    """Whom a passkey is for: the host's name, and the origin that browsers vouch for."""

    host: str
    origin: str

    @classmethod
    def of(cls, address: str) -> "Site":
        """Give the site at an address such as https://money.example.com."""
        parts = urlsplit(address)
        return cls(parts.hostname or "", f"{parts.scheme}://{parts.netloc}".lower())

    @property
    def why_not(self) -> str | None:
        """Say why browsers make no passkeys for this site, None where they do."""
        try:
            ipaddress.ip_address(self.host)
        except ValueError:
            pass
        else:
            return "Passkeys need a name such as localhost in the address, not a number."
        if not self.origin.startswith("https://") and self.host != "localhost":
            return "Passkeys need an address that begins with https://."
        return None


@dataclass(frozen=True, slots=True)
class KeyMade:
    """A key pair that an authenticator has made for us: its own name, and the half that is no secret."""

    credential_id: bytes
    public_key: bytes
    sign_count: int


@dataclass(frozen=True, slots=True)
class Claim:
    """What an answer says of itself, before anything of it is believed."""

    credential_id: bytes
    challenge: bytes
    user_handle: bytes | None


def new_challenge() -> bytes:
    """Give 256 random bits, to be answered once."""
    return secrets.token_bytes(32)


def creation_options(site: Site, *, user_id: str, email: str, challenge: bytes, known: Iterable[bytes]) -> str:
    """Give the JSON for `navigator.credentials.create`: a key that names its user and asks for finger, face or PIN."""
    from webauthn import generate_registration_options, options_to_json
    from webauthn.helpers.structs import (
        AuthenticatorSelectionCriteria,
        PublicKeyCredentialDescriptor,
        ResidentKeyRequirement,
        UserVerificationRequirement,
    )

    options = generate_registration_options(
        rp_id=site.host,
        rp_name=_NAME,
        user_id=user_id.encode(),
        user_name=email,
        challenge=challenge,
        timeout=TIMEOUT * 1000,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            require_resident_key=True,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(credential_id) for credential_id in known],
    )
    return options_to_json(options)


def request_options(site: Site, challenge: bytes) -> str:
    """Give the JSON for `navigator.credentials.get`; the authenticator knows which users it has keys for."""
    from webauthn import generate_authentication_options, options_to_json
    from webauthn.helpers.structs import UserVerificationRequirement

    options = generate_authentication_options(
        rp_id=site.host,
        challenge=challenge,
        timeout=TIMEOUT * 1000,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return options_to_json(options)


def claim_of(answer: str) -> Claim:
    """Read what an answer says of itself. Raises `BadRequest` for one that makes no sense."""
    from webauthn.helpers import base64url_to_bytes

    try:
        told: dict[str, Any] = json.loads(answer)
        response = told["response"]
        about = json.loads(base64url_to_bytes(response["clientDataJSON"]))
        handle = response.get("userHandle")
        return Claim(
            base64url_to_bytes(told["rawId"]),
            base64url_to_bytes(about["challenge"]),
            base64url_to_bytes(handle) if handle else None,
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _senseless() from error


def made(site: Site, answer: str, challenge: bytes) -> KeyMade:
    """Check what the browser answers to `creation_options`, and give the new key. Raises `BadRequest`."""
    from webauthn import verify_registration_response
    from webauthn.helpers.exceptions import WebAuthnException

    try:
        verified = verify_registration_response(
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=site.host,
            expected_origin=site.origin,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError) as error:
        raise _unproven(site) from error
    return KeyMade(verified.credential_id, verified.credential_public_key, verified.sign_count)


def used(site: Site, answer: str, challenge: bytes, key: KeyMade) -> int:
    """Check what the browser answers to `request_options` with a key, and give its new count. Raises `BadRequest`.

    A count that does not grow says that the key was copied; authenticators that do not count always say 0.
    """
    from webauthn import verify_authentication_response
    from webauthn.helpers.exceptions import WebAuthnException

    try:
        verified = verify_authentication_response(
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=site.host,
            expected_origin=site.origin,
            credential_public_key=key.public_key,
            credential_current_sign_count=key.sign_count,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError) as error:
        raise _unproven(site) from error
    return verified.new_sign_count


def _senseless() -> BadRequest:
    return BadRequest("The browser's answer makes no sense.", remedy="Reload the page and try again.")


def _unproven(site: Site) -> BadRequest:
    return BadRequest(
        "That passkey does not prove who you are here.",
        remedy=f"Open Counterfoil at {site.origin}, let the device check finger, face or PIN, and try again.",
    )
