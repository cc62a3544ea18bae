"""The endpoints of the Notion emulator."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from counterfoil.destinations.notion.sandbox.gate import Call, Gate
from counterfoil.destinations.notion.sandbox.objects import OLDER
from counterfoil.destinations.notion.sandbox.query import Queries, envelope, sliced
from counterfoil.destinations.notion.sandbox.schema import change_properties
from counterfoil.destinations.notion.sandbox.state import (
    Page,
    Source,
    Workspace,
    canonical_id,
    invalid,
    not_found,
    refuse,
)
from counterfoil.destinations.notion.sandbox.values import accept, plain_text, rich_text, show
from counterfoil.sandbox.kit import Refusal


@dataclass(slots=True)
class Api:
    """Answers admitted calls out of the workspace."""

    workspace: Workspace
    queries: Queries

    def me(self, call: Call) -> dict[str, Any]:
        """Tell who the token is."""
        return call.objects.bot()

    def search(self, call: Call) -> dict[str, Any]:
        """Search by title; what was made within the index lag is not found yet."""
        workspace, wanted = self.workspace, (call.body.get("filter") or {}).get("value")
        text = str(call.body.get("query", "")).casefold()
        found = []
        if workspace.shared and wanted in (None, "data_source"):
            found += [
                call.objects.source(source)
                for source in workspace.sources.values()
                if not _in_trash(workspace, source) and text in source.title.casefold()
                if workspace.indexed(source.created)
            ]
        if workspace.shared and wanted in (None, "page") and text in workspace.page_title.casefold():
            found.append(call.objects.root())
        results, following = sliced(found, call.body)
        return envelope(results, following)

    # --- pages ---

    def create_page(self, call: Call) -> dict[str, Any]:
        """Add a row."""
        parent = call.body.get("parent")
        if not isinstance(parent, Mapping) or not ("data_source_id" in parent or "database_id" in parent):
            invalid("body failed validation: body.parent.data_source_id should be defined, instead was `undefined`.")
        if "data_source_id" in parent:
            source = self.workspace.source(str(parent["data_source_id"]))
        else:
            source = self._only_source(str(parent["database_id"]))
        if _in_trash(self.workspace, source):
            invalid("Can't edit a data source that is in the trash.")
        values = accept(self.workspace, source, call.body.get("properties", {}))
        page = self.workspace.add_page(source, {key: value for key, value in values.items() if value is not None})
        self._link_back(source, page, {})
        return call.objects.page(source, page)

    def _only_source(self, database_id: str) -> Source:
        sources = list(self.workspace.sources_of(self.workspace.database(database_id)))
        if len(sources) != 1:
            invalid("Databases with multiple data sources are not supported in this parent.")
        return sources[0]

    def page(self, call: Call) -> dict[str, Any]:
        """Show a row, in the trash or not, or the shared page."""
        if self._is_root(call.path("page_id")):
            return call.objects.root()
        source, page = self.workspace.page(call.path("page_id"))
        return call.objects.page(source, page, call.only())

    def _is_root(self, page_id: str) -> bool:
        return self.workspace.shared and canonical_id(page_id) == self.workspace.page_id

    def update_page(self, call: Call) -> dict[str, Any]:
        """Change the given values of a row; put it into the trash or take it out."""
        source, page = self.workspace.page(call.path("page_id"))
        trash = _wanted_trash(call)
        written = call.body.get("properties", {})
        if _in_trash(self.workspace, source) or (page.in_trash and written and trash is not False):
            invalid("Can't edit block that is archived. You must unarchive the block before editing.")
        values = accept(self.workspace, source, written)
        before = dict(page.values)
        for key, value in values.items():
            if value is None:
                page.values.pop(key, None)
            else:
                page.values[key] = value
        if trash is not None:
            page.in_trash = trash
        page.edited = self.workspace.now()
        self._link_back(source, page, before)
        return call.objects.page(source, page)

    def _link_back(self, source: Source, page: Page, before: Mapping[str, Any]) -> None:
        """Keep the other side of a relation that has two sides."""
        for prop in source.properties.values():
            synced = prop.config.get("synced") if prop.type == "relation" else None
            if synced is None:
                continue
            target = self.workspace.sources[prop.config["data_source_id"]]
            old, new = set(before.get(prop.id) or ()), set(page.values.get(prop.id) or ())
            for other in old ^ new:
                links = [one for one in target.pages[other].values.get(synced) or () if one != page.id]
                target.pages[other].values[synced] = tuple(links + [page.id] * (other in new))

    def page_property(self, call: Call) -> dict[str, Any]:
        """Give all references of a property, beyond the 25 that a page shows."""
        source, page = self.workspace.page(call.path("page_id"))
        prop = source.find(call.path("property_id"))
        if prop is None:
            not_found("property", call.path("property_id"))
        if prop.type == "relation":
            shown = [{"id": one, "relation": {"id": one}} for one in page.values.get(prop.id) or ()]
        elif prop.type in ("title", "rich_text"):
            pieces = enumerate(rich_text(page.values.get(prop.id) or ""))
            shown = [{"id": str(place), prop.type: piece} for place, piece in pieces]
        else:
            return {"object": "property_item"} | show(self.workspace, prop, page)
        results, following = sliced(shown, call.request.query_params)
        answered = [
            {"object": "property_item", "id": prop.id, "type": prop.type, prop.type: one[prop.type]} for one in results
        ]
        own: dict[str, Any] = {"id": prop.id, "type": prop.type, prop.type: {}, "next_url": None}
        return envelope(answered, following) | {"type": "property_item", "property_item": own}

    # --- databases and data sources ---

    def create_database(self, call: Call) -> dict[str, Any]:
        """Make a database on the shared page, with its first data source."""
        parent = call.body.get("parent")
        if not isinstance(parent, Mapping) or "page_id" not in parent:
            invalid("body failed validation: body.parent.page_id should be defined, instead was `undefined`.")
        if not self._is_root(str(parent["page_id"])):
            not_found("page", canonical_id(str(parent["page_id"])))
        title = plain_text(call.body.get("title", []), "body failed validation: body.title")
        source = self.workspace.add_table(title, inline=bool(call.body.get("is_inline")))
        try:
            self._fill(source, (call.body.get("initial_data_source") or {}).get("properties", {}))
        except Refusal:
            del self.workspace.databases[source.database_id], self.workspace.sources[source.id]
            raise
        return call.objects.database(self.workspace.databases[source.database_id])

    def _fill(self, source: Source, properties: Any) -> None:
        """Give a new data source its properties; the title may bring a name."""
        if not isinstance(properties, Mapping):
            invalid("body failed validation: properties should be an object.")
        titles = [name for name, wire in properties.items() if isinstance(wire, Mapping) and "title" in wire]
        if len(titles) > 1:
            invalid("Cannot create a second title property.")
        for name in titles:
            source.title_property.name = name
        change_properties(self.workspace, source, properties)

    def database(self, call: Call) -> dict[str, Any]:
        """Show a database and name its data sources."""
        return call.objects.database(self.workspace.database(call.path("database_id")))

    def update_database(self, call: Call) -> dict[str, Any]:
        """Rename a database, or put it into the trash."""
        database = self.workspace.database(call.path("database_id"))
        if "title" in call.body:
            database.title = plain_text(call.body["title"], "body failed validation: body.title")
        database.is_inline = bool(call.body.get("is_inline", database.is_inline))
        trash = _wanted_trash(call)
        database.in_trash = database.in_trash if trash is None else trash
        self.workspace.now()
        return call.objects.database(database)

    def create_source(self, call: Call) -> dict[str, Any]:
        """Add a data source to a database."""
        database = self.workspace.database(str((call.body.get("parent") or {}).get("database_id", "")))
        title = plain_text(call.body.get("title", []), "body failed validation: body.title")
        source = self.workspace.add_source(database, title)
        source.add("Name", "title")
        try:
            self._fill(source, call.body.get("properties", {}))
        except Refusal:
            del self.workspace.sources[source.id]
            raise
        return call.objects.source(source)

    def source(self, call: Call) -> dict[str, Any]:
        """Show a data source with its schema."""
        return call.objects.source(self.workspace.source(call.path("data_source_id")))

    def update_source(self, call: Call) -> dict[str, Any]:
        """Change the title or the schema of a data source."""
        source = self.workspace.source(call.path("data_source_id"))
        if "title" in call.body:
            source.title = plain_text(call.body["title"], "body failed validation: body.title")
        change_properties(self.workspace, source, call.body.get("properties", {}))
        trash = _wanted_trash(call)
        source.in_trash = source.in_trash if trash is None else trash
        self.workspace.now()
        return call.objects.source(source)

    def query(self, call: Call) -> dict[str, Any]:
        """Give one page of rows."""
        source = self.workspace.source(call.path("data_source_id"))
        pages, following, capped = self.queries.run(source, call.body)
        only = call.only()
        return envelope([call.objects.page(source, page, only) for page in pages], following, capped=capped)

    def children(self, call: Call) -> dict[str, Any]:
        """List the blocks of the shared page: its databases."""
        if not self._is_root(call.path("block_id")):
            not_found("block", canonical_id(call.path("block_id")))
        blocks = [call.objects.block(one) for one in self.workspace.databases.values() if not one.in_trash]
        results, following = sliced(blocks, call.request.query_params)
        body = envelope(results, following) | {"type": "block", "block": {}}
        del body["page_or_data_source"]
        return body


def _in_trash(workspace: Workspace, source: Source) -> bool:
    return source.in_trash or workspace.databases[source.database_id].in_trash


def _wanted_trash(call: Call) -> bool | None:
    if "archived" in call.body and call.version != OLDER:
        invalid("body failed validation: body.archived should be not present; use in_trash.")
    return call.body.get("in_trash", call.body.get("archived"))


async def _unknown(request: Request) -> Response:
    refuse(400, "invalid_request_url", "Invalid request URL.")


def routes(gate: Gate, api: Api) -> list[BaseRoute]:
    """Give the routes under /v1, the one that refuses every other path last."""
    table = [
        ("GET", "/users/me", api.me),
        ("POST", "/search", api.search),
        ("POST", "/pages", api.create_page),
        ("GET", "/pages/{page_id}", api.page),
        ("PATCH", "/pages/{page_id}", api.update_page),
        ("GET", "/pages/{page_id}/properties/{property_id}", api.page_property),
        ("POST", "/databases", api.create_database),
        ("GET", "/databases/{database_id}", api.database),
        ("PATCH", "/databases/{database_id}", api.update_database),
        ("POST", "/data_sources", api.create_source),
        ("GET", "/data_sources/{data_source_id}", api.source),
        ("PATCH", "/data_sources/{data_source_id}", api.update_source),
        ("POST", "/data_sources/{data_source_id}/query", api.query),
        ("GET", "/blocks/{block_id}/children", api.children),
    ]
    known: list[BaseRoute] = [Route(f"/v1{path}", gate.endpoint(act), methods=[method]) for method, path, act in table]
    return [*known, Route("/{rest:path}", _unknown, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])]
