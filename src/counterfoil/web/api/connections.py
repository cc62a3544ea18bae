"""Connections: the workspace's authorised logins at providers."""

import datetime as dt
from typing import Any

from pydantic import Field, ValidationError

from counterfoil.store import connections as stored
from counterfoil.store.connections import Connection as Stored
from counterfoil.web.api import paging, routes
from counterfoil.web.api.callers import Reader, Syncer, Works, Writer, note
from counterfoil.web.api.paging import Cursor, Limit, Page
from counterfoil.web.api.problems import Refusal, invalid
from counterfoil.web.api.shapes import Asked, Kind, Need, Order, Shape, Words

router = routes.router("connections")


class Connection(Shape):
    """A login at a provider; its credential is never shown."""

    id: str
    provider: str
    label: str
    live: bool = Field(description="false for the vendor's own test environment")
    state: str = Field(description="active, action_required, paused or removed")
    problem: Need | None
    created_at: dt.datetime
    fetched_at: dt.datetime | None = Field(description="when something was last read")


class NewConnection(Order):
    """A credential that the user has already: it is proved before it is kept."""

    provider: Words
    settings: dict[str, Any] = Field(description="fits the provider's `settings`; see `GET /v1/providers`")


class Provider(Kind):
    """A provider that can be connected."""

    choices: dict[str, str] = Field(description="what its own page can be asked for, where it has one")


@router.get("/providers")
async def list_providers(caller: Reader, product: Works) -> Page[Provider]:
    """List what can be connected, and which settings each one takes."""
    found = [
        Provider(
            slug=spec.slug,
            label=spec.label,
            settings=spec.settings.model_json_schema(),
            choices=dict(spec.connect.choices) if spec.connect else {},
        )
        for spec in product.doors.providers.values()
    ]
    return Page(results=found, next=None)


@router.get("/connections")
async def list_connections(
    caller: Reader, product: Works, limit: Limit = 50, cursor: Cursor = None
) -> Page[Connection]:
    """List the connections, oldest first."""
    after = paging.single(cursor)
    every = await product.db.read(stored.of_workspace, caller.workspace_id)
    found = [one for one in every if after is None or one.id > after]
    return paging.page_of(found, limit, _shape, lambda one: (one.id,))


@router.get("/connections/{connection_id}")
async def show_connection(connection_id: str, caller: Reader, product: Works) -> Connection:
    """Show one connection."""
    return _shape(await product.db.read(stored.find, caller.workspace_id, connection_id))


@router.post("/connections", status_code=201, dependencies=routes.REPEATABLE)
async def add_connection(order: NewConnection, caller: Writer, product: Works) -> Connection:
    """Add a connection from a credential; its first sync begins at once."""
    spec = product.doors.providers.get(order.provider)
    if spec is None:
        known = ", ".join(sorted(product.doors.providers))
        raise Refusal(400, "no_such_provider", f"There is no provider {order.provider}.", remedy=f"There are: {known}.")
    try:
        settings = spec.settings.model_validate(order.settings)
    except ValidationError as error:
        raise invalid(error, "body", "settings") from None
    added = await product.intake.connect(caller.workspace_id, spec.slug, settings)
    await note(product, caller, "connection.added", added.label)
    return _shape(added)


@router.post("/connections/{connection_id}/refresh", status_code=202, dependencies=routes.REPEATABLE)
async def refresh_connection(connection_id: str, caller: Syncer, product: Works) -> Asked:
    """Ask for a sync now; the bank is asked for news first, where it lets us."""
    found = await product.db.read(stored.find, caller.workspace_id, connection_id)
    return Asked(event_id=await product.intake.request_sync(found.id, "app/sync.requested"))


def _shape(found: Stored) -> Connection:
    return Connection.model_validate(found)
