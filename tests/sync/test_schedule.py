"""Schedules, polls and weekly readings, decided at a tick."""

import datetime as dt
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.errors import BadRequest
from counterfoil.lib.http import Http
from counterfoil.lib.secrets import Vault, new_key
from counterfoil.ports import Identity
from counterfoil.store import Database, connections, destinations, requests, workspaces
from counterfoil.store.destinations import Selection
from counterfoil.sync.doors import Doors
from counterfoil.sync.schedule import NAMED, OVERDUE, SHORTEST, find_due, next_time
from counterfoil.sync.steps import SyncSteps
from fakes import Bank, destination_spec, provider_spec

NOON = dt.datetime(2026, 3, 29, 12, 0, tzinfo=dt.UTC)


@given(
    st.sampled_from(sorted(NAMED)),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]),
    st.datetimes(dt.datetime(2025, 1, 1), dt.datetime(2027, 1, 1), timezones=st.just(dt.UTC)),
)
def test_the_next_time_lies_ahead_and_not_too_close(schedule: str, zone: str, after: dt.datetime) -> None:
    first = next_time(schedule, zone, after)
    assert first > after
    assert next_time(schedule, zone, first) - first >= SHORTEST


def test_a_daily_schedule_keeps_the_users_hour_when_clocks_change() -> None:
    before = next_time("daily", "Europe/Berlin", dt.datetime(2026, 3, 27, 12, tzinfo=dt.UTC))
    after = next_time("daily", "Europe/Berlin", NOON)
    assert (before.hour, after.hour) == (5, 4)  # 6:12 in Berlin, in winter and in summer


@pytest.mark.parametrize("wrong", ["sometimes", "* * *", "* * * * *", "*/5 * * * *", "61 * * * *"])
def test_a_schedule_that_makes_no_sense_or_is_too_frequent_is_refused(wrong: str) -> None:
    with pytest.raises(BadRequest):
        next_time(wrong, "UTC", NOON)


def test_a_time_zone_that_is_none_is_refused() -> None:
    with pytest.raises(BadRequest, match="time zone"):
        next_time("daily", "Mars/Olympus", NOON)


@pytest.mark.anyio
async def test_a_tick_finds_what_is_due_and_only_once(tmp_path: Path) -> None:
    db, vault = Database.open(tmp_path / "store.db"), Vault.of(new_key())
    db.migrate()
    spec, kind = provider_spec(Bank()), destination_spec("ledger", {})
    steps = SyncSteps(Doors(db, vault, Http(), {spec.slug: spec}, {kind.slug: kind}, {}))
    with db.begin() as tx:
        home = workspaces.create(tx, "Home").id
        bank = connections.add(
            tx, vault, workspace_id=home, provider="plaid", identity=Identity("b", "Bank"), credential=b"{}"
        )
        place = destinations.add(
            tx,
            vault,
            workspace_id=home,
            kind="ledger",
            identity=Identity("l", "Ledger"),
            credential=b"{}",
            selection=Selection(schedule="hourly"),
        )
    start = place.created_at
    quiet = await find_due(steps, start.isoformat())
    assert (quiet.connections, quiet.destinations, quiet.reconciles) == ([], [], [])
    later = (start + dt.timedelta(hours=7)).isoformat()
    due = await find_due(steps, later)
    assert [one for one, _ in due.connections] == [bank.id]
    assert [one for one, _ in due.destinations] == [place.id]
    again = await find_due(steps, later)
    assert again.destinations == [] and again.connections == due.connections  # the same event id starts nothing twice
    week = await find_due(steps, (start + dt.timedelta(days=7, minutes=1)).isoformat())
    assert [one for one, _ in week.reconciles] == [place.id]
    db.close()


@pytest.mark.anyio
async def test_a_request_that_no_run_stands_behind_gets_one(tmp_path: Path) -> None:
    db, vault = Database.open(tmp_path / "store.db"), Vault.of(new_key())
    db.migrate()
    spec = provider_spec(Bank())
    steps = SyncSteps(Doors(db, vault, Http(), {spec.slug: spec}, {}, {}))
    with db.begin() as tx:
        home = workspaces.create(tx, "Home").id
        waiting, paused = (
            connections.add(
                tx, vault, workspace_id=home, provider="plaid", identity=Identity(name, name), credential=b"{}"
            ).id
            for name in ("waiting", "paused")
        )
        connections.set_state(tx, paused, "paused")
        for one in (waiting, paused):
            requests.ask(tx, one, "news", "plaid/transactions.sync_updates_available")
    asked = dt.datetime.now(dt.UTC)
    assert (await find_due(steps, (asked + OVERDUE / 2).isoformat())).connections == []
    [(due, event_id)] = (await find_due(steps, (asked + OVERDUE * 2).isoformat())).connections
    assert due == waiting and event_id.startswith("overdue:news")
    db.close()
