"""What Notion's refusals mean for the user, in plain words."""

import re
from collections.abc import Mapping
from typing import Final

from counterfoil.errors import ActionRequired


class Refused(Exception):
    """Notion refused one request (400, 404, …); whoever sent it knows what that means."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code
        self.message = message  # may quote what was sent, so it is for `reason` only


# The vendor's messages quote values, which could be bank text. What stands before them names the rule.
_VALUE: Final = re.compile(r"\"[^\"]*\"|: .*", re.DOTALL)
_QUOTED: Final = re.compile(r"`([^`]*)`")
_WHERE: Final = re.compile(r"body\.properties\.(\S+)\.([a-z]\S*)")


def reason(message: str, labels: Mapping[str, str]) -> str:
    """Say which rule of Notion's a row breaks, with the column's label (by property id) and without any value."""
    prefix, _, rest = message.partition("body failed validation: ")
    rule, _, _ = (rest or prefix).partition(" instead was ")
    rule = _VALUE.sub("", _QUOTED.sub(_limit, rule)).strip().rstrip(",.")

    def named(where: re.Match[str]) -> str:
        property_id, _, _ = where[1].partition(".")
        return f"{labels.get(property_id, 'a column')}: {where[2]}"

    return f"{_WHERE.sub(named, rule)}."


def _limit(quoted: re.Match[str]) -> str:
    return quoted[1] if quoted[1] == "null" or (quoted[1].isdecimal() and len(quoted[1]) <= 4) else ""


def page_missing() -> ActionRequired:
    """The page is not there, or the connection was not added to it: Notion does not say which."""
    return ActionRequired(
        "page_not_shared",
        "Notion does not show us the page that takes the tables.",
        remedy="Open the page in Notion, choose ••• at the top right, then Connections, and add the connection whose "
        "token you gave. If the page was deleted, restore it or give the link of another page.",
    )


def token_refused() -> ActionRequired:
    """The token is not valid any more."""
    return ActionRequired(
        "token_refused",
        "Notion does not accept the token.",
        remedy="Copy the connection's secret again from notion.so/profile/integrations and store it here, or sign in "
        "with Notion again.",
    )


def capability_missing() -> ActionRequired:
    """The connection may not do all of read, update and insert."""
    return ActionRequired(
        "capability_missing",
        "The connection is not allowed to do this in Notion.",
        remedy="Open the connection at notion.so/profile/integrations and switch on Read content, Update content and "
        "Insert content.",
    )


def access_blocked() -> ActionRequired:
    """Notion has shut its API for this connection; its 429 says that waiting does not help."""
    return ActionRequired(
        "access_blocked",
        "Notion has blocked the connection.",
        remedy="Ask the owner of the Notion workspace, or Notion's support, why the connection may make no requests.",
    )


def rows_exhausted() -> ActionRequired:
    """The table takes no more rows."""
    return ActionRequired(
        "table_full",
        "The table in Notion takes no more rows.",
        remedy="Move older rows to another table, or choose a later start of the history.",
    )


def table_missing(label: str) -> ActionRequired:
    """A table is in the trash, deleted or not shared any more."""
    return ActionRequired(
        "table_missing",
        f"The table {label} is not on the page any more.",
        remedy=f"Restore {label} from Notion's trash, add the connection to it again, or map {label} to another table.",
    )


def column_missing(table: str, column: str) -> ActionRequired:
    """A mapped column was deleted."""
    return ActionRequired(
        "column_missing",
        f"The column {column} of the table {table} is not there any more.",
        remedy=f"Undo its deletion in Notion, or take {column} out of the mapping.",
    )


def column_retyped(table: str, column: str, kind: str) -> ActionRequired:
    """A mapped column has a type that cannot take our values."""
    return ActionRequired(
        "column_type",
        f"The column {column} of the table {table} is of the type {kind}, which cannot take its values.",
        remedy=f"Change the type back in Notion, or map {column} to another column.",
    )


def link_astray(table: str, column: str) -> ActionRequired:
    """A relation points to a table other than the mapped one."""
    return ActionRequired(
        "relation_target",
        f"The relation {column} of the table {table} points to another table than the one that is mapped.",
        remedy=f"Let {column} point to the mapped table, or map it to another column.",
    )


def too_many_in_a_minute(label: str) -> ActionRequired:
    """Notion lists at most 10,000 rows of a query, and tells creation times to the minute only."""
    return ActionRequired(
        "rows_not_listed",
        f"More than 10,000 rows of {label} were created within one minute; Notion does not list them all.",
        remedy="Rows imported in bulk cannot be compared; move them to a table of their own.",
    )
