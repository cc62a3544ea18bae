"""How a run or a step fails, and how a failure is kept so that a replay raises the same error."""

import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from counterfoil.errors import CounterfoilError, RetryLater


class NonRetriable(CounterfoilError):
    """Trying again cannot help: the step, or the run, fails at once."""


class Failure(msgspec.Struct, frozen=True, omit_defaults=True):
    """A failure in plain values. `kind` is the error's class name.

    The message of an error that is not ours is left out, since it may quote what it stumbled over; `where` names the
    lines of code instead.
    """

    kind: str
    message: str = ""
    code: str | None = None
    remedy: str | None = None
    where: tuple[str, ...] = ()
    extra: dict[str, Any] = {}
    run_id: str | None = None


class StepFailed(CounterfoilError):
    """A step raised an error that is not one of ours, more often than its retries allow."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"{failure.kind} at {failure.where[-1] if failure.where else 'an unknown place'}")
        self.failure = failure


class RunFailed(CounterfoilError):
    """A run ended without a result: it failed, was cancelled (`kind` is "Cancelled") or took too long ("TimedOut").

    `kind`, `code`, `message` and `remedy` are those of the error behind it, as strings.
    """

    def __init__(self, run_id: str, failure: Failure) -> None:
        super().__init__(failure.message or failure.kind)
        self.run_id = run_id
        self.failure = failure
        self.kind = failure.kind
        self.code = failure.code
        self.message = failure.message
        self.remedy = failure.remedy


class InvokeFailed(RunFailed):
    """A run that this run invoked has failed, was cancelled or timed out."""


class TimedOut(NonRetriable):
    """A run did not start or finish in the time that its function allows."""


CANCELLED = Failure("Cancelled", "The run was cancelled.")


@dataclass(frozen=True, slots=True)
class End:
    """How a run ended: JSON of its result, or its failure."""

    output: str | None
    failure: Failure | None


def end_of(status: str, output: str | None, error: str | None) -> End:
    if status == "SUCCESS":
        return End(output, None)
    if status == "CANCELLED":
        return End(None, CANCELLED)
    if error is None:
        return End(None, Failure("TooManyRestarts", "The run was restarted too often."))
    return End(None, msgspec.json.decode(error, type=Failure))


def is_final(error: BaseException) -> bool:
    """Say whether trying again is useless: every error of ours but `RetryLater` says what must happen instead."""
    return isinstance(error, CounterfoilError) and not isinstance(error, RetryLater)


def describe(error: BaseException) -> Failure:
    """Put an error into plain values, without anything that a foreign error may quote."""
    if isinstance(error, StepFailed):
        return error.failure
    if isinstance(error, InvokeFailed):
        return msgspec.structs.replace(error.failure, run_id=error.run_id)
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    where = tuple(f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames)
    if not isinstance(error, CounterfoilError):
        return Failure(type(error).__name__, where=where)
    fields = dict(vars(error))
    code, remedy = fields.pop("code", None), fields.pop("remedy", None)
    plain = {name: value for name, value in fields.items() if isinstance(value, str | int | float | bool | None)}
    return Failure(type(error).__name__, str(error), code, remedy, where, plain)


def restore(failure: Failure) -> CounterfoilError:
    """Make the error again, of its own class where that is one of ours."""
    if failure.run_id is not None:
        return InvokeFailed(failure.run_id, failure)
    for kind in _family(CounterfoilError):
        if kind.__name__ == failure.kind:
            error = kind.__new__(kind, failure.message)
            vars(error).update(failure.extra)
            if failure.code is not None:
                vars(error)["code"] = failure.code
            if failure.remedy is not None:
                vars(error)["remedy"] = failure.remedy
            return error
    return StepFailed(failure)


def _family(kind: type[CounterfoilError]) -> Iterator[type[CounterfoilError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _family(child)
