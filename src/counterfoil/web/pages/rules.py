"""Rules: their list in order, the form of one, what it would do, and applying them to the rows that are there."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Form, Request, Response

from counterfoil.bootstrap import Product
from counterfoil.errors import BadRequest
from counterfoil.rules import Rule
from counterfoil.store import Tx, audit, categories, rules
from counterfoil.sync import rules_in_words as words
from counterfoil.web import rule_form, ruling
from counterfoil.web.auth import ProductOf, SignedInVisitor, Visitor, address_of
from counterfoil.web.render import page, see
from counterfoil.web.rule_form import Typed

router = APIRouter(include_in_schema=False)
_BEGINS = ("merchant", "summary", "original_text", "category")  # what a link to a new rule may fill in


@router.get("/rules")
async def show(request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Show the page."""
    every, known = await product.db.read(_read, visitor.workspace.id)
    told = [(one, words.conditions(one.when, known), words.outcomes(one.then, known)) for one in every]
    return page(request, "rules.html", visitor, rules=told)


@router.get("/rules/new")
async def show_new(request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Show an empty form, with what a link from a transaction has filled in."""
    begun = {name: request.query_params[name][:200] for name in _BEGINS if name in request.query_params}
    return await _form(request, visitor, product, Typed({**begun, "enabled": "yes"}))


@router.get("/rules/apply")
async def show_apply(request: Request, visitor: SignedInVisitor) -> Response:
    """Show what applying means."""
    return page(request, "rules_apply.html", visitor, trial=None, overwrite=False)


@router.post("/rules/apply")
async def apply(
    request: Request, visitor: SignedInVisitor, product: ProductOf, overwrite: Annotated[str, Form()] = ""
) -> Response:
    """Apply the rules to the rows that are there."""
    await product.rulings.apply(visitor.workspace.id, overwrite=bool(overwrite))
    await _note(request, visitor, product, "rules.applied", "the rows that were there")
    return see(request, "/rules", "The rules are being applied. Destinations follow within moments.")


@router.post("/rules/apply/trial")
async def try_all(
    request: Request, visitor: SignedInVisitor, product: ProductOf, overwrite: Annotated[str, Form()] = ""
) -> Response:
    """Show what applying would do; nothing changes."""
    trial = await _trial(product, visitor, None, {})
    return page(request, "rules_apply.html", visitor, trial=trial, overwrite=bool(overwrite))


@router.post("/rules/trial")
async def try_one(
    request: Request, visitor: SignedInVisitor, product: ProductOf, rule_id: Annotated[str, Form()] = ""
) -> Response:
    """Show what the rule in the form would do; nothing is kept."""
    sent = rule_form.typed(await request.form())
    try:
        known = await product.db.read(categories.names, visitor.workspace.id)
        draft = rule_form.read(sent, rule_id or "draft", known)
        trial = await _trial(product, visitor, replace_state(draft), known)
    except BadRequest as problem:
        return await _form(request, visitor, product, sent, rule_id, problem=problem)
    return await _form(request, visitor, product, sent, rule_id, trial=trial)


@router.post("/rules")
async def add(request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Keep a new rule."""
    return await _keep(request, visitor, product, "", _add)


@router.get("/rules/{rule_id}")
async def show_one(rule_id: str, request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Show one rule in its form."""
    rule = await product.db.read(rules.find, visitor.workspace.id, rule_id)
    return await _form(request, visitor, product, rule_form.of_rule(rule), rule_id)


@router.post("/rules/{rule_id}")
async def change(rule_id: str, request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Keep what was changed about a rule."""
    await product.db.read(rules.find, visitor.workspace.id, rule_id)
    return await _keep(request, visitor, product, rule_id, rules.change)


@router.post("/rules/{rule_id}/move")
async def move(
    rule_id: str,
    request: Request,
    visitor: SignedInVisitor,
    product: ProductOf,
    position: Annotated[int, Form(ge=0, le=10_000)] = 0,
) -> Response:
    """Put a rule at another place."""
    await product.db.run(rules.move, visitor.workspace.id, rule_id, position)
    await _note(request, visitor, product, "rules.ordered", None)
    return see(request, "/rules")


@router.post("/rules/{rule_id}/remove")
async def remove(rule_id: str, request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Remove a rule."""
    rule = await product.db.run(rules.remove, visitor.workspace.id, rule_id)
    await _note(request, visitor, product, "rule.removed", rule.name)
    return see(request, "/rules", f"“{rule.name}” is removed. Rows keep what it said until you apply the rules.")


def replace_state(draft: Rule) -> Rule:
    """Try a rule that is switched off as if it were on: that is what the person wants to see."""
    return msgspec.structs.replace(draft, enabled=True)


def _read(tx: Tx, workspace_id: str) -> tuple[list[Rule], words.Names]:
    return rules.of_workspace(tx, workspace_id), words.names(tx, workspace_id)


async def _keep(
    request: Request,
    visitor: Visitor,
    product: Product,
    rule_id: str,
    keep: Callable[[Tx, str, Rule], None],
) -> Response:
    sent = rule_form.typed(await request.form())
    try:
        rule = await product.db.run(_save, visitor.workspace.id, sent, rule_id, keep)
    except BadRequest as problem:
        return await _form(request, visitor, product, sent, rule_id, problem=problem)
    await _note(request, visitor, product, "rule.changed" if rule_id else "rule.added", rule.name)
    return see(request, "/rules", f"“{rule.name}” holds for rows that come from now on.")


def _save(tx: Tx, workspace_id: str, sent: Typed, rule_id: str, keep: Callable[[Tx, str, Rule], None]) -> Rule:
    """Keep a rule, and the category of the person's own that it gives."""
    rule = rule_form.read(sent, rule_id, categories.names(tx, workspace_id))
    if rule.then.category is not None:
        key = rule_form.make_category(tx, workspace_id, rule.then.category)
        rule = msgspec.structs.replace(rule, then=msgspec.structs.replace(rule.then, category=key))
    keep(tx, workspace_id, rule)
    return rule


def _add(tx: Tx, workspace_id: str, rule: Rule) -> None:
    rules.add(tx, workspace_id, name=rule.name, when=rule.when, then=rule.then, enabled=rule.enabled)


async def _form(
    request: Request,
    visitor: Visitor,
    product: Product,
    sent: Typed,
    rule_id: str = "",
    *,
    problem: BadRequest | None = None,
    trial: Mapping[str, Any] | None = None,
) -> Response:
    return page(
        request,
        "rule.html",
        visitor,
        status=422 if problem else 200,
        sent=sent,
        rule_id=rule_id,
        problem=problem,
        trial=trial,
        known=await product.db.read(words.names, visitor.workspace.id),
        texts=words.TEXTS,
        tests=[(test.value, label) for test, label in words.TESTS.items()],
        weekdays=words.WEEKDAYS,
    )


async def _trial(product: Product, visitor: Visitor, draft: Rule | None, names: Mapping[str, str]) -> dict[str, Any]:
    tried = await product.rulings.trial(visitor.workspace.id, draft)
    every, known = await product.db.read(_read, visitor.workspace.id)
    by_id = {rule.id: rule for rule in (*every, *([draft] if draft else []))}
    if draft is not None and draft.then.category and draft.then.category not in names:
        made = {draft.then.category: draft.then.category.removeprefix(rule_form.NEW)}
        known = replace(known, category_names={**known.category_names, **made})
    return {
        "looked": tried.looked,
        "changes": tried.changes,
        "matched": tried.matched.get(draft.id, 0) if draft else sum(tried.matched.values()),
        "by_rule": [(rule, tried.matched.get(rule.id, 0)) for rule in every if rule.enabled],
        "samples": [ruling.example(one, known, by_id) for one in tried.samples],
    }


async def _note(request: Request, visitor: Visitor, product: Product, act: str, subject: str | None) -> None:
    await product.db.run(
        audit.note, visitor.workspace.id, act, user_id=visitor.user.id, subject=subject, address=address_of(request)
    )
