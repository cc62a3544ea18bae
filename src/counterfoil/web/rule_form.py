"""The form of a rule: what a person has typed, read into a rule, and a rule written into the form."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final

from starlette.datastructures import FormData

from counterfoil.errors import BadRequest
from counterfoil.money import plain
from counterfoil.rules import Comparison, Dates, MonthDays, Rule, Span, Then, When, Words, read_tags
from counterfoil.store import Tx, categories
from counterfoil.sync.rules_in_words import TEXTS
from counterfoil.web import forms

NEW: Final = "new:"  # before the name of a category that is still to be made


@dataclass(frozen=True, slots=True)
class Typed:
    """What stands in the form's inputs."""

    texts: Mapping[str, str]
    accounts: frozenset[str] = frozenset()
    weekdays: frozenset[int] = frozenset()

    def __getitem__(self, name: str) -> str:
        return self.texts.get(name, "")


def typed(form: FormData) -> Typed:
    """Give what a person has sent."""
    texts = {name: value.strip() for name, value in form.items() if isinstance(value, str)}
    accounts = frozenset(str(value) for value in form.getlist("account"))
    days = frozenset(int(day) for day in map(str, form.getlist("weekday")) if day.isdecimal())
    return Typed(texts, accounts, days)


def of_rule(rule: Rule) -> Typed:
    """Write a rule into the form."""
    when, then = rule.when, rule.then
    texts = {"name": rule.name, "enabled": "yes" if rule.enabled else "", "hide": "yes" if then.hide else ""}
    for name in TEXTS:
        words: Words | None = getattr(when, name)
        if words is not None:
            texts |= {f"{name}.test": words.test.value, name: words.text}
    for name, span in (("amount", when.amount), ("size", when.size)):
        if span is not None:
            texts |= {f"{name}.least": _amount(span.least), f"{name}.most": _amount(span.most)}
    if when.dates is not None:
        texts |= {"since": _date(when.dates.since), "until": _date(when.dates.until)}
    if when.month_days is not None:
        texts |= {"month.first": str(when.month_days.first), "month.last": str(when.month_days.last)}
    texts |= {"say.summary": then.summary or "", "category": then.category or "", "tags": ", ".join(then.tags)}
    return Typed(texts, frozenset(when.accounts), frozenset(when.weekdays))


def read(sent: Typed, rule_id: str, names: Mapping[str, str]) -> Rule:
    """Read the rule. `names` are the categories' names by key; a category that is to be made has a key behind `NEW`.

    Raises `BadRequest`.
    """
    name = forms.line(sent["name"] or _name_of(sent), "name")
    when = When(
        merchant=_words(sent, "merchant"),
        summary=_words(sent, "summary"),
        original_text=_words(sent, "original_text"),
        amount=_span(sent, "amount"),
        size=_span(sent, "size"),
        accounts=tuple(sorted(sent.accounts)),
        dates=_dates(sent),
        month_days=_month_days(sent),
        weekdays=tuple(sorted(sent.weekdays)),
    )
    then = Then(
        summary=sent["say.summary"] or None,
        category=category(sent, names),
        tags=read_tags(sent["tags"]),
        hide=bool(sent["hide"]),
    )
    return Rule(id=rule_id, name=name, when=when, then=then, enabled=bool(sent["enabled"]))


def _name_of(sent: Typed) -> str:
    """Name a rule after its first text where nobody has named it."""
    return next((sent[name] for name in TEXTS if sent[name]), "")


def category(sent: Typed, names: Mapping[str, str]) -> str | None:
    """Give the key of the category that is chosen or named, behind `NEW` for one that is still to be made."""
    made = " ".join(sent["category.new"].split())
    if not made:
        return sent["category"] or None
    return next((key for key, name in names.items() if name.casefold() == made.casefold()), NEW + made)


def make_category(tx: Tx, workspace_id: str, key: str) -> str:
    """Give the key of a category, made where it is to be. Raises `BadRequest` for one that is not there."""
    if key.startswith(NEW):
        return categories.named(tx, workspace_id, key.removeprefix(NEW))
    return categories.known(tx, workspace_id, key)


def _words(sent: Typed, name: str) -> Words | None:
    if not sent[name]:
        return None
    try:
        return Words(Comparison(sent[f"{name}.test"] or Comparison.CONTAINS.value), sent[name])
    except ValueError:
        raise BadRequest("There is no such comparison.", remedy="Choose one of the list.") from None


def _span(sent: Typed, name: str) -> Span | None:
    least, most = (_number(sent[f"{name}.{end}"]) for end in ("least", "most"))
    return None if least is None and most is None else Span(least, most)


def _number(text: str) -> Decimal | None:
    if not text:
        return None
    try:
        return Decimal(text.replace(" ", "").replace("−", "-"))
    except InvalidOperation:
        raise BadRequest(f"“{text[:40]}” is no amount.", remedy="Write it like 12.50 or -12.50.") from None


def _dates(sent: Typed) -> Dates | None:
    try:
        since, until = (dt.date.fromisoformat(sent[end]) if sent[end] else None for end in ("since", "until"))
    except ValueError:
        raise BadRequest("That is no date.", remedy="Write it like 2026-12-31.") from None
    return None if since is None and until is None else Dates(since, until)


def _month_days(sent: Typed) -> MonthDays | None:
    first, last = sent["month.first"], sent["month.last"]
    if not first and not last:
        return None
    if not (first or last).isdecimal() or not (last or first).isdecimal():
        raise BadRequest("That is no day of the month.", remedy="Write a number from 1 to 31.")
    return MonthDays(int(first or last), int(last or first))


def _amount(amount: Decimal | None) -> str:
    return "" if amount is None else plain(amount)


def _date(day: dt.date | None) -> str:
    return "" if day is None else day.isoformat()
