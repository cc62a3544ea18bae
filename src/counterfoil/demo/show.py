"""What the demonstration prints for people."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from counterfoil.store.syncs import Sync


@contextmanager
def progress_bar(*, visible: bool) -> Iterator[Callable[[int, int], None]]:
    """Show a bar of rows that stand at the destinations; gives what to call with (standing, known)."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not visible) as progress:
        task = progress.add_task("Syncing rows", total=None)

        def tell(standing: int, known: int) -> None:
            progress.update(task, completed=min(standing, known), total=known or None)

        yield tell


def print_summary(summary: Mapping[str, Any], console: Console | None = None) -> None:
    """Print what each destination holds, as read back from it."""
    console = console or Console()
    table = Table(title=f"What the destinations hold after {summary['seconds']:.1f} s", title_justify="left")
    for name in ("Destination", "Table"):
        table.add_column(name)
    for name in ("Rows", "Created", "Updated", "Deleted"):
        table.add_column(name, justify="right")
    for slug, destination in summary["destinations"].items():
        for name, counts in destination["tables"].items():
            table.add_row(slug, name, *(f"{counts[what]:,}" for what in ("rows", "created", "updated", "deleted")))
        table.add_section()
    console.print(table)
    places = [place for place in summary["sums"] if place not in ("providers", "store")]
    if summary["sums_agree"]:
        told = ", ".join(f"{amount} {code}" for code, amount in summary["sums"]["store"].items())
        console.print(f"Sums of transactions agree at the providers, in the store and at {', '.join(places)}: {told}.")
    else:
        console.print(f"[red]Sums of transactions differ:[/] {summary['sums']}")
    states = [sync["state"] for sync in summary["syncs"]]
    console.print(f"{len(states)} syncs, {states.count('done')} of them without any problem.")


def print_sync(sync: Sync) -> None:
    """Print one sync that has ended."""
    took = (sync.finished_at - sync.started_at).total_seconds() if sync.finished_at else 0.0
    Console().print(f"[dim]{sync.started_at:%H:%M:%S}[/]  {sync.cause}  [bold]{sync.state}[/]  {took:.2f} s")
