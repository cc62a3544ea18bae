"""Tests that cannot fail prove nothing: each bug that is planted here must turn the test that guards it red."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

ROOT: Final = Path(__file__).parents[1]
RED: Final = 1  # pytest's exit status where tests ran and some failed


@dataclass(frozen=True, slots=True)
class Bug:
    """A change of one place in `src/counterfoil`, and the tests of which each must notice it."""

    name: str
    file: str
    right: str
    wrong: str
    guards: tuple[str, ...]


MODEL: Final = "engine/test_state_machine.py::test_the_engine_does_what_its_model_says[sqlite]"
BUGS: Final = (
    Bug(
        "the key of functions is forgotten",
        "engine/functions.py",
        "            concurrency=concurrency,",
        "            concurrency=None,",
        ("engine/test_runs.py::test_runs_of_one_key_never_overlap_and_keep_their_order[sqlite]", MODEL),
    ),
    Bug(
        "the lock around a run is skipped",
        "engine/runs.py",
        "if live.function.concurrency is not None:",
        "if False:",
        (
            "engine/test_hazards.py::test_hazard_cancelled_while_running[sqlite]",
            "engine/test_hazards.py::test_hazard_two_application_versions",
            MODEL,
        ),
    ),
    Bug(
        "the lock is given back while a step is at work",
        "engine/runs.py",
        "                while live.working:",
        "                while False:",
        ("engine/test_hazards.py::test_hazard_cancelled_while_running[sqlite]", MODEL),
    ),
    Bug(
        "what waits is not held during a pause",
        "engine/ledger.py",
        '            self._hold(connection, function, waits, status="DELAYED", delay_until_epoch_ms=HELD)\n',
        "",
        (MODEL,),
    ),
    Bug(
        "what comes is not held during a pause",
        "engine/ledger.py",
        "held = HELD if run.function in paused else None",
        "held = None",
        ("engine/test_features.py::test_a_paused_functions_runs_wait_and_go_on_in_their_order[sqlite]", MODEL),
    ),
    Bug(
        "who resumes does not wait for who enqueues",
        "engine/turns.py",
        "connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_PAUSES)))",
        "pass",
        ("engine/test_turns.py::test_a_run_that_is_being_enqueued_while_its_function_is_resumed_is_not_left_behind",),
    ),
    Bug(
        "the inbox has no unique index",
        "engine/tables.py",
        'own,\n    sa.Column("id", sa.Text, primary_key=True),\n    sa.Column("name"',
        'own,\n    sa.Column("id", sa.Text),\n    sa.Column("name"',
        (
            "engine/test_runs.py::"
            "test_an_event_starts_every_function_that_listens_and_the_same_id_starts_nothing_twice[sqlite]",
            MODEL,
        ),
    ),
    Bug(
        "nothing is marked in flight before it leaves",
        "sync/batch.py",
        "    mirror.save(tx, place.destination_id, place.table, before, moved)\n",
        "",
        ("sync/test_story.py::test_a_write_whose_reply_was_lost_leaves_one_row_per_key",),
    ),
    Bug(
        "what a step came to is not kept",
        "engine/core.py",
        "        self.ledger.journal.record(run.id, run.owner, key.number, step)\n",
        "",
        ("engine/test_kills.py::test_kills_in_the_middle_of_syncs_lose_double_and_block_nothing[sqlite-15]",),
    ),
    Bug(
        "nobody takes over what a dead worker left",
        "engine/roster.py",
        'status.c.status == "PENDING"',
        'status.c.status == "NEVER"',
        ("engine/test_recovery.py::test_a_killed_workers_runs_go_on_where_they_were[sqlite]",),
    ),
)


def plants() -> list[Any]:
    """Give every bug with each of its guards, and a name for both."""
    return [
        pytest.param(bug, guard, id=f"{bug.name} ({Path(guard.partition('::')[0]).stem})")
        for bug in BUGS
        for guard in bug.guards
    ]


@pytest.mark.long
@pytest.mark.parametrize(("bug", "guard"), plants())
def test_a_planted_bug_turns_its_guard_red(bug: Bug, guard: str, tmp_path: Path) -> None:
    for folder in ("src", "tests"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    file = tmp_path / "src/counterfoil" / bug.file
    code = file.read_text()
    assert code.count(bug.right) == 1, "the place has moved: plant the bug elsewhere"
    file.write_text(code.replace(bug.right, bug.wrong))
    pytest_ = [sys.executable, "-m", "pytest", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", "-m", "not long"]
    found = subprocess.run(
        [*pytest_, f"tests/{guard}"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path / "src")},
        capture_output=True,
        text=True,
    )
    assert found.returncode == RED, found.stdout + found.stderr
