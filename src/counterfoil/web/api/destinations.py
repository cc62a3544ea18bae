"""Destinations: the user's own places, what goes there, and how each table fares."""

import datetime as dt
from typing import Any

from pydantic import Field, ValidationError

from counterfoil.ports import FieldMapping
from counterfoil.store import Tx, mirror
from counterfoil.store import destinations as stored
from counterfoil.sync.triggers import in_order
from counterfoil.web.api import paging, routes
from counterfoil.web.api.callers import Reader, Syncer, Works, Writer, note
from counterfoil.web.api.paging import Cursor, Limit, Page
from counterfoil.web.api.problems import Refusal, invalid
from counterfoil.web.api.shapes import Asked, Kind, Need, Order, Shape, Words

router = routes.router("destinations")


class Selection(Shape):
    """What of the user's rows goes to a destination."""

    accounts: list[str] | None = Field(description="keys; null for every account, those of later connections too")
    since: dt.date | None = Field(description="dated rows from this day on")
    removal: str = Field(description="what becomes of a row that the provider takes back: delete, mark or keep")
    schedule: str | None = Field(description="a name such as `hourly`, or a cron expression of five fields")
    timezone: str


class Destination(Shape):
    """A place of the user; its credential is never shown."""

    id: str
    kind: str
    label: str
    state: str = Field(description="active, action_required, paused or removed")
    problem: Need | None
    selection: Selection
    created_at: dt.datetime
    due_at: dt.datetime | None = Field(description="when its schedule comes next")
    reconciled_at: dt.datetime | None = Field(description="when it was last asked to be read back in full")


class MappedField(Shape):
    """A column of ours and the user's field that takes it."""

    column: str
    label: str
    kind: str
    writes: str = Field(description="always: ours; once: the user's after the row was made")
    field_id: str = Field(description="the app's id; empty until the table is prepared")


class DestinationTable(Shape):
    """One table's way to a destination."""

    table: str
    label: str
    enabled: bool
    table_id: str = Field(description="the app's id; empty until the table is prepared")
    key_field: MappedField
    fields: list[MappedField]
    problem: Need | None


class DestinationWithTables(Destination):
    """One destination with its tables in dependency order."""

    rows: int = Field(description="how many of our rows stand there, as far as we know")
    tables: list[DestinationTable]


class NewDestination(Order):
    """A place and the credential for it: both are proved before they are kept."""

    kind: Words
    settings: dict[str, Any] = Field(description="fits the kind's `settings`; see `GET /v1/destination-kinds`")


class RejectedRow(Shape):
    """A row that the destination refuses."""

    table: str
    key: str
    reason: str


@router.get("/destination-kinds")
async def list_destination_kinds(caller: Reader, product: Works) -> Page[Kind]:
    """List where rows can go, and which settings each kind takes."""
    found = [
        Kind(slug=spec.slug, label=spec.label, settings=spec.settings.model_json_schema())
        for spec in product.doors.destinations.values()
    ]
    return Page(results=found, next=None)


@router.get("/destinations")
async def list_destinations(
    caller: Reader, product: Works, limit: Limit = 50, cursor: Cursor = None
) -> Page[Destination]:
    """List the destinations, oldest first."""
    after = paging.single(cursor)
    every = await product.db.read(stored.of_workspace, caller.workspace_id)
    found = [one for one in every if after is None or one.id > after]
    return paging.page_of(found, limit, _shape, lambda one: (one.id,))


@router.get("/destinations/{destination_id}")
async def show_destination(destination_id: str, caller: Reader, product: Works) -> DestinationWithTables:
    """Show one destination, with the way of each table."""
    return await product.db.read(_with_tables, caller.workspace_id, destination_id)


@router.get("/destinations/{destination_id}/rejected")
async def list_rejected_rows(
    destination_id: str, caller: Reader, product: Works, limit: Limit = 50, cursor: Cursor = None
) -> Page[RejectedRow]:
    """List the rows that the destination refuses now, with its reasons."""
    after = paging.pair(cursor)
    await product.db.read(stored.find, caller.workspace_id, destination_id)
    found = await product.db.read(
        mirror.refused_page,
        destination_id,
        after=after,
        limit=limit + 1,
    )
    return paging.page_of(found, limit, RejectedRow.model_validate, lambda row: (row.table, row.key))


@router.post("/destinations", status_code=201, dependencies=routes.REPEATABLE)
async def add_destination(order: NewDestination, caller: Writer, product: Works) -> Destination:
    """Add a destination with every table under its own name; its first sync begins at once."""
    spec = product.doors.destinations.get(order.kind)
    if spec is None:
        known = ", ".join(sorted(product.doors.destinations))
        raise Refusal(400, "no_such_kind", f"There is no kind {order.kind}.", remedy=f"There are: {known}.")
    try:
        settings = spec.settings.model_validate(order.settings)
    except ValidationError as error:
        raise invalid(error, "body", "settings") from None
    added = await product.intake.add_destination(caller.workspace_id, spec.slug, settings)
    await note(product, caller, "destination.added", added.label)
    return _shape(added)


@router.post("/destinations/{destination_id}/refresh", status_code=202, dependencies=routes.REPEATABLE)
async def refresh_destination(destination_id: str, caller: Syncer, product: Works) -> Asked:
    """Bring the destination up to date now, and ask its connections for news."""
    return await _ask(destination_id, caller, product, "app/destination.sync.requested")


@router.post("/destinations/{destination_id}/reconcile", status_code=202, dependencies=routes.REPEATABLE)
async def reconcile_destination(destination_id: str, caller: Syncer, product: Works) -> Asked:
    """Read the destination in full, and put right what drifted."""
    return await _ask(destination_id, caller, product, "app/reconcile.requested")


async def _ask(destination_id: str, caller: Syncer, product: Works, event: str) -> Asked:
    found = await product.db.read(stored.find, caller.workspace_id, destination_id)
    return Asked(event_id=await product.intake.request_destination_sync(found.id, event))


def _with_tables(tx: Tx, workspace_id: str, destination_id: str) -> DestinationWithTables:
    found = _shape(stored.find(tx, workspace_id, destination_id))
    targets = stored.targets(tx, destination_id)
    return DestinationWithTables(
        **dict(found),
        rows=mirror.standing(tx, destination_id),
        tables=[_table(targets[name]) for name in in_order(targets)],
    )


def _table(target: stored.Target) -> DestinationTable:
    mapping = target.mapping
    return DestinationTable(
        table=target.table,
        label=mapping.label,
        enabled=target.enabled,
        table_id=mapping.table_id,
        key_field=_field(mapping.key_field),
        fields=[_field(field) for field in mapping.fields],
        problem=None if target.problem is None else Need.model_validate(target.problem),
    )


def _field(field: FieldMapping) -> MappedField:
    return MappedField(
        column=field.column,
        label=field.label,
        kind=field.kind.value,
        writes=field.writes.value,
        field_id=field.field_id,
    )


def _shape(found: stored.Destination) -> Destination:
    chosen = found.selection
    selection = Selection(
        accounts=None if chosen.accounts is None else list(chosen.accounts),
        since=chosen.since,
        removal=chosen.removal.value,
        schedule=chosen.schedule,
        timezone=chosen.timezone,
    )
    names = ("id", "kind", "label", "state", "created_at", "due_at", "reconciled_at")
    problem = None if found.problem is None else Need.model_validate(found.problem)
    return Destination(selection=selection, problem=problem, **{name: getattr(found, name) for name in names})
