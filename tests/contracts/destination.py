"""The suite that every destination inherits: over real HTTP, against its emulator, with the truth at hand.

A destination's test file names the class, gives the hooks of `contracts.hooks.Hooks` and inherits all cases:

    class TestAirtable(DestinationContract):
        spec = SPEC
        place_field, unknown_place = "base_id", "appUnknown0000000"
        endpoints = (Endpoint("GET", "/v0/meta/whoami"), Endpoint("PATCH", "/v0/app[^/]+/tbl[^/]+", writes=True), …)

        def emulator(self) -> Emulator:
            return emulator()

        def app(self, url: str) -> BaseModel:
            return App(url=url)

        def settings(self, url: str, credentials: Mapping[str, Any]) -> BaseModel:
            return Settings(**credentials)

What a kind cannot do is declared with a reason, and then not collected: `exempt = {"test_name": "why"}`.
"""

import pytest

from contracts.fault_cases import FaultCases
from contracts.hooks import Endpoint
from contracts.prepare_cases import PrepareCases
from contracts.user_cases import UserCases
from contracts.value_cases import ValueCases
from contracts.write_cases import WriteCases

__all__ = ["DestinationContract", "Endpoint"]


@pytest.mark.anyio
class DestinationContract(PrepareCases, WriteCases, UserCases, ValueCases, FaultCases):
    """All promises of the Destination door; see DESIGN section 5."""
