"""The product is killed at every kind of moment of a sync; what it began, its successor ends, once."""

import random
from pathlib import Path
from typing import Final

import pytest

from kill.stage import InSeconds, Point, raised
from kill.trap import AtCall, Moment
from kill.worker import AtCommit

MOMENTS: Final[tuple[Moment, ...]] = ("lost", "unanswered", "answered")
CALLS: Final = (  # (vendor, call, calls of that kind that go by before)
    ("plaid", "POST /transactions/sync", 0),
    ("airtable", "GET /v0/meta/.*", 0),
    ("airtable", "PATCH /v0/app.*", 0),  # accounts
    ("airtable", "PATCH /v0/app.*", 2),  # transactions
    ("airtable", "DELETE /v0/app.*", 0),
    ("google", "(GET|POST) .*(:getByDataFilter|/[^/:]+)", 1),
    ("google", "POST .*:batchUpdate", 0),  # accounts
    ("google", "POST .*:batchUpdate", 1),  # transactions
)
FIRST: Final[tuple[Point, ...]] = (
    AtCall("airtable", "POST /v0/meta/.*", "unanswered", 1),  # making the second table
    AtCall("google", "POST .*:batchUpdate", "unanswered"),  # making tabs
    AtCall("airtable", "PATCH /v0/app.*", "unanswered", 5),
    AtCall("google", "POST .*:batchUpdate", "unanswered", 3),  # writing rows
)
COMMITS: Final = 90  # about as many as a sync of both destinations has


def points(count: int, seed: int) -> list[Point]:
    """Give each kind of call with each of its moments, and as many commits as moments at random."""
    dice = random.Random(seed)
    chosen: list[Point] = [AtCall(*call[:2], moment, call[2]) for call in CALLS for moment in MOMENTS]
    others = (count - len(chosen)) // 2
    # Spread over the sync, so that few of them leave no stretch of it out.
    stretch = max(2, COMMITS // others)
    chosen += [AtCommit(dice.randrange(1, stretch) + n * COMMITS // others, n % 2 == 0) for n in range(others)]
    chosen += [InSeconds(dice.uniform(0.01, 1.0)) for _ in range(others)]
    dice.shuffle(chosen)
    return chosen


@pytest.mark.parametrize("point", FIRST, ids=lambda point: f"{point.vendor}-{point.skip}")
def test_a_first_sync_that_dies_twice_makes_every_table_and_row_once(tmp_path: Path, point: AtCall) -> None:
    with raised(tmp_path, seed=1, transactions=150) as stage:
        stage.arm(point)
        stage.next_death = AtCommit(25, after=True)
        stage.begin()
        stage.settled()
        assert stage.kills == 2
        stage.check()


@pytest.mark.parametrize("part", [0, 1])
@pytest.mark.parametrize(("count", "seed"), [(40, 1), pytest.param(200, 2, marks=pytest.mark.long)])
def test_syncs_that_die_anywhere_lose_and_double_nothing(tmp_path: Path, count: int, seed: int, part: int) -> None:
    dice = random.Random(seed + part)
    chosen = points(count, seed)[part::2]
    with raised(tmp_path, seed + part, transactions=150) as stage:
        stage.begin()
        stage.settled()
        for number, point in enumerate(chosen):
            # A spreadsheet is read before a change, but not before a row is added: that is where one could double.
            only_new = point.vendor == "google" if isinstance(point, AtCall) else number % 3 == 0
            happens = stage.buy if only_new else stage.live_on
            happens(dice.randrange(3, 25))
            before, calls = stage.kills, len(stage.trap.calls)
            again = AtCommit(dice.randrange(1, 60), dice.random() < 0.5) if dice.random() < 0.2 else None
            stage.survive(point, again)
            if isinstance(point, AtCall):
                assert stage.kills > before, f"{point} never came: {stage.trap.calls[calls:]}"
            stage.check()
            stage.write_notes()
        # One at a moment after the end, or at a commit too many, kills nothing.
        assert stage.kills >= len(chosen) - max(2, len(chosen) // 20)
