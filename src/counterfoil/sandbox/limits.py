"""The vendors' documented rate limits, as their servers count them."""

import time
from collections import defaultdict, deque


class Limits:
    """Sliding windows by name. `scale` multiplies every limit; None switches them off."""

    def __init__(self, scale: float | None = 1.0) -> None:
        self.scale = scale
        self.refused = 0  # how often a caller went over, for the tests of our own pace
        self._arrivals: dict[str, deque[float]] = defaultdict(deque)
        self._locked_until: dict[str, float] = {}

    def take(self, name: str, limit: int, window: float, *, lockout: float = 0.0) -> float | None:
        """Count one arrival. Gives None where it is within the limit, else the seconds until the next may come.

        With `lockout`, one arrival too many closes the window for that long (Airtable's 30 seconds).
        """
        if self.scale is None:
            return None
        now = time.monotonic()
        locked = self._locked_until.get(name, 0.0)
        if locked > now:
            self.refused += 1
            return locked - now
        arrivals = self._arrivals[name]
        while arrivals and arrivals[0] <= now - window:
            arrivals.popleft()
        if len(arrivals) < max(1, int(limit * self.scale)):
            arrivals.append(now)
            return None
        self.refused += 1
        if lockout:
            self._locked_until[name] = now + lockout
            return lockout
        return arrivals[0] + window - now
