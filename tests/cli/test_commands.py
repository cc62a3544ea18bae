"""Commands speak the API: on the local data directory, and to another server."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from counterfoil import __version__
from counterfoil.cli import app, main
from counterfoil.errors import BadRequest, BadSettings
from web.api.served import Served, serving

Run = Callable[..., Any]
HEAVY = {"rich", "asyncio", "pydantic", "sqlalchemy", "fastapi", "httpx2", "dbos", "msgspec"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("served")) as made:
        yield made


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Give a way to run a command on a data directory of its own; it gives what the command printed."""
    monkeypatch.setenv("COUNTERFOIL_DATA_DIR", str(tmp_path))
    return _invoke


@pytest.fixture
def remote(served: Served, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Give a way to run a command against the server; it gives what the command printed."""
    monkeypatch.setenv("COUNTERFOIL_URL", served.url)
    monkeypatch.setenv("COUNTERFOIL_TOKEN", served.token)
    return _invoke


def _invoke(*words: str) -> Any:
    result = CliRunner().invoke(app, list(words))
    if result.exception is not None:
        raise result.exception
    return json.loads(result.stdout) if "--json" in words else result.stdout


def test_help_imports_nothing_that_takes_long() -> None:
    code = (
        "import sys; from counterfoil.cli import app; app(['--help'], standalone_mode=False); "
        f"print(sorted({HEAVY} & set(sys.modules)), file=sys.stderr)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "functions" in shown.stdout and shown.stderr.strip() == "[]"


def test_the_command_line_says_which_version_it_is(local: Run) -> None:
    assert local("--version").strip() == f"counterfoil {__version__}"


def test_a_process_that_works_does_not_look_through_what_it_loaded_again_and_again() -> None:
    code = (
        "import gc; from counterfoil.bootstrap import spare_the_collector; loaded = len(gc.get_objects()); "
        "spare_the_collector(); print(len(gc.get_objects()) < loaded / 100 < gc.get_freeze_count())"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "True"


def test_a_noun_alone_lists_and_says_what_else_it_can(local: Run) -> None:
    assert "sync-connection" in local("functions")
    assert local("functions", "--json") == local("functions", "list", "--json")
    help_text = local("runs", "--help")
    assert all(word in help_text for word in ("list", "show", "cancel", "replay"))


def test_a_new_data_directory_has_nothing_yet(local: Run) -> None:
    for noun in ("connections", "destinations", "syncs"):
        assert local(noun, "--json") == []
    assert "none yet" in local("syncs")


def test_a_token_is_made_shown_once_and_revoked(local: Run) -> None:
    made = local("token", "create", "Bookkeeping", "--scope", "sync", "--json")
    assert made["token"].startswith("cft_") and made["scope"] == "sync"
    assert [one["id"] for one in local("token", "--json")] == [made["id"]]
    assert made["token"] not in local("token")
    local("token", "revoke", made["id"])
    assert local("token", "list", "--json") == []


def test_a_wrong_word_is_answered_with_what_there_is(local: Run) -> None:
    with pytest.raises(BadRequest) as told:
        local("runs", "--status", "odd")
    assert "query.status" in str(told.value) and told.value.remedy


def test_an_error_is_printed_with_its_remedy_and_ends_with_1(
    local: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["counterfoil", "runs", "show", "nothing"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert capsys.readouterr().err.splitlines() == [
        "Error: There is no run nothing.",
        "What to do: Take an id from the list of runs.",
    ]


def test_another_server_is_asked_for_everything(remote: Run, served: Served) -> None:
    assert [one["id"] for one in remote("connections", "--json")] == [served.known["connection_id"]]
    assert remote("destinations", "show", served.known["destination_id"], "--json")["kind"] == "ledger"
    sync = remote("syncs", "show", served.known["sync_id"], "--json")
    assert {table["table"] for table in sync["tables"]} <= {"accounts", "transactions"}
    assert "sync-connection" in remote("functions")
    event = remote("events", "show", served.known["event_id"], "--json")
    assert event["runs"] == [served.known["run_id"]]
    shown = remote("runs", "show", served.known["run_id"])
    assert "Steps:" in shown and "start-sync" in shown


def test_transactions_are_searched_shown_and_saved(remote: Run, tmp_path: Path) -> None:
    every = remote("transactions", "--json")
    key = every[0]["key"]
    assert key in [
        one["key"] for one in remote("transactions", "--words", every[0]["summary"], "--state", "posted", "--json")
    ]
    assert remote("transactions", "--direction", "in", "--json") == []
    told = remote("transactions", "show", key, "--json")
    assert told["history"][0]["turn"] == "arrived" and told["places"][0]["standing"] == "written"
    shown = remote("transactions", "show", key)
    assert "History:" in shown and "Places:" in shown
    file = tmp_path / "some.csv"
    remote("transactions", "save", str(file), "--words", every[0]["summary"])
    assert file.read_text().splitlines()[0].startswith("key,summary,date") and file.stat().st_mode & 0o777 == 0o600
    with pytest.raises(BadRequest, match="there already"):
        remote("transactions", "save", str(file))
    with pytest.raises(BadRequest, match="neither CSV nor JSON"):
        remote("transactions", "save", str(tmp_path / "some.xls"))


def test_a_file_that_could_not_be_fetched_is_not_left_behind(remote: Run, tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="cannot be used"):
        remote("transactions", "save", str(tmp_path / "some.json"), "--since", "soon")
    assert list(tmp_path.iterdir()) == []


def test_other_rows_are_listed_too(remote: Run) -> None:
    assert "Checking" in remote("rows", "accounts", "--words", "check")
    assert remote("rows", "holdings", "--json") == []
    assert {table["name"] for table in remote("rows", "--json")} >= {"accounts", "transactions"}


def test_a_long_list_is_read_page_by_page(remote: Run) -> None:
    whole = remote("events", "--limit", "1000", "--json")
    assert len(whole) == len({event["id"] for event in whole}) > 2
    assert remote("events", "--limit", "2", "--json") == whole[:2]


def test_functions_are_paused_and_runs_replayed_from_afar(remote: Run, served: Served) -> None:
    assert remote("functions", "pause", "tidy", "--json")["paused"] is True
    assert remote("functions", "resume", "tidy", "--json")["paused"] is False
    replayed = remote("runs", "replay", served.known["run_id"], "--json")["run_id"]
    assert remote("runs", "show", replayed, "--json")["replay_of"] == served.known["run_id"]
    assert remote("runs", "cancel", served.known["run_id"], "--json")["status"] == "succeeded"


def test_a_sync_is_asked_for_and_followed_to_its_end(remote: Run) -> None:
    lines = remote("sync", "--json")
    assert [(line["connection"], line["state"]) for line in lines] == [("Bank of first", "done")]


def test_options_come_before_the_environment(remote: Run, served: Served) -> None:
    with pytest.raises(BadRequest, match="cannot be reached"):
        remote("connections", "--url", "http://127.0.0.1:9")
    with pytest.raises(BadRequest, match="not valid"):
        remote("connections", "--token", "cft_wrong")


def test_a_server_without_a_token_is_not_asked(monkeypatch: pytest.MonkeyPatch, served: Served) -> None:
    with pytest.raises(BadSettings) as told:
        _invoke("connections", "--url", served.url)
    assert "COUNTERFOIL_TOKEN" in told.value.remedy


def test_the_token_may_stand_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, served: Served) -> None:
    (tmp_path / "token").write_text(served.token + "\n")
    monkeypatch.setenv("COUNTERFOIL_TOKEN_FILE", str(tmp_path / "token"))
    assert _invoke("connections", "--url", served.url, "--json")


def test_what_is_no_counterfoil_is_said_so(remote: Run, served: Served) -> None:
    with pytest.raises(BadRequest, match="status 404") as told:
        remote("connections", "--url", f"{served.url}/elsewhere")
    assert "--url" in told.value.remedy
