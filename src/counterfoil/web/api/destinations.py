"""Destinations: the user's own places, what goes there, and how each table fares."""

import datetime as dt
from typing import Any

from pydantic import Field, ValidationError

from counterfoil.model import TABLES
from counterfoil.ports import DestinationSpec, FieldMapping
from counterfoil.store import destinations as stored
from counterfoil.store import mirror
from counterfoil.sync.arrange import Overview, TableState
from counterfoil.web.api import paging, routes
from counterfoil.web.api.callers import Reader, Syncer, Works, Writer, note
from counterfoil.web.api.paging import Cursor, Limit, Page
from counterfoil.web.api.problems import invalid, no_such
from counterfoil.web.api.shapes import Asked, Flag, Kind, Need, Order, Shape, Words

router = routes.router("destinations")


class DestinationKind(Kind):
    """Where rows can go."""

    consent: bool = Field(description="whether a person can authorise on the app's own page: `POST /v1/consents`")


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
    """One table's way to a destination, and how its rows fare."""

    table: str
    label: str
    table_id: str = Field(description="the app's id; empty until the table is prepared")
    key_field: MappedField
    fields: list[MappedField]
    enabled: bool
    standing: int = Field(description="rows of ours that stand there, as far as we know")
    refused: int = Field(description="rows that the app refuses")
    deleted_there: int = Field(description="rows that the user deleted: they can be brought back")
    problem: Need | None


class DestinationWithTables(Destination):
    """One destination with its tables in dependency order."""

    tables: list[DestinationTable]
    accounts: dict[str, str] = Field(description="the accounts that can be chosen, key and name")


class NewDestination(Order):
    """A place and the credential for it: both are proved before they are kept."""

    kind: Words
    settings: dict[str, Any] = Field(description="fits the kind's `settings`; see `GET /v1/destination-kinds`")
    tables: list[Words] = Field(list(TABLES), max_length=50, description="which of ours")
    start: Flag = Field(True, description="false: it stays paused, to be mapped before anything is made there")


class RejectedRow(Shape):
    """A row that the destination refuses."""

    table: str
    key: str
    reason: str


@router.get("/destination-kinds")
async def list_destination_kinds(
    caller: Reader, product: Works, limit: Limit = 50, cursor: Cursor = None
) -> Page[DestinationKind]:
    """List where rows can go, which settings each kind takes, and where the app's own page can be used instead."""

    def shown(spec: DestinationSpec) -> DestinationKind:
        settings = spec.settings.model_json_schema()
        offers = product.consents.offers(spec.slug)
        return DestinationKind(slug=spec.slug, label=spec.label, settings=settings, consent=offers)

    every = list(product.doors.destinations.values())
    return paging.part_of(every, limit, cursor, shown, lambda spec: spec.slug)


@router.get("/destinations")
async def list_destinations(
    caller: Reader, product: Works, limit: Limit = 50, cursor: Cursor = None
) -> Page[Destination]:
    """List the destinations, oldest first."""
    after = paging.single(cursor)
    every = await product.db.read(stored.of_workspace, caller.workspace_id)
    found = [one for one in every if after is None or one.id > after]
    return paging.page_of(found, limit, shape_of, lambda one: (one.id,))


@router.get("/destinations/{destination_id}")
async def show_destination(destination_id: str, caller: Reader, product: Works) -> DestinationWithTables:
    """Show one destination, with the way of each table."""
    return _with_tables(await product.arrangements.show(caller.workspace_id, destination_id))


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
    """Add a destination with every table under its own name; its first sync begins at once, or when it is resumed."""
    spec = product.doors.destinations.get(order.kind)
    if spec is None:
        raise no_such("kind", order.kind, product.doors.destinations)
    if unknown := set(order.tables) - set(TABLES):
        raise no_such("table", min(unknown), TABLES)
    try:
        settings = spec.settings.model_validate(order.settings)
    except ValidationError as error:
        raise invalid(error, "body", "settings") from None
    added = await product.arrangements.add(
        caller.workspace_id, spec.slug, settings, tables=order.tables, start=order.start
    )
    await note(product, caller, "destination.added", added.label)
    return shape_of(added)


@router.post("/destinations/{destination_id}/refresh", status_code=202, dependencies=routes.REPEATABLE)
async def refresh_destination(destination_id: str, caller: Syncer, product: Works) -> Asked:
    """Bring the destination up to date now, and ask its connections for news."""
    return Asked(event_id=await product.arrangements.sync(caller.workspace_id, destination_id))


@router.post("/destinations/{destination_id}/reconcile", status_code=202, dependencies=routes.REPEATABLE)
async def reconcile_destination(destination_id: str, caller: Syncer, product: Works) -> Asked:
    """Read the destination in full, and put right what drifted."""
    return Asked(event_id=await product.arrangements.reconcile(caller.workspace_id, destination_id))


def _with_tables(overview: Overview) -> DestinationWithTables:
    return DestinationWithTables(
        **dict(shape_of(overview.destination)),
        tables=[_table(one) for one in overview.tables],
        accounts=dict(overview.accounts),
    )


def _table(state: TableState) -> DestinationTable:
    return DestinationTable(
        table=state.table,
        label=state.mapping.label,
        table_id=state.mapping.table_id,
        key_field=_mapped(state.mapping.key_field),
        fields=[_mapped(field) for field in state.mapping.fields],
        enabled=state.enabled,
        standing=state.standing,
        refused=state.refused,
        deleted_there=state.deleted_there,
        problem=None if state.problem is None else Need.model_validate(state.problem),
    )


def _mapped(field: FieldMapping) -> MappedField:
    return MappedField(
        column=field.column,
        label=field.label,
        kind=field.kind.value,
        writes=field.writes.value,
        field_id=field.field_id,
    )


def shape_of(found: stored.Destination) -> Destination:
    """Show a stored destination."""
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
