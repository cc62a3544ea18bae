"""Column types that keep exactly what was put in, on SQLite and on Postgres."""

import datetime as dt
from decimal import Decimal
from typing import Any

from sqlalchemy import Boolean, Dialect, Numeric, String, Text
from sqlalchemy.types import TypeDecorator, TypeEngine

from counterfoil.model import Kind


class ExactDecimal(TypeDecorator[Decimal]):
    """A Decimal with all its digits: NUMERIC on Postgres, text on SQLite, whose numbers are doubles."""

    impl = Numeric
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else Numeric())

    def bind_processor(self, dialect: Dialect) -> Any:
        return _text_of_decimal if dialect.name == "sqlite" else None

    def result_processor(self, dialect: Dialect, coltype: Any) -> Any:
        return _decimal_of_text if dialect.name == "sqlite" else None


class Moment(TypeDecorator[dt.datetime]):
    """An aware UTC time, as ISO 8601 text that sorts by time on both databases."""

    impl = String
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Any:
        return _text_of_moment

    def result_processor(self, dialect: Dialect, coltype: Any) -> Any:
        return _moment_of_text


class Day(TypeDecorator[dt.date]):
    """A bank's local date, as ISO 8601 text."""

    impl = String
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Any:
        return _text_of_day

    def result_processor(self, dialect: Dialect, coltype: Any) -> Any:
        return _day_of_text


def _text_of_decimal(value: Decimal | None) -> str | None:
    return None if value is None else format(value, "f")


def _decimal_of_text(value: str | None) -> Decimal | None:
    return None if value is None else Decimal(value)


def _text_of_moment(value: dt.datetime | None) -> str | None:
    return None if value is None else value.astimezone(dt.UTC).isoformat(timespec="microseconds")


def _moment_of_text(value: str | None) -> dt.datetime | None:
    return None if value is None else dt.datetime.fromisoformat(value)


def _text_of_day(value: dt.date | None) -> str | None:
    return None if value is None else value.isoformat()


def _day_of_text(value: str | None) -> dt.date | None:
    return None if value is None else dt.date.fromisoformat(value)


def type_of(kind: Kind) -> TypeEngine[Any]:
    """Give the database type that keeps a canonical column of that kind."""
    match kind:
        case Kind.MONEY | Kind.NUMBER | Kind.PERCENT:
            return ExactDecimal()
        case Kind.DATE:
            return Day()
        case Kind.TIMESTAMP:
            return Moment()
        case Kind.FLAG:
            return Boolean()
        case _:
            return Text()
