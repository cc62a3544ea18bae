"""OAuth of the emulated Airtable: consent, PKCE, access tokens of an hour, refresh tokens that work once.

https://airtable.com/developers/web/api/oauth-reference
"""

import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from counterfoil.sandbox.kit import Clock, Refusal

ACCESS_SECONDS: Final = 3600
REFRESH_SECONDS: Final = 60 * 24 * 3600
SCOPES: Final = ("data.records:read", "data.records:write", "schema.bases:read", "schema.bases:write")


@dataclass(slots=True)
class Grant:
    """One user's consent: the tokens that are good now."""

    scopes: tuple[str, ...]
    access: str = ""
    access_until: float = 0.0
    refresh: str = ""
    refresh_until: float = 0.0
    spent: set[str] = field(default_factory=set)
    revoked: bool = False


@dataclass(slots=True)
class OAuth:
    """The consents that were given to one registered integration."""

    clock: Clock
    client_id: str
    client_secret: str
    _codes: dict[str, Mapping[str, str]] = field(default_factory=dict)
    _grants: list[Grant] = field(default_factory=list)

    def consent(self, query: Mapping[str, str]) -> str:
        """Agree as the user would, and give the code. Raises the vendor's refusal of a request that lacks something."""
        self.check(query)
        code = secrets.token_urlsafe(24)
        self._codes[code] = dict(query)
        return code

    def check(self, query: Mapping[str, str]) -> None:
        """Refuse what Airtable's page would not show."""
        asked = (query.get("client_id"), query.get("code_challenge_method"), query.get("response_type"))
        if asked != (self.client_id, "S256", "code") or not set(query.get("scope", "").split()) <= set(SCOPES):
            raise _refused("invalid_request")

    def token(self, form: Mapping[str, str], authorization: str) -> dict[str, Any]:
        """Answer the token endpoint."""
        self._check_client(form, authorization)
        match form.get("grant_type"):
            case "authorization_code":
                asked = self._codes.pop(form.get("code", ""), None)
                if asked is None or asked["redirect_uri"] != form.get("redirect_uri"):
                    raise _refused("invalid_grant")
                if asked.get("code_challenge") != _challenge(form.get("code_verifier", "")):
                    raise _refused("invalid_grant")
                grant = Grant(tuple(asked.get("scope", "").split()))
                self._grants.append(grant)
                return self._issue(grant)
            case "refresh_token":
                return self._issue(self._refreshed(form.get("refresh_token", "")))
        raise _refused("unsupported_grant_type")

    def grant(self) -> dict[str, Any]:
        """Consent and exchange in one step, for tests."""
        grant = Grant(SCOPES)
        self._grants.append(grant)
        return self._issue(grant)

    def withdraw(self) -> None:
        """Take every consent back, as the user can on the account page."""
        for grant in self._grants:
            grant.revoked = True

    def scopes(self, access: str) -> tuple[str, ...] | None:
        """Give the scopes of an access token that is good now, else None."""
        for grant in self._grants:
            if grant.access == access and not grant.revoked and grant.access_until > self.clock.now():
                return grant.scopes
        return None

    def _refreshed(self, refresh: str) -> Grant:
        for grant in self._grants:
            if refresh in grant.spent:
                grant.revoked = True  # a token used twice may have been stolen
            if grant.refresh == refresh and not grant.revoked and grant.refresh_until > self.clock.now():
                return grant
        raise _refused("invalid_grant")

    def _issue(self, grant: Grant) -> dict[str, Any]:
        if grant.refresh:
            grant.spent.add(grant.refresh)
        now = self.clock.now()
        grant.access, grant.access_until = f"oaa{secrets.token_urlsafe(24)}", now + ACCESS_SECONDS
        grant.refresh, grant.refresh_until = f"oar{secrets.token_urlsafe(24)}", now + REFRESH_SECONDS
        return {
            "access_token": grant.access,
            "refresh_token": grant.refresh,
            "token_type": "Bearer",
            "scope": " ".join(grant.scopes),
            "expires_in": ACCESS_SECONDS,
            "refresh_expires_in": REFRESH_SECONDS,
        }

    def _check_client(self, form: Mapping[str, str], authorization: str) -> None:
        expected = base64.b64encode(f"{self.client_id}:{self.client_secret}".encode()).decode()
        if authorization != f"Basic {expected}":
            raise _refused("invalid_client", 401)


def _challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _refused(kind: str, status: int = 400) -> Refusal:
    return Refusal(status, {"error": kind, "error_description": kind.replace("_", " ")})
