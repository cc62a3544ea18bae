"""Commands for rules and categories: keep them, try them, apply them, and say things of one transaction."""

from pathlib import Path
from typing import Annotated, Any, Final

import typer

from counterfoil.cli.nouns import Id, Limit, act, group, show_list, show_one
from counterfoil.cli.remote import Client, asking, remote
from counterfoil.cli.show import AsJson, print_card, print_lines
from counterfoil.errors import BadRequest

_WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_TEXT = "coffee (contains), =coffee (is), !coffee (does not contain), /coff?ee/ (matches the expression)."
Text = Annotated[str | None, typer.Option(help=_TEXT, show_default=False)]
Range = Annotated[str | None, typer.Option(help="LEAST..MOST; either may be left out.", show_default=False)]
Many = Annotated[list[str] | None, typer.Option(help="Name or key; may be given several times.", show_default=False)]


def list_rules(limit: Limit = 500, as_json: AsJson = False) -> None:
    """List the rules in their order: the first that holds wins."""
    show_list("/rules", ("id", "name", "enabled", "in_words"), limit, as_json)


def show_rule(rule: Id, as_json: AsJson = False) -> None:
    """Show one rule."""
    show_one(f"/rules/{rule}", as_json)


def add_rule(
    name: Annotated[str, typer.Argument(help="What you call it.", show_default=False)],
    merchant: Text = None,
    summary: Text = None,
    original_text: Text = None,
    amount: Annotated[
        str | None, typer.Option(help="LEAST..MOST, as it stands: money that leaves is negative.", show_default=False)
    ] = None,
    size: Annotated[
        str | None, typer.Option(help="LEAST..MOST of the amount without its sign.", show_default=False)
    ] = None,
    account: Many = None,
    dates: Range = None,
    month_days: Annotated[str | None, typer.Option(help="FIRST..LAST of the month.", show_default=False)] = None,
    weekday: Annotated[list[str] | None, typer.Option(help="mon, tue and so on.", show_default=False)] = None,
    category: Annotated[
        str | None, typer.Option(help="Its name; one of your own is made where there is none.", show_default=False)
    ] = None,
    say_summary: Annotated[str | None, typer.Option(help="The summary to show.", show_default=False)] = None,
    tag: Annotated[list[str] | None, typer.Option(help="May be given several times.", show_default=False)] = None,
    hide: Annotated[bool, typer.Option("--hide", help="Take the rows away from destinations and lists.")] = False,
    json_file: Annotated[
        Path | None, typer.Option("--file", help="JSON with `when` and `then` as in the API instead; - for stdin.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what it would change, and keep nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Keep a new rule behind all others; rows that come from now on are told by it."""
    texts = {"merchant": merchant, "summary": summary, "original_text": original_text}
    when: dict[str, Any] = {name: _words(text) for name, text in texts.items() if text is not None}
    for what, typed in (("amount", amount), ("size", size)):
        if typed is not None:
            when[what] = _ends(typed, "least", "most")
    if dates is not None:
        when["dates"] = _ends(dates, "since", "until")
    if month_days is not None:
        when["month_days"] = _days(month_days)
    if weekday:
        when["weekdays"] = [_weekday(day) for day in weekday]
    then: dict[str, Any] = {"summary": say_summary, "tags": tag or [], "hide": hide}

    async def run(client: Client) -> dict[str, Any]:
        order = {"name": name, "when": when, "then": then}
        if json_file is not None:
            from counterfoil.cli.asking import read_json

            order |= read_json(json_file)
        if account:
            when["accounts"] = [await _account(client, one) for one in account]
        if category is not None:
            then["category"] = await _category(client, category, make=not dry_run)
        if dry_run:
            return await client.ask("POST", "/rules/trial", body={"rule": order})
        return await client.ask("POST", "/rules", body=order)

    told = asking(run)
    if dry_run:
        _print_trial(told, as_json)
    else:
        print_card(told, as_json, {})


def change_rule(
    rule: Id,
    name: Annotated[str | None, typer.Option(help="Another name.", show_default=False)] = None,
    on: Annotated[bool | None, typer.Option("--on/--off", help="Switch it on or off.", show_default=False)] = None,
    position: Annotated[int | None, typer.Option(help="Its place; 0 is the first.", show_default=False)] = None,
    json_file: Annotated[
        Path | None, typer.Option("--file", help="JSON with `when` or `then` as in the API; - for stdin.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Change a rule, or its place among the others."""
    order: dict[str, Any] = {"name": name, "enabled": on, "position": position}
    if json_file is not None:
        from counterfoil.cli.asking import read_json

        order |= read_json(json_file)
    act(f"/rules/{rule}", as_json, {key: one for key, one in order.items() if one is not None}, method="PATCH")


def remove_rule(rule: Id, as_json: AsJson = False) -> None:
    """Remove a rule; rows keep what it said until you apply the rules."""
    act(f"/rules/{rule}", as_json, method="DELETE")


def try_rules(as_json: AsJson = False) -> None:
    """Tell what applying the rules would do to the rows that are there."""
    _print_trial(asking(lambda client: client.ask("POST", "/rules/trial", body={})), as_json)


def apply_rules(
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Also write at destinations where the field is yours.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Apply the rules to the rows that are there: says what will change, and asks once."""

    async def run(client: Client) -> dict[str, Any] | None:
        told = await client.ask("POST", "/rules/trial", body={})
        typer.echo(f"{told['changes']:,} of {told['looked']:,} transactions would change.", err=True)
        if not yes and not typer.confirm("Apply the rules?", err=True):
            return None
        return await client.ask("POST", "/rules/apply", body={"overwrite": overwrite})

    told = asking(run, worker=None)
    if told is None:
        typer.echo("Nothing was done.", err=True)
        raise typer.Exit(1)
    print_card(told, as_json, {})


def list_categories(limit: Limit = 500, as_json: AsJson = False) -> None:
    """List the categories: those that banks tell, and your own."""
    show_list("/categories", ("key", "name", "group", "own"), limit, as_json)


def add_category(
    name: Annotated[str, typer.Argument(help="What you call it.", show_default=False)], as_json: AsJson = False
) -> None:
    """Make a category of your own."""
    act("/categories", as_json, {"name": name})


def remove_category(
    key: Annotated[str, typer.Argument(help="Its key, from the list.", show_default=False)], as_json: AsJson = False
) -> None:
    """Remove a category of your own that no rule gives and no row has."""
    act(f"/categories/{key}", as_json, method="DELETE")


@remote
def say(
    transaction: Annotated[str, typer.Argument(help="Its key, from the list.", show_default=False)],
    summary: Annotated[str | None, typer.Option(help="The summary to show.", show_default=False)] = None,
    category: Annotated[str | None, typer.Option(help="Name of a category.", show_default=False)] = None,
    tag: Annotated[list[str] | None, typer.Option(help="May be given several times.", show_default=False)] = None,
    hidden: Annotated[
        bool | None, typer.Option("--hide/--show", help="Take it away from destinations and lists, or bring it back.")
    ] = None,
    forget: Annotated[
        list[str] | None, typer.Option(help="summary, category, tags or hidden: back to the rules and the bank.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Also write at destinations where the field is yours.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say summary, category or tags of one transaction, or hide it; rules leave that alone."""

    async def run(client: Client) -> dict[str, Any]:
        given = {"summary": summary, "tags": tag or None, "hidden": hidden}
        order: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        if category is not None:
            order["category"] = await _category(client, category, make=True)
        order |= dict.fromkeys(forget or ())
        return await client.ask("PATCH", f"/rows/transactions/{transaction}", body={**order, "overwrite": overwrite})

    print_card(asking(run, worker=None), as_json, {})


def _words(text: str) -> dict[str, str]:
    if len(text) > 2 and text[0] == text[-1] == "/":
        return {"test": "matches", "text": text[1:-1]}
    test = {"=": "is", "!": "lacks"}.get(text[:1])
    return {"test": test or "contains", "text": text[1:] if test else text}


def _ends(text: str, first: str, last: str) -> dict[str, str]:
    begin, dots, end = text.partition("..")
    found = {first: begin.strip(), last: end.strip() if dots else begin.strip()}
    return {name: value for name, value in found.items() if value}


def _days(text: str) -> dict[str, int]:
    found = _ends(text, "first", "last")
    if len(found) != 2 or not all(value.isdecimal() for value in found.values()):
        raise BadRequest(f"“{text}” is no stretch of days.", remedy="Write it like 1..5, or 28..3.")
    return {name: int(value) for name, value in found.items()}


def _weekday(text: str) -> int:
    if text[:3].lower() not in _WEEKDAYS:
        raise BadRequest(f"“{text}” is no day of the week.", remedy=f"There are: {', '.join(_WEEKDAYS)}.")
    return _WEEKDAYS.index(text[:3].lower()) + 1


async def _account(client: Client, name: str) -> str:
    accounts = await client.listed("/rows/accounts", 10_000)
    found = [one["key"] for one in accounts if name == one["key"] or name.casefold() == one["name"].casefold()]
    if len(found) != 1:
        raise BadRequest(f"There is no account {name!r}, or several.", remedy="Give the key of one of your accounts.")
    return str(found[0])


async def _category(client: Client, name: str, *, make: bool) -> str:
    known = await client.listed("/categories", 10_000)
    found = [one["key"] for one in known if name == one["key"] or name.casefold() == one["name"].casefold()]
    if found:
        return str(found[0])
    if not make:
        raise BadRequest(f"There is no category {name!r} yet.", remedy=f"Make it: counterfoil categories add {name!r}")
    made = await client.ask("POST", "/categories", body={"name": name})
    return str(made["key"])


def _print_trial(told: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_card(told, as_json, {})
        return
    typer.echo(f"{told['changes']:,} of {told['looked']:,} transactions would change.")
    lines = [
        {**one, "changes": "; ".join(f"{cell['label']}: {cell['before']} → {cell['after']}" for cell in one["changes"])}
        for one in told["samples"]
    ]
    if lines:
        typer.echo("\nFor example:")
        print_lines(lines, as_json, ("date", "summary", "amount", "currency", "account", "rule", "changes"))


rules = group(
    "What is said of transactions by rule.",
    list=list_rules,
    show=show_rule,
    add=add_rule,
    change=change_rule,
    remove=remove_rule,
    try_=try_rules,
    apply=apply_rules,
)
categories = group(
    "Categories: those of the banks, and your own.", list=list_categories, add=add_category, remove=remove_category
)
