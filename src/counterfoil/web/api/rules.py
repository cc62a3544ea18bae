"""Rules about transactions: kept in their order, tried on the rows that are there, and applied to them."""

import datetime as dt
from decimal import Decimal
from typing import Annotated, TypeVar

import msgspec
from fastapi import Response
from pydantic import BaseModel, Field

from counterfoil.bootstrap import Product
from counterfoil.rules import LONGEST_TAG, LONGEST_TEXT, MOST_TAGS, Comparison, Rule, Then, When
from counterfoil.store import Tx, categories
from counterfoil.store import rules as stored
from counterfoil.sync.rules_in_words import Names, in_words, names
from counterfoil.web import ruling
from counterfoil.web.api import paging, routes
from counterfoil.web.api.callers import Caller, Reader, Works, Writer, note
from counterfoil.web.api.paging import Cursor, Limit, Page
from counterfoil.web.api.shapes import Asked, Exact, ExactSent, Flag, Order, Shape, Words

router = routes.router("rules")
T = TypeVar("T")
RuleText = Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT, pattern=r"^[^\x00]*$")]
Tag = Annotated[str, Field(min_length=1, max_length=LONGEST_TAG, pattern=r"^[^\x00,]*[^\x00,\s][^\x00,]*$")]
_Amount = Annotated[ExactSent, Field(max_digits=30, decimal_places=10)]
_MonthDay = Annotated[int, Field(ge=1, le=31)]


class TextTest(Order):
    """A condition on a text, without regard to case; a text that is not there is empty."""

    test: Comparison = Field(description="`matches` takes an expression of RE2, found anywhere in the text")
    text: RuleText


class Range(Order):
    """A condition on an amount; both ends belong to it."""

    least: _Amount | None = None
    most: _Amount | None = None


class DateRange(Order):
    """A condition on the date; both ends belong to it."""

    since: dt.date | None = None
    until: dt.date | None = None


class MonthDays(Order):
    """A condition on the day of the month; from 28 to 3 goes over the month's end."""

    first: _MonthDay
    last: _MonthDay


class Conditions(Order):
    """Which rows a rule is for: all of these must hold, and what is left out holds for every row."""

    merchant: TextTest | None = None
    summary: TextTest | None = None
    original_text: TextTest | None = None
    amount: Range | None = Field(None, description="as it stands: money that leaves is negative")
    size: Range | None = Field(None, description="the amount without its sign")
    accounts: list[RuleText] = Field([], max_length=200, description="keys, any of them")
    dates: DateRange | None = None
    month_days: MonthDays | None = None
    weekdays: list[Annotated[int, Field(ge=1, le=7)]] = Field([], max_length=7, description="1 is Monday")


class Outcomes(Order):
    """What a rule says of a row; what is left out stays as the bank tells it."""

    summary: RuleText | None = None
    category: RuleText | None = Field(None, description="a key of `GET /v1/categories`")
    tags: list[Tag] = Field([], max_length=MOST_TAGS)
    hide: Flag = Field(False, description="not wanted at destinations, and left out of lists")


class RuleShape(Shape):
    """A rule. The first in the list that holds for a row wins."""

    id: str
    name: str
    enabled: bool
    when: Conditions
    then: Outcomes
    in_words: list[str] = Field(description="its conditions, then what it says")


class NewRule(Order):
    """A rule to be kept behind all others, or tried."""

    name: Words
    when: Conditions
    then: Outcomes
    enabled: Flag = True


class RuleChange(Order):
    """What is to change about a rule; what is left out stays."""

    name: Words | None = None
    when: Conditions | None = None
    then: Outcomes | None = None
    enabled: Flag | None = None
    position: Annotated[int, Field(ge=0, le=10_000)] | None = Field(None, description="0 is the first")


class Draft(Order):
    """What is to be tried: all rules as they stand, or a draft, new or in the place of the rule of that id."""

    rule: NewRule | None = None
    rule_id: RuleText | None = None


class Change(BaseModel):
    """What would be said of a row instead of what is shown now."""

    label: str
    before: str
    after: str


class Sample(BaseModel):
    """A row of which something else would be said."""

    key: str
    date: dt.date
    summary: str
    amount: Exact
    currency: str
    account: str
    rule: str | None = Field(description="the rule that says it; null where none does any more")
    changes: list[Change]


class Trial(BaseModel):
    """What applying the rules to the rows that are there would do."""

    looked: int = Field(description="rows that were looked at")
    matched: dict[str, int] = Field(description="by rule: rows that it is the first to hold for; `draft` is the draft")
    changes: int = Field(description="rows of which something else would be said; with a draft, by its doing")
    samples: list[Sample]


class Application(Order):
    """How the rules are to be applied."""

    overwrite: Flag = Field(
        False, description="write what changes at the destinations even in fields that are the user's"
    )


@router.get("/rules")
async def list_rules(caller: Reader, product: Works, limit: Limit = 50, cursor: Cursor = None) -> Page[RuleShape]:
    """List the rules in their order."""
    every, known = await product.db.read(_read, caller.workspace_id)
    return paging.part_of(every, limit, cursor, lambda rule: _shape(rule, known), lambda rule: rule.id)


