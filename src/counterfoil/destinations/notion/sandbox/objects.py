"""The objects of the Notion emulator as the API shows them."""

from collections.abc import Sequence
from typing import Any, Final

from counterfoil.destinations.notion.sandbox.schema import show_property
from counterfoil.destinations.notion.sandbox.state import Database, Page, Source, Workspace, iso_minute
from counterfoil.destinations.notion.sandbox.values import rich_text, show

OLDER: Final = "2025-09-03"
NEWEST: Final = "2026-03-11"


class Objects:
    """Shows a workspace in the words of one API version."""

    def __init__(self, workspace: Workspace, version: str) -> None:
        self._workspace = workspace
        self._version = version

    def _trash(self, in_trash: bool) -> dict[str, Any]:
        return {"in_trash": in_trash} | ({"archived": in_trash} if self._version == OLDER else {})

    def _user(self) -> dict[str, Any]:
        return {"object": "user", "id": self._workspace.bot_id}

    def _frame(self, kind: str, own_id: str, created: float, edited: float) -> dict[str, Any]:
        return {
            "object": kind,
            "id": own_id,
            "created_time": iso_minute(created),
            "last_edited_time": iso_minute(edited),
            "icon": None,
            "cover": None,
            "url": f"https://www.notion.so/{own_id.replace('-', '')}",
            "public_url": None,
        }

    def page(self, source: Source, page: Page, only: Sequence[str] = ()) -> dict[str, Any]:
        """Show a row; `only` are the property ids to show, all where it is empty."""
        wanted = {found.id for found in map(source.find, only) if found} if only else source.properties.keys()
        shown = self._page(page.id, page.created, page.edited)
        if page.by_person:
            shown["created_by"] = {"object": "user", "id": self._workspace.user_id}
        shown |= self._trash(page.in_trash or source.in_trash)
        shown["parent"] = {
            "type": "data_source_id",
            "data_source_id": source.id,
            "database_id": source.database_id,
        }
        shown["properties"] = {
            prop.name: show(self._workspace, prop, page) for prop in source.properties.values() if prop.id in wanted
        }
        return shown

    def _page(self, own_id: str, created: float, edited: float) -> dict[str, Any]:
        more = {"is_locked": False, "created_by": self._user(), "last_edited_by": self._user()}
        return self._frame("page", own_id, created, edited) | more

    def root(self) -> dict[str, Any]:
        """Show the page that is shared with the connection."""
        workspace = self._workspace
        shown = self._page(workspace.page_id, workspace.created, workspace.created)
        shown |= self._trash(workspace.page_in_trash)
        shown["parent"] = {"type": "workspace", "workspace": True}
        shown["properties"] = {"title": {"id": "title", "type": "title", "title": rich_text(workspace.page_title)}}
        return shown

    def source(self, source: Source) -> dict[str, Any]:
        """Show a data source."""
        database = self._workspace.databases[source.database_id]
        shown = self._frame("data_source", source.id, source.created, source.created)
        shown |= self._trash(source.in_trash or database.in_trash)
        return shown | {
            "title": rich_text(source.title),
            "description": [],
            "parent": {"type": "database_id", "database_id": database.id},
            "database_parent": {"type": "page_id", "page_id": self._workspace.page_id},
            "is_inline": database.is_inline,
            "created_by": self._user(),
            "last_edited_by": self._user(),
            "properties": {prop.name: show_property(self._workspace, prop) for prop in source.properties.values()},
        }

    def database(self, database: Database) -> dict[str, Any]:
        """Show a database."""
        shown = self._frame("database", database.id, database.created, database.created)
        return (
            shown
            | self._trash(database.in_trash)
            | {
                "title": rich_text(database.title),
                "description": [],
                "parent": {"type": "page_id", "page_id": self._workspace.page_id},
                "is_inline": database.is_inline,
                "is_locked": False,
                "data_sources": [
                    {"id": source.id, "name": source.title} for source in self._workspace.sources_of(database)
                ],
            }
        )

    def block(self, database: Database) -> dict[str, Any]:
        """Show a database as the block that it is on its page."""
        shown = self._frame("block", database.id, database.created, database.created)
        for absent in ("icon", "cover", "url", "public_url"):
            del shown[absent]
        return (
            shown
            | self._trash(False)
            | {
                "parent": {"type": "page_id", "page_id": self._workspace.page_id},
                "created_by": self._user(),
                "last_edited_by": self._user(),
                "has_children": False,
                "type": "child_database",
                "child_database": {"title": database.title},
            }
        )

    def bot(self) -> dict[str, Any]:
        """Show who the token is."""
        workspace = self._workspace
        return {
            "object": "user",
            "id": workspace.bot_id,
            "name": "Counterfoil",
            "avatar_url": None,
            "type": "bot",
            "bot": {
                "owner": {"type": "workspace", "workspace": True},
                "workspace_id": workspace.workspace_id,
                "workspace_name": "Sandbox",
                "workspace_limits": {"max_file_upload_size_in_bytes": 5_242_880},
            },
        }
