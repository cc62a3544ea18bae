"""All six emulators, in the order of their ports, and what the product needs to reach them."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from counterfoil.destinations.airtable import sandbox as airtable
from counterfoil.destinations.coda import sandbox as coda
from counterfoil.destinations.google_sheets import sandbox as google
from counterfoil.destinations.notion import sandbox as notion
from counterfoil.providers.plaid import sandbox as plaid
from counterfoil.providers.stripe import sandbox as stripe
from counterfoil.sandbox.kit import Emulator
from counterfoil.sandbox.server import Served
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


def environment(served: Served, webhooks: str) -> Mapping[str, str]:
    """Give the variables that lead the product to the emulators; webhooks come to `webhooks`/<provider>."""
    found = credentials(served)
    return {f"COUNTERFOIL_{slug.upper()}_URL": vendor["url"] for slug, vendor in found.items()} | {
        "COUNTERFOIL_PLAID_CLIENT_ID": found["plaid"]["client_id"],
        "COUNTERFOIL_PLAID_SECRET": found["plaid"]["secret"],
        "COUNTERFOIL_PLAID_WEBHOOK_URL": f"{webhooks}/plaid",
        "COUNTERFOIL_STRIPE_WEBHOOK_SECRETS": found["stripe"]["webhook_secret"],
    }
