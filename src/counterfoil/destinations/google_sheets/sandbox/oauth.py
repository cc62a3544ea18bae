"""Consent and the token endpoint: service accounts' signed grants, codes and refresh tokens for access tokens."""

import base64
import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from counterfoil.sandbox.kit import Clock, Refusal

# google-auth signs for this audience whatever the key file's token_uri says.
_GOOGLES_OWN: Final = "https://oauth2.googleapis.com/token"
LIFETIME: Final = 3600  # seconds that an access token lives
_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_OWN_FILES: Final = "https://www.googleapis.com/auth/drive.file"
SCOPES: Final = frozenset(
    f"https://www.googleapis.com/auth/{name}" for name in ("spreadsheets", "drive", "drive.file", "drive.readonly")
)


@cache
def _key_pair() -> tuple[str, rsa.RSAPublicKey]:
    """Make the one key pair of this process: making them is slow, and nothing secret hangs on it."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return pem.decode(), key.public_key()


@dataclass(frozen=True, slots=True)
class Caller:
    """On whose behalf a call is made."""

    email: str
    scopes: frozenset[str]
    service_account: bool
    expires_at: float


@dataclass(slots=True)
class Accounts:
    """Who may sign in: one service account, one OAuth client and its user."""

    clock: Clock
    key_id: str = field(default_factory=lambda: secrets.token_hex(20))
    service_email: str = "counterfoil@sandbox-project.iam.gserviceaccount.com"
    user_email: str = "user@example.com"
    user_id: str = "10000000000000000042"  # what Drive calls the permission id
    client_id: str = "100000000001-sandbox.apps.googleusercontent.com"
    client_secret: str = field(default_factory=lambda: f"GOCSPX-{secrets.token_urlsafe(20)}")
    refresh_token: str = field(default_factory=lambda: f"1//{secrets.token_urlsafe(32)}")
    refresh_tokens: set[str] = field(default_factory=set)  # given after the consent page, beside the one above
    codes: dict[str, tuple[Mapping[str, str], frozenset[str]]] = field(default_factory=dict)  # query, scopes ticked
    revoked: bool = False
    tokens: dict[str, Caller] = field(default_factory=dict)

    def key_file(self, url: str) -> dict[str, str]:
        """Give the service account's key file, as Google lets it be downloaded."""
        address = self.service_email.replace("@", "%40")
        return {
            "type": "service_account",
            "project_id": "sandbox-project",
            "private_key_id": self.key_id,
            "private_key": _key_pair()[0],
            "client_email": self.service_email,
            "client_id": "100000000000000000001",
            "auth_uri": "https://accounts.google.com/o/oauth2/auth",
            "token_uri": f"{url}/token",
            "auth_provider_x509_cert_url": "https://www.googleapis.com/oauth2/v1/certs",
            "client_x509_cert_url": f"https://www.googleapis.com/robot/v1/metadata/x509/{address}",
            "universe_domain": "googleapis.com",
        }

    def grant(self, form: dict[str, str], own_url: str) -> dict[str, Any]:
        """Answer a token request. Raises the endpoint's own 400 and 401."""
        kind = form.get("grant_type")
        if kind == _GRANT:
            return self._issue(self._service_account(form.get("assertion", ""), own_url))
        if kind == "refresh_token":
            return self._issue(self._user(form))
        if kind == "authorization_code":
            return self._exchange(form)
        raise _oauth_refusal("unsupported_grant_type", f"Invalid grant_type: {kind}")

    def _service_account(self, assertion: str, own_url: str) -> Caller:
        try:
            key_id = jwt.get_unverified_header(assertion).get("kid", self.key_id)
            claims = jwt.decode(
                assertion,
                _key_pair()[1],
                algorithms=["RS256"],
                audience=[f"{own_url}/token", _GOOGLES_OWN],
                options={"require": ["exp", "iat", "iss", "aud"], "verify_iat": False, "verify_exp": False},
            )
        except jwt.PyJWTError as error:
            raise _oauth_refusal("invalid_grant", "Invalid JWT Signature.") from error
        if self.revoked or claims["iss"] != self.service_email or key_id != self.key_id:
            raise _oauth_refusal("invalid_grant", "Invalid grant: account not found")
        now = self.clock.now()
        if claims["exp"] - claims["iat"] > LIFETIME or not claims["iat"] - 300 <= now <= claims["exp"]:
            raise _oauth_refusal(
                "invalid_grant",
                "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. "
                "Check your iat and exp values in the JWT claim.",
            )
        scopes = frozenset(str(claims.get("scope", "")).split())
        if not scopes & SCOPES:
            raise _oauth_refusal("invalid_scope", "Invalid OAuth scope or ID token audience provided.")
        return Caller(self.service_email, scopes, True, now + LIFETIME)

    def _user(self, form: dict[str, str]) -> Caller:
        self._check_client(form)
        known = {self.refresh_token, *self.refresh_tokens} - {""}
        if self.revoked or form.get("refresh_token") not in known:
            raise _oauth_refusal("invalid_grant", "Token has been expired or revoked.")
        return self._signed_in(frozenset({_OWN_FILES}))

    def _signed_in(self, scopes: frozenset[str]) -> Caller:
        return Caller(self.user_email, scopes, False, self.clock.now() + LIFETIME)

    def _check_client(self, form: dict[str, str]) -> None:
        if (form.get("client_id"), form.get("client_secret")) != (self.client_id, self.client_secret):
            raise _oauth_refusal("invalid_client", "The OAuth client was not found.", 401)

    def check(self, query: Mapping[str, str]) -> None:
        """Refuse what Google's page would not show."""
        wanted = set(query.get("scope", "").split())
        if query.get("client_id") != self.client_id or query.get("response_type") != "code":
            raise _oauth_refusal("invalid_request", "Missing or unknown client_id, or response_type is not code.")
        if not wanted or not wanted <= SCOPES:
            raise _oauth_refusal("invalid_scope", "Some requested scopes were invalid.")

    def consent(self, query: Mapping[str, str], ticked: Sequence[str]) -> str:
        """Agree as the user would, to the ticked scopes, and give the code."""
        code = f"4/0{secrets.token_urlsafe(32)}"
        self.codes[code] = (dict(query), frozenset(ticked))
        return code

    def _exchange(self, form: dict[str, str]) -> dict[str, Any]:
        self._check_client(form)
        asked, scopes = self.codes.pop(form.get("code", ""), ({}, frozenset[str]()))
        if not asked or asked.get("redirect_uri") != form.get("redirect_uri"):
            raise _oauth_refusal("invalid_grant", "Malformed auth code.")
        if "code_challenge" in asked and asked["code_challenge"] != _challenge(form.get("code_verifier", "")):
            raise _oauth_refusal("invalid_grant", "Invalid code verifier.")
        answer = self._issue(self._signed_in(scopes))
        if asked.get("access_type") == "offline":
            answer["refresh_token"] = f"1//{secrets.token_urlsafe(32)}"
            self.refresh_tokens.add(answer["refresh_token"])
        return answer

    def _issue(self, caller: Caller) -> dict[str, Any]:
        token = f"ya29.{secrets.token_urlsafe(48)}"
        self.tokens[token] = caller
        return {
            "access_token": token,
            "expires_in": LIFETIME - 1,
            "scope": " ".join(sorted(caller.scopes)),
            "token_type": "Bearer",
        }

    def revoke(self, token: str) -> None:
        """End what the user has allowed the client, whichever of its tokens is named: every one of them stops working.

        https://developers.google.com/identity/protocols/oauth2/web-server#tokenrevoke
        """
        caller = self.tokens.get(token)
        if token not in {self.refresh_token, *self.refresh_tokens} and (caller is None or caller.service_account):
            raise _oauth_refusal("invalid_token", "Token expired or revoked")
        self.refresh_token = ""
        self.refresh_tokens.clear()
        self.tokens = {text: one for text, one in self.tokens.items() if one.service_account}

    def caller(self, authorization: str) -> Caller | None:
        """Give who holds the bearer token; None where it is unknown, too old or revoked."""
        caller = self.tokens.get(authorization.removeprefix("Bearer "))
        if caller is None or self.revoked or caller.expires_at <= self.clock.now():
            return None
        return caller


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _oauth_refusal(error: str, description: str, status: int = 400) -> Refusal:
    return Refusal(status, {"error": error, "error_description": description})
