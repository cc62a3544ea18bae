"""Connections: the workspace's authorised logins at providers."""

import datetime as dt
from typing import Any

from pydantic import Field, ValidationError

from counterfoil.ports import ProviderSpec
from counterfoil.store import connections as stored
from counterfoil.store.connections import Connection as Stored
from counterfoil.web.api import paging, routes
from counterfoil.web.api.callers import Reader, Syncer, Works, Writer, note
from counterfoil.web.api.paging import Cursor, Limit, Page
from counterfoil.web.api.problems import invalid, no_such
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
    notice: Need | None = Field(description="worth knowing; nothing stops for it")
    created_at: dt.datetime
    fetched_at: dt.datetime | None = Field(description="when something was last read")


class Aftermath(Shape):
    """What a removal does to the rows at one destination."""

    destination_id: str
    label: str
    rows: int
    removal: str = Field(description="delete, mark or keep")


class Consequences(Shape):
    """What the removal of a connection will do."""

    rows: dict[str, int] = Field(description="live rows by table")
    destinations: list[Aftermath]
    ends_at_vendor: bool = Field(description="else only the user can end the permission, at the vendor")
    in_words: list[str] = Field(description="all of it, to be shown to the person")


class NewConnection(Order):
    """A credential that the user has already: it is proved before it is kept."""

    provider: Words
    settings: dict[str, Any] = Field(description="fits the provider's `settings`; see `GET /v1/providers`")


class Provider(Kind):
    """A provider that can be connected."""

    choices: dict[str, str] = Field(description="what its own page can be asked for, where it has one")


@router.get("/providers")
async def list_providers(caller: Reader, product: Works, limit: Limit = 50, cursor: Cursor = None) -> Page[Provider]:
    """List what can be connected, and which settings each one takes."""
    every = list(product.doors.providers.values())
    return paging.part_of(every, limit, cursor, _provider, lambda spec: spec.slug)


def _provider(spec: ProviderSpec) -> Provider:
    return Provider(
        slug=spec.slug,
        label=spec.label,
        settings=spec.settings.model_json_schema(),
        choices=dict(spec.connect.choices) if spec.connect else {},
    )


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
        raise no_such("provider", order.provider, product.doors.providers)
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


@router.post("/connections/{connection_id}/pause", dependencies=routes.REPEATABLE)
async def pause_connection(connection_id: str, caller: Writer, product: Works) -> Connection:
    """Read the connection no more until it is resumed; its rows stay, and a sync that is at work ends first."""
    found = await product.db.read(stored.find, caller.workspace_id, connection_id)
    await product.upkeep.pause(found)
    await note(product, caller, "connection.paused", found.label)
    return await show_connection(connection_id, caller, product)


@router.post("/connections/{connection_id}/resume", status_code=202, dependencies=routes.REPEATABLE)
async def resume_connection(connection_id: str, caller: Writer, product: Works) -> Asked:
    """Go on reading the connection, at once."""
    found = await product.db.read(stored.find, caller.workspace_id, connection_id)
    event_id = await product.upkeep.resume(found)
    await note(product, caller, "connection.resumed", found.label)
    return Asked(event_id=event_id)


@router.get("/connections/{connection_id}/removal")
async def preview_removal(connection_id: str, caller: Reader, product: Works) -> Consequences:
    """Show what the removal of the connection would do; nothing is done."""
    found = await product.db.read(stored.find, caller.workspace_id, connection_id)
    told = await product.upkeep.consequences(found)
    return Consequences(
        rows=dict(told.rows),
        destinations=[
            Aftermath(destination_id=one.destination_id, label=one.label, rows=one.rows, removal=one.removal.value)
            for one in told.destinations
        ],
        ends_at_vendor=told.ends_at_vendor,
        in_words=told.in_words(),
    )


@router.delete("/connections/{connection_id}", status_code=202)
async def remove_connection(connection_id: str, caller: Writer, product: Works) -> Asked:
    """Remove the connection: its permission ends, its rows are closed, and each destination follows its policy."""
    found = await product.db.read(stored.find, caller.workspace_id, connection_id)
    event_id = await product.upkeep.remove(found)
    await note(product, caller, "connection.removed", found.label)
    return Asked(event_id=event_id)


def _shape(found: Stored) -> Connection:
    return Connection.model_validate(found)
