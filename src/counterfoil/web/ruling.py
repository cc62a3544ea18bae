"""Rows as examples of what rules would do to them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from counterfoil.rules import Rule
from counterfoil.store.saying import Difference
from counterfoil.sync.rules_in_words import Names

_LABELS: Final = {"summary": "Summary", "category": "Category", "tags": "Tags", "hidden": "Hidden"}


@dataclass(frozen=True, slots=True)
class Cell:
    """One thing that would be said of a row, with what is shown now."""

    label: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Example:
    """A row as an example of what rules would do."""

    key: str
    date: str
    summary: str
    amount: Decimal
    currency: str
    account: str
    rule: str | None
    cells: Sequence[Cell]


def example(one: Difference, known: Names, rules: Mapping[str, Rule]) -> Example:
    """Show a row with what would change."""
    row = one.row
    rule = rules.get(one.then.rule_id or "")
    cells = [
        Cell(_LABELS[name], _cell(name, before, known), _cell(name, after, known))
        for name, (before, after) in one.cells().items()
    ]
    return Example(
        key=row.key,
        date=row.date.isoformat(),
        summary=row.summary,
        amount=row.amount,
        currency=row.currency,
        account=known.account(row.account),
        rule=rule.name if rule else None,
        cells=cells,
    )


def _cell(name: str, value: object, known: Names) -> str:
    match value:
        case None | "":
            return "none"
        case bool():
            return "yes" if value else "no"
        case str() if name == "category":
            return known.category(value)
    return str(value)
