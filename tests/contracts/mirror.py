"""A small stand-in for the product's mirror: marks rows in flight and repeats what is undecided as doubtful."""

from collections.abc import Sequence
from dataclasses import replace

from counterfoil.errors import ActionRequired, CounterfoilError, RetryLater
from counterfoil.ports import Act, Change, Destination, Gone, Link, Outcome, Rejected, TableMapping, Undecided, Written

_ROUNDS = 10


class Mirror:
    """What is believed of one destination: key to remote id, by table."""

    def __init__(self, batch: int) -> None:
        self._batch = batch
        self.remote_ids: dict[tuple[str, str], str] = {}
        self.errors: list[CounterfoilError] = []  # everything a write said along the way

    def link(self, table: str, key: str, name: str) -> Link:
        """Give a cell that points to a row written before."""
        return Link(key, self.remote_ids.get((table, key)), name)

    async def write(
        self, destination: Destination, table: TableMapping, changes: Sequence[Change]
    ) -> dict[str, Written | Gone | Rejected]:
        """Write until every change is decided, one batch after the other; give the outcomes by key."""
        decided: dict[str, Written | Gone | Rejected] = {}
        for start in range(0, len(changes), self._batch):
            waiting = [self._addressed(table, change) for change in changes[start : start + self._batch]]
            for _ in range(_ROUNDS):
                outcomes = await self._once(destination, table, waiting)
                assert sorted(outcome.key for outcome in outcomes) == sorted(change.key for change in waiting)
                undecided = {outcome.key for outcome in outcomes if isinstance(outcome, Undecided)}
                decided |= {one.key: one for one in outcomes if not isinstance(one, Undecided)}
                self._record(table, waiting, outcomes)
                waiting = [replace(change, doubtful=True) for change in waiting if change.key in undecided]
                if not waiting:
                    break
            assert not waiting, f"undecided after {_ROUNDS} rounds: {self.errors[-1]!r}"
        return decided

    async def _once(self, destination: Destination, table: TableMapping, changes: list[Change]) -> list[Outcome]:
        try:
            outcomes = list(await destination.write(table, changes))
        except (RetryLater, ActionRequired) as error:
            outcomes = [Undecided(change.key, error) for change in changes]
        self.errors += [outcome.error for outcome in outcomes if isinstance(outcome, Undecided)]
        return outcomes

    def _addressed(self, table: TableMapping, change: Change) -> Change:
        if change.act is Act.CREATE or change.remote_id is not None:
            return change
        return replace(change, remote_id=self.remote_ids[table.table, change.was_key or change.key])

    def _record(self, table: TableMapping, changes: Sequence[Change], outcomes: Sequence[Outcome]) -> None:
        by_key = {change.key: change for change in changes}
        for outcome in outcomes:
            change = by_key[outcome.key]
            if isinstance(outcome, Written) and change.act is not Act.DELETE:
                self.remote_ids.pop((table.table, change.was_key or ""), None)
                self.remote_ids[table.table, outcome.key] = outcome.remote_id
            elif isinstance(outcome, Written | Gone):
                self.remote_ids.pop((table.table, outcome.key), None)
