"""What goes where: tables, their fields, which rows, and a look at what would happen. First set up, then edited."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from msgspec import UNSET

from counterfoil.bootstrap import Product
from counterfoil.errors import ActionRequired, BadRequest, RetryLater
from counterfoil.model import KEY_LABEL, Column, Writes, columns
from counterfoil.plan import Removal
from counterfoil.ports import RemoteField, Schema
from counterfoil.store import destinations, rows
from counterfoil.sync.arrange import Arrangements, Overview, TableState
from counterfoil.sync.automatch import Proposal
from counterfoil.sync.edits import Edit, FieldEdit, SelectionEdit, TableEdit
from counterfoil.sync.schedule import NAMED
from counterfoil.web import forms
from counterfoil.web.auth import ProductOf, SignedInVisitor, Visitor
from counterfoil.web.render import page, see

router = APIRouter(include_in_schema=False)
NEW: Final = "new"
OFF: Final = "off"
_REMOVALS: Final = (
    (Removal.DELETE.value, "Delete the row"),
    (Removal.MARK.value, "Mark it as removed"),
    (Removal.KEEP.value, "Leave it as it is"),
)


@router.get("/destinations/{destination_id}/tables")
async def show_tables(
    destination_id: str, request: Request, visitor: SignedInVisitor, product: ProductOf, setup: str = ""
) -> Response:
    """Show where each of our tables goes."""
    return await _tables_page(request, visitor, product, destination_id, bool(setup))


@router.post("/destinations/{destination_id}/tables")
async def save_tables(
    destination_id: str, request: Request, visitor: SignedInVisitor, product: ProductOf, setup: str = ""
) -> Response:
    """Keep where each of our tables goes; fields are matched by name and type."""
    acts = Arrangements(product.doors, product.engine)
    arranged = await acts.show(visitor.workspace.id, destination_id)
    typed = {name: str(value) for name, value in (await request.form()).items()}
    try:
        await acts.save(visitor.workspace.id, destination_id, Edit(tables=_tables_typed(arranged, typed)))
    except (BadRequest, ActionRequired) as problem:
        return await _tables_page(request, visitor, product, destination_id, bool(setup), typed, problem)
    here = f"/destinations/{destination_id}"
    return see(request, f"{here}/rows?setup=1") if setup else see(request, here, "The mapping is saved.")


@router.get("/destinations/{destination_id}/tables/{table}")
async def show_fields(
    destination_id: str, table: str, request: Request, visitor: SignedInVisitor, product: ProductOf, setup: str = ""
) -> Response:
    """Show where the columns of one table go."""
    return await _fields_page(request, visitor, product, destination_id, table, bool(setup))


@router.post("/destinations/{destination_id}/tables/{table}")
async def save_fields(
    destination_id: str, table: str, request: Request, visitor: SignedInVisitor, product: ProductOf, setup: str = ""
) -> Response:
    """Keep where the columns of one table go, and whose each one is."""
    typed = {name: str(value) for name, value in (await request.form()).items()}
    acts = Arrangements(product.doors, product.engine)
    try:
        edit = Edit(tables={table: TableEdit(fields=_fields_typed(typed))})
        await acts.save(visitor.workspace.id, destination_id, edit)
    except (BadRequest, ActionRequired) as problem:
        return await _fields_page(request, visitor, product, destination_id, table, bool(setup), problem)
    after = "?setup=1" if setup else ""
    return see(request, f"/destinations/{destination_id}/tables{after}", "The fields are saved.")


@router.get("/destinations/{destination_id}/rows")
async def show_rows(
    destination_id: str, request: Request, visitor: SignedInVisitor, product: ProductOf, setup: str = ""
) -> Response:
    """Show which rows go there, and when."""
    return await _rows_page(request, visitor, product, destination_id, bool(setup))


@router.post("/destinations/{destination_id}/rows")
async def save_rows(
    destination_id: str, request: Request, visitor: SignedInVisitor, product: ProductOf, setup: str = ""
) -> Response:
    """Keep which rows go there, and when."""
    form = await request.form()
    typed = {name: str(value) for name, value in form.items()}
    chosen = tuple(str(value) for value in form.getlist("account"))
    try:
        edit = Edit(selection=_selection_typed(typed, chosen, visitor.user.timezone))
        await Arrangements(product.doors, product.engine).save(visitor.workspace.id, destination_id, edit)
    except (BadRequest, ActionRequired) as problem:
        return await _rows_page(request, visitor, product, destination_id, bool(setup), problem)
    here = f"/destinations/{destination_id}"
    return see(request, f"{here}/preview") if setup else see(request, here, "Saved.")


@router.get("/destinations/{destination_id}/preview")
async def show_preview(destination_id: str, request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Show what the next sync would do, with samples; nothing is written."""
    destination = await product.db.read(destinations.find, visitor.workspace.id, destination_id)
    trial = await Arrangements(product.doors, product.engine).preview(visitor.workspace.id, destination_id)
    writes = sum(table.created + table.updated + table.deleted for table in trial.tables)
    seconds = writes / product.doors.destination_spec(destination.kind).pace
    was_read = bool(await product.db.read(rows.titles_of, visitor.workspace.id, "accounts"))
    shown: dict[str, Any] = {"destination": destination, "trial": trial, "was_read": was_read}
    return page(request, "preview.html", visitor, writes=writes, seconds=seconds, **shown)


