"""Durable functions, events and steps: a thin layer over DBOS that knows nothing of banks."""

from counterfoil.engine.context import Context, Middleware
from counterfoil.engine.engine import Engine
from counterfoil.engine.events import Event, Nothing, Tick
from counterfoil.engine.failures import Failure, InvokeFailed, NonRetriable, RunFailed, StepFailed, TimedOut
from counterfoil.engine.functions import CancelOn, Concurrency, Cron, Debounce, Function, Timeouts, function
from counterfoil.engine.tables import Accepted
from counterfoil.engine.views import STATUSES, EventView, FunctionView, RunView, StepView

__all__ = [
    "STATUSES",
    "Accepted",
    "CancelOn",
    "Concurrency",
    "Context",
    "Cron",
    "Debounce",
    "Engine",
    "Event",
    "EventView",
    "Failure",
    "Function",
    "FunctionView",
    "InvokeFailed",
    "Middleware",
    "NonRetriable",
    "Nothing",
    "RunFailed",
    "RunView",
    "StepFailed",
    "StepView",
    "Tick",
    "TimedOut",
    "Timeouts",
    "function",
]
