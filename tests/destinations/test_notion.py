"""Notion: the destination's promises, and what is Notion's own."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, SecretStr

from contracts.destination import DestinationContract, Endpoint
from counterfoil.destinations.notion import SPEC, NotionApp, NotionSettings
from counterfoil.destinations.notion.sandbox import emulator
from counterfoil.sandbox.kit import Emulator

_LOST = {"kind": "cut_after", "method": "POST", "path": "/v1/pages"}


class TestNotion(DestinationContract):
    spec = SPEC
    place_field, unknown_place = "page_id", "00000000-0000-4000-8000-000000000000"
    endpoints = (
        Endpoint("GET", "/v1/users/me"),
        Endpoint("GET", "/v1/pages/[^/]+"),
        Endpoint("GET", "/v1/blocks/[^/]+/children"),
        Endpoint("POST", "/v1/search"),
        Endpoint("GET", "/v1/data_sources/[^/]+"),
        Endpoint("POST", "/v1/databases", writes=True),
        Endpoint("POST", "/v1/pages", writes=True),
        Endpoint("PATCH", "/v1/pages/[^/]+", writes=True),
        Endpoint("POST", "/v1/data_sources/[^/]+/query", after=_LOST),
    )
    saturating = (1, 15)

    def emulator(self) -> Emulator:
        return emulator()

    def app(self, url: str) -> BaseModel:
        return NotionApp(url=url, lookup_waits=(0.0, 0.01))

    def settings(self, url: str, credentials: Mapping[str, Any]) -> BaseModel:
        return NotionSettings(token=SecretStr(credentials["token"]), page_id=credentials["page_id"])
