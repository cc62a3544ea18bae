"""Identifiers that sort by the time they were made (UUIDv7, RFC 9562)."""

import os
import threading
import time
import uuid

_lock = threading.Lock()
_last = 0


def new_id() -> str:
    """Give a fresh UUIDv7 as text; ids made later in this process sort later, within one millisecond too."""
    global _last
    with _lock:
        # 48 bits of milliseconds and 12 bits of the fraction, nudged forward where the clock has not moved.
        _last = max(_last + 1, time.time_ns() * 4096 // 1_000_000)
        moment = _last
    random = int.from_bytes(os.urandom(8)) & (2**62 - 1)
    value = (moment >> 12 & (2**48 - 1)) << 80 | 0x7 << 76 | (moment & 0xFFF) << 64 | 0b10 << 62 | random
    return str(uuid.UUID(int=value))
