"""Writes the docs page of the triggers from the table that routes them."""

from collections.abc import Iterable

from counterfoil.model import TABLES
from counterfoil.ports import ProviderSpec
from counterfoil.sync.triggers import DESTINATION_TRIGGERS, EVERYTHING, NOTED, TRIGGERS, VISIT_TRIGGERS


def page(specs: Iterable[ProviderSpec]) -> str:
    """Give the page as Markdown."""
    providers = {spec.slug: spec for spec in specs}
    lines = [
        "# Triggers",
        "",
        "Every event that starts a sync, what is fetched because of it, and the tables that may change. This page is",
        "made from `src/counterfoil/sync/triggers.py`; a test fails when the two differ.",
        "",
        "## About a connection",
        "",
        "After the fetch every connected destination that has something to do is brought up to date, side by side, its",
        "tables in the order of their dependencies. Requests for one connection that wait together are answered by one",
        "sync.",
        "",
        "| event | because | streams | tables |",
        "|---|---|---|---|",
    ]
    for event, trigger in TRIGGERS.items():
        spec = providers.get(event.partition("/")[0])
        everything = EVERYTHING in trigger.streams
        streams = "all" if everything else ", ".join(trigger.streams)
        lines.append(f"| `{event}` | {trigger.why} | {streams} | {_tables(spec, trigger.streams, everything)} |")
    lines += [
        "",
        "## About a destination",
        "",
        "| event | because | also |",
        "|---|---|---|",
    ]
    for event, one in DESTINATION_TRIGGERS.items():
        also = [
            text for yes, text in ((one.fetches, "asks its banks for news"), (one.reads_back, "reads it back")) if yes
        ]
        lines.append(f"| `{event}` | {one.why} | {', '.join(also)} |")
    lines += [
        "",
        "## About a visit to a vendor's page",
        "",
        "The vendor is asked how the visit stands. What it brought becomes a connection, or mends one.",
        "",
        "| event | because |",
        "|---|---|",
        *(f"| `{event}` | {why} |" for event, why in VISIT_TRIGGERS.items()),
        "",
        "## Noted",
        "",
        "These are believed and start nothing.",
        "",
        "| event | because |",
        "|---|---|",
        *(f"| `{event}` | {why} |" for event, why in NOTED.items()),
    ]
    together = sum(map(len, (TRIGGERS, DESTINATION_TRIGGERS, VISIT_TRIGGERS, NOTED)))
    lines += ["", f"Together {together} events.", ""]
    return "\n".join(lines)


def _tables(spec: ProviderSpec | None, streams: Iterable[str], everything: bool) -> str:
    if everything or spec is None:
        return "all"
    touched = {table for stream in streams for table in spec.stream(stream).tables}
    return ", ".join(table for table in TABLES if table in touched)
