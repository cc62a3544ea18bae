"""Whatever people and programs do to an engine, in any order: a simple model says what must have become of it."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Final, TypeVar

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from counterfoil.engine import Concurrency, Context, Engine, Event, Function, RunView, function
from counterfoil.errors import ActionRequired

T = TypeVar("T")

KEYS: Final = ("a", "b")


class Job(msgspec.Struct, frozen=True):
    """What a run works on. A job that is held works until the holds are lifted; a broken one fails for good."""

    key: str
    n: int
    held: bool = False
    broken: bool = False


Sent = tuple[Event[Job], tuple[str, ...]]  # an event and the runs that it started


@dataclass
class Site:
    """Where the runs of one example work, and what went wrong there."""

    inside: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))  # scope and key -> runs
    done: Counter[tuple[str, str]] = field(default_factory=Counter)  # (run, step)
    ends: dict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))  # function, key -> runs
    paused: dict[str, set[str]] = field(default_factory=dict)  # function -> runs that had begun when it was paused
    wrongs: list[str] = field(default_factory=list)
    lifted: asyncio.Event = field(default_factory=asyncio.Event)

    @contextmanager
    def visit(self, place: str, run: str) -> Iterator[None]:
        present = self.inside[place]
        if others := set(+present) - {run}:
            self.wrongs.append(f"{run} met {others} at {place}")
        present[run] += 1
        try:
            yield
        finally:
            present[run] -= 1

    def enter(self, function_id: str, run: str) -> None:
        if run not in self.paused.get(function_id, {run}):
            self.wrongs.append(f"{run} of {function_id} began during a pause")


def work_place(site: Site) -> list[Function[Any, Any]]:
    """Give two functions that share a scope, a parent without a key, its child, and a probe for each queue."""

    async def work(step: str, place: str, run: str, job: Job) -> None:
        with site.visit(place, run):
            if job.broken:
                raise ActionRequired("broken", "It is broken.", remedy="Mend it.")
            if job.held:
                await site.lifted.wait()
            else:
                await asyncio.sleep(0.002)
            site.done[run, step] += 1

    async def job(ctx: Context[Job], scope: str) -> int:
        data, place = ctx.event.data, f"{scope}/{ctx.event.data.key}"
        site.enter(ctx.function_id, ctx.run_id)
        with site.visit(place, ctx.run_id):
            for step in ("one", "two"):
                await ctx.step.run(step, work, step, place, ctx.run_id, data)
            site.ends[ctx.function_id, data.key].append(ctx.run_id)
        return data.n

    @function("first", on=["both", "one"], concurrency=Concurrency(key="event.data.key", scope="shared"))
    async def first(ctx: Context[Job]) -> int:
        return await job(ctx, "shared")

    @function("second", on="both", concurrency=Concurrency(key="event.data.key", scope="shared"))
    async def second(ctx: Context[Job]) -> int:
        return await job(ctx, "shared")

    @function("child", concurrency=Concurrency(key="event.data.key"))
    async def child(ctx: Context[Job]) -> int:
        return await job(ctx, "child")

    @function("parent", on=["both", "family"])
    async def parent(ctx: Context[Job]) -> int:
        site.enter(ctx.function_id, ctx.run_id)
        return await ctx.step.invoke("child", child, ctx.event.data)

    @function("probe-shared", on="probe", concurrency=Concurrency(key="event.data.key", scope="shared"))
    async def probe_shared(ctx: Context[Job]) -> None: ...

    @function("probe-child", on="probe", concurrency=Concurrency(key="event.data.key", scope="child"))
    async def probe_child(ctx: Context[Job]) -> None: ...

    @function("probe-level", on="probe")
    async def probe_level(ctx: Context[Job]) -> None: ...

    return [first, second, child, parent, probe_shared, probe_child, probe_level]


LISTENERS: Final = {"both": {"first", "second", "parent"}, "one": {"first"}, "family": {"parent"}}
names = st.sampled_from(sorted(LISTENERS))
pausable = st.sampled_from(["first", "second", "parent", "child"])


class AnyStory(RuleBasedStateMachine):
    """The engine beside its model: which runs must exist, and which of them somebody has cancelled."""

    events = Bundle("events")
    runs = Bundle("runs")

    def __init__(self, database: str) -> None:
        super().__init__()
        self.database = database
        self.loop = asyncio.Runner()
        self.site = self.wait_for(self.make_site())
        self.functions = {each.id: each for each in work_place(self.site)}
        self.started: dict[str, str] = {}  # run -> function
        self.cancelled: set[str] = set()
        self.count = 0
        self.engine = self.wait_for(self.start())

    async def make_site(self) -> Site:
        return Site()

    def wait_for(self, story: Coroutine[Any, Any, T]) -> T:
        async def bounded() -> T:
            async with asyncio.timeout(60):
                return await story

        return self.loop.run(bounded())

    async def start(self) -> Engine[Any]:
        engine: Engine[Any] = Engine(self.functions.values(), self.database, app_version="test", backoff=0.01)
        await engine.start()
        return engine

    # --- what people and programs do --------------------------------------------------------------------------

    @initialize(target=events)
    def cancel_the_first_of_a_key_while_others_wait(self) -> Any:
        known = [self.sent("both", "a", held=True) for _ in range(2)]
        self.let_begin_what_may()
        self.cancel(known[0][1][0])
        self.let_begin_what_may()
        return multiple(*known)

    @initialize(target=events, function_id=pausable)
    def pause_while_some_work_and_some_wait_and_some_come(self, function_id: str) -> Any:
        known = [self.sent("both", "b", held=held) for held in (True, False)]
        self.let_begin_what_may()
        self.pause(function_id)
        known.append(self.sent("both", "b"))
        self.lift_the_holds()
        return multiple(*known)

    @rule(target=events, name=names, key=st.sampled_from(KEYS), held=st.booleans(), broken=st.integers(0, 4))
    def send(self, name: str, key: str, held: bool, broken: int) -> Sent:
        return self.sent(name, key, held, broken == 4)

    def sent(self, name: str, key: str, held: bool = False, broken: bool = False) -> Sent:
        self.count += 1
        event = Event(name, Job(key, self.count, held, broken), id=f"event-{self.count}")
        accepted = self.wait_for(self.engine.send(event))
        assert not accepted.duplicate
        self.send_again((event, accepted.runs))
        views = {run: self.wait_for(self.engine.run(run)) for run in accepted.runs}
        assert sorted(view.function for view in views.values()) == sorted(LISTENERS[name])
        self.started |= {run: view.function for run, view in views.items()}
        return event, accepted.runs

    @rule(known=events)
    def send_again(self, known: Sent) -> None:
        event, runs = known
        accepted = self.wait_for(self.engine.send(event))
        assert accepted.duplicate
        assert accepted.runs == runs

    @rule(target=runs, known=events)
    def look_at(self, known: Sent) -> Any:
        return multiple(*known[1])

    @rule(run=runs)
    def cancel(self, run: str) -> None:
        before = self.view(run).status
        self.wait_for(self.engine.cancel(run))
        after = self.view(run).status
        assert after in ("cancelled", "succeeded", "failed")
        if before in ("cancelled", "succeeded", "failed"):
            assert after == before
        if after == "cancelled":
            self.cancelled.add(run)

    @rule(place=st.integers(0, 3))
    def cancel_one_at_work(self, place: int) -> None:
        at_work = sorted(run for present in self.site.inside.values() for run in +present)
        if at_work:
            self.cancel(at_work[place % len(at_work)])
            self.let_begin_what_may()

    @rule()
    def cancel_a_child(self) -> None:
        children = [run for run in self.listed() if run.parent is not None]
        if children:
            self.cancel(children[0].id)

    @rule(function_id=pausable)
    def pause(self, function_id: str) -> None:
        self.wait_for(self.engine.pause(self.functions[function_id]))
        begun = {run.id for run in self.listed() if run.function == function_id and run.started_at}
        self.site.paused.setdefault(function_id, begun)

    @rule(function_id=pausable)
    def resume(self, function_id: str) -> None:
        self.site.paused.pop(function_id, None)
        self.wait_for(self.engine.resume(self.functions[function_id]))

    @rule(target=runs, run=runs)
    def replay(self, run: str) -> str:
        again = self.wait_for(self.engine.replay(run))
        assert again not in self.started
        self.started[again] = self.started[run]
        return again

    @rule()
    def lift_the_holds(self) -> None:
        self.site.lifted.set()
        self.let_begin_what_may()
        self.site.lifted.clear()

    @rule()
    def let_begin_what_may(self) -> None:
        """Wait until a run that came last to each queue has ended: whatever may begin before it has begun by then."""

        async def pass_by() -> None:
            for run in (await self.engine.send(Event("probe", Job(f"probe-{self.count}", self.count)))).runs:
                await self.engine.result(run)
            await asyncio.sleep(0.02)

        self.count += 1
        self.wait_for(pass_by())

    @rule()
    def restart(self) -> None:
        self.site.lifted.set()  # stopping waits for the present steps
        self.wait_for(self.engine.stop())
        self.site.lifted.clear()
        assert not any(+present for present in self.site.inside.values()), "something works while the engine is stopped"
        self.engine = self.wait_for(self.start())

    # --- what must hold --------------------------------------------------------------------------------------

    def view(self, run: str) -> RunView:
        return self.wait_for(self.engine.run(run))

    def listed(self) -> list[RunView]:
        runs = self.wait_for(self.engine.runs(limit=1_000))
        return [run for run in runs if not run.function.startswith("probe")]

    @invariant()
    def nothing_went_wrong(self) -> None:
        assert self.site.wrongs == []

    def teardown(self) -> None:
        try:
            self.site.lifted.set()
            for function_id in list(self.site.paused):
                self.resume(function_id)
            self.wait_for(self.engine.drained(30))
            runs = self.listed()
        finally:
            self.wait_for(self.engine.stop())
            self.loop.close()
        self.nothing_went_wrong()
        self.everything_came_to_its_end({run.id: run for run in runs})

    def everything_came_to_its_end(self, runs: dict[str, RunView]) -> None:
        children = {run.id: run for run in runs.values() if run.parent is not None}
        assert {run.id for run in runs.values()} - set(children) == set(self.started)
        assert {run.function for run in children.values()} <= {"child"}
        assert max(Counter(child.parent for child in children.values()).values(), default=1) == 1
        child_of = {child.parent: child for child in children.values()}
        for run in runs.values():
            if run.function == "parent" and run.status != "cancelled":
                assert run.status == ("succeeded" if child_of[run.id].status == "succeeded" else "failed")
            elif run.parent is not None and runs[run.parent].status == "cancelled":
                assert run.status in ("cancelled", "succeeded", "failed")
            else:
                assert run.status == self.expected(run)
            if run.function != "parent":
                once = [self.site.done[run.id, step] for step in ("one", "two")]
                assert once == [1, 1] if run.status == "succeeded" else max(once) <= 1
        self.order_was_kept(runs)

    def expected(self, run: RunView) -> str:
        if run.id in self.cancelled:
            return "cancelled"
        return "failed" if run.event["data"]["broken"] else "succeeded"

    def order_was_kept(self, runs: dict[str, RunView]) -> None:
        """Runs of a key end as they were queued: in the order of their events, children and replays as they come."""
        for (function_id, key), ended in self.site.ends.items():
            asked = [
                run.id
                for run in sorted(runs.values(), key=lambda run: (run.queued_at, run.id))
                if run.status == "succeeded" and run.function == function_id and run.key == key
            ]
            # A restart between the last step and the result has a body pass its end again.
            assert [run for run, _ in groupby(ended) if run in asked] == asked


def test_the_engine_does_what_its_model_says(fresh: Callable[[], str]) -> None:
    class Story(AnyStory):
        def __init__(self) -> None:
            super().__init__(fresh())

    few = settings(max_examples=8, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(Story, settings=few)
