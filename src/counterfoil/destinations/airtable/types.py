"""What Airtable sends, as far as we read it. Unknown keys are ignored, unknown types stay text.

https://airtable.com/developers/web/api/introduction
"""

from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from counterfoil.errors import ActionRequired
from counterfoil.lib.http import Reply

_SHARE: Final = (
    "Check in Airtable that the base and the table are still there, and that the token has access to this base, from a "
    "user who may edit it, with the scopes data.records:read, data.records:write, schema.bases:read and "
    "schema.bases:write."
)


class BaseEntry(msgspec.Struct, frozen=True):
    """A base that the token can see."""

    id: str
    name: str
    permissionLevel: str = ""


class Bases(msgspec.Struct, frozen=True):
    """One page of bases."""

    bases: list[BaseEntry]
    offset: str | None = None


class FieldEntry(msgspec.Struct, frozen=True):
    """A column; options differ by type."""

    id: str
    name: str
    type: str
    options: dict[str, Any] | None = None

    def choices(self) -> frozenset[str]:
        """Give the names of a select's options."""
        return frozenset(str(choice.get("name")) for choice in (self.options or {}).get("choices", ()))


class TableEntry(msgspec.Struct, frozen=True):
    """A table with its columns."""

    id: str
    name: str
    fields: list[FieldEntry]


class Tables(msgspec.Struct, frozen=True):
    """The schema of a base."""

    tables: list[TableEntry]

    def table(self, table_id: str) -> TableEntry | None:
        """Give the table of that id."""
        return next((table for table in self.tables if table.id == table_id), None)


class Record(msgspec.Struct, frozen=True):
    """A row; empty cells are absent."""

    id: str
    fields: dict[str, msgspec.Raw]
    createdTime: str = ""


class Records(msgspec.Struct, frozen=True):
    """Rows of a list, or of a write."""

    records: list[Record]
    offset: str | None = None


class DeletedRecord(msgspec.Struct, frozen=True):
    id: str
    deleted: bool


class Deleted(msgspec.Struct, frozen=True):
    """What a deletion answers."""

    records: list[DeletedRecord]


class TokenGrant(msgspec.Struct, frozen=True):
    """What the token endpoint answers."""

    access_token: str
    refresh_token: str
    expires_in: int


@dataclass(frozen=True, slots=True)
class Refused:
    """Airtable understood a call and declined it; nothing was done."""

    status: int
    kind: str
    message: str = field(repr=False)  # may quote a cell

    def action(self) -> ActionRequired:
        """Say what the user must do, where the refusal concerns the place and not a row."""
        if self.kind == "UNKNOWN_FIELD_NAME":
            return ActionRequired(
                "column_missing",
                "A column that Counterfoil keeps up to date is not in the Airtable table any more.",
                remedy="Undo its deletion in Airtable, or change the mapping of this table.",
            )
        if self.kind == "INVALID_PERMISSIONS":
            return ActionRequired(
                "permission_missing", "The Airtable token may not do everything that is needed.", remedy=_SHARE
            )
        if self.status in (403, 404):
            return ActionRequired(
                "place_not_reachable", "Airtable does not let Counterfoil into this base or table.", remedy=_SHARE
            )
        return ActionRequired(
            "refused",
            f"Airtable refused the request: {(self.message or self.kind or str(self.status))[:200]}",
            remedy="Look at the base in Airtable: a limit of tables or columns may be reached, or a name be taken.",
        )


def refused(reply: Reply) -> Refused:
    """Read an error in any of the forms that Airtable uses.

    `{"error": {"type", "message"}}`, `{"error": "NOT_FOUND"}`, `{"errors": [{"error", "message"}]}`.
    """
    try:
        body = msgspec.json.decode(reply.body)
    except msgspec.DecodeError:
        return Refused(reply.status, "", "")
    if not isinstance(body, dict):
        return Refused(reply.status, "", "")
    error = body.get("error")
    errors = body.get("errors")
    if error is None and isinstance(errors, list) and errors and isinstance(errors[0], dict):
        return Refused(reply.status, str(errors[0].get("error", "")), str(errors[0].get("message", "")))
    if isinstance(error, dict):
        return Refused(reply.status, str(error.get("type", "")), str(error.get("message", "")))
    return Refused(reply.status, str(error or ""), "")
