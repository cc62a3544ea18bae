"""What goes where at a destination: the user's own tables, a proposal, a dry run, a change, and acts on rows there."""

import datetime as dt
from decimal import Decimal
from typing import Any

import msgspec
from fastapi import Response
from pydantic import Field

from counterfoil.model import TABLES, Writes
from counterfoil.money import plain
from counterfoil.plan import Removal
from counterfoil.ports import Cell, Link
from counterfoil.sync import edits
from counterfoil.sync.arrange import Trial as Tried
from counterfoil.sync.permissions import Fate
from counterfoil.web.api import routes
from counterfoil.web.api.callers import Reader, Syncer, Works, Writer, note
from counterfoil.web.api.problems import Refusal
from counterfoil.web.api.shapes import Asked, Flag, Order, Shape, Words

router = routes.router("destinations")


class OwnField(Shape):
    """One field of one of the user's tables."""

    id: str
    name: str
    type: str = Field(description="the app's own word")
    takes: list[str] = Field(description="what of ours it can hold; empty where nothing can be written to it")


class OwnTable(Shape):
    """One of the user's tables."""

    id: str
    name: str
    fields: list[OwnField]


class OwnTables(Shape):
    """What the user's place looks like now."""

    tables: list[OwnTable]


class Farewell(Shape):
    """What the removal of a destination will do."""

    standing: int = Field(description="rows of ours that stand there, and stay")
    ends_at_vendor: bool = Field(description="what was allowed on the app's page ends, unless another lives by it")
    in_words: list[str]


class Clash(Shape):
    """One thing that stands in the way of a mapping."""

    code: str
    table: str
    column: str | None = Field(description="null where it concerns the whole table")
    message: str
    remedy: str


class ColumnMatch(Shape):
    """One of our columns and the user's field that is proposed for it."""

    column: str
    label: str
    kind: str
    field_id: str | None = Field(description="null: no field is like it")
    field_name: str | None
    confidence: float = Field(description="1: our own name; 0.85: a well-known other one; 0.5: a guess")


class TableMatch(Shape):
    """One of our tables and what is proposed for it."""

    table: str
    label: str
    table_id: str | None = Field(description="null: a new table is made, where the app lets us")
    table_name: str | None
    confidence: float
    key: ColumnMatch
    fields: list[ColumnMatch]
    conflicts: list[Clash]
    unused: list[str] = Field(description="names of the user's fields that stay the user's alone")


class Proposal(Shape):
    """What could go where."""

    tables: list[TableMatch]
    unused: list[str] = Field(description="names of the user's tables that nothing goes to")


class FieldEdit(Order):
    """What is to become of one column; what is left out stays as it is."""

    on: Flag = Field(True, description="false takes the column out of the mapping")
    field: Words | None = Field(None, description="the user's field, by id or name; null: a new one is made")
    label: Words = Field("", description="the name of a field that is made")
    writes: Writes = Field(Writes.ALWAYS, description="always: ours; once: the user's after the row was made")


class TableEdit(Order):
    """What is to become of one table; what is left out stays as it is."""

    on: Flag = Field(True, description="false: nothing is written to it; what stands there stays")
    into: Words | None = Field(None, description="the user's table, by id or name; null: a new one is made")
    label: Words = Field("", description="the name of a table that is made")
    key: Words | None = Field(None, description="the user's text field that holds our ids; null: a new one is made")
    fields: dict[str, FieldEdit] = Field({}, description="by the name of our column")


class SelectionEdit(Order):
    """What of the rows goes there, and when; what is left out stays as it is."""

    accounts: list[Words] | None = Field(None, description="by key or name; null: all, those to come too")
    since: dt.date | None = Field(None, description="dated rows from this day on; null: all")
    removal: Removal = Removal.DELETE
    schedule: Words | None = Field(None, description="a name such as `hourly`, or a cron expression; null: none")
    timezone: Words = "UTC"


