"""What cells of rows look like to people: amounts in their currency, links by name, days and moments in words."""

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from counterfoil.model import Column, Kind, columns
from counterfoil.money import plain
from counterfoil.store import Tx, browse, categories, history, rows
from counterfoil.store.browse import AccountName
from counterfoil.store.history import Entry, Turn
from counterfoil.store.workspaces import Display
from counterfoil.sync.places import Standing
from counterfoil.web import words
from counterfoil.web.auth import Visitor

STANDINGS: Final = {
    Standing.WRITTEN: ("Stands there", "good"),
    Standing.OUTDATED: ("Stands there, a change follows", "busy"),
    Standing.ON_ITS_WAY: ("On its way", "busy"),
    Standing.WAITING: ("Waits for the next sync", "calm"),
    Standing.REFUSED: ("Refused", "bad"),
    Standing.DELETED_THERE: ("You deleted it there", "calm"),
    Standing.KEPT: ("Left there, as you chose", "calm"),
    Standing.LEAVING: ("Being deleted there", "busy"),
    Standing.LEFT_OUT: ("Left out, as you chose", "calm"),
    Standing.OFF: ("Not sent there", "calm"),
}
_TURNS: Final = {
    Turn.ARRIVED: "First seen",
    Turn.POSTED: "Posted",
    Turn.LINKED_ANEW: "The bank was connected again",
    Turn.CHANGED: "Changed",
    Turn.REMOVED: "Taken back",
    Turn.RETURNED: "There again",
}


@dataclass(frozen=True, slots=True)
class Legend:
    """How a visitor reads cells: what keys stand for, the clock, and how amounts are written."""

    accounts: Mapping[str, AccountName]
    categories: Mapping[str, str]
    others: Mapping[str, Mapping[str, str]]  # names by table and key
    timezone: str
    display: Display

    def account_choices(self) -> list[tuple[str, str]]:
        """Give the accounts to choose one from."""
        return [("", "Any"), *((key, str(one)) for key, one in self.accounts.items())]

    def of(self, table: str, key: str) -> str:
        """Give a row's name, its key where nobody knows it."""
        if table == "accounts":
            account = self.accounts.get(key)
            return str(account) if account else key
        known = self.categories if table == "categories" else self.others.get(table, {})
        return known.get(key, key)


def legend_of(tx: Tx, visitor: Visitor, *tables: str) -> Legend:
    """Read the names of accounts and categories, and of all rows of other tables, which are small."""
    workspace_id = visitor.workspace.id
    return Legend(
        browse.account_names(tx, workspace_id),
        categories.names(tx, workspace_id),
        {table: rows.titles_of(tx, workspace_id, table) for table in tables},
        visitor.user.timezone,
        visitor.workspace.display,
    )


@dataclass(frozen=True, slots=True)
class Fact:
    """One cell with its label."""

    label: str
    text: str


def facts(table: str, record: Mapping[str, Any], legend: Legend, besides: Collection[str] = ()) -> list[Fact]:
    """Give the cells of a row that say something, in the order people read them.

    Its name is its heading; those in `besides` are shown elsewhere.
    """
    return [
        Fact(column.label, text(column, record[name], record.get("currency"), legend))
        for name, column in columns(table).items()
        if not column.title and name not in besides and record.get(name) not in (None, "", False)
    ]


def text(column: Column, cell: Any, currency: str | None, legend: Legend) -> str:
    """Give a cell in plain words."""
    match cell:
        case None | "":
            return "–"
        case bool():
            return "Yes" if cell else "No"
        case Decimal() if column.kind is Kind.MONEY:
            return words.money(cell, currency or "", exact=True, display=legend.display)
        case Decimal() if column.kind is Kind.PERCENT:
            return f"{plain(cell * 100)} %"
        case Decimal():
            return words.number(cell, legend.display)
        case dt.datetime():
            return words.clock(cell, legend.timezone)
        case dt.date():
            return words.day(cell)
    if column.kind is Kind.LINK and column.to is not None:
        return legend.of(column.to, cell)
    return words.said(cell) if column.kind is Kind.SELECT else str(cell)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a history: what happened, when, by whom, and the cells that changed: (label, before, after)."""

    what: str
    at: dt.datetime | None
    who: str
    cells: list[tuple[str, str, str]]


_BESIDE: Final = {"hidden": Column("Hidden", Kind.FLAG)}


def lines(told: list[Entry], currency: str, bank: str, legend: Legend) -> list[Line]:
    """Put a history into words, newest first; `bank` is who told, where nobody else did."""
    shown = {**columns(history.TABLE), **_BESIDE}
    found = []
    for entry in reversed(told):
        what = _TURNS[entry.turn]
        if entry.pending and entry.turn is Turn.ARRIVED:
            what += ", pending"
        cells = [
            (shown[name].label, text(shown[name], was, currency, legend), text(shown[name], now, currency, legend))
            for name, (was, now) in entry.cells.items()
            if name in shown and name != "pending"
        ]
        found.append(Line(what, entry.at, _who(entry.cause, bank), cells))
    return found


def _who(cause: str, bank: str) -> str:
    if cause == history.BANK:
        return bank
    kind, _, name = cause.partition(": ")
    return f"Rule “{name}”" if name else kind.capitalize()
