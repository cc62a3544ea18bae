"""An emulator of Notion's API, as far as a table writer uses it."""

from counterfoil.destinations.notion.sandbox.actions import Actions
from counterfoil.destinations.notion.sandbox.api import Api, routes
from counterfoil.destinations.notion.sandbox.gate import Gate, Rates, slow_down
from counterfoil.destinations.notion.sandbox.oauth import CLIENT_ID, CLIENT_SECRET, Grants
from counterfoil.destinations.notion.sandbox.query import Queries
from counterfoil.destinations.notion.sandbox.state import Workspace
from counterfoil.sandbox.kit import Clock, Emulator
from counterfoil.sandbox.limits import Limits

TOKEN = "ntn_sandboxsandboxsandboxsandboxsandbox"  # noqa: S105  # of the emulator
PAGE_ID = "1f0e2d3c-4b5a-4978-8695-a4b3c2d1e0f0"

__all__ = ["CLIENT_ID", "CLIENT_SECRET", "PAGE_ID", "TOKEN", "Rates", "emulator"]


def emulator(
    *,
    token: str = TOKEN,
    page_id: str = PAGE_ID,
    rates: Rates = Rates(),
    index_lag: float = 0.0,
    query_cap: int = 10_000,
) -> Emulator:
    """Give Notion with one page that is shared with the connection of `token`.

    `index_lag` is how many seconds new rows and tables stay hidden from query and search; `query_cap` how many rows
    one query yields in all.
    """
    clock, limits = Clock(), Limits()
    workspace = Workspace(page_id, clock, index_lag=index_lag, query_cap=query_cap, created=clock.now())
    gate = Gate(workspace, limits, rates, {token: True})
    grants = Grants(gate)
    client = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    return Emulator(
        slug="notion",
        routes=[*grants.routes(), *routes(gate, Api(workspace, Queries(workspace)))],
        credentials=lambda _url: {"token": token, "page_id": page_id, "oauth": client},
        limits=limits,
        clock=clock,
        actions=Actions(workspace, gate).table(),
        refuse_429=lambda wait: slow_down(wait).response,
        state=workspace,
    )