class Edit(Order):
    """What is to change about a destination; what is left out stays as it is."""

    tables: dict[Words, TableEdit] = Field({}, description="by the name of our table")
    selection: SelectionEdit = SelectionEdit()

    def ours(self) -> edits.Edit:
        """Give it in our own words."""
        return msgspec.convert(self.model_dump(mode="json", exclude_unset=True), edits.Edit)


class Sample(Shape):
    """One row as an example of what would be done."""

    act: str = Field(description="create, update or delete")
    key: str
    name: str
    cells: dict[str, str | bool | None] = Field(description="what would be written, by the name of the field")


class TableTrial(Shape):
    """What would happen to one table."""

    table: str
    label: str
    created: int
    updated: int
    deleted: int
    unchanged: int
    samples: list[Sample]


class Trial(Shape):
    """What the next sync would do; nothing was written. With conflicts nothing else is told."""

    conflicts: list[Clash]
    tables: list[TableTrial]


class Kept(Shape):
    """The change is kept."""

    event_id: str | None = Field(description="the event that has it carried out; null where nothing is to be done")


class Rows(Order):
    """Which rows are meant; all of them where nothing is said."""

    tables: list[Words] | None = Field(None, max_length=50)
    keys: list[Words] | None = Field(None, max_length=10_000)


class Tables(Order):
    """Which tables are meant; all of them where nothing is said."""

    tables: list[Words] | None = Field(None, max_length=50)


class Counted(Shape):
    """How many rows are concerned; the work goes on behind."""

    rows: int


@router.get("/destinations/{destination_id}/schema")
async def show_own_tables(destination_id: str, caller: Syncer, product: Works) -> OwnTables:
    """Read the user's tables and fields at the destination as they are now."""
    found = await product.arrangements.describe(caller.workspace_id, destination_id)
    return OwnTables.model_validate(msgspec.to_builtins(found))


@router.get("/destinations/{destination_id}/proposal")
async def propose_mapping(destination_id: str, caller: Syncer, product: Works) -> Proposal:
    """Match our tables and columns with the user's, by name and type; nothing is kept."""
    told = msgspec.to_builtins(await product.arrangements.propose(caller.workspace_id, destination_id))
    return Proposal(tables=[_table_match(table) for table in told["tables"]], unused=told["unused"])


@router.post("/destinations/{destination_id}/preview", dependencies=routes.REPEATABLE)
async def preview_sync(destination_id: str, caller: Syncer, product: Works, order: Edit | None = None) -> Trial:
    """Say what the next sync would do, with a change or as things are. Nothing is kept, and nothing is written."""
    asked = (order or Edit()).ours()
    return _trial(await product.arrangements.preview(caller.workspace_id, destination_id, asked))


@router.patch("/destinations/{destination_id}")
async def change_destination(destination_id: str, order: Edit, caller: Writer, product: Works) -> Kept:
    """Change mapping, selection or schedule; only what differs is written anew, and a conflict keeps all as it was."""
    changed = await product.arrangements.save(caller.workspace_id, destination_id, order.ours())
    await note(product, caller, "destination.changed", changed.destination.label)
    return Kept(event_id=changed.event_id)


@router.post("/destinations/{destination_id}/restore", status_code=202, dependencies=routes.REPEATABLE)
async def restore_rows(destination_id: str, caller: Writer, product: Works, order: Rows | None = None) -> Counted:
    """Bring back rows that the user deleted there, all or some of them."""
    asked = order or Rows()
    tables = _names(asked.tables)
    count = await product.arrangements.restore(caller.workspace_id, destination_id, tables=tables, keys=asked.keys)
    await note(product, caller, "rows.restored", f"{count} rows of {destination_id}")
    return Counted(rows=count)


