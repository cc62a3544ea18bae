"""Plain words for times, numbers and states, as templates and handlers need them."""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from counterfoil.money import exponent, plain
from counterfoil.store.workspaces import DIGITS, Display
from counterfoil.sync.triggers import DESTINATION_TRIGGERS, TRIGGERS

PLAIN: Final = Display()
_UNITS: Final = ((86_400 * 365, "year"), (86_400 * 30, "month"), (86_400, "day"), (3_600, "hour"), (60, "minute"))
_SIGNS: Final = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "INR": "₹", "KRW": "₩"}

# state -> (word, tone)
CONNECTION_STATES: Final = {
    "active": ("Connected", "good"),
    "action_required": ("Needs you", "bad"),
    "paused": ("Paused", "calm"),
    "removed": ("Removed", "calm"),
}
SYNC_STATES: Final = {
    "running": ("Running", "busy"),
    "done": ("Done", "good"),
    "partial": ("Partly done", "warn"),
    "failed": ("Failed", "bad"),
    "cancelled": ("Cancelled", "calm"),
}
RUN_STATES: Final = {
    "queued": ("Queued", "calm"),
    "delayed": ("Waiting", "calm"),
    "paused": ("Paused", "warn"),
    "running": ("Running", "busy"),
    "succeeded": ("Done", "good"),
    "failed": ("Failed", "bad"),
    "cancelled": ("Cancelled", "calm"),
}


def count(number: int, noun: str, plural: str | None = None) -> str:
    """Give "1 row", "1,234 rows"."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def ago(moment: dt.datetime | None, now: dt.datetime | None = None) -> str:
    """Give how long ago a moment was, or how far ahead it is: "3 minutes ago", "in 2 hours", "never"."""
    if moment is None:
        return "never"
    seconds = ((now or dt.datetime.now(dt.UTC)) - moment).total_seconds()
    span = _span(abs(seconds))
    if span is None:
        return "just now" if seconds >= 0 else "in a moment"
    return f"{span} ago" if seconds >= 0 else f"in {span}"


def _span(seconds: float) -> str | None:
    for size, unit in _UNITS:
        if seconds >= size:
            return count(int(seconds // size), unit)
    return None


def lasted(seconds: float | None) -> str:
    """Give a duration: "120 ms", "3.4 s", "2 min 5 s", "1 h 3 min"."""
    if seconds is None:
        return "–"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


def about(seconds: float) -> str:
    """Give how long something will take, no more exactly than anybody knows: "about 5 minutes"."""
    if seconds < 60:
        return "less than a minute"
    minutes = round(seconds / 60)
    return f"about {count(minutes, 'minute') if minutes < 90 else count(round(minutes / 60), 'hour')}"


def filled(cells: Mapping[str, object]) -> list[tuple[str, str]]:
    """Give the cells that say something, with their labels: what is empty or not so is left out."""
    said = [(label, "yes" if cell is True else cell) for label, cell in cells.items()]
    return [(label, str(cell)) for label, cell in said if cell is not None and cell is not False and cell != ""]


def clock(moment: dt.datetime | None, timezone: str = "UTC") -> str:
    """Give a moment as the user's clock shows it: "5 Mar 2026, 14:02"."""
    if moment is None:
        return "–"
    local = moment.astimezone(ZoneInfo(timezone))
    return f"{local.day} {local:%b %Y, %H:%M}"


def day(date: dt.date | None) -> str:
    """Give a bank's day: "5 Mar 2026"."""
    return "–" if date is None else f"{date.day} {date:%b %Y}"


def moment_of(milliseconds: int | None) -> dt.datetime | None:
    """Give the moment of the engine's milliseconds since 1970."""
    return None if milliseconds is None else dt.datetime.fromtimestamp(milliseconds / 1000, dt.UTC)


def money(
    amount: Decimal | None, currency: str, *, sign: bool = False, exact: bool = False, display: Display = PLAIN
) -> str:
    """Give an amount in its currency as the workspace likes it: "−$1,234.50"; with `sign`, "+" too.

    With `exact` it has all its digits, and not only as many as the currency.
    """
    if amount is None:
        return "–"
    places = exponent(currency)
    if exact:
        places = max(places, len(plain(amount).partition(".")[2]))
    digits = f"{abs(amount):,.{places}f}".translate(_signs(display))
    before = "−" if amount < 0 else "+" if sign and amount > 0 else ""
    known = _SIGNS.get(currency.upper()) if display.amounts == "symbol" else None
    return f"{before}{known}{digits}" if known else f"{before}{digits} {currency}"


def _signs(display: Display) -> Mapping[int, str]:
    thousands, point = DIGITS.get(display.digits, DIGITS[PLAIN.digits])
    return {ord(","): thousands, ord("."): point, ord("-"): "−"}


def number(value: Decimal, display: Display = PLAIN) -> str:
    """Give a number with all its digits as the workspace likes it: "−1,234.5"."""
    places = len(plain(value).partition(".")[2])
    return f"{value:,.{places}f}".translate(_signs(display))


def said(word: str) -> str:
    """Give a provider's word as people write it: "In store" for "in_store"."""
    spaced = word.replace("_", " ")
    return spaced[:1].upper() + spaced[1:]


def browser(agent: str) -> str:
    """Give "Firefox on Linux" for what a browser says of itself."""
    # Each says that it is also those after it in the list.
    names = (("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
    systems = {"Android": "Android", "iPhone": "iPhone", "iPad": "iPad", "Windows": "Windows"}
    systems |= {"Mac OS": "macOS", "Linux": "Linux"}
    name = next((name for mark, name in names if mark in agent), None)
    system = next((name for mark, name in systems.items() if mark in agent), None)
    if name is None:
        return agent[:40] or "Unknown browser"
    return f"{name} on {system}" if system else name


def cause(event: str) -> str:
    """Give an event's name in words a person reads."""
    known = _CAUSES.get(event)
    if known:
        return known
    trigger = TRIGGERS.get(event) or DESTINATION_TRIGGERS.get(event)
    if trigger is not None:
        return trigger.why[0].upper() + trigger.why[1:]
    source, _, name = event.partition("/")
    return f"{source.replace('_', ' ').title()}: {name.replace('_', ' ').replace('.', ', ')}"


_CAUSES: Final = {
    "app/sync.finished": "A sync ended",
    "app/attention.required": "Something needs a person",
    "app/message.waits": "A message is to be sent",
    "app/workspace.deletion.requested": "Everything is to be deleted",
    "app/connection.created": "A connection was added",
    "app/connection.repaired": "A connection was repaired",
    "app/connection.removed": "A connection was removed",
    "app/sync.requested": "You asked for it",
    "app/sync.scheduled": "On schedule",
    "app/destination.created": "A destination was added",
    "app/destination.repaired": "A destination was started",
    "app/destination.sync.requested": "You asked for it",
    "app/destination.sync.scheduled": "On schedule",
    "app/mapping.changed": "The mapping changed",
    "app/rows.restored": "Deleted rows were asked back",
    "app/reconcile.requested": "Full comparison",
    "plaid/transactions.sync_updates_available": "The bank has news",
    "plaid/transactions.default_update": "The bank has news",
    "plaid/transactions.initial_update": "The bank's first 30 days",
    "plaid/transactions.historical_update": "The bank's whole history",
    "plaid/investments_transactions.historical_update": "The whole history of investments",
    "plaid/holdings.default_update": "Holdings changed",
    "plaid/investments_transactions.default_update": "New investment activity",
    "plaid/item.login_repaired": "The login was repaired",
}
