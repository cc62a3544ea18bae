"""The Airtable destination keeps the promises of every destination, and its own."""

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import BaseModel

from contracts.destination import DestinationContract, Endpoint
from counterfoil.destinations.airtable import SPEC
from counterfoil.destinations.airtable.sandbox import emulator
from counterfoil.destinations.airtable.settings import AirtableApp, AirtableSettings
from counterfoil.sandbox.kit import Emulator


class TestAirtable(DestinationContract):
    spec = SPEC
    place_field, unknown_place = "base_id", "appDoesNotExist00"
    unauthorised: ClassVar = {"error": {"type": "AUTHENTICATION_REQUIRED", "message": "Authentication required"}}
    endpoints = (
        Endpoint("GET", "/v0/meta/bases"),
        Endpoint("GET", "/v0/meta/bases/app[^/]+/tables"),
        Endpoint("POST", "/v0/meta/bases/app[^/]+/tables", writes=True),
        Endpoint("PATCH", "/v0/app[^/]+/tbl[^/]+", writes=True),
        Endpoint("DELETE", "/v0/app[^/]+/tbl[^/]+", writes=True),
        Endpoint("GET", "/v0/app[^/]+/tbl[^/]+"),
    )

    def emulator(self) -> Emulator:
        return emulator()

    def app(self, url: str) -> BaseModel:
        return AirtableApp(url=url, oauth_url=url)

    def settings(self, url: str, credentials: Mapping[str, Any]) -> BaseModel:
        return AirtableSettings(**credentials)
