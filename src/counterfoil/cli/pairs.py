"""Commands for pairs: transactions that look like one movement between own accounts, and your answers."""

from typing import Annotated, Any

import typer

from counterfoil.cli.nouns import Limit, group
from counterfoil.cli.remote import Client, asking
from counterfoil.cli.show import AsJson, print_card, print_lines
from counterfoil.errors import BadRequest

Ids = Annotated[list[str] | None, typer.Argument(help="Ids, from the list.", show_default=False)]
_AT_ONCE = 200


def list_pairs(
    state: Annotated[str, typer.Option(help="open, confirmed or declined.")] = "open",
    limit: Limit = 100,
    as_json: AsJson = False,
) -> None:
    """List the pairs that wait for your answer, or those that have one."""
    found = asking(lambda client: client.listed("/pairs", limit, state=state))
    if as_json:
        print_lines(found, as_json, ())
        return
    lines = [
        {
            "id": one["id"],
            "amount": f"{one['into']['amount']} {one['into']['currency']}",
            "from": f"{one['out']['account_name']}, {one['out']['date']}",
            "to": f"{one['into']['account_name']}, {one['into']['date']}",
            "kind": one["kind"],
            "sure": one["sure"],
        }
        for one in found
    ]
    print_lines(lines, as_json, ("id", "amount", "from", "to", "kind", "sure"))


def confirm(
    pairs: Ids = None,
    sure: Annotated[bool, typer.Option("--sure", help="All for which more than amount and day speaks.")] = False,
    as_json: AsJson = False,
) -> None:
    """Confirm pairs: both transactions are marked, and count neither as income nor as spending."""

    async def run(client: Client) -> dict[str, Any]:
        ids = list(pairs or ())
        if sure:
            ids += [one["id"] for one in await client.listed("/pairs", 100_000) if one["sure"]]
        return await _answer(client, ids, "confirmed")

    print_card(asking(run, worker=None), as_json, {})


def decline(pairs: Ids = None, as_json: AsJson = False) -> None:
    """Decline pairs: they are not proposed again."""
    print_card(asking(lambda client: _answer(client, pairs or [], "declined"), worker=None), as_json, {})


def reopen(pairs: Ids = None, as_json: AsJson = False) -> None:
    """Take an answer back; marks go away again."""
    print_card(asking(lambda client: _answer(client, pairs or [], "open"), worker=None), as_json, {})


async def _answer(client: Client, ids: list[str], state: str) -> dict[str, Any]:
    if not ids:
        raise BadRequest("No pair is named.", remedy="Name some: counterfoil pairs")
    changed = 0
    for start in range(0, len(ids), _AT_ONCE):
        order = {"ids": ids[start : start + _AT_ONCE], "state": state}
        told = await client.ask("POST", "/pairs/answer", body=order)
        changed += told["changed"]
    return {"changed": changed}


pairs = group(
    "Transfers between your own accounts, and payouts with their deposits.",
    list=list_pairs,
    confirm=confirm,
    decline=decline,
    reopen=reopen,
)
