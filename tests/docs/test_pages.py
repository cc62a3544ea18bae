"""Pages of the docs that are made from the code are true."""

import re
from pathlib import Path

from counterfoil.registry import PROVIDERS
from counterfoil.sync.triggers import DESTINATION_TRIGGERS, EVERYTHING, TRIGGERS
from counterfoil.sync.triggers_page import page

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_of_the_triggers_is_true() -> None:
    written = DOCS / "triggers.md"
    made = page(PROVIDERS.values())
    if written.read_text() != made:
        written.write_text(made)
        raise AssertionError("docs/triggers.md was out of date; it is written anew, commit it")


def test_every_trigger_names_streams_that_its_provider_has() -> None:
    for event, trigger in TRIGGERS.items():
        spec = PROVIDERS.get(event.partition("/")[0])
        for stream in trigger.streams:
            assert spec is None or stream == EVERYTHING or spec.stream(stream), event


def test_every_picture_is_there_and_shown() -> None:
    texts = [file.read_text() for file in (DOCS.parent / "README.md", *DOCS.glob("*.md"))]
    shown = {name for text in texts for name in re.findall(r"pictures/([\w.-]+)", text)}
    there = {file.name: file.stat().st_size for file in (DOCS / "pictures").iterdir()}
    assert shown == set(there), "make them with `make pictures`, and remove what no page shows"
    assert sum(there.values()) < 1_500_000  # bytes, in everybody's checkout


def test_at_least_25_events_are_routed() -> None:
    assert len(TRIGGERS) + len(DESTINATION_TRIGGERS) >= 25