def _tables_typed(arranged: Overview, typed: Mapping[str, str]) -> dict[str, TableEdit]:
    edits = {}
    for state in arranged.tables:
        on = f"on.{state.table}" in typed
        into = typed.get(f"into.{state.table}", "")
        moved = into != state.mapping.table_id
        edits[state.table] = TableEdit(on=on, into=(into or None) if moved and on else UNSET)
    return edits


def _fields_typed(typed: Mapping[str, str]) -> dict[str, FieldEdit]:
    edits = {}
    for name, value in typed.items():
        kind, _, column = name.partition(".")
        if kind != "field":
            continue
        whose = typed.get(f"writes.{column}")
        writes = Writes(whose) if whose in {one.value for one in Writes} else UNSET
        goal = None if value == NEW else value
        edits[column] = FieldEdit(on=False) if value == OFF else FieldEdit(on=True, field=goal, writes=writes)
    return edits


def _selection_typed(typed: Mapping[str, str], chosen: tuple[str, ...], timezone: str) -> SelectionEdit:
    since = typed.get("since", "").strip()
    try:
        day = dt.date.fromisoformat(since) if since else None
    except ValueError as error:
        raise BadRequest(f"{since} is no day.", remedy="Write it like 2026-01-31.") from error
    removal = typed.get("removal", Removal.DELETE.value)
    if removal not in {one.value for one in Removal}:
        raise BadRequest("There is no such choice for removed rows.", remedy="Choose one from the list.")
    if typed.get("accounts") == "some" and not chosen:
        raise BadRequest("No account is chosen.", remedy="Tick at least one, or choose all.")
    zone = typed.get("timezone", timezone)
    return SelectionEdit(
        accounts=chosen if typed.get("accounts") == "some" else None,
        since=day,
        removal=Removal(removal),
        schedule=typed.get("schedule") or None,
        timezone=zone if zone in forms.timezones() else timezone,
    )


async def _tables_page(
    request: Request,
    visitor: Visitor,
    product: Product,
    destination_id: str,
    setup: bool,
    typed: Mapping[str, str] | None = None,
    problem: BadRequest | ActionRequired | None = None,
) -> Response:
    acts = Arrangements(product.doors, product.engine)
    arranged = await acts.show(visitor.workspace.id, destination_id)
    proposal: Proposal | None = None
    schema = Schema(())
    try:
        schema = await acts.describe(visitor.workspace.id, destination_id)
        proposal = await acts.propose(visitor.workspace.id, destination_id) if setup else None
    except (ActionRequired, RetryLater) as unreachable:
        problem = problem or _as_problem(unreachable)
    spec = product.doors.destination_spec(arranged.destination.kind)
    return page(
        request,
        "mapping_tables.html",
        visitor,
        status=422 if problem else 200,
        arranged=arranged,
        setup=setup,
        schema=schema,
        chosen=_chosen(arranged, proposal, typed),
        can_create=spec.can_create_tables,
        conflicts=getattr(problem, "conflicts", ()),
        problem=problem,
    )


