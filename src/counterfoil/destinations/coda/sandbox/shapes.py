"""The vendor's JSON bodies, from what the emulator holds."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from counterfoil.destinations.coda.sandbox.doc import Column, Doc, Row, Table
from counterfoil.destinations.coda.sandbox.values import Cell, Pointer, flat, simple

_SITE: Final = "https://coda.io"
_CONTEXT: Final = "http://schema.org/"
WORKSPACE: Final = {
    "id": "ws-Household1",
    "type": "workspace",
    "browserLink": f"{_SITE}/docs?workspaceId=ws-Household1",
    "name": "Household",
}

_FOLDER: Final = {
    "id": "fl-Money00001",
    "type": "folder",
    "browserLink": f"{_SITE}/folders/fl-Money00001",
    "name": "Money",
}


def moment(seconds: float) -> str:
    """Give a point in time as the vendor writes it."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Shapes:
    """Writes bodies whose links begin with `base`, the url of the API."""

    base: str

    def user(self, login: str, *, scoped: bool) -> dict[str, Any]:
        return {
            "name": login.partition("@")[0].capitalize(),
            "loginId": login,
            "type": "user",
            "scoped": scoped,
            "tokenName": "Counterfoil",
            "href": f"{self.base}/whoami",
            "workspace": WORKSPACE,
        }

    def doc(self, doc: Doc, owner: str) -> dict[str, Any]:
        body: dict[str, Any] = {
            "id": doc.id,
            "type": "doc",
            "href": f"{self.base}/docs/{doc.id}",
            "browserLink": f"{_SITE}/d/_d{doc.id}",
            "name": doc.name,
            "owner": owner,
            "ownerName": owner.partition("@")[0].capitalize(),
            "docSize": {
                "totalRowCount": sum(len(table.rows) for table in doc.tables),
                "tableAndViewCount": len(doc.tables),
                "pageCount": 1,
                "overApiSizeLimit": False,
            },
            "createdAt": moment(doc.created),
            "updatedAt": moment(doc.created),
            "folder": _FOLDER,
            "workspace": WORKSPACE,
            "workspaceId": WORKSPACE["id"],
            "folderId": _FOLDER["id"],
        }
        if doc.source:
            source = doc.source
            body["sourceDoc"] = {
                "id": source,
                "type": "doc",
                "href": f"{self.base}/docs/{source}",
                "browserLink": f"{_SITE}/d/_d{source}",
            }
        return body

    def table_reference(self, doc: Doc, table: Table) -> dict[str, Any]:
        return {
            "id": table.id,
            "type": "table",
            "tableType": "view" if table.parent else "table",
            "href": f"{self.base}/docs/{doc.id}/tables/{table.id}",
            "browserLink": f"{_SITE}/d/_d{doc.id}#{table.id}",
            "name": table.name,
            "parent": self._page(doc),
        }

    def table(self, doc: Doc, table: Table, row_count: int) -> dict[str, Any]:
        href = f"{self.base}/docs/{doc.id}/tables/{table.id}"
        body = self.table_reference(doc, table) | {
            "displayColumn": {"id": table.display, "type": "column", "href": f"{href}/columns/{table.display}"},
            "rowCount": row_count,
            "sorts": [],
            "layout": "default",
            "createdAt": moment(table.created),
            "updatedAt": moment(table.created),
        }
        if table.parent and (parent := doc.table(table.parent)):
            body["parentTable"] = self.table_reference(doc, parent)
        return body

    def column(self, doc: Doc, table: Table, column: Column) -> dict[str, Any]:
        kind: dict[str, Any] = {"type": column.type, "isArray": column.is_array}
        match column.type:
            case "lookup":
                target = doc.table(column.to or "")
                if target:
                    kind["table"] = self.table_reference(doc, target)
            case "checkbox":
                kind["displayType"] = "check"
            case "currency":
                kind |= {"currencyCode": "USD", "precision": 2, "format": "currency"}
            case "number" | "percent":
                kind |= {"precision": 2, "useThousandsSeparator": True}
            case "select":
                kind["options"] = []
            case "date":
                kind["format"] = "YYYY-MM-DD"
            case "dateTime":
                kind |= {"dateFormat": "YYYY-MM-DD", "timeFormat": "h:mm A"}
        body: dict[str, Any] = {
            "id": column.id,
            "type": "column",
            "href": f"{self.base}/docs/{doc.id}/tables/{table.id}/columns/{column.id}",
            "name": column.name,
            "format": kind,
        }
        if column.id == table.display:
            body["display"] = True
        if column.calculated:
            body |= {"calculated": True, "formula": "thisRow.Created()"}
        return body

    def row(self, doc: Doc, table: Table, row: Row, *, how: str, names: bool, name_of: "Namer") -> dict[str, Any]:
        href = f"{self.base}/docs/{doc.id}/tables/{table.id}/rows/{row.id}"
        values: dict[str, Any] = {}
        for column in table.columns:
            key = column.name if names else column.id
            cell = row.cells.get(column.id)
            if column.calculated:
                cell = dt.datetime.fromtimestamp(row.created, dt.UTC)
            if column.type == "checkbox" and cell is None:
                cell = False
            if how == "rich":
                values[key] = self._rich(doc, column, cell, name_of(column.to))
            else:
                shown = simple(cell, name_of(column.to))
                values[key] = shown if how == "simpleWithArrays" else flat(shown)
        return {
            "id": row.id,
            "type": "row",
            "href": href,
            "name": str(flat(simple(row.cells.get(table.display), name_of(None)))),
            "index": row.place,
            "browserLink": f"{_SITE}/d/_d{doc.id}#{table.id}/{row.id}",
            "createdAt": moment(row.created),
            "updatedAt": moment(row.updated),
            "values": values,
        }

    def _rich(self, doc: Doc, column: Column, cell: Cell, name: Callable[[str], str]) -> Any:
        if isinstance(cell, list):
            return [self._rich(doc, column, one, name) for one in cell]
        if isinstance(cell, Pointer):
            link = f"{_SITE}/d/_d{doc.id}#{column.to}"
            return {
                "@context": _CONTEXT,
                "@type": "StructuredValue",
                "additionalType": "row",
                "name": name(cell.row_id),
                "url": f"{link}/{cell.row_id}",
                "tableId": column.to,
                "tableUrl": link,
                "rowId": cell.row_id,
            }
        shown = simple(cell, name)
        if column.type == "currency" and isinstance(shown, int | Decimal):
            return {"@context": _CONTEXT, "@type": "MonetaryAmount", "currency": "USD", "amount": shown}
        if column.type == "link" and isinstance(shown, str) and shown:
            return {"@context": _CONTEXT, "@type": "WebPage", "name": shown, "url": shown}
        return f"```{shown}```" if isinstance(cell, str) and cell else shown

    def _page(self, doc: Doc) -> dict[str, Any]:
        return {
            "id": "canvas-Money00001",
            "type": "page",
            "href": f"{self.base}/docs/{doc.id}/pages/canvas-Money00001",
            "browserLink": f"{_SITE}/d/_d{doc.id}/_su0001",
            "name": "Money",
        }


Namer = Callable[[str | None], Callable[[str], str]]  # a table's id -> the function that names its rows
