"""Rules, categories, pairs and single words from the command line, here and on another server."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from counterfoil.cli import app
from counterfoil.errors import BadRequest
from web.api.served import Served, serving

Run = Callable[..., Any]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("served")) as made:
        yield made


@pytest.fixture(params=["local", "remote"])
def run(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Give a way to run a command; it gives what was printed."""
    monkeypatch.setenv("COUNTERFOIL_DATA_DIR", str(tmp_path))
    if request.param == "remote":
        served: Served = request.getfixturevalue("served")
        monkeypatch.setenv("COUNTERFOIL_URL", served.url)
        monkeypatch.setenv("COUNTERFOIL_TOKEN", served.token)

    def invoke(*words: str) -> Any:
        result = CliRunner().invoke(app, list(words))
        if result.exception is not None:
            raise result.exception
        return json.loads(result.stdout) if "--json" in words else result.stdout

    return invoke


def test_a_rule_is_kept_listed_moved_switched_off_and_removed(run: Run) -> None:
    before = len(run("rules", "--json"))
    texts = ["--merchant", "=Third Wave", "--summary", "!rent", "--original-text", "/coff?ee/"]
    stretches = ["--amount", "-20..-1", "--size", "..20", "--dates", "2026-01-01..", "--month-days", "28..3"]
    says = ["--category", "Treats", "--say-summary", "A coffee", "--tag", "cafe", "--tag", "out"]
    made = run("rules", "add", "Coffee", *texts, *stretches, "--weekday", "monday", *says, "--json")
    assert made["in_words"] == [
        "Merchant is “Third Wave”",
        "Summary does not contain “rent”",
        "Original text matches the expression “coff?ee”",
        "Amount from -20 to -1",
        "Amount without its sign at most 20",
        "Date from 2026-01-01",
        "Day of the month is 28 to 3",
        "Day of the week is Monday",
        "→ category Treats",
        "→ summary “A coffee”",
        "→ tags cafe, out",
    ]
    second = run("rules", "add", "Second", "--merchant", "x", "--hide", "--json")
    run("rules", "change", second["id"], "--position", "0", "--off")
    listed = run("rules", "--json")
    assert listed[0]["id"] == second["id"] and not listed[0]["enabled"] and len(listed) == before + 2
    for rule in (made, second):
        run("rules", "remove", rule["id"])
    run("categories", "remove", made["then"]["category"])
    assert len(run("rules", "--json")) == before and run("categories", "--json") == []


def test_wrong_words_are_answered_with_a_remedy(run: Run) -> None:
    for words in (
        ["--merchant", "/(a/", "--hide"],
        ["--merchant", "x", "--weekday", "someday", "--hide"],
        ["--month-days", "first", "--hide"],
        ["--merchant", "x", "--account", "nowhere", "--hide"],
        ["--merchant", "x", "--category", "Nowhere", "--dry-run"],
    ):
        with pytest.raises(BadRequest) as told:
            run("rules", "add", "Wrong", *words)
        assert told.value.remedy
    with pytest.raises(BadRequest, match="No pair"):
        run("pairs", "confirm")


def test_a_server_tries_and_applies_rules_and_takes_single_words(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COUNTERFOIL_URL", served.url)
    monkeypatch.setenv("COUNTERFOIL_TOKEN", served.token)

    def run(*words: str) -> Any:
        result = CliRunner().invoke(app, list(words))
        assert result.exception is None, result.output
        return json.loads(result.stdout) if "--json" in words else result.output

    tried = run("rules", "add", "All", "--summary", "purchase", "--tag", "shop", "--account", "checking", "--dry-run")
    assert "30 of 30 transactions would change." in tried and "Tags: none → shop" in tried
    rule = run("rules", "add", "All", "--summary", "purchase", "--tag", "shop", "--json")
    assert run("rules", "try", "--json")["changes"] == 30
    assert "Event id" in run("rules", "apply", "--yes")
    assert run("say", "t001", "--summary", "Mine", "--tag", "own", "--json") == {"changed": True}
    assert run("say", "t001", "--forget", "summary", "--forget", "tags", "--json") == {"changed": True}
    assert run("pairs", "--json") == [] and "none yet" in run("pairs")
    run("rules", "remove", rule["id"])
