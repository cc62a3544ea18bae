"""The image and the compose file use commands and settings that exist, and what a stranger would expect of them."""

import re
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from typer.main import get_command

from counterfoil import registry
from counterfoil.cli import app
from counterfoil.config import PREFIX, Settings
from counterfoil.ports import DestinationSpec, ProviderSpec

ROOT: Final = Path(__file__).parents[2]
TEXTS: Final[dict[str, str]] = {
    name: (ROOT / name).read_text()
    for name in ("Dockerfile", "compose.yaml", "docs/self-hosting.md", "docs/upgrading.md")
}
GUIDE: Final = TEXTS["docs/self-hosting.md"] + TEXTS["docs/upgrading.md"]
COMPOSE: Final[dict[str, Any]] = yaml.safe_load(TEXTS["compose.yaml"])
OURS: Final = {name: service for name, service in COMPOSE["services"].items() if service["image"] == "counterfoil"}


def commands() -> set[str]:
    return set(get_command(app).commands)  # type: ignore[attr-defined]


def settings() -> set[str]:
    specs: list[ProviderSpec | DestinationSpec] = [*registry.PROVIDERS.values(), *registry.DESTINATIONS.values()]
    names = {PREFIX + name.upper() for name in Settings.model_fields}
    names |= {f"{PREFIX}{spec.env}_{name.upper()}" for spec in specs for name in spec.app.model_fields}
    return names | {f"{name}_FILE" for name in names}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_every_setting_that_is_named_exists(text: str) -> None:
    assert set(re.findall(r"COUNTERFOIL_\w+", text)) <= settings()


def test_every_command_that_is_named_exists() -> None:
    told = set(re.findall(r"(?:^|[`\s/])counterfoil (?:counterfoil )?([a-z][a-z-]+)\b", "\n".join(_code(GUIDE))))
    ran = {service["command"][0] for service in OURS.values() if "command" in service}
    assert {"doctor", "backup", "restore", "rotate-keys", "export"} <= told
    assert told | ran | {"serve"} <= commands()


def _code(page: str) -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    lines = [line.partition("#")[0] for block in blocks for line in block.splitlines()]
    return lines + re.findall(r"`(counterfoil [^`]*)`", page)


def test_the_image_runs_as_an_ordinary_user_with_its_data_in_a_volume() -> None:
    last = TEXTS["Dockerfile"].rpartition("FROM ")[2]
    assert re.search(r"^USER counterfoil$", last, re.MULTILINE)
    assert re.search(r"^VOLUME /data$", last, re.MULTILINE)
    assert "/readyz" in last


def test_everything_that_is_copied_is_let_in() -> None:
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    lines = re.findall(r"^COPY (?!--from)(.*)$", TEXTS["Dockerfile"], re.MULTILINE)
    copied = {word for line in lines for word in line.split()[:-1]}
    assert copied == let_in
    assert all((ROOT / name).exists() for name in copied)


def test_without_a_profile_one_process_runs_on_sqlite() -> None:
    [(name, service)] = [(name, one) for name, one in COMPOSE["services"].items() if "profiles" not in one]
    assert name == "counterfoil" and "COUNTERFOIL_DATABASE_URL" not in service["environment"]


def test_with_postgres_web_and_workers_are_apart_and_share_the_key() -> None:
    web, worker = COMPOSE["services"]["web"], COMPOSE["services"]["worker"]
    assert (web["command"], worker["command"]) == (["serve", "--no-worker"], ["worker"])
    assert web["environment"] == worker["environment"]
    assert web["volumes"] == worker["volumes"]
    assert "ports" not in worker


@pytest.mark.parametrize("name", OURS)
def test_no_port_is_open_to_the_world_unasked(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in OURS[name].get("ports", []))
