"""The fault matrix: each fault on each endpoint, and the end is the same as without."""

import re
from collections.abc import Mapping
from typing import Any, Final

import pytest

from contracts.hooks import HANG, HURRIED, UNHURRIED, Endpoint, Hooks
from contracts.samples import account, create, delete, transaction, update
from contracts.stage import Place, Stage
from counterfoil.ports import Written

FAULTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "timeout before commit": {"kind": "hang_before", "seconds": HANG},
    "timeout after commit": {"kind": "hang_after", "seconds": HANG},
    "cut before commit": {"kind": "cut_before"},
    "cut after commit": {"kind": "cut_after"},
    "reset in the body": {"kind": "truncate"},
    "truncated JSON": {"kind": "half_json"},
    "429 with Retry-After": {"kind": "rate_limited", "retry_after": 0.05},
    "429 without Retry-After": {"kind": "rate_limited"},
    "500": {"kind": "status", "status": 500},
    "502 with a web page": {"kind": "html"},
    "503 after commit": {"kind": "status_after", "status": 503},
    "wrong content type": {"kind": "wrong_type"},
    "empty 200": {"kind": "empty"},
    "slow reply": {"kind": "delay", "seconds": 0.1},
    "token refused once": {"kind": "status", "status": 401},
}

State = dict[str, Any]


class FaultCases(Hooks):
    """A story from the first `prepare` to the last `read`, told under every fault."""

    _calm: State | None = None  # the end of the story without a fault; one per test class

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "endpoint" in metafunc.fixturenames:
            metafunc.parametrize("endpoint", self.endpoints, ids=str)

    async def story(self, place: Place) -> State:
        """Tell it: prepare two tables, create, update, take over, delete, read; give what the vendor then holds."""
        await place.patiently(place.destination.check)
        await place.patiently(place.destination.describe)
        tables = await self.prepared(place, "accounts", "transactions")
        accounts, table = tables["accounts"], tables["transactions"]
        mirror, destination = place.mirror, place.destination
        await mirror.write(destination, accounts, [create(accounts, f"acc-{n}", account(n)) for n in (1, 2)])
        links = [mirror.link("accounts", f"acc-{n}", f"Account {n}") for n in (1, 2)]
        rows = [create(table, f"tx-{n:02d}", transaction(n, links[n % 2])) for n in range(1, 13)]
        outcomes = await mirror.write(destination, table, rows)
        assert {type(outcome) for outcome in outcomes.values()} == {Written}
        changes = [
            update("tx-01", {"amount": transaction(90)["amount"], "merchant": None}),
            update("tx-posted", {"pending": False}, was="tx-02"),
            update("tx-03", {"account": links[0]}),
            create(table, "tx-20", transaction(20, links[1])),
            delete("tx-04"),
            delete("tx-05"),
        ]
        outcomes = await mirror.write(destination, table, changes)
        assert {type(outcome) for outcome in outcomes.values()} == {Written}
        read = await place.patiently(lambda: place.read(table))
        assert {(row.key, row.remote_id) for row in read} == {
            (key, remote_id) for (name, key), remote_id in mirror.remote_ids.items() if name == "transactions"
        }
        return self._state(place, read_keys=[row.key or "" for row in read])

    def _state(self, place: Place, read_keys: list[str]) -> State:
        tables = place.control.tables()
        key_label = "Counterfoil ID"
        keys = {row["id"]: row["cells"].get(key_label) for table in tables for row in table["rows"]}

        def named(value: Any) -> Any:
            return [keys.get(one, one) for one in value] if isinstance(value, list) else value

        state: State = {"read": sorted(read_keys)}
        for table in tables:
            rows = [{name: named(value) for name, value in row["cells"].items()} for row in table["rows"]]
            for row in rows:
                for name, value in list(row.items()):
                    if isinstance(value, list) and name not in {"Account", "Institution"}:
                        del row[name]  # the vendor's own backward link, in the order of arrival
            state.setdefault(table["name"], []).append(
                {
                    "fields": sorted((field["name"], field["type"]) for field in table["fields"]),
                    "rows": sorted(rows, key=lambda row: str(row.get(key_label))),
                }
            )
        return state

    async def calm(self, stage: Stage) -> State:
        """Give the end of the story without a fault."""
        cls = type(self)
        if cls._calm is None:
            async for place in self.opened(stage, timeout=UNHURRIED):
                cls._calm = await self.story(place)
        assert cls._calm is not None
        return cls._calm

    async def test_every_call_is_to_an_endpoint_that_is_declared(self, place: Place) -> None:
        await self.story(place)
        for call in place.control.calls():
            assert any(_meets(endpoint, call) for endpoint in self.endpoints), call

    @pytest.mark.parametrize("fault", FAULTS)
    async def test_a_fault_changes_nothing_about_the_end(self, stage: Stage, endpoint: Endpoint, fault: str) -> None:
        calm = await self.calm(stage)
        planned = {**FAULTS[fault], "method": endpoint.method, "path": endpoint.path}
        if planned.get("status") == 401:
            planned["body"] = self.unauthorised
        silent = str(planned["kind"]).startswith("hang")
        async for place in self.opened(stage, timeout=HURRIED if silent else UNHURRIED):
            if endpoint.after is not None:
                place.control.plan(**endpoint.after)
            place.control.plan(**planned, times=2 if endpoint.writes and not silent else 1)
            end = await self.story(place)
            assert [call for call in place.control.calls() if call["fault"] == planned["kind"]], "never happened"
            assert end == calm
            self._assert_no_secret(place)

    def _assert_no_secret(self, place: Place) -> None:
        for error in [*place.errors, *place.mirror.errors]:
            told, link = [getattr(error, "remedy", "")], error.__cause__
            told += [str(error), repr(error), str(link), repr(link)]
            for secret in self.secrets(place.credentials):
                assert secret not in "".join(told)


def _meets(endpoint: Endpoint, call: Mapping[str, Any]) -> bool:
    return bool(re.fullmatch(endpoint.method, call["method"]) and re.fullmatch(endpoint.path, call["path"]))
