"""What a person says of one transaction: it is shown and written in place of what the bank tells."""

from typing import Annotated, Any

from pydantic import BaseModel, Field

from counterfoil.rules import LONGEST_TEXT, MOST_TAGS, check_tags, write_tags
from counterfoil.web.api import routes
from counterfoil.web.api.callers import Works, Writer, note
from counterfoil.web.api.rules import RuleText, Tag
from counterfoil.web.api.shapes import Flag, Order

router = routes.router("rows")


class Saying(Order):
    """What to say; null gives a field back to the rules and the bank, and what is left out stays."""

    summary: Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT, pattern=r"^[^\x00]*\S[^\x00]*$")] | None = None
    category: RuleText | None = Field(None, description="a key of `GET /v1/categories`")
    tags: list[Tag] | None = Field(None, max_length=MOST_TAGS, description="an empty list for none")
    hidden: Flag | None = Field(None, description="not wanted at destinations, and left out of lists")
    overwrite: Flag = Field(False, description="write it at the destinations even in fields that are the user's")


class Spoken(BaseModel):
    """Whether anything is said differently now."""

    changed: bool


@router.patch("/rows/transactions/{key}")
async def edit_transaction(key: str, order: Saying, caller: Writer, product: Works) -> Spoken:
    """Say summary, category, tags, or that a transaction is hidden; rules leave that alone from then on."""
    words: dict[str, Any] = {name: getattr(order, name) for name in order.model_fields_set - {"overwrite"}}
    if words.get("tags") is not None:
        check_tags(words["tags"])
        words["tags"] = write_tags(words["tags"]) or ""
    changed = await product.rulings.edit(caller.workspace_id, key, words, overwrite=order.overwrite)
    if changed:
        await note(product, caller, "transaction.edited", key)
    return Spoken(changed=changed)