@router.post("/destinations/{destination_id}/retry", status_code=202, dependencies=routes.REPEATABLE)
async def retry_rows(destination_id: str, caller: Syncer, product: Works, order: Tables | None = None) -> Counted:
    """Try the rows again that the destination refused."""
    tables = _names((order or Tables()).tables)
    return Counted(rows=await product.arrangements.retry(caller.workspace_id, destination_id, tables=tables))


@router.post("/destinations/{destination_id}/pause", status_code=204, dependencies=routes.REPEATABLE)
async def pause_destination(destination_id: str, caller: Writer, product: Works) -> Response:
    """Write nothing there until it is resumed; a sync that is at work stops after its batch."""
    await product.arrangements.pause(caller.workspace_id, destination_id)
    await note(product, caller, "destination.paused", destination_id)
    return Response(status_code=204)


@router.post("/destinations/{destination_id}/resume", status_code=202, dependencies=routes.REPEATABLE)
async def resume_destination(destination_id: str, caller: Writer, product: Works) -> Asked:
    """Go on: everything that changed meanwhile is written."""
    event_id = await product.arrangements.resume(caller.workspace_id, destination_id)
    await note(product, caller, "destination.resumed", destination_id)
    return Asked(event_id=event_id)


@router.get("/destinations/{destination_id}/removal")
async def preview_destination_removal(destination_id: str, caller: Reader, product: Works) -> Farewell:
    """Show what the removal of the destination would do; nothing is done."""
    found = await product.arrangements.show(caller.workspace_id, destination_id)
    fate = await product.arrangements.fate(caller.workspace_id, destination_id)
    standing = sum(one.standing for one in found.tables)
    spec = product.doors.destination_spec(found.destination.kind)
    stays = f"{standing:,} rows stay where they are and are yours; nothing is written there any more."
    return Farewell(standing=standing, ends_at_vendor=fate is Fate.ENDS, in_words=[stays, fate.in_words(spec)])


@router.delete("/destinations/{destination_id}", status_code=204)
async def remove_destination(destination_id: str, caller: Writer, product: Works) -> Response:
    """Forget the destination with its credential and mapping; what stands there stays, and is the user's own.

    What was allowed on the app's own page is ended there, unless another destination lives by it.
    """
    found = await product.arrangements.show(caller.workspace_id, destination_id)
    await product.arrangements.remove(caller.workspace_id, destination_id)
    await note(product, caller, "destination.removed", found.destination.label)
    return Response(status_code=204)


def _names(tables: list[Words] | None) -> list[Words] | None:
    for table in tables or ():
        if table not in TABLES:
            there = f"There are: {', '.join(TABLES)}."
            raise Refusal(400, "no_such_table", f"We have no table {table!r}.", remedy=there)
    return tables


def _table_match(told: dict[str, Any]) -> TableMatch:
    remote = told["remote"] or {"id": None, "name": None}
    columns = {"key": _column_match(told["key"]), "fields": [_column_match(one) for one in told["fields"]]}
    return TableMatch.model_validate(told | columns | {"table_id": remote["id"], "table_name": remote["name"]})


def _column_match(told: dict[str, Any]) -> ColumnMatch:
    field = told["field"] or {"id": None, "name": None}
    return ColumnMatch.model_validate(told | {"field_id": field["id"], "field_name": field["name"]})


def _trial(tried: Tried) -> Trial:
    tables = []
    for table in tried.tables:
        samples = [
            Sample(act=one.act.value, key=one.key, name=one.name, cells={k: _text(v) for k, v in one.cells.items()})
            for one in table.samples
        ]
        counts = {name: getattr(table, name) for name in ("created", "updated", "deleted", "unchanged")}
        tables.append(TableTrial(table=table.table, label=table.label, samples=samples, **counts))
    return Trial(conflicts=[Clash.model_validate(one) for one in tried.conflicts], tables=tables)


def _text(cell: Cell) -> str | bool | None:
    match cell:
        case Decimal():
            return plain(cell)
        case dt.date():
            return cell.isoformat()
        case Link():
            return cell.name
    return cell
