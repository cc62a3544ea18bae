"""Where reading stands, as an opaque cursor: marks that hold between loops, and the place within one loop.

The ledger is listed by `created`, which never changes, newest first. So the marks are moved only by the last page of
a loop, from what the whole loop has seen: https://docs.stripe.com/api/balance_transactions/list
"""

from collections.abc import Iterable
from typing import Final

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from counterfoil.providers.stripe.wire import BalanceTransaction, BankAccount

OVERLAP: Final = 3600  # `created` has whole seconds, and a row may become visible a little late
LOOK_BACK: Final = 14 * 86400  # a payout may still fail five business days after it was shown as paid
ASK_AGAIN: Final = 86400  # after a refusal for want of a permission that the user may not need
_WINDOW: Final = 365 * 86400
_STRIPE_OPENED: Final = 1_293_840_000  # 2011-01-01: no account has older rows
_STILL_PENDING: Final = 3600  # how long to leave a row alone that should have settled and has not


class Loop(Struct, frozen=True, kw_only=True):
    """The place within one loop of pages."""

    started: int
    phase: str  # ledger, banks (ask which are new), bank_rows (read them), payouts
    start: int = 0
    end: int | None = None
    after: str | None = None  # the last id of the page before
    high: int = 0
    due: dict[int, int] = field(default_factory=dict)
    queue: tuple[tuple[str, str], ...] = ()  # (outside account, its latest refresh) still to be read
    read: dict[str, str] | None = None  # the refreshes read when this loop ends; None: not asked


class Marks(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What holds between loops.

    `high` is the largest `created` seen. `due` says when pending rows settle: available_on -> the oldest `created`
    among them. `banks` holds the last refresh read of each outside account, `banks_from` the time before which
    outside accounts are not asked for again, `banks_seen` that they were readable once. `at` is when the last loop of
    payouts began.
    """

    account: str
    business: str
    high: int = 0
    due: dict[int, int] = field(default_factory=dict)
    banks: dict[str, str] = field(default_factory=dict)
    banks_from: int = 0
    banks_seen: bool = False
    at: int = 0
    loop: Loop | None = None

    def dump(self) -> bytes:
        """Write the cursor."""
        return msgspec.json.encode(self)


def parse(cursor: bytes | None) -> Marks | None:
    """Read a cursor that `Marks.dump` wrote; None where there is none, or none that is readable: read it all again."""
    try:
        return msgspec.json.decode(cursor, type=Marks) if cursor else None
    except msgspec.DecodeError:
        return None


def begin_ledger(marks: Marks, now: int) -> Loop:
    """Give the first window: the oldest on the first load, else back over the overlap and the rows that settled."""
    if not marks.high:
        return _window(Loop(started=now, phase="ledger"), _STRIPE_OPENED)
    settled = [created for available_on, created in marks.due.items() if available_on <= now]
    return Loop(started=now, phase="ledger", start=min([marks.high - OVERLAP, *settled]))


def _window(loop: Loop, start: int) -> Loop:
    end = start + _WINDOW
    # The last window has no end: what is written while it is read belongs to it.
    return replace(loop, start=start, end=end if end < loop.started else None, after=None)


def after_movements(loop: Loop, rows: Iterable[BalanceTransaction], has_more: bool) -> Loop:
    """Note a page of the ledger and give the place of the next one, `phase` "banks" when the ledger is done."""
    high, due, last = loop.high, dict(loop.due), None
    for row in rows:
        last = row.id
        high = max(high, row.created)
        if row.status == "pending":
            when = row.available_on if row.available_on > loop.started else loop.started + _STILL_PENDING
            due[when] = min(due.get(when, row.created), row.created)
    noted = replace(loop, high=high, due=due)
    if has_more and last is not None:
        return replace(noted, after=last)
    if loop.end is not None:
        return _window(noted, loop.end)
    return replace(noted, phase="banks", after=None)


def finish_ledger(marks: Marks, loop: Loop) -> Marks:
    """Move the marks: to the newest row seen, and from pending rows that were read again to those still pending."""
    # A group whose oldest row is older than the window was not read again in full: it stays.
    due = {when: created for when, created in marks.due.items() if created < loop.start}
    for when, created in loop.due.items():
        due[when] = min(due.get(when, created), created)
    banks = marks.banks if loop.read is None else loop.read
    return replace(
        marks,
        high=max(marks.high, loop.high) or loop.started,
        due=due,
        banks=banks,
        banks_seen=marks.banks_seen or bool(banks),
        loop=None,
    )


def queue_banks(marks: Marks, loop: Loop, accounts: Iterable[BankAccount]) -> Loop:
    """Queue the outside accounts that have succeeded in a refresh since the one that was read last."""
    known = {account.id: account.transaction_refresh for account in accounts if account.status != "disconnected"}
    queue = tuple(
        (key, refresh.id)
        for key, refresh in known.items()
        if refresh and refresh.id and refresh.status == "succeeded" and refresh.id != marks.banks.get(key)
    )
    read = {key: last for key, last in marks.banks.items() if key in known}
    return replace(loop, phase="bank_rows", queue=queue, read=read, after=None)


def after_bank_rows(loop: Loop, last: str | None) -> Loop:
    """Give the place after a page of the first account in the queue; `last` is the row after which it goes on."""
    if last is not None:
        return replace(loop, after=last)
    account, refresh = loop.queue[0]
    return replace(loop, queue=loop.queue[1:], after=None, read={**(loop.read or {}), account: refresh})


def begin_payouts(marks: Marks, now: int) -> Loop:
    """Look back over the payouts that may have changed since the last loop."""
    return Loop(started=now, phase="payouts", start=min(marks.at or now, now) - LOOK_BACK)
