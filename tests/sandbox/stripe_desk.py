"""An emulated Stripe account for a test to sit down at: served, with SDK clients and control calls."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from stripe import StripeClient

from counterfoil.providers.stripe.sandbox import Account, emulator
from counterfoil.sandbox.kit import Emulator
from counterfoil.sandbox.merchant import Merchant
from counterfoil.sandbox.server import Served, serving

TODAY = dt.datetime.now(dt.UTC).date()
MERCHANT = Merchant(5, TODAY - dt.timedelta(days=120), TODAY)


@pytest.fixture
def vendor() -> Iterator[Served]:
    fresh = emulator(MERCHANT)
    fresh.limits.scale = None
    with serving(fresh) as served:
        yield served


@pytest.fixture
def own(vendor: Served) -> Account:
    state = emulated(vendor).state
    assert isinstance(state, Account)
    return state


@pytest.fixture
def sdk(vendor: Served, own: Account) -> StripeClient:
    return client(vendor, own.secret_key)


def emulated(vendor: Served) -> Emulator:
    return vendor.emulators["stripe"]


def client(vendor: Served, key: str) -> StripeClient:
    return StripeClient(key, base_addresses={"api": vendor.urls["stripe"]}, max_network_retries=0)


def act(vendor: Served, action: str, **body: Any) -> Any:
    reply = httpx2.post(f"{vendor.urls['stripe']}/_sandbox/{action}", json=body, timeout=30)
    assert reply.is_success, reply.text
    return reply.json()


def raw(vendor: Served, path: str, key: str, **headers: str) -> httpx2.Response:
    return httpx2.get(vendor.urls["stripe"] + path, headers={"authorization": f"Bearer {key}", **headers})
