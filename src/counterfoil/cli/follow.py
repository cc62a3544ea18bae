"""The command that asks for a sync and follows it to its end."""

from collections import Counter
from typing import Annotated, Any, Final

import typer

from counterfoil.cli.remote import Client, asking, remote
from counterfoil.cli.show import AsJson, print_lines

LOOK: Final = 0.2  # seconds between two looks
_COUNTS: Final = ("created", "updated", "deleted", "rejected", "gone")


@remote
def sync(
    connection: Annotated[str | None, typer.Argument(help="A connection's id; all of them without it.")] = None,
    as_json: AsJson = False,
) -> None:
    """Ask for a sync now and follow it to its end."""
    import asyncio

    async def run(client: Client) -> list[dict[str, Any]]:
        if connection is not None:
            chosen = [await client.ask("GET", f"/connections/{connection}")]
        else:
            every = await client.listed("/connections", 1000)
            chosen = [one for one in every if one["state"] not in ("paused", "removed")]
        return await asyncio.gather(*(_follow(client, one) for one in chosen))

    names = ("connection", "state", "created", "updated", "deleted", "rejected", "note")
    print_lines(asking(run, worker=None), as_json, names)


async def _follow(client: Client, connection: dict[str, Any]) -> dict[str, Any]:
    asked = await client.ask("POST", f"/connections/{connection['id']}/refresh")
    return {"connection": connection["label"], **await follow_event(client, asked["event_id"])}


async def follow_event(client: Client, event_id: str) -> dict[str, Any]:
    """Wait for the sync that an event asks for; give its state, what it did, and what it has to say."""
    event = await client.ask("GET", f"/events/{event_id}")
    run = await _until_ended(client, f"/runs/{event['runs'][0]}")
    output = run["output"] or {}
    sync_id = output.get("sync_id") or output.get("done_by")
    if sync_id is None:
        why = (run["failure"] or {}).get("message") or "There was nothing to do."
        return {"sync": None, "state": run["status"], "note": why}
    # Another run may have taken this request into its own sync, and still be at it.
    return _told(await _until_ended(client, f"/syncs/{sync_id}", "finished_at"))


async def _until_ended(client: Client, path: str, ended: str = "ended_at") -> dict[str, Any]:
    import asyncio

    while True:
        found = await client.ask("GET", path)
        if found[ended] is not None:
            return found
        await asyncio.sleep(LOOK)


def _told(sync: dict[str, Any]) -> dict[str, Any]:
    counts: Counter[str] = Counter()
    notes = [sync["note"]] if sync["note"] else []
    for table in sync["tables"]:
        counts.update({name: table[name] for name in _COUNTS})
        if table["problem"] is not None:
            notes.append(f"{table['problem']['message']} {table['problem']['remedy']}")
    told = {name: counts[name] for name in _COUNTS}
    return {"sync": sync["id"], "state": sync["state"], **told, "note": " ".join(notes)}
