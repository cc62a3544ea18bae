"""The suite that every provider inherits: over real HTTP, against its emulator, into an in-memory ledger.

A provider's test file names the class, gives the hooks of `contracts.provider_hooks.ProviderHooks` and inherits all:

    class TestPlaid(ProviderContract):
        spec = SPEC
        endpoints = (Endpoint("POST", "/accounts/get"), …)
        refused_token = (400, {"error_type": "INVALID_INPUT", "error_code": "INVALID_ACCESS_TOKEN", …})

        def emulator(self) -> Emulator:
            return emulator(World(seed=3))

        def take_back(self, bank: Bank) -> str:
            return bank.act("remove_transaction")["transaction_id"]
        …

What a vendor cannot play is declared with a reason, and then not collected: `exempt = {"test_name": "why"}`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pytest
from pydantic import BaseModel

from contracts.hooks import Endpoint
from contracts.ledger import Ledger
from contracts.provider_hooks import (
    HANG,
    HURRIED,
    Bank,
    ProviderHooks,
    assert_tells_no_secret,
    secrets_of,
)
from contracts.stage import Stage
from counterfoil.errors import ActionRequired
from counterfoil.ports import Provider, ProviderSpec
from counterfoil.sandbox.kit import Emulator

__all__ = ["Bank", "Endpoint", "ProviderContract"]

FAULTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "timeout before": {"kind": "hang_before", "seconds": HANG},
    "timeout after": {"kind": "hang_after", "seconds": HANG},
    "cut before": {"kind": "cut_before"},
    "cut after": {"kind": "cut_after"},
    "reset in the body": {"kind": "truncate"},
    "truncated JSON": {"kind": "half_json"},
    "429 with Retry-After": {"kind": "rate_limited", "retry_after": 0.05},
    "429 without Retry-After": {"kind": "rate_limited"},
    "500": {"kind": "status", "status": 500},
    "502 with a web page": {"kind": "html"},
    "503": {"kind": "status_after", "status": 503},
    "wrong content type": {"kind": "wrong_type"},
    "empty 200": {"kind": "empty"},
    "slow reply": {"kind": "delay", "seconds": 0.1},
    "five times 500": {"kind": "status", "status": 500, "times": 5},
    "token refused once": {"kind": "status"},
}


@pytest.mark.anyio
class ProviderContract(ProviderHooks):
    """All promises of the Provider door; see DESIGN section 5."""

    _calm: "Calm | None" = None  # one per test class

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "endpoint" in metafunc.fixturenames:
            metafunc.parametrize("endpoint", self.endpoints, ids=str)

    # --- reading ---

    async def test_a_first_read_brings_rows_and_every_link_points_to_one(self, bank: Bank) -> None:
        reading = bank.reading()
        ledger = await reading.everything()
        assert not reading.errors
        assert ledger.rows["accounts"] and ledger.rows["transactions"]
        assert ledger.dangling() == []

    async def test_reading_a_stream_again_with_nothing_new_changes_nothing(self, bank: Bank) -> None:
        reading = bank.reading()
        first = await reading.everything()
        for stream in bank.spec.streams:
            assert (await reading.stream(stream.name)).rows == first.rows, f"{stream.name} blanks what others know"

    async def test_streams_may_be_read_in_any_order(self, bank: Bank) -> None:
        forward, backward = bank.reading(), bank.reading()
        await forward.everything()
        for stream in reversed(bank.spec.streams):
            await backward.stream(stream.name)
        await forward.everything()
        await backward.everything()
        assert forward.ledger.rows == backward.ledger.rows

    async def test_the_credential_proves_itself_and_names_the_connection(self, bank: Bank) -> None:
        identity = await bank.open().check()
        assert identity.remote_id
        assert identity.label
        assert not identity.live

    async def test_a_history_that_is_not_ready_is_waited_for_without_a_cursor(self, bank: Bank) -> None:
        reading = bank.reading(await self.connect_unready(bank))
        await reading.stream(self.paged)
        assert reading.waits and min(reading.waits) > 0
        assert not reading.ledger.rows[self.paged]
        assert self.paged not in reading.ledger.cursors
        self.get_ready(bank)
        await reading.everything()
        assert reading.ledger.rows[self.paged]

    async def test_a_row_that_vanishes_while_its_pages_are_read_does_not_stay(self, bank: Bank) -> None:
        reading = bank.reading()
        probe = await bank.open().fetch(self.paged, None)
        assert probe.has_more, "the history must have several pages"
        landing = bank.spec.land(self.paged, probe.body)
        key = next(row.key for row in landing.rows if row.table == self.paged)
        vanished: list[str] = []

        def interfere(pages: int) -> None:
            if pages == 1 and not vanished:
                self.vanish(bank, key)
                vanished.append(key)

        ledger = await reading.stream(self.paged, after_page=interfere)
        assert reading.restarts >= 1
        assert key not in ledger.rows[self.paged]
        assert ledger.rows == (await bank.reading().stream(self.paged)).rows

    async def test_a_posted_row_replaces_its_pending_one_across_pages(self, bank: Bank) -> None:
        pending = self.add_pending(bank)
        reading = bank.reading()
        ledger = await reading.everything()
        waiting: Any = ledger.rows["transactions"][pending]
        assert waiting.pending
        posted = self.post_across_pages(bank, pending)
        ledger = await reading.stream(self.paged)
        landed = reading.landed(self.paged)
        (leaves,) = (page for page, one in enumerate(landed) if ("transactions", pending) in one.removed)
        (comes,) = (page for page, one in enumerate(landed) if posted in {row.key for row in one.rows})
        assert leaves != comes
        row: Any = ledger.rows["transactions"][posted]
        assert pending not in ledger.rows["transactions"]
        assert row.replaces == pending
        assert not row.pending

    async def test_rows_sent_again_unchanged_change_nothing(self, bank: Bank) -> None:
        reading = bank.reading()
        before = await reading.everything()
        self.resend_unchanged(bank)
        after = await reading.stream(self.paged)
        assert any(row.table == self.paged for landing in reading.landed(self.paged) for row in landing.rows)
        assert after.rows == before.rows

    async def test_what_the_provider_takes_back_goes(self, bank: Bank) -> None:
        reading = bank.reading()
        await reading.everything()
        before = set(reading.ledger.rows["transactions"])
        key = self.take_back(bank)
        assert key in before
        await reading.everything()
        assert set(reading.ledger.rows["transactions"]) == before - {key}

    async def test_fields_and_values_never_seen_before_pass(self, bank: Bank) -> None:
        plain = await bank.reading().everything()
        self.show_novelties(bank)
        reading = bank.reading()
        novel = await reading.everything()
        assert not reading.errors
        assert {table: set(rows) for table, rows in novel.rows.items()} == {
            table: set(rows) for table, rows in plain.rows.items()
        }

    # --- when it does not work ---

    async def test_a_lost_login_asks_the_person_to_act_and_goes_on_afterwards(self, bank: Bank) -> None:
        reading = bank.reading()
        before = await reading.everything()
        self.lock_out(bank)
        with pytest.raises(ActionRequired) as caught:
            await _ask_once(bank.open(), bank.spec, reading.ledger)
        assert re.fullmatch(r"[a-z0-9_]+", caught.value.code)
        assert len(str(caught.value)) > 10 and len(caught.value.remedy) > 10
        assert_tells_no_secret([caught.value], secrets_of(bank.app, bank.settings))
        self.let_in(bank)
        after = await reading.everything()
        assert after.rows["transactions"] == before.rows["transactions"]
        assert not reading.errors

    async def test_a_429_pauses_the_budget_of_the_call(self, bank: Bank) -> None:
        endpoint = self.endpoints[0]
        bank.control.plan(kind="rate_limited", method=endpoint.method, path=endpoint.path)
        await bank.reading().everything()
        assert bank.budgets.pauses

    async def test_every_call_is_to_an_endpoint_that_is_declared(self, stage: Stage) -> None:
        calls = (await self.calm(stage)).calls
        for call in calls:
            assert any(_meets(endpoint, call) for endpoint in self.endpoints), call
        for endpoint in self.endpoints:
            assert any(_meets(endpoint, call) for call in calls), f"never called: {endpoint}"

    @pytest.mark.parametrize("fault", FAULTS)
    async def test_a_fault_changes_nothing_about_the_end(self, stage: Stage, endpoint: Endpoint, fault: str) -> None:
        calm = await self.calm(stage)
        planned = {"times": 1, **FAULTS[fault], "method": endpoint.method, "path": endpoint.path}
        if fault == "token refused once":
            planned["status"], planned["body"] = self.refused_token
        async for bank in self.opened(stage, calm.emulator, calm.settings, HURRIED):
            bank.control.clear()
            bank.control.forget_calls()
            bank.control.plan(**planned)
            reading = bank.reading()
            ledger = await reading.everything()
            others = await self.other_calls(bank)
            assert [call for call in bank.control.calls() if call["fault"] == planned["kind"]], "never happened"
            assert ledger.rows == calm.ledger.rows
            assert others == calm.others
            assert_tells_no_secret(reading.errors, secrets_of(bank.app, bank.settings))

    async def calm(self, stage: Stage) -> "Calm":
        """Read everything without a fault, once for all tests of the class."""
        cls = type(self)
        if cls._calm is None:
            emulator = self.emulator()
            async for bank in self.opened(stage, emulator, None, HURRIED):
                bank.control.forget_calls()
                ledger = await bank.reading().everything()
                others = await self.other_calls(bank)
                cls._calm = Calm(emulator, bank.settings, ledger, others, bank.control.calls())
        assert cls._calm is not None
        return cls._calm


@dataclass(frozen=True, slots=True)
class Calm:
    """What an emulator with one connection gives when nothing goes wrong."""

    emulator: Emulator
    settings: BaseModel
    ledger: Ledger
    others: Any
    calls: Sequence[Mapping[str, Any]]


async def _ask_once(provider: Provider, spec: ProviderSpec, ledger: Ledger) -> None:
    for stream in spec.streams:
        await provider.fetch(stream.name, ledger.cursors.get(stream.name))


def _meets(endpoint: Endpoint, call: Mapping[str, Any]) -> bool:
    return bool(re.fullmatch(endpoint.method, call["method"]) and re.fullmatch(endpoint.path, call["path"]))
