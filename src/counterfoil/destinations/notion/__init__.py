"""Notion: each table is a database on one of the user's pages."""

from functools import partial
from typing import Final

from counterfoil.destinations.notion.consent import NotionConsent
from counterfoil.destinations.notion.destination import Notion
from counterfoil.destinations.notion.settings import NotionApp, NotionSettings
from counterfoil.destinations.notion.tables import Schemas
from counterfoil.ports import DestinationSpec


def _page_url(_parent: str, _database: str, page: str) -> str:
    # https://developers.notion.com/reference/page: a row is a page, and its id without dashes is its address
    return f"https://www.notion.so/{page.replace('-', '')}"


SPEC: Final = DestinationSpec(
    slug="notion",
    label="Notion",
    env="NOTION",
    app=NotionApp,
    settings=NotionSettings,
    batch=100,
    open=partial(Notion, schemas=Schemas()),
    pace=3.0,  # a row a request
    consent=NotionConsent(),
    row_url=_page_url,
)

__all__ = ["SPEC", "NotionApp", "NotionSettings"]