def _chosen(
    arranged: Overview, proposal: Proposal | None, typed: Mapping[str, str] | None
) -> dict[str, tuple[bool, str]]:
    """Give for each table whether it is on and where it goes: as typed, as it is, or as is proposed."""
    proposed = {match.table: match for match in proposal.tables} if proposal else {}
    found = {}
    for state in arranged.tables:
        into, on = state.mapping.table_id, state.enabled
        match = proposed.get(state.table)
        if not into and match is not None and match.remote is not None:
            into = match.remote.id
        if typed is not None:
            on, into = f"on.{state.table}" in typed, typed.get(f"into.{state.table}", "")
        found[state.table] = (on, into)
    return found


async def _fields_page(
    request: Request,
    visitor: Visitor,
    product: Product,
    destination_id: str,
    table: str,
    setup: bool,
    problem: BadRequest | ActionRequired | None = None,
) -> Response:
    acts = Arrangements(product.doors, product.engine)
    arranged = await acts.show(visitor.workspace.id, destination_id)
    state: TableState | None = next((one for one in arranged.tables if one.table == table), None)
    if state is None:
        return see(request, f"/destinations/{destination_id}/tables")
    schema = await acts.describe(visitor.workspace.id, destination_id)
    remote = next((one for one in schema.tables if one.id == state.mapping.table_id), None)
    return page(
        request,
        "mapping_fields.html",
        visitor,
        status=422 if problem else 200,
        arranged=arranged,
        state=state,
        setup=setup,
        columns=_columns(state, remote.fields if remote else ()),
        remote=remote,
        key_label=KEY_LABEL,
        can_create=product.doors.destination_spec(arranged.destination.kind).can_create_tables,
        conflicts=getattr(problem, "conflicts", ()),
        problem=problem,
    )


async def _rows_page(
    request: Request,
    visitor: Visitor,
    product: Product,
    destination_id: str,
    setup: bool,
    problem: BadRequest | ActionRequired | None = None,
) -> Response:
    arranged = await Arrangements(product.doors, product.engine).show(visitor.workspace.id, destination_id)
    schedule = arranged.destination.selection.schedule
    named = [("", "Only when something happens"), *((name, name.capitalize()) for name in NAMED)]
    if schedule and schedule not in NAMED:
        named.append((schedule, schedule))
    return page(
        request,
        "mapping_rows.html",
        visitor,
        status=422 if problem else 200,
        arranged=arranged,
        setup=setup,
        schedules=named,
        removals=_REMOVALS,
        problem=problem,
    )


def _as_problem(error: ActionRequired | RetryLater) -> ActionRequired:
    if isinstance(error, ActionRequired):
        return error
    return ActionRequired("unreachable", str(error), remedy="Wait a moment, then reload this page.")


@dataclass(frozen=True, slots=True)
class _Place:
    """One column of ours: where it goes (a field's id, `NEW` or `OFF`), what could take it, and whose it is."""

    column: Column
    goal: str
    fields: Sequence[tuple[str, str]]
    writes: str


def _columns(state: TableState, there: Sequence[RemoteField]) -> list[_Place]:
    """Give each column of ours with the fields that can take it, and the one that does."""
    mapped = {field.column: field for field in state.mapping.fields}
    found = []
    for column in columns(state.table).values():
        now = mapped.get(column.name)
        fitting = [(field.id, f"{field.name} ({field.type})") for field in there if column.kind in field.takes]
        goal = OFF if now is None else now.field_id or NEW
        whose = (now.writes if now else column.writes).value
        found.append(_Place(column, goal, fitting, whose))
    return found
