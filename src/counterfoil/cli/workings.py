"""Commands that look into the engine: functions, events, runs."""

from typing import Annotated
from urllib.parse import quote

import typer

from counterfoil.cli.nouns import Id, Limit, act, group, show_list, show_one
from counterfoil.cli.show import AsJson

_RUN = ("id", "function", "status", "key", "queued_at", "ended_at", "failure")


def list_functions(as_json: AsJson = False) -> None:
    """List the functions with what starts them."""
    show_list("/functions", ("id", "on", "schedules", "limit", "key", "scope", "paused"), 1000, as_json)


def show_function(function: Id, as_json: AsJson = False) -> None:
    """Show one function."""
    show_one(f"/functions/{quote(function, safe='')}", as_json)


def pause_function(function: Id, as_json: AsJson = False) -> None:
    """Let no run of a function begin; those that run go on."""
    act(f"/functions/{quote(function, safe='')}/pause", as_json)


def resume_function(function: Id, as_json: AsJson = False) -> None:
    """Let a function's runs begin again, in the order in which they came."""
    act(f"/functions/{quote(function, safe='')}/resume", as_json)


def replay_failed(
    function: Id,
    since: Annotated[str, typer.Option(help="From this moment on, such as 2026-11-22T08:00:00Z.")],
    until: Annotated[str, typer.Option(help="Until this moment.")],
    as_json: AsJson = False,
) -> None:
    """Run again every run of a function that failed within a stretch of time."""
    act(f"/functions/{quote(function, safe='')}/replay", as_json, {"since": since, "until": until})


def list_events(
    name: Annotated[str | None, typer.Option(help="Only events of this name.")] = None,
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """List what came in, newest first, and which runs it started."""
    show_list("/events", ("id", "name", "data", "received_at", "runs"), limit, as_json, name=name)


def show_event(event: Id, as_json: AsJson = False) -> None:
    """Show one event and which runs it started."""
    show_one(f"/events/{quote(event, safe='')}", as_json)


def list_runs(
    function: Annotated[str | None, typer.Option(help="Only runs of this function.")] = None,
    status: Annotated[
        str | None, typer.Option(help="queued, delayed, paused, running, succeeded, failed or cancelled.")
    ] = None,
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """List the runs, newest first."""
    show_list("/runs", _RUN, limit, as_json, function=function, status=status)


def show_run(run: Id, as_json: AsJson = False) -> None:
    """Show one run with its steps: their results, attempts and times."""
    show_one(f"/runs/{run}", as_json, steps=("kind", "name", "started_at", "ended_at", "output", "failure"))


def cancel_run(run: Id, as_json: AsJson = False) -> None:
    """Cancel a run and all that it invoked; a step at work ends first."""
    act(f"/runs/{run}/cancel", as_json)


def replay_run(
    run: Id,
    from_step: Annotated[str | None, typer.Option(help="Keep the results of the steps before this one.")] = None,
    as_json: AsJson = False,
) -> None:
    """Run it again with the same event, as a new run."""
    act(f"/runs/{run}/replay", as_json, {"from_step": from_step})


functions = group(
    "What runs: every function with what starts it.",
    list=list_functions,
    show=show_function,
    pause=pause_function,
    resume=resume_function,
    replay=replay_failed,
)
events = group("What came in, and what it started.", list=list_events, show=show_event)
runs = group(
    "What was done: every run with its steps.", list=list_runs, show=show_run, cancel=cancel_run, replay=replay_run
)
