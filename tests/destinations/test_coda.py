"""Coda as a destination: the common suite, and what is Coda's own."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import BaseModel

from contracts.destination import DestinationContract, Endpoint
from contracts.stage import Place
from counterfoil.destinations.coda import SPEC
from counterfoil.destinations.coda.sandbox import emulator
from counterfoil.destinations.coda.settings import CodaApp, CodaSettings
from counterfoil.ports import TableMapping
from counterfoil.sandbox.kit import Emulator

API = "/apis/v1"
DOC = f"{API}/docs/[^/]+"
TABLE = f"{DOC}/tables/[^/]+"


class TestCoda(DestinationContract):
    spec = SPEC
    place_field, unknown_place = "doc_id", "nOsUcHdOc0"
    saturating = (12, 20)
    unauthorised: ClassVar[Any] = {"statusCode": 401, "statusMessage": "Unauthorized", "message": "Unauthorized"}
    endpoints = (
        Endpoint("GET", f"{API}/whoami"),
        Endpoint("GET", DOC),
        Endpoint("GET", f"{DOC}/tables"),
        Endpoint("GET", f"{TABLE}/columns"),
        Endpoint("GET", f"{TABLE}/rows"),
        Endpoint("GET", f"{TABLE}/rows/[^/]+"),
        Endpoint("POST", f"{TABLE}/rows", writes=True),
        Endpoint("PUT", f"{TABLE}/rows/[^/]+", writes=True),
        Endpoint("DELETE", f"{TABLE}/rows", writes=True),
        Endpoint("GET", f"{API}/mutationStatus/[^/]+"),
        Endpoint("GET", TABLE, after={"kind": "cut_after", "method": "POST", "path": f"{TABLE}/rows", "skip": 2}),
    )

    def emulator(self) -> Emulator:
        return emulator(delay=0.01)

    def app(self, url: str) -> BaseModel:
        return CodaApp(url=url, settle=0.05, patience=1.0, first_look=0.02)

    def settings(self, url: str, credentials: Mapping[str, Any]) -> BaseModel:
        return CodaSettings(**credentials)

    def furnish(self, place: Place, tables: Sequence[TableMapping]) -> None:
        """The doc is a copy of the template; only what the template does not know is made by hand."""
        there = {table["name"] for table in place.control.tables()}
        for table in tables:
            if table.label not in there:
                fields = [
                    {"name": one.label, "type": one.kind.value, "to": one.to and one.to.capitalize()}
                    for one in (table.key_field, *table.fields)
                ]
                place.control.act("add_table", name=table.label, fields=[*fields[1:], fields[0]], rows=[])
