"""Categories: those that banks tell, and those of the workspace's own."""

from fastapi import Response
from pydantic import Field

from counterfoil.store import Tx
from counterfoil.store import categories as stored
from counterfoil.web.api import paging, routes
from counterfoil.web.api.callers import Reader, Works, Writer, note
from counterfoil.web.api.paging import Cursor, Limit, Page
from counterfoil.web.api.shapes import Order, Shape, Words

router = routes.router("rules")


class Category(Shape):
    """A category that rules and people can give."""

    key: str
    name: str
    group: str | None
    own: bool = Field(description="made here, and not told by a bank")


class NewCategory(Order):
    """A category of your own."""

    name: Words


@router.get("/categories")
async def list_categories(caller: Reader, product: Works, limit: Limit = 50, cursor: Cursor = None) -> Page[Category]:
    """List the categories by name."""
    every = await product.db.read(stored.choices, caller.workspace_id)
    return paging.part_of(every, limit, cursor, Category.model_validate, lambda one: one.key)


@router.post("/categories", status_code=201, dependencies=routes.REPEATABLE)
async def add_category(order: NewCategory, caller: Writer, product: Works) -> Category:
    """Make a category of your own, or find the one of that name."""
    made = await product.db.run(_add, caller.workspace_id, order.name)
    await note(product, caller, "category.added", made.name)
    return Category.model_validate(made)


@router.delete("/categories/{key}", status_code=204, response_class=Response)
async def remove_category(key: str, caller: Writer, product: Works) -> None:
    """Remove a category of your own that no rule gives and no row has."""
    name = await product.db.run(stored.remove, caller.workspace_id, key)
    await note(product, caller, "category.removed", name)


def _add(tx: Tx, workspace_id: str, name: str) -> stored.Choice:
    key = stored.named(tx, workspace_id, name)
    return next(one for one in stored.choices(tx, workspace_id) if one.key == key)
