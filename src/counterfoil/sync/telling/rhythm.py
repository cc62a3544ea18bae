"""When a channel tells next: its daily digest and its weekly summary, by the clock of its time zone."""

import datetime as dt
from typing import Final

from counterfoil.errors import BadRequest
from counterfoil.store.channels import Rhythm
from counterfoil.sync.schedule import next_time

_WEEKLY: Final = 8  # o'clock on Mondays, where there is no hour for the digest


def rhythm(hour: int | None, timezone: str, now: dt.datetime) -> Rhythm:
    """Give the times that follow a moment. Raises `BadRequest` for an hour or a time zone that there is not."""
    if hour is not None and not 0 <= hour <= 23:
        raise BadRequest("There is no such hour.", remedy="Choose one from 0 to 23.")
    monday = next_time(f"0 {_WEEKLY if hour is None else hour} * * 1", timezone, now)
    daily = None if hour is None else next_time(f"0 {hour} * * *", timezone, now)
    return Rhythm(hour, timezone, daily, monday)
