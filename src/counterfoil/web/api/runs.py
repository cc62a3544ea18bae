"""Runs: one execution of a function each, with its steps, their results, attempts and times."""

import datetime as dt
from typing import Any, Literal

from pydantic import BaseModel, Field

from counterfoil.engine import Failure, RunView, StepView
from counterfoil.web.api import paging, reach, routes
from counterfoil.web.api.callers import Admin, Reader, Works, note
from counterfoil.web.api.paging import Cursor, Limit, Page
from counterfoil.web.api.shapes import Order, Shape, Words, maybe_moment, moment

router = routes.router("runs")
Status = Literal["queued", "delayed", "paused", "running", "succeeded", "failed", "cancelled"]


class Failed(Shape):
    """Why a run or a step failed."""

    kind: str
    message: str
    code: str | None
    remedy: str | None
    where: list[str] = Field(description="lines of code, for an error that nobody foresaw")


class Run(BaseModel):
    """One execution of a function."""

    id: str
    function: str
    status: str = Field(description="queued, delayed, paused, running, succeeded, failed or cancelled")
    key: str = Field(description="of the runs of one key, so many go at once as the function allows")
    event: dict[str, Any] = Field(description="the event that started it: ids and counts")
    output: Any
    failure: Failed | None
    parent: str | None = Field(description="the run that invoked it")
    replay_of: str | None
    attempts: int = Field(description="how often a worker took it up")
    queued_at: dt.datetime
    started_at: dt.datetime | None
    ended_at: dt.datetime | None


class Step(BaseModel):
    """A step; one of the kind `retry` is an attempt that failed and was tried again."""

    kind: str
    name: str
    output: Any
    failure: Failed | None
    child: str | None = Field(description="the run that it invoked")
    started_at: dt.datetime | None
    ended_at: dt.datetime | None


class RunWithSteps(Run):
    """One run with its steps in the order in which they began."""

    steps: list[Step]


class Started(BaseModel):
    """A run was started."""

    run_id: str


class Replay(Order):
    """From where to run again."""

    from_step: Words | None = Field(None, description="keep the results of the steps that ended before this one began")


@router.get("/runs")
async def list_runs(
    caller: Reader,
    product: Works,
    limit: Limit = 50,
    cursor: Cursor = None,
    function: str | None = None,
    status: Status | None = None,
) -> Page[Run]:
    """List the runs, newest first."""

    async def read(before: str | None, most: int) -> list[RunView]:
        return await product.engine.runs(function=function, status=status, before=before, limit=most)

    after = paging.single(cursor)
    found = await reach.page(product.db, caller, after, limit + 1, read)
    return paging.page_of(found, limit, lambda run: Run(**_fields(run)), lambda run: (run.id,))


@router.get("/runs/{run_id}")
async def show_run(run_id: str, caller: Reader, product: Works) -> RunWithSteps:
    """Show one run with its steps."""
    run = await _mine(run_id, caller, product)
    return RunWithSteps(**_fields(run), steps=[_step(step) for step in run.steps])


@router.post("/runs/{run_id}/cancel", dependencies=routes.REPEATABLE)
async def cancel_run(run_id: str, caller: Admin, product: Works) -> Run:
    """Cancel a run and all that it invoked; a step at work ends first, and a run that has ended stays as it is."""
    await _mine(run_id, caller, product)
    await product.engine.cancel(run_id)
    await note(product, caller, "run.cancelled", run_id)
    return Run(**_fields(await product.engine.run(run_id)))


@router.post("/runs/{run_id}/replay", status_code=201, dependencies=routes.REPEATABLE)
async def replay_run(run_id: str, caller: Admin, product: Works, order: Replay | None = None) -> Started:
    """Run it again with the same event, as a new run: from the start, or from a step on."""
    await _mine(run_id, caller, product)
    started = await product.engine.replay(run_id, from_step=order.from_step if order else None)
    await note(product, caller, "run.replayed", run_id)
    return Started(run_id=started)


async def _mine(run_id: str, caller: Reader, product: Works) -> RunView:
    return await reach.must_see(product.db, caller, await product.engine.run(run_id))


def _fields(run: RunView) -> dict[str, Any]:
    return {
        "id": run.id,
        "function": run.function,
        "status": run.status,
        "key": run.key,
        "event": dict(run.event),
        "output": run.output,
        "failure": _failed(run.failure),
        "parent": run.parent,
        "replay_of": run.replay_of,
        "attempts": run.attempts,
        "queued_at": moment(run.queued_at),
        "started_at": maybe_moment(run.started_at),
        "ended_at": maybe_moment(run.ended_at),
    }


def _step(step: StepView) -> Step:
    return Step(
        kind=step.kind,
        name=step.name,
        output=step.output,
        failure=_failed(step.failure),
        child=step.child,
        started_at=maybe_moment(step.started_at),
        ended_at=maybe_moment(step.ended_at),
    )


def _failed(failure: Failure | None) -> Failed | None:
    return None if failure is None else Failed.model_validate(failure)
