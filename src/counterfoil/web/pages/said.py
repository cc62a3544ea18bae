"""What a person says of one transaction: summary, category, tags, and whether it is hidden."""

from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request, Response

from counterfoil.bootstrap import Product
from counterfoil.errors import BadRequest
from counterfoil.rules import LONGEST_TEXT, check_tags, read_tags, write_tags
from counterfoil.store import audit, categories, saying
from counterfoil.store.saying import Spoken
from counterfoil.sync import rules_in_words
from counterfoil.web import forms, rule_form
from counterfoil.web.auth import ProductOf, SignedInVisitor, Visitor, address_of
from counterfoil.web.render import page, see
from counterfoil.web.rule_form import Typed

router = APIRouter(include_in_schema=False)


@router.get("/words/{key:path}")
async def show(key: str, request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Show the form with what is shown of the transaction now."""
    one = await product.db.read(saying.spoken, visitor.workspace.id, key)
    sent = Typed(
        {
            "say.summary": one.said.summary or "",
            "category": one.said.category or "",
            "tags": one.said.tags or "",
            "hide": "yes" if one.said.hidden else "",
        }
    )
    return await _form(request, visitor, product, one, sent)


@router.post("/words/{key:path}")
async def say(key: str, request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Keep what the person says; what they leave as it was stays the rules' or the bank's."""
    one = await product.db.read(saying.spoken, visitor.workspace.id, key)
    sent = rule_form.typed(await request.form())
    try:
        words = await _read(product, visitor, one, sent)
        changed = await product.rulings.edit(visitor.workspace.id, key, words, overwrite=bool(sent["overwrite"]))
    except BadRequest as problem:
        return await _form(request, visitor, product, one, sent, problem)
    if changed:
        subject, address = one.said.summary or one.told_summary, address_of(request)
        act = {"user_id": visitor.user.id, "subject": subject, "address": address}
        await product.db.run(audit.note, visitor.workspace.id, "transaction.edited", **act)
    said = "Saved. Destinations follow within moments." if changed else "Nothing was changed."
    return see(request, f"/transactions/{quote(key)}", said)


async def _read(product: Product, visitor: Visitor, one: Spoken, sent: Typed) -> dict[str, Any]:
    """Give what differs from what is said now; what was emptied is given back to the rules and the bank."""
    if sent["forget"]:
        return dict.fromkeys(one.by_hand)
    tags = read_tags(sent["tags"])
    check_tags(tags)
    category = rule_form.category(sent, await product.db.read(categories.names, visitor.workspace.id))
    if category is not None and category != one.said.category:
        category = await product.db.run(rule_form.make_category, visitor.workspace.id, category)
    summary = forms.line(sent["say.summary"], "summary", LONGEST_TEXT) if sent["say.summary"] else None
    wished = {
        "summary": (one.said.summary, summary),
        "category": (one.said.category, category),
        "tags": (one.said.tags or "", write_tags(tags) or ""),
        "hidden": (one.said.hidden, bool(sent["hide"])),
    }
    return {name: becomes for name, (was, becomes) in wished.items() if was != becomes}


async def _form(
    request: Request,
    visitor: Visitor,
    product: Product,
    one: Spoken,
    sent: Typed,
    problem: BadRequest | None = None,
) -> Response:
    return page(
        request,
        "words.html",
        visitor,
        status=422 if problem else 200,
        one=one,
        sent=sent,
        problem=problem,
        known=await product.db.read(rules_in_words.names, visitor.workspace.id),
        here=f"/transactions/{quote(one.key)}",
        address=f"/words/{quote(one.key)}",
    )
