"""Rules in words: what they are for, and what they say of a row."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from counterfoil.money import plain
from counterfoil.rules import Comparison, Rule, Span, Then, When
from counterfoil.store import Tx, categories, figures
from counterfoil.store.categories import Choice
from counterfoil.store.figures import OpenAccount

WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
TEXTS: Final = {"merchant": "Merchant", "summary": "Summary", "original_text": "Original text"}
TESTS: Final = {
    Comparison.CONTAINS: "contains",
    Comparison.LACKS: "does not contain",
    Comparison.IS: "is",
    Comparison.MATCHES: "matches the expression",
}


@dataclass(frozen=True, slots=True)
class Names:
    """The names of accounts and categories by key, and what can be chosen."""

    accounts: Sequence[OpenAccount]
    categories: Sequence[Choice]
    category_names: Mapping[str, str]

    def account(self, key: str) -> str:
        return next((one.name for one in self.accounts if one.key == key), "an account that is gone")

    def category(self, key: str | None) -> str:
        return self.category_names.get(key, "a category that is gone") if key else "none"


def names(tx: Tx, workspace_id: str) -> Names:
    """Read the names of a workspace's accounts and categories."""
    known = categories.choices(tx, workspace_id)
    return Names(figures.accounts_of(tx, workspace_id), known, categories.names(tx, workspace_id))


def in_words(rule: Rule, known: Names) -> list[str]:
    """Give a rule's conditions, then what it says."""
    return [*conditions(rule.when, known), *(f"→ {text}" for text in outcomes(rule.then, known))]


def conditions(when: When, known: Names) -> list[str]:
    """Give the conditions of a rule, each in words."""
    return list(_conditions(when, known))


def outcomes(then: Then, known: Names) -> list[str]:
    """Give what a rule says of a row, each in words."""
    said = [
        f"category {known.category(then.category)}" if then.category else "",
        f"summary “{then.summary}”" if then.summary else "",
        ("tag " if len(then.tags) == 1 else "tags ") + ", ".join(then.tags) if then.tags else "",
        "hidden" if then.hide else "",
    ]
    return [text for text in said if text]


def _conditions(when: When, known: Names) -> Iterator[str]:
    for name, label in TEXTS.items():
        words = getattr(when, name)
        if words is not None:
            yield f"{label} {TESTS[words.test]} “{words.text}”"
    if when.amount is not None:
        yield _span("Amount", when.amount)
    if when.size is not None:
        yield _span("Amount without its sign", when.size)
    if when.accounts:
        yield "Account is " + " or ".join(known.account(key) for key in when.accounts)
    if when.dates is not None:
        since, until = when.dates.since, when.dates.until
        yield " ".join(["Date", *([f"from {since}"] if since else []), *([f"to {until}"] if until else [])])
    if when.month_days is not None:
        first, last = when.month_days.first, when.month_days.last
        yield f"Day of the month is {first}" + (f" to {last}" if last != first else "")
    if when.weekdays:
        yield "Day of the week is " + " or ".join(WEEKDAYS[day - 1] for day in sorted(when.weekdays))


def _span(what: str, span: Span) -> str:
    least, most = span.least, span.most
    if least is not None and most is not None:
        return f"{what} is {plain(least)}" if least == most else f"{what} from {plain(least)} to {plain(most)}"
    return f"{what} at least {plain(least)}" if least is not None else f"{what} at most {_number(most)}"


def _number(amount: Decimal | None) -> str:
    return "–" if amount is None else plain(amount)
