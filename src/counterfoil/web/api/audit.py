"""The audit log: what people and programs did in the workspace."""

import datetime as dt
from typing import Annotated

from fastapi import Query
from pydantic import Field

from counterfoil.store import audit as stored
from counterfoil.web.api import paging, routes
from counterfoil.web.api.callers import Reader, Works
from counterfoil.web.api.paging import Cursor, Limit, Page
from counterfoil.web.api.shapes import Shape

router = routes.router("workspace")
Text = Annotated[str | None, Query(max_length=254, pattern=r"^[^\x00]*$")]


class Entry(Shape):
    """One act."""

    id: str
    act: str = Field(examples=["connection.removed"])
    subject: str | None = Field(description="what it was done to, in words; and by which token")
    by: str | None = Field(
        description="the e-mail address of whoever did it; null for programs, and for people who left"
    )
    address: str | None = Field(description="the network address it came from")
    at: dt.datetime


@router.get("/audit")
async def list_audit(
    caller: Reader, product: Works, limit: Limit = 50, cursor: Cursor = None, act: Text = None, by: Text = None
) -> Page[Entry]:
    """List what was done, newest first: all of it, one act, or what one person did."""
    before = paging.single(cursor)
    found = await product.db.read(
        stored.of_workspace, caller.workspace_id, before=before, limit=limit + 1, act=act, by=by
    )
    return paging.page_of(found, limit, Entry.model_validate, lambda entry: (entry.id,))
