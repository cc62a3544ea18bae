"""An emulated bank behind Plaid, in a process of its own, with one login."""

import json
import multiprocessing
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe
from typing import Any, Final

import httpx2
from pydantic import SecretStr

from counterfoil.providers.plaid.sandbox import Timing, emulator
from counterfoil.providers.plaid.settings import PlaidApp, PlaidSettings
from counterfoil.sandbox.server import serving
from counterfoil.sandbox.world import World

PERSON: Final = {"override_accounts": [{"type": "depository", "subtype": "checking", "meta": {"name": "Everyday"}}]}
ASKED: Final = {
    "institution_id": "ins_109508",
    "initial_products": ["transactions"],
    "options": {"override_username": "user_custom", "override_password": json.dumps(PERSON)},
}


@dataclass(frozen=True, slots=True)
class Bank:
    """One account without transactions, to begin with; there are no limits, and no webhooks until `listen`."""

    app: PlaidApp
    login: PlaidSettings
    client: httpx2.Client

    @property
    def environ(self) -> Mapping[str, str]:
        """The variables that lead the product here."""
        secret = self.app.secret.get_secret_value()
        named = {"URL": self.app.url, "CLIENT_ID": self.app.client_id, "SECRET": secret}
        return {f"COUNTERFOIL_PLAID_{name}": value for name, value in named.items()}

    def act(self, name: str, **body: Any) -> Any:
        """Let something happen at the bank."""
        return self.client.post(f"/_sandbox/{name}", json=body).raise_for_status().json()

    def listen(self, url: str) -> None:
        """Have webhooks sent to an address from now on."""
        token = self.login.access_token.get_secret_value()
        body = {"access_token": token, "webhook": url}
        self.client.post("/item/webhook/update", json=body).raise_for_status()


@contextmanager
def bank() -> Iterator[Bank]:
    """Open the bank, log in, close it at the end."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    child = context.Process(target=_serve, args=(theirs,), daemon=True)
    child.start()
    try:
        url, keys = ours.recv()
        app = PlaidApp(url=url, client_id=keys["client_id"], secret=SecretStr(keys["secret"]))
        headers = {"PLAID-CLIENT-ID": keys["client_id"], "PLAID-SECRET": keys["secret"]}
        with httpx2.Client(base_url=url, headers=headers, timeout=600) as client:
            yield Bank(app, _log_in(client), client)
    finally:
        ours.send("end")
        child.join(20)


def _serve(pipe: Pipe) -> None:
    made = emulator(World(), timing=Timing(initial=None))
    made.limits.scale = None
    with serving(made) as served:
        pipe.send((served.urls["plaid"], dict(made.credentials(served.urls["plaid"]))))
        pipe.recv()


def _log_in(client: httpx2.Client) -> PlaidSettings:
    public = client.post("/sandbox/public_token/create", json=ASKED).raise_for_status().json()["public_token"]
    reply = client.post("/item/public_token/exchange", json={"public_token": public})
    token = reply.raise_for_status().json()
    return PlaidSettings(access_token=SecretStr(token["access_token"]), item_id=token["item_id"])
