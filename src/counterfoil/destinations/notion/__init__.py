"""Notion: each table is a database on one of the user's pages."""

from typing import Final

from counterfoil.destinations.notion.destination import Notion
from counterfoil.destinations.notion.settings import NotionApp, NotionSettings
from counterfoil.ports import DestinationSpec

SPEC: Final = DestinationSpec(
    slug="notion",
    label="Notion",
    env="NOTION",
    app=NotionApp,
    settings=NotionSettings,
    batch=100,
    open=Notion,
)

__all__ = ["SPEC", "NotionApp", "NotionSettings"]
