"""The workspace itself: its name, how it shows amounts, all of it as a zip, and the end of all of it."""

import datetime as dt
from typing import Annotated, Any, Literal

from fastapi import Query
from fastapi.responses import StreamingResponse
from pydantic import Field, StringConstraints

from counterfoil.store import Tx
from counterfoil.store import workspaces as stored
from counterfoil.web import download
from counterfoil.web.api import routes
from counterfoil.web.api.callers import Admin, Reader, Works, note
from counterfoil.web.api.shapes import Order, Shape, Words

router = routes.router("workspace")
Code = Annotated[str, StringConstraints(to_upper=True, pattern=r"^[A-Za-z0-9]{2,10}$")]
Amounts = Literal["symbol", "code"]
Digits = Literal["point", "comma", "space", "quote"]


class Workspace(Shape):
    """The workspace that the token stands for."""

    id: str
    name: str
    currency: str | None = Field(description="shown first; null: the one that most accounts are in")
    amounts: str = Field(description="symbol: $1.00; code: 1.00 USD")
    digits: str = Field(description="point: 1,234.50; comma: 1.234,50; space: 1 234,50; quote: 1’234.50")


class WorkspaceChange(Order):
    """What is to change; what is left out stays as it is."""

    name: Words = Field("Home", description="what it is called")
    currency: Code | None = Field(None, description="shown first; null: the one that most accounts are in")
    amounts: Amounts = "symbol"
    digits: Digits = "point"


class Consequences(Shape):
    """What the deletion of everything will do."""

    name: str = Field(description="to be given back with the order")
    in_words: list[str]


class DeletionOrder(Order):
    """The order to delete everything."""

    name: Words = Field(description="the workspace's name, to show that this is meant")


class Deletion(Shape):
    """How the deletion stands. The token that asked for it opens nothing any more."""

    finished_at: dt.datetime | None = Field(description="null while it goes on behind, by itself")
    remains: list[str] = Field(description="what could not be ended at a provider, in words, and who can")
    path: str = Field(description="a page of this server that tells how it stands; whoever has the address sees it")


@router.get("/workspace")
async def show_workspace(caller: Reader, product: Works) -> Workspace:
    """Show the workspace."""
    return _shape(await product.db.read(stored.find, caller.workspace_id))


@router.patch("/workspace")
async def change_workspace(order: WorkspaceChange, caller: Admin, product: Works) -> Workspace:
    """Change the name, or how amounts are shown."""
    name = await product.db.run(_change, caller.workspace_id, order)
    await note(product, caller, "workspace.changed", name)
    return await show_workspace(caller, product)


@router.get("/export", response_class=StreamingResponse, responses={200: {"content": {"application/zip": {}}}})
async def export_everything(caller: Reader, product: Works) -> StreamingResponse:
    """Send all rows as a zip: CSV and JSON for each table, and `about.json`, which tells the columns."""
    await note(product, caller, "rows.exported", "everything")
    return await download.everything(product.db, caller.workspace_id)


@router.get("/workspace/deletion")
async def preview_deletion(caller: Reader, product: Works) -> Consequences:
    """Show what the deletion of everything would do; nothing is done."""
    found = await product.db.read(stored.find, caller.workspace_id)
    return Consequences(name=found.name, in_words=await product.deletions.consequences(found.id))


@router.post("/workspace/deletion", status_code=202, dependencies=routes.REPEATABLE)
async def delete_everything(
    order: DeletionOrder,
    caller: Admin,
    product: Works,
    wait: Annotated[int, Query(ge=0, le=600, description="seconds to wait for the end")] = 20,
) -> Deletion:
    """Delete the workspace with all that is stored of it. It cannot be taken back, and ends by itself."""
    begun = await product.deletions.begin(caller.workspace_id, order.name, wait=wait)
    stands = begun.deletion
    return Deletion(finished_at=stands.finished_at, remains=list(stands.remains), path=f"/deleted/{begun.word}")


def _change(tx: Tx, workspace_id: str, order: WorkspaceChange) -> str:
    stored.hold(tx, workspace_id)  # what is left out may be changed by another in this moment
    found = stored.find(tx, workspace_id)
    shown = {name: getattr(found.display, name) for name in stored.Display.__dataclass_fields__}
    given: dict[str, Any] = {"name": found.name, **shown, **order.model_dump(exclude_unset=True)}
    name: str = given.pop("name")
    stored.change(tx, workspace_id, name=name, display=stored.Display(**given))
    return name


def _shape(found: stored.Workspace) -> Workspace:
    shown = found.display
    return Workspace(id=found.id, name=found.name, currency=shown.currency, amounts=shown.amounts, digits=shown.digits)
