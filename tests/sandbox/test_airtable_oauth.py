"""The emulated Airtable's consent and tokens."""

import base64
import hashlib
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from pyairtable import Api

from counterfoil.destinations.airtable.sandbox import emulator
from counterfoil.sandbox.kit import Emulator
from counterfoil.sandbox.server import serving


@pytest.fixture
def vendor() -> Emulator:
    return emulator(rate_scale=None)


@pytest.fixture
def url(vendor: Emulator) -> Iterator[str]:
    with serving(vendor) as served:
        yield served.urls["airtable"]


def whoami(url: str, token: str) -> int:
    """Give the status with which a token is met."""
    return httpx2.get(f"{url}/v0/meta/whoami", headers={"authorization": f"Bearer {token}"}).status_code


def test_consent_leads_to_tokens_that_rotate(vendor: Emulator, url: str) -> None:
    oauth, verifier, back = vendor.state.oauth, "v" * 64, "http://localhost/back"
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    query = {
        "client_id": oauth.client_id,
        "redirect_uri": back,
        "response_type": "code",
        "scope": "schema.bases:read data.records:read",
        "state": "s",
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    page = f"{url}/oauth2/v1/authorize"
    assert "Household" in httpx2.get(page, params=query).text
    allowed = {"outcome": "allow", "ticked": vendor.state.bases[0].id}
    answer = parse_qs(urlsplit(httpx2.post(page, params=query, data=allowed).headers["location"]).query)
    assert answer["state"] == ["s"]

    def token(**form: str) -> httpx2.Response:
        return httpx2.post(f"{url}/oauth2/v1/token", data=form, auth=(oauth.client_id, oauth.client_secret))

    code = answer["code"][0]
    grant = token(grant_type="authorization_code", code=code, redirect_uri=back, code_verifier=verifier).json()
    assert Api(grant["access_token"], endpoint_url=url).whoami()["scopes"] == query["scope"].split()
    assert (
        token(grant_type="authorization_code", code=code, redirect_uri=back, code_verifier=verifier).status_code == 400
    )

    renewed = token(grant_type="refresh_token", refresh_token=grant["refresh_token"]).json()
    assert renewed["access_token"] != grant["access_token"]
    reused = token(grant_type="refresh_token", refresh_token=grant["refresh_token"])
    assert (reused.status_code, reused.json()["error"]) == (400, "invalid_grant")
    assert whoami(url, renewed["access_token"]) == 401  # reuse ends the consent


def test_an_access_token_lives_for_an_hour(vendor: Emulator, url: str) -> None:
    grant = vendor.state.oauth.grant()
    assert whoami(url, grant["access_token"]) == 200
    vendor.clock.advance(3601)
    assert whoami(url, grant["access_token"]) == 401