@router.get("/rules/{rule_id}")
async def show_rule(rule_id: str, caller: Reader, product: Works) -> RuleShape:
    """Show one rule."""
    rule = await product.db.read(stored.find, caller.workspace_id, rule_id)
    return _shape(rule, await product.db.read(names, caller.workspace_id))


@router.post("/rules", status_code=201, dependencies=routes.REPEATABLE)
async def add_rule(order: NewRule, caller: Writer, product: Works) -> RuleShape:
    """Keep a new rule behind all others; it is applied to the rows that land from now on."""
    rule = await product.db.run(_add, caller.workspace_id, order)
    await note(product, caller, "rule.added", rule.name)
    return await show_rule(rule.id, caller, product)


@router.patch("/rules/{rule_id}")
async def change_rule(rule_id: str, order: RuleChange, caller: Writer, product: Works) -> RuleShape:
    """Change a rule, or its place among the others; rows that land from now on are told by it."""
    rule = await product.db.run(_change, caller.workspace_id, rule_id, order)
    await note(product, caller, "rule.changed", rule.name)
    return await show_rule(rule_id, caller, product)


@router.delete("/rules/{rule_id}", status_code=204, response_class=Response)
async def remove_rule(rule_id: str, caller: Writer, product: Works) -> None:
    """Remove a rule; rows keep what it said until the rules are applied to them."""
    rule = await product.db.run(stored.remove, caller.workspace_id, rule_id)
    await note(product, caller, "rule.removed", rule.name)


@router.post("/rules/trial", dependencies=routes.REPEATABLE)
async def try_rules(order: Draft, caller: Reader, product: Works) -> Trial:
    """Tell what the rules, or a draft among them, would do to the rows that are there; nothing changes."""
    draft = None
    if order.rule is not None:
        if order.rule_id is not None:
            await product.db.read(stored.find, caller.workspace_id, order.rule_id)
        draft = _rule(order.rule, order.rule_id or "draft")
    return await _trial(product, caller, draft)


@router.post("/rules/apply", status_code=202, dependencies=routes.REPEATABLE)
async def apply_rules(order: Application, caller: Writer, product: Works) -> Asked:
    """Apply the rules to the rows that are there; what a person has said of a row stays."""
    event_id = await product.rulings.apply(caller.workspace_id, overwrite=order.overwrite)
    await note(product, caller, "rules.applied", "the rows that were there")
    return Asked(event_id=event_id)


def _read(tx: Tx, workspace_id: str) -> tuple[list[Rule], Names]:
    return stored.of_workspace(tx, workspace_id), names(tx, workspace_id)


def _add(tx: Tx, workspace_id: str, order: NewRule) -> Rule:
    rule = _rule(order, "")
    _check_category(tx, workspace_id, rule.then)
    return stored.add(tx, workspace_id, name=rule.name, when=rule.when, then=rule.then, enabled=rule.enabled)


def _change(tx: Tx, workspace_id: str, rule_id: str, order: RuleChange) -> Rule:
    rule = stored.hold(tx, workspace_id, rule_id)
    wished = {
        "name": order.name,
        "enabled": order.enabled,
        "when": None if order.when is None else _struct(order.when, When),
        "then": None if order.then is None else _struct(order.then, Then),
    }
    changed = msgspec.structs.replace(rule, **{name: value for name, value in wished.items() if value is not None})
    if order.then is not None:
        _check_category(tx, workspace_id, changed.then)
    if changed != rule:
        stored.change(tx, workspace_id, changed)
    if order.position is not None:
        stored.move(tx, workspace_id, rule_id, order.position)
    return changed


def _check_category(tx: Tx, workspace_id: str, then: Then) -> None:
    if then.category is not None:
        categories.known(tx, workspace_id, then.category)


async def _trial(product: Product, caller: Caller, draft: Rule | None) -> Trial:
    tried = await product.rulings.trial(caller.workspace_id, draft)
    every, known = await product.db.read(_read, caller.workspace_id)
    rules = {rule.id: rule for rule in (*every, *([draft] if draft else []))}
    samples = [_sample(ruling.example(one, known, rules)) for one in tried.samples]
    return Trial(looked=tried.looked, matched=dict(tried.matched), changes=tried.changes, samples=samples)


def _sample(one: ruling.Example) -> Sample:
    return Sample(
        key=one.key,
        date=dt.date.fromisoformat(one.date),
        summary=one.summary,
        amount=Decimal(one.amount),
        currency=one.currency,
        account=one.account,
        rule=one.rule,
        changes=[Change(label=cell.label, before=cell.before, after=cell.after) for cell in one.cells],
    )


def _rule(order: NewRule, rule_id: str) -> Rule:
    when, then = _struct(order.when, When), _struct(order.then, Then)
    return Rule(id=rule_id, name=order.name, when=when, then=then, enabled=order.enabled)


def _struct(order: Order, kind: type[T]) -> T:
    return msgspec.convert(order.model_dump(mode="json", exclude_none=True), kind)


def _shape(rule: Rule, known: Names) -> RuleShape:
    told = msgspec.to_builtins(rule)
    return RuleShape.model_validate({**told, "in_words": in_words(rule, known)})
