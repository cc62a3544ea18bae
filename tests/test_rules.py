"""Rules: which one holds for a transaction, what it says, and which ones are refused."""

import datetime as dt
from decimal import Decimal

import msgspec
import pytest

from counterfoil.errors import BadRequest
from counterfoil.model import Transaction
from counterfoil.rules import (
    NOTHING,
    Comparison,
    Dates,
    MonthDays,
    Rule,
    Rulebook,
    Said,
    Span,
    Then,
    When,
    Words,
    check,
    read_tags,
    settle,
)

TREATS = Then(category="treats")


def transaction(**told: object) -> Transaction:
    base = Transaction(
        key="t1",
        summary="Third Wave Coffee",
        date=dt.date(2026, 11, 2),  # a Monday
        amount=Decimal("-7.30"),
        currency="USD",
        account="acc",
        merchant="Third Wave",
        original_text="SQ *THIRD WAVE COFFEE",
    )
    return msgspec.structs.replace(base, **told)


def rule(when: When, then: Then = TREATS, name: str = "A rule", enabled: bool = True) -> Rule:
    return Rule(id=name, name=name, when=when, then=then, enabled=enabled)


def holds(when: When, **told: object) -> bool:
    return Rulebook([rule(when)]).first_match(transaction(**told)) is not None


def words(test: Comparison, text: str) -> When:
    return When(original_text=Words(test, text))


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        (words(Comparison.CONTAINS, "third wave"), True),
        (words(Comparison.CONTAINS, "fourth"), False),
        (words(Comparison.LACKS, "fourth"), True),
        (words(Comparison.LACKS, "Coffee"), False),
        (words(Comparison.IS, "sq *third wave coffee"), True),
        (words(Comparison.IS, "third wave"), False),
        (words(Comparison.MATCHES, r"^sq \*.*coffee$"), True),
        (words(Comparison.MATCHES, r"^third"), False),
        (When(merchant=Words(Comparison.IS, "THIRD WAVE")), True),
        (When(summary=Words(Comparison.CONTAINS, "wave c")), True),
        (When(amount=Span(Decimal("-10"), Decimal("-7.3"))), True),
        (When(amount=Span(least=Decimal(0))), False),
        (When(size=Span(Decimal("7.30"), Decimal("7.3"))), True),
        (When(size=Span(most=Decimal(7))), False),
        (When(accounts=("other", "acc")), True),
        (When(accounts=("other",)), False),
        (When(dates=Dates(since=dt.date(2026, 11, 2))), True),
        (When(dates=Dates(until=dt.date(2026, 11, 1))), False),
        (When(month_days=MonthDays(1, 5)), True),
        (When(month_days=MonthDays(28, 3)), True),
        (When(month_days=MonthDays(3, 31)), False),
        (When(weekdays=(1, 7)), True),
        (When(weekdays=(2,)), False),
    ],
)
def test_a_condition_holds_or_does_not(when: When, expected: bool) -> None:
    assert holds(when) is expected


def test_all_conditions_must_hold() -> None:
    both = When(merchant=Words(Comparison.CONTAINS, "wave"), size=Span(least=Decimal(5)))
    assert holds(both)
    assert not holds(both, amount=Decimal("-4"))
    assert not holds(both, merchant="Other")


def test_a_text_that_is_not_there_is_empty() -> None:
    assert not holds(When(merchant=Words(Comparison.CONTAINS, "wave")), merchant=None)
    assert holds(When(merchant=Words(Comparison.LACKS, "wave")), merchant=None)


def test_the_first_rule_that_holds_wins_and_one_that_is_off_never_does() -> None:
    broad, narrow = words(Comparison.CONTAINS, "coffee"), words(Comparison.CONTAINS, "third")
    book = [rule(narrow, name="off", enabled=False), rule(narrow, Then(tags=("a", "b")), "narrow"), rule(broad)]
    said = Rulebook(book).first_match(transaction())
    assert said == Said(tags="a, b", rule_id="narrow")
    assert Rulebook(book[2:]).first_match(transaction()) == Said(category="treats", rule_id="A rule")
    assert Rulebook(book).first_match(transaction(original_text="TEA")) is None


def test_what_a_person_said_stays_and_the_rest_is_the_rules() -> None:
    by_person = Said(summary="Mine", category="old", tags="x", rule_id="old")
    verdict = Said(summary="Theirs", category="treats", rule_id="new")
    settled = settle(verdict, by_person, frozenset({"summary", "tags"}))
    assert settled == Said(summary="Mine", category="treats", tags="x", rule_id="new")
    assert settle(None, by_person, frozenset({"summary"})) == Said(summary="Mine")
    assert settle(None, by_person, frozenset()) == NOTHING


def test_no_expression_takes_longer_than_the_text_is_long() -> None:
    book = Rulebook([rule(words(Comparison.MATCHES, "(a+)+$"))])
    # Python's own engine would not end in this century.
    assert book.first_match(transaction(original_text="a" * 50_000 + "!")) is None


def test_halves_of_characters_in_a_banks_text_break_no_rule() -> None:
    assert holds(words(Comparison.MATCHES, "coffee"), original_text="COFFEE \ud83d")


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (rule(When()), "no condition"),
        (rule(words(Comparison.CONTAINS, "x"), Then()), "says nothing"),
        (rule(words(Comparison.CONTAINS, " ")), "empty"),
        (rule(words(Comparison.CONTAINS, "x" * 201)), "too long"),
        (rule(words(Comparison.CONTAINS, "x\0")), "no text has"),
        (rule(words(Comparison.MATCHES, "(a")), "missing )"),
        (rule(words(Comparison.MATCHES, r"(a)\1")), "escape"),
        (rule(words(Comparison.MATCHES, "(?=a)")), "cannot be used"),
        (rule(words(Comparison.MATCHES, "(a{90}){90}")), "repetition"),
        (rule(words(Comparison.CONTAINS, "x"), name=" "), "name"),
        (rule(words(Comparison.CONTAINS, "x"), Then(tags=("a,b",))), "tags"),
        (rule(words(Comparison.CONTAINS, "x"), Then(tags=("t",) * 11)), "tags"),
        (rule(words(Comparison.CONTAINS, "x"), Then(summary="")), "summary"),
        (rule(When(amount=Span(Decimal(2), Decimal(1)))), "amount"),
        (rule(When(size=Span(Decimal("NaN")))), "size"),
        (rule(When(dates=Dates(dt.date(2026, 2, 1), dt.date(2026, 1, 1)))), "date"),
        (rule(When(month_days=MonthDays(0, 5))), "day of the month"),
        (rule(When(weekdays=(8,))), "day of the week"),
    ],
)
def test_a_rule_that_cannot_be_used_is_refused_with_a_remedy(broken: Rule, said: str) -> None:
    with pytest.raises(BadRequest, match=said.replace(")", r"\)")) as told:
        check(broken)
    assert told.value.remedy


def test_tags_are_read_as_people_write_them() -> None:
    assert read_tags(" a, b ,,a,c d ") == ("a", "b", "c d")
