"""Functions: what they listen to, how many of their runs may go at once, and whether they are paused."""

import datetime as dt

from pydantic import Field

from counterfoil.web.api import paging, routes
from counterfoil.web.api.callers import Admin, Reader, Works, note
from counterfoil.web.api.paging import Cursor, Limit, Page
from counterfoil.web.api.runs import Started
from counterfoil.web.api.shapes import Order, Shape

router = routes.router("functions")


class Function(Shape):
    """A durable function as it is declared."""

    id: str
    on: list[str] = Field(description="the events that start it")
    schedules: list[str] = Field(description="cron expressions with their time zones")
    limit: int | None = Field(description="runs at a time for each value of `key`")
    key: str | None
    scope: str | None = Field(description="functions of one scope share the limit")
    retries: int
    paused: bool


class Range(Order):
    """A stretch of time."""

    since: dt.datetime
    until: dt.datetime


class Replayed(Shape):
    """The runs that were started, in the order of those that had failed."""

    runs: list[Started]


@router.get("/functions")
async def list_functions(caller: Reader, product: Works, limit: Limit = 50, cursor: Cursor = None) -> Page[Function]:
    """List the functions by id."""
    every = await product.engine.functions()
    return paging.part_of(every, limit, cursor, Function.model_validate, lambda function: function.id)


@router.get("/functions/{function_id}")
async def show_function(function_id: str, caller: Reader, product: Works) -> Function:
    """Show one function."""
    return await _show(product, function_id)


@router.post("/functions/{function_id}/pause", dependencies=routes.REPEATABLE)
async def pause_function(function_id: str, caller: Admin, product: Works) -> Function:
    """Let no run of the function begin; those that run go on, and new ones wait."""
    caller.must_operate()
    await product.engine.pause(product.engine.declared(function_id))
    await note(product, caller, "function.paused", function_id)
    return await _show(product, function_id)


@router.post("/functions/{function_id}/resume", dependencies=routes.REPEATABLE)
async def resume_function(function_id: str, caller: Admin, product: Works) -> Function:
    """Let the function's runs begin again, in the order in which they came."""
    caller.must_operate()
    await product.engine.resume(product.engine.declared(function_id))
    await note(product, caller, "function.resumed", function_id)
    return await _show(product, function_id)


@router.post("/functions/{function_id}/replay", status_code=201, dependencies=routes.REPEATABLE)
async def replay_failed_runs(function_id: str, order: Range, caller: Admin, product: Works) -> Replayed:
    """Run again, with the same events, every run of the function that failed within a stretch of time."""
    caller.must_operate()
    function = product.engine.declared(function_id)
    started = await product.engine.replay_failed(function, _ms(order.since), _ms(order.until))
    await note(product, caller, "runs.replayed", f"{len(started)} of {function_id}")
    return Replayed(runs=[Started(run_id=run_id) for run_id in started])


async def _show(product: Works, function_id: str) -> Function:
    product.engine.declared(function_id)
    found = next(one for one in await product.engine.functions() if one.id == function_id)
    return Function.model_validate(found)


def _ms(moment: dt.datetime) -> int:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    return (aware - dt.datetime.fromtimestamp(0, dt.UTC)) // dt.timedelta(milliseconds=1)
