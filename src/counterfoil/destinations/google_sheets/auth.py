"""Access tokens: fetched with a service account's key or a refresh token, and kept in the process until they end.

https://developers.google.com/identity/protocols/oauth2/service-account#authorizingrequests
"""

import time
from dataclasses import dataclass
from typing import Final

import jwt
import msgspec

from counterfoil.destinations.google_sheets import refusals
from counterfoil.destinations.google_sheets.settings import GoogleApp, GoogleSheetsSettings, KeyFile
from counterfoil.errors import ActionRequired, RetryLater
from counterfoil.lib.http import Http, Reply
from counterfoil.lib.secrets import fingerprint

_SCOPE: Final = "https://www.googleapis.com/auth/spreadsheets"
_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LIFETIME: Final = 3600  # seconds; the most that Google grants
_EARLY: Final = 120  # seconds before its end at which a token is replaced


class _Granted(msgspec.Struct):
    access_token: str
    expires_in: int = _LIFETIME


class _Denied(msgspec.Struct):
    error: str = ""


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    until: float  # monotonic


# A sync opens its destination several times and must not sign in each time: by fingerprint of the credential.
_tokens: dict[str, _Token] = {}


class Credential:
    """One service account or one signed-in user."""

    def __init__(self, http: Http, app: GoogleApp, settings: GoogleSheetsSettings) -> None:
        self._http = http
        self._app = app
        self._key_file = settings.key_file
        self._refresh_token = settings.refresh_token
        secret = settings.service_account or settings.refresh_token
        assert secret is not None
        self._cached_as = fingerprint(f"{app.token_url} {secret.get_secret_value()}")

    @property
    def email(self) -> str | None:
        """The service account's address, which a spreadsheet must be shared with."""
        return self._key_file.client_email if self._key_file else None

    @property
    def user(self) -> str:
        """Name whom Google counts calls for, without giving the credential away."""
        return fingerprint(self._key_file.client_email) if self._key_file else self._cached_as

    @property
    def project(self) -> str:
        """Name the Google Cloud project that Google counts calls for."""
        return fingerprint((self._key_file.project_id if self._key_file else self._app.client_id) or self.user)

    async def token(self) -> str:
        """Give an access token that is good for the next minutes.

        Raises `ActionRequired` where the credential is refused, `RetryLater` where Google does not answer.
        """
        cached = _tokens.get(self._cached_as)
        if cached is not None and cached.until > time.monotonic():
            return cached.text
        granted = await self._sign_in()
        now = time.monotonic()
        for name in [name for name, token in _tokens.items() if token.until < now]:
            del _tokens[name]
        _tokens[self._cached_as] = _Token(granted.access_token, now + granted.expires_in - _EARLY)
        return granted.access_token

    def forget(self, token: str) -> None:
        """Drop a token that was refused."""
        cached = _tokens.get(self._cached_as)
        if cached is not None and cached.text == token:
            del _tokens[self._cached_as]

    async def revoke(self) -> None:
        """End what the signed-in user has allowed, access tokens included; one that has ended already is fine.

        https://developers.google.com/identity/protocols/oauth2/web-server#tokenrevoke
        """
        assert self._refresh_token is not None
        _tokens.pop(self._cached_as, None)
        form = {"token": self._refresh_token.get_secret_value()}
        reply = await self._http.send("POST", self._app.revoke_url, form=form, repeatable=True)
        if reply.status >= 500:
            raise RetryLater("Google could not end its permission just now.", after=60)
        if not reply.ok and _error(reply) != "invalid_token":
            raise refusals.not_revoked(reply.status)

    async def _sign_in(self) -> _Granted:
        url, form = self._with_key(self._key_file) if self._key_file else self._with_refresh_token()
        reply = await self._http.send("POST", url, form=form, repeatable=True)
        if reply.ok:
            return reply.decode(_Granted)
        raise self._denied(reply)

    def _with_key(self, key: KeyFile) -> tuple[str, dict[str, str]]:
        if not self._app.trusts(key.token_uri):
            raise refusals.token_address_unknown()
        now = int(time.time())
        claims = {
            "iss": key.client_email,
            "scope": _SCOPE,
            "aud": key.token_uri,
            "iat": now,
            "exp": now + _LIFETIME,
        }
        try:
            assertion = jwt.encode(claims, key.private_key, algorithm="RS256", headers={"kid": key.private_key_id})
        except (ValueError, TypeError, jwt.PyJWTError):
            raise refusals.key_unreadable() from None  # the cause would quote the key
        return key.token_uri, {"grant_type": _GRANT, "assertion": assertion}

    def _with_refresh_token(self) -> tuple[str, dict[str, str]]:
        assert self._refresh_token is not None
        return self._app.token_url, {
            "grant_type": "refresh_token",
            "refresh_token": self._refresh_token.get_secret_value(),
            "client_id": self._app.client_id,
            "client_secret": self._app.client_secret.get_secret_value(),
        }

    def _denied(self, reply: Reply) -> ActionRequired | RetryLater:
        if reply.status >= 500:
            return RetryLater("Google does not sign us in just now.", after=30)
        if _error(reply) in ("invalid_client", "unauthorized_client") and not self._key_file:
            return refusals.client_refused()
        return refusals.sign_in_refused(self._key_file is not None)


def _error(reply: Reply) -> str:
    try:
        return msgspec.json.decode(reply.body, type=_Denied).error
    except msgspec.DecodeError:
        return ""
