"""The vendors' documented rate limits, as their servers count them."""

import time
from collections import defaultdict, deque
from collections.abc import Callable


class Limits:
    """Sliding windows by name. `scale` multiplies every limit; None switches them off."""

    def __init__(self, scale: float | None = 1.0) -> None:
        self.scale = scale
        self.refused = 0  # how often a caller went over, for the tests of our own pace
        self.now: Callable[[], float] = time.monotonic  # seconds; tests may put a clock of their own here
        self._arrivals: dict[str, deque[float]] = defaultdict(deque)
        self._locked_until: dict[str, float] = {}
        self._buckets: dict[str, tuple[float, float]] = {}  # tokens left, and when they were counted

    def take(self, name: str, limit: int, window: float, *, lockout: float = 0.0) -> float | None:
        """Count one arrival. Gives None where it is within the limit, else the seconds until the next may come.

        With `lockout`, one arrival too many closes the window for that long (Airtable's 30 seconds).
        """
        if self.scale is None:
            return None
        now = self.now()
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

    def take_average(self, name: str, rate: float, burst: float) -> float | None:
        """Count one arrival against an average of `rate` per second that allows bursts of up to `burst`.

        Gives None where it is within the limit, else the seconds until the next may come.
        """
        if self.scale is None:
            return None
        now = self.now()
        rate, burst = rate * self.scale, max(1.0, burst * self.scale)
        tokens, counted = self._buckets.get(name, (burst, now))
        tokens = min(burst, tokens + (now - counted) * rate)
        if tokens >= 1.0:
            self._buckets[name] = (tokens - 1.0, now)
            return None
        self._buckets[name] = (tokens, now)
        self.refused += 1
        return (1.0 - tokens) / rate
