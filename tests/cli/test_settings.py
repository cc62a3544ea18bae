"""Commands for notifications, the workspace, its log and its end: on the data directory, and on another server."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from counterfoil.cli import app
from counterfoil.errors import BadRequest
from postbox import Postbox, postbox
from web.api.served import Served, serving


@pytest.fixture
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("served")) as made:
        yield made


@pytest.fixture
def box() -> Iterator[Postbox]:
    with postbox() as made:
        yield made


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, box: Postbox) -> None:
    """Have commands work on a data directory of their own, with a mail server."""
    monkeypatch.setenv("COUNTERFOIL_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COUNTERFOIL_SMTP_HOST", box.server.host)
    monkeypatch.setenv("COUNTERFOIL_SMTP_PORT", str(box.server.port))
    monkeypatch.setenv("COUNTERFOIL_SMTP_TLS", "none")


@pytest.fixture
def remote(served: Served, monkeypatch: pytest.MonkeyPatch) -> Served:
    """Have commands ask the server."""
    monkeypatch.setenv("COUNTERFOIL_URL", served.url)
    monkeypatch.setenv("COUNTERFOIL_TOKEN", served.token)
    return served


def run(*words: str, typed: str = "") -> Any:
    result = CliRunner().invoke(app, list(words), input=typed)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return json.loads(result.stdout) if "--json" in words else result.stdout


@pytest.mark.usefixtures("local")
def test_a_channel_is_added_tried_changed_and_removed(box: Postbox) -> None:
    made = run("channels", "add", "email", "ada@example.org", "--tell", "attention,weekly", "--json")
    assert made["kinds"] == ["attention", "weekly"] and made["hour"] is None and made["secret"] is None
    assert run("channels", "test", made["id"], "--json")["state"] == "sent"
    assert box.letters[0]["Subject"] == "A test from Counterfoil"
    assert [one["state"] for one in run("channels", "log", made["id"], "--json")] == ["sent"]
    changed = run("channels", "change", made["id"], "--hour", "8", "--time-zone", "Europe/Berlin", "--json")
    assert (changed["hour"], changed["timezone"], changed["kinds"]) == (8, "Europe/Berlin", ["attention", "weekly"])
    assert run("channels", "change", made["id"], "--at-once", "--json")["hour"] is None
    run("channels", "remove", made["id"])
    assert run("channels", "--json") == []
    acts = [entry["act"] for entry in run("audit", "--json")]
    assert acts == ["channel.removed", "channel.changed", "channel.changed", "channel.added"]
    assert len(run("audit", "--act", "channel.added", "--json")) == 1


@pytest.mark.usefixtures("local")
def test_a_webhooks_secret_is_shown_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERFOIL_PRIVATE_WEBHOOKS", "true")
    shown = run("channels", "add", "webhook", "http://127.0.0.1:9/x")
    assert "whsec_" in shown
    [channel] = run("channels", "--json")
    assert "whsec_" not in run("channels", "show", channel["id"])
    assert run("channels", "rotate", channel["id"], "--json")["secret"].startswith("whsec_")


@pytest.mark.usefixtures("local")
def test_name_and_display_are_changed() -> None:
    assert run("workspace", "--json")["name"] == "Home"
    changed = run("workspace", "set", "--name", "Ours", "--currency", "eur", "--digits", "comma", "--json")
    assert (changed["name"], changed["currency"], changed["digits"], changed["amounts"]) == (
        "Ours",
        "EUR",
        "comma",
        "symbol",
    )
    assert run("workspace", "set", "--currency", "", "--json")["currency"] is None


@pytest.mark.usefixtures("local")
def test_everything_is_deleted_once_its_name_was_typed() -> None:
    run("workspace", "set", "--name", "Ours")
    run("token", "create", "script")
    assert "Nothing was done" not in run("delete-everything", typed="\n")
    with pytest.raises(BadRequest, match="not the name"):
        run("delete-everything", typed="Theirs\n")
    assert run("token", "--json") != []
    assert "Everything was deleted" in run("delete-everything", typed="Ours\n")
    assert run("token", "--json") == [] and run("workspace", "--json")["name"] == "Home"


def test_everything_is_exported_and_deleted_from_afar(remote: Served, tmp_path: Path) -> None:
    target = tmp_path / "money.zip"
    run("export", str(target))
    with zipfile.ZipFile(target) as archive:
        assert {"about.json", "transactions.csv"} <= set(archive.namelist())
        assert len(json.loads(archive.read("transactions.json"))) == 30
    with pytest.raises(BadRequest, match="there already"):
        run("export", str(target))
    with pytest.raises(BadRequest, match="sends a zip"):
        run("export", str(tmp_path / "folder"))
    assert run("delete-everything", "--yes", "--json")["finished_at"]
    with pytest.raises(BadRequest, match="not valid"):
        run("connections")
    assert list(tmp_path.glob(".*.part")) == []
