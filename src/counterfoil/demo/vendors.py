"""All six emulators, in the order of their ports, and what the product needs to reach them."""

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Final

from counterfoil.destinations.airtable import sandbox as airtable
from counterfoil.destinations.coda import sandbox as coda
from counterfoil.destinations.google_sheets import sandbox as google
from counterfoil.destinations.notion import sandbox as notion
from counterfoil.providers.plaid import sandbox as plaid
from counterfoil.providers.stripe import sandbox as stripe
from counterfoil.sandbox.kit import Emulator
from counterfoil.sandbox.server import Served, serving
from counterfoil.sandbox.world import World

# The order of the ports is a promise: scripts count on it.
_MAKERS: Final[tuple[Callable[[World], Emulator], ...]] = (
    lambda world: plaid.emulator(world),
    lambda world: stripe.emulator(world),
    lambda _world: notion.emulator(),
    lambda _world: airtable.emulator(),
    lambda _world: coda.emulator(),
    lambda _world: google.emulator(),
)
# The destination kinds by the emulator that stands in for them.
DESTINATIONS: Final = {"notion": "notion", "airtable": "airtable", "coda": "coda", "google_sheets": "google"}


def emulators(seed: int, rate_scale: float | None) -> list[Emulator]:
    """Make all six over one world. `rate_scale` multiplies the documented limits; None switches them off."""
    world = World(seed)
    made = [make(world) for make in _MAKERS]
    for emulator in made:
        emulator.limits.scale = rate_scale
    return made


def credentials(served: Served) -> dict[str, dict[str, Any]]:
    """Give each vendor's base url and ready credentials."""
    return {
        slug: {"url": served.urls[slug], **emulator.credentials(served.urls[slug])}
        for slug, emulator in served.emulators.items()
    }


def environment(found: Mapping[str, Mapping[str, Any]], webhooks: str) -> Mapping[str, str]:
    """Give the variables that lead the product to the emulators of those credentials.

    Webhooks come to `webhooks`/<provider>.
    """
    return registrations(found) | {
        "COUNTERFOIL_PLAID_CLIENT_ID": found["plaid"]["client_id"],
        "COUNTERFOIL_PLAID_SECRET": found["plaid"]["secret"],
        "COUNTERFOIL_PLAID_WEBHOOK_URL": f"{webhooks}/plaid",
        "COUNTERFOIL_STRIPE_WEBHOOK_SECRETS": found["stripe"]["webhook_secret"],
    }


def registrations(found: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Give the variables for hosts and OAuth clients, as far as there are emulators."""
    environ: dict[str, str] = {}
    for slug, vendor in found.items():
        prefix = f"COUNTERFOIL_{slug.upper()}"
        environ[f"{prefix}_URL"] = vendor["url"]
        for name in ("client_id", "client_secret", "oauth_url"):
            if name in vendor.get("oauth", {}):
                environ[f"{prefix}_{name.upper()}"] = vendor["oauth"][name]
    return environ


@dataclass(frozen=True, slots=True)
class Sandbox:
    """All six vendors, up and running."""

    credentials: Mapping[str, dict[str, Any]]  # by slug, with the vendor's `url`
    viewable: tuple[str, ...]  # slugs of the vendors that show their tables as pages


@contextmanager
def beside(seed: int, rate_scale: float | None) -> Iterator[Sandbox]:
    """Serve all six in a process of their own: the product and its vendors do not wait for each other's work."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    child = context.Process(target=_serve, args=(seed, rate_scale, theirs), daemon=True)
    child.start()
    theirs.close()
    try:
        yield ours.recv()
    finally:
        ours.close()
        child.join(10)


def _serve(seed: int, rate_scale: float | None, pipe: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to every process of the terminal; ours ends us
    with serving(*emulators(seed, rate_scale)) as served:
        viewable = tuple(slug for slug, emulator in served.emulators.items() if "tables" in emulator.actions)
        pipe.send(Sandbox(credentials(served), viewable))
        try:
            pipe.recv()
        except EOFError:
            return  # whoever started us has ended, one way or another
