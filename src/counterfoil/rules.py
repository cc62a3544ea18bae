"""Rules about transactions: which one holds for a row, and what it says of it. Pure.

All conditions of a rule must hold, and the first rule that does wins. Texts are compared without regard to case.
Expressions are RE2's, which takes time in proportion to the text whatever the expression is:
https://github.com/google/re2/wiki/Syntax
"""

import datetime as dt
import enum
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Final, Protocol

import msgspec

from counterfoil.errors import BadRequest

MOST_RULES: Final = 500  # in one workspace
LONGEST_TEXT: Final = 200  # characters of a name, a condition or a summary
MOST_TAGS: Final = 10
LONGEST_TAG: Final = 40
_REGEX_MEMORY: Final = 1 << 20  # bytes that one expression may take up
_SEPARATOR: Final = ", "


class Comparison(enum.Enum):
    """How a text is compared."""

    CONTAINS = "contains"
    LACKS = "lacks"
    IS = "is"
    MATCHES = "matches"  # a regular expression, anywhere in the text


class Words(msgspec.Struct, frozen=True):
    """A condition on a text; a text that is not there is empty."""

    test: Comparison
    text: str


class Span(msgspec.Struct, frozen=True, omit_defaults=True):
    """A condition on an amount; both ends belong to it."""

    least: Decimal | None = None
    most: Decimal | None = None


class Dates(msgspec.Struct, frozen=True, omit_defaults=True):
    """A condition on the date; both ends belong to it."""

    since: dt.date | None = None
    until: dt.date | None = None


class MonthDays(msgspec.Struct, frozen=True):
    """A condition on the day of the month; from 28 to 3 goes over the month's end."""

    first: int
    last: int


class When(msgspec.Struct, frozen=True, omit_defaults=True):
    """The conditions of a rule; what is left out holds for every row."""

    merchant: Words | None = None
    summary: Words | None = None
    original_text: Words | None = None
    amount: Span | None = None  # as it stands: money that leaves is negative
    size: Span | None = None  # the amount without its sign
    accounts: tuple[str, ...] = ()  # keys, any of them
    dates: Dates | None = None
    month_days: MonthDays | None = None
    weekdays: tuple[int, ...] = ()  # 1 is Monday


