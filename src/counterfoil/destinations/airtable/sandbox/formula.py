"""The part of Airtable's formula language that filters need: fields, texts, numbers, comparison, AND, OR, NOT.

https://support.airtable.com/docs/formula-field-reference
"""

import operator
import re
from collections.abc import Callable
from typing import Any, Final

from counterfoil.destinations.airtable.sandbox.refusals import invalid
from counterfoil.destinations.airtable.sandbox.store import LINK, Field, Row, Table

Expression = Callable[[Row], Any]

_TOKEN: Final = re.compile(
    r"""\s*(?:
      (?P<text>'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")
    | (?P<field>\{(?:\\\}|[^}])*\})
    | (?P<number>-?\d+(?:\.\d+)?)
    | (?P<word>[A-Za-z_][A-Za-z_0-9]*)
    | (?P<sign><=|>=|!=|=|<|>|\(|\)|,|&)
    )""",
    re.VERBOSE | re.DOTALL,
)
_COMPARE: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r"}


def compiled(text: str, table: Table) -> Callable[[Row], bool]:
    """Give the filter that a formula means. Raises the vendor's refusal where it is malformed."""
    expression = _Parser(text, table).whole()
    return lambda row: bool(expression(row))


class _Parser:
    def __init__(self, text: str, table: Table) -> None:
        self._table = table
        self._tokens: list[tuple[str, str]] = []
        at = 0
        text = text.rstrip()
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None:
                raise _wrong()
            self._tokens.append((str(found.lastgroup), found.group(str(found.lastgroup))))
            at = found.end()

    def whole(self) -> Expression:
        expression = self._comparison()
        if self._tokens:
            raise _wrong()
        return expression

    def _take(self, value: str | None = None) -> tuple[str, str]:
        if not self._tokens or (value is not None and self._tokens[0][1] != value):
            raise _wrong()
        return self._tokens.pop(0)

    def _ahead(self) -> str | None:
        return self._tokens[0][1] if self._tokens and self._tokens[0][0] == "sign" else None

    def _comparison(self) -> Expression:
        left = self._joined()
        while (sign := self._ahead()) in _COMPARE:
            self._take()
            left = _compare(_COMPARE[str(sign)], left, self._joined())
        return left

    def _joined(self) -> Expression:
        left = self._term()
        while self._ahead() == "&":
            self._take()
            left = _join(left, self._term())
        return left

    def _term(self) -> Expression:
        kind, value = self._take()
        if kind == "text":
            said = _unescaped(value)
            return lambda row: said
        if kind == "number":
            number = int(value) if value.lstrip("-").isdigit() else complex(value).real
            return lambda row: number
        if kind == "field":
            return self._field(value[1:-1].replace("\\}", "}"))
        if value == "(":
            inner = self._comparison()
            self._take(")")
            return inner
        if kind == "word":
            return self._call(value.upper()) if self._ahead() == "(" else self._field(value)
        raise _wrong()

    def _field(self, name: str) -> Expression:
        column = self._table.find(name)
        if column is None:
            raise _wrong(f"Unknown field names: {name.lower()}")
        return _cell(column)

    def _call(self, name: str) -> Expression:
        self._take("(")
        given: list[Expression] = []
        while self._ahead() != ")":
            given.append(self._comparison())
            if self._ahead() != ")":
                self._take(",")
        self._take(")")
        return _function(name, given)


def _function(name: str, given: list[Expression]) -> Expression:
    match name, len(given):
        case "AND", count if count:
            return lambda row: all(one(row) for one in given)
        case "OR", count if count:
            return lambda row: any(one(row) for one in given)
        case "NOT", 1:
            return lambda row: not given[0](row)
        case "RECORD_ID", 0:
            return lambda row: row.id
        case "LOWER", 1:
            return lambda row: str(given[0](row)).lower()
        case "BLANK", 0:
            return lambda row: ""
        case "TRUE", 0:
            return lambda row: True
        case "FALSE", 0:
            return lambda row: False
    raise _wrong()


def _cell(column: Field) -> Expression:
    if column.type == LINK:
        return lambda row: ", ".join(row.cells.get(column.id, ()))
    return lambda row: row.cells.get(column.id, "")


def _compare(how: Callable[[Any, Any], bool], left: Expression, right: Expression) -> Expression:
    def compared(row: Row) -> bool:
        one, other = left(row), right(row)
        if isinstance(one, str) != isinstance(other, str):
            one, other = str(one), str(other)
        return how(one, other)

    return compared


def _join(left: Expression, right: Expression) -> Expression:
    return lambda row: f"{left(row)}{right(row)}"


def _unescaped(quoted: str) -> str:
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), quoted[1:-1], flags=re.DOTALL)


def _wrong(
    why: str = "The formula for filtering records is invalid: Invalid formula. Please check your formula text.",
) -> Exception:
    return invalid("INVALID_FILTER_BY_FORMULA", why)
