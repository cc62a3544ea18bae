"""Mappings and rows for the contract suites, the nasty ones included."""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from counterfoil.model import KEY_LABEL, TABLES, Kind, Writes, columns
from counterfoil.ports import Act, Cell, Change, FieldMapping, Link, TableMapping

KEY_FIELD: Final = FieldMapping("key", KEY_LABEL, Kind.TEXT, Writes.ALWAYS)


def mapping(table: str) -> TableMapping:
    """Give the mapping of a canonical table as a new destination gets it: all columns on, no ids yet."""
    fields = [
        FieldMapping(column.name, column.label, column.kind, column.writes, to=column.to, title=column.title)
        for column in columns(table).values()
    ]
    fields.sort(key=lambda field: not field.title)
    return TableMapping(table, table.replace("_", " ").capitalize(), KEY_FIELD, tuple(fields))


def mappings(*tables: str) -> list[TableMapping]:
    """Give several mappings in the order of dependency."""
    return [mapping(table) for table in TABLES if table in tables]


def everything() -> TableMapping:
    """Give a table that no model knows, with a field of every kind and a link to the accounts."""
    fields = [FieldMapping("title", "Title", Kind.TEXT, Writes.ONCE, title=True)]
    fields += [
        FieldMapping(kind.value, f"A {kind.value}", kind, Writes.ALWAYS)
        for kind in Kind
        if kind not in (Kind.LINK, Kind.TEXT)
    ]
    fields.append(FieldMapping("text", "A text", Kind.TEXT, Writes.ALWAYS))
    fields.append(FieldMapping("link", "A link", Kind.LINK, Writes.ALWAYS, to="accounts"))
    return TableMapping("everything", "Everything", KEY_FIELD, tuple(fields))


def full(table: TableMapping, cells: Mapping[str, Cell]) -> dict[str, Cell]:
    """Give cells for every mapped column: None where nothing is said."""
    return {field.column: cells.get(field.column) for field in table.fields}


def create(table: TableMapping, key: str, cells: Mapping[str, Cell], *, was: str | None = None) -> Change:
    """Give a creation with every mapped column."""
    return Change(Act.CREATE, key, None, full(table, cells), was_key=was)


def update(key: str, cells: Mapping[str, Cell], *, was: str | None = None, remote_id: str | None = None) -> Change:
    """Give an update of some columns; the mirror knows the remote id where none is given."""
    return Change(Act.UPDATE, key, remote_id, cells, was_key=was)


def delete(key: str, remote_id: str | None = None) -> Change:
    """Give a deletion."""
    return Change(Act.DELETE, key, remote_id, {})


def account(number: int) -> dict[str, Cell]:
    """Give the cells of a plain account."""
    return {
        "name": f"Account {number}",
        "type": "depository",
        "subtype": "checking",
        "mask": f"{number:04d}",
        "currency": "USD",
        "current": Decimal("1234.56") + number,
        "as_of": dt.datetime(2026, 1, 31, 23, 59, 59, tzinfo=dt.UTC),
        "overdue": False,
    }


def transaction(number: int, account_link: Link | None = None) -> dict[str, Cell]:
    """Give the cells of a plain transaction."""
    return {
        "summary": f"Purchase {number}",
        "date": dt.date(2026, 1, 1) + dt.timedelta(days=number),
        "amount": Decimal(-number) - Decimal("0.01"),
        "currency": "EUR" if number % 3 == 0 else "USD",
        "account": account_link,
        "pending": number % 4 == 0,
        "merchant": f"Shop {number % 5}",
        "website": f"https://shop.example/{number}?a=b&c=%20",
    }


NASTY_TEXTS: Final = (
    "=1+1",
    "+1",
    "-",
    "@x",
    '=HYPERLINK("https://evil.example","click")',
    "'leading apostrophe",
    'She said "it\'s 5\\6" <b>&amp;</b>',
    "first line\nsecond line\tafter a tab",
    "naïve café 🏦👩‍👩‍👧 日本語 ‏עברית",
    "12345678901234567890",
    "0012",
    "1-2",
    "1e5",
    "TRUE",
    "null",
    "{Name}&{{x}} ${y} %s",
    "x" * 10_000,
)

# Keys are the provider's own text; each must be found again in the id field, whatever it holds.
NASTY_KEYS: Final = ("it's", 'say "hi"', "back\\slash", "a,b;{c}", "ключ🔑", "=1+1", "0012", "Zz9", "zZ9", "x" * 120)

NASTY_NUMBERS: Final = (
    Decimal("0"),
    Decimal("-0.01"),
    Decimal("0.1"),
    Decimal("-1234567.12345678"),
    Decimal("0.00000001"),
    Decimal("123456789012.34"),
    Decimal("1E+3"),
    Decimal("10.00"),
)

NASTY_DATES: Final = (dt.date(1901, 2, 3), dt.date(2024, 2, 29), dt.date(2199, 12, 31))
NASTY_TIMES: Final = (
    dt.datetime(1971, 1, 1, tzinfo=dt.UTC),
    dt.datetime(2026, 3, 29, 1, 30, 59, tzinfo=dt.UTC),
    dt.datetime(2099, 12, 31, 23, 59, tzinfo=dt.UTC),
)


def nasty_rows(link: Link | None) -> dict[str, dict[str, Cell]]:
    """Give rows of `everything` by key: every nasty value in every kind that can hold it, and a row of nothing."""
    texts, numbers, dates, times = NASTY_TEXTS, NASTY_NUMBERS, NASTY_DATES, NASTY_TIMES
    rows: dict[str, dict[str, Cell]] = {"nothing": dict.fromkeys(("title", "text", "money", "link"))}
    rows["empty"] = {"title": "", "text": "", "long_text": "", "select": None, "url": None}
    for place in range(len(texts)):
        number = numbers[place % len(numbers)]
        rows[f"row-{place}"] = {
            "title": texts[place],
            "text": texts[place - 1],
            "long_text": texts[place - 2],
            "money": number,
            "number": -number,
            "percent": Decimal("0.2499") if place % 2 else Decimal("-1.5"),
            "date": dates[place % len(dates)],
            "timestamp": times[place % len(times)],
            "flag": place % 2 == 0,
            "select": ("USD", "food & drink", 'a "quoted" kind', "été 🏖", "=1+1")[place % 5],
            "url": "https://shop.example/?q=%22a%22&b=c#d",
            "link": link if place % 3 else None,
        }
    return rows