class Then(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a rule says of a row; what is left out stays as the provider tells it."""

    summary: str | None = None
    category: str | None = None  # a key
    tags: tuple[str, ...] = ()
    hide: bool = False


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule."""

    id: str
    name: str
    when: When
    then: Then
    enabled: bool = True


class Movement(Protocol):
    """What rules look at: a transaction as the provider tells it."""

    @property
    def merchant(self) -> str | None: ...
    @property
    def summary(self) -> str: ...
    @property
    def original_text(self) -> str | None: ...
    @property
    def amount(self) -> Decimal: ...
    @property
    def account(self) -> str: ...
    @property
    def date(self) -> dt.date: ...


class Said(msgspec.Struct, frozen=True):
    """What is said here of a row; `rule_id` names the rule that said what no person did."""

    summary: str | None = None
    category: str | None = None
    tags: str | None = None
    hidden: bool = False
    rule_id: str | None = None


NOTHING: Final = Said()
BY_HAND: Final = ("summary", "category", "tags", "hidden")  # what a person may say of one row


class Rulebook:
    """Rules made ready for many rows."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        """Raises `BadRequest` for a rule that cannot be used, as `check` does."""
        self.rules = {rule.id: rule for rule in rules if rule.enabled}
        self._ready = [(_verdict(rule), _conditions(rule.when)) for rule in self.rules.values()]

    def first_match(self, row: Movement) -> Said | None:
        """Give what the first rule that holds for a row says of it, None where none does."""
        texts = tuple(text.casefold() if text else "" for text in (row.merchant, row.summary, row.original_text))
        for verdict, conditions in self._ready:
            for holds in conditions:
                if not holds(row, texts):
                    break
            else:
                return verdict
        return None


def settle(verdict: Said | None, now: Said, by_hand: frozenset[str]) -> Said:
    """Give what is said of a row from now on: what a person has said of it stays, all else is the rule's."""
    said = verdict or NOTHING
    if not by_hand:
        return said
    return msgspec.structs.replace(said, **{name: getattr(now, name) for name in by_hand})


def check(rule: Rule) -> None:
    """Raise `BadRequest`, with the remedy, for a rule that cannot be used."""
    _check_text("name", rule.name)
    if rule.when == When():
        raise BadRequest("The rule has no condition.", remedy="Say which transactions it is for.")
    if rule.then == Then():
        raise BadRequest("The rule says nothing.", remedy="Give a category, a summary or tags, or hide the rows.")
    _conditions(rule.when)
    if rule.then.summary is not None:
        _check_text("summary", rule.then.summary)
    check_tags(rule.then.tags)
    for what, span in (("amount", rule.when.amount), ("size", rule.when.size)):
        _check_ends(what, *(() if span is None else (span.least, span.most)))
    if rule.when.dates is not None:
        _check_ends("date", rule.when.dates.since, rule.when.dates.until)
    month = rule.when.month_days
    if month is not None and not (1 <= month.first <= 31 and 1 <= month.last <= 31):
        raise BadRequest("There is no such day of the month.", remedy="Days of the month go from 1 to 31.")
    if not all(1 <= day <= 7 for day in rule.when.weekdays):
        raise BadRequest(
            "There is no such day of the week.", remedy="Days of the week go from 1, Monday, to 7, Sunday."
        )


def check_tags(tags: Sequence[str]) -> None:
    """Raise `BadRequest` for tags that cannot be kept."""
    if len(tags) > MOST_TAGS or any(not tag.strip() or "," in tag or len(tag) > LONGEST_TAG for tag in tags):
        raise BadRequest(
            "These tags cannot be kept.",
            remedy=f"Give at most {MOST_TAGS} tags, each of at most {LONGEST_TAG} characters and without a comma.",
        )
    _check_plain(*tags)


def read_tags(text: str) -> tuple[str, ...]:
    """Read tags that are separated by commas; each counts once."""
    return tuple(dict.fromkeys(tag.strip() for tag in text.split(",") if tag.strip()))


def write_tags(tags: Iterable[str]) -> str | None:
    """Write tags as they are shown, None where there are none."""
    return _SEPARATOR.join(tags) or None


def _verdict(rule: Rule) -> Said:
    then = rule.then
    return Said(then.summary, then.category, write_tags(then.tags), then.hide, rule.id)


# A row, and its texts without case in the order of `_TEXTS`.
_Holds = Callable[[Movement, Sequence[str]], bool]
_TEXTS: Final = ("merchant", "summary", "original_text")


def _conditions(when: When) -> tuple[_Holds, ...]:
    """Make the conditions ready, the quickest first: most rules fail at the first one for most rows."""
    plain: list[_Holds] = []
    searching: list[_Holds] = []
    for place, name in enumerate(_TEXTS):
        words: Words | None = getattr(when, name)
        if words is not None:
            (searching if words.test is Comparison.MATCHES else plain).append(_says(words, place, name))
    return (*plain, *_other_conditions(when), *searching)


def _other_conditions(when: When) -> Iterator[_Holds]:
    if when.accounts:
        accounts = frozenset(when.accounts)
        yield lambda row, _: row.account in accounts
    if when.month_days is not None:
        on_day = _on_month_days(when.month_days)
        yield lambda row, _: on_day(row.date.day)
    if when.weekdays:
        weekdays = frozenset(when.weekdays)
        yield lambda row, _: row.date.isoweekday() in weekdays
    if when.dates is not None:
        since, until = when.dates.since or dt.date.min, when.dates.until or dt.date.max
        yield lambda row, _: since <= row.date <= until
    if when.amount is not None:
        within = _within(when.amount)
        yield lambda row, _: within(row.amount)
    if when.size is not None:
        of_size = _within(when.size)
        yield lambda row, _: of_size(row.amount.copy_abs())


def _within(span: Span) -> Callable[[Decimal], bool]:
    least, most = span.least, span.most
    return lambda amount: (least is None or amount >= least) and (most is None or amount <= most)


def _on_month_days(days: MonthDays) -> Callable[[int], bool]:
    first, last = days.first, days.last
    if first <= last:
        return lambda day: first <= day <= last
    return lambda day: day >= first or day <= last


def _says(words: Words, place: int, name: str) -> _Holds:
    _check_text("text of a condition", words.text)
    if words.test is Comparison.MATCHES:
        search = _search(words.text)
        return lambda row, _: search(getattr(row, name) or "")
    wanted = words.text.casefold()
    match words.test:
        case Comparison.CONTAINS:
            return lambda _, texts: wanted in texts[place]
        case Comparison.LACKS:
            return lambda _, texts: wanted not in texts[place]
        case _:
            return lambda _, texts: wanted == texts[place]


def _search(pattern: str) -> Callable[[str], bool]:
    import re2  # imported here: most have no rule with an expression

    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.max_mem = _REGEX_MEMORY
    try:
        search = re2.compile(pattern, options).search
    except (re2.error, UnicodeError) as error:
        told = error.args[0] if error.args else ""
        reason = told.decode("utf-8", "replace") if isinstance(told, bytes) else "it is no text"
        raise BadRequest(
            f"The expression cannot be used: {reason}.",
            remedy="Mend it, or use “contains”. Look-ahead and back-references are not offered.",
        ) from None

    # A bank's text may hold halves of characters, which have no UTF-8.
    return lambda text: search(text.encode("utf-8", "replace").decode()) is not None


def _check_text(what: str, text: str) -> None:
    if not text.strip() or len(text) > LONGEST_TEXT:
        raise BadRequest(f"The {what} is empty or too long.", remedy=f"It must have 1 to {LONGEST_TEXT} characters.")
    _check_plain(text)


def _check_plain(*texts: str) -> None:
    if any("\0" in text for text in texts):
        raise BadRequest("A text holds a character that no text has.", remedy="Leave out the NUL.")


def _check_ends(what: str, least: Decimal | dt.date | None = None, most: Decimal | dt.date | None = None) -> None:
    if any(isinstance(end, Decimal) and not end.is_finite() for end in (least, most)):
        raise BadRequest(f"The {what} is no number.", remedy="Write it with digits.")
    if least is not None and most is not None and least > most:  # type: ignore[operator]
        raise BadRequest(f"The range of the {what} is empty.", remedy="Its beginning must not be past its end.")
