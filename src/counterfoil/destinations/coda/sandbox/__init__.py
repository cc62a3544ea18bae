"""Coda on this machine: a doc made from the template, its rate classes, its queue and its snapshot."""

from counterfoil.destinations.coda.sandbox.actions import Actions
from counterfoil.destinations.coda.sandbox.api import routes
from counterfoil.destinations.coda.sandbox.gate import Gate, refuse_429
from counterfoil.destinations.coda.sandbox.template import TEMPLATE_DOC_ID
from counterfoil.destinations.coda.sandbox.vendor import Pace, Token, Vendor
from counterfoil.sandbox.kit import Clock, Emulator
from counterfoil.sandbox.limits import Limits

__all__ = ["TEMPLATE_DOC_ID", "TOKEN", "emulator"]

TOKEN = "coda-sandbox-5f0d3c1e-token"  # noqa: S105  # opens nothing but the emulator


def emulator(*, delay: float = 0.03, lag: float = 0.0, page_limit: int = 500) -> Emulator:
    """Make the emulator. Edits wait `delay` seconds in the queue, reads without `latest` are `lag` seconds behind."""
    clock, limits = Clock(), Limits()
    vendor = Vendor(clock, Pace(delay, lag), page_limit)
    token = vendor.tokens[TOKEN] = Token("casey@example.com")
    doc = vendor.open()
    return Emulator(
        slug="coda",
        routes=routes(Gate(vendor, limits)),
        credentials=lambda _url: {"token": TOKEN, "doc_id": doc.id},
        limits=limits,
        clock=clock,
        actions=Actions(vendor, doc, token).all(),
        refuse_429=refuse_429,
        state=vendor,
    )
