"""Random ids in the form of a UUID that sort by the time of their making.

1. The layout is that of UUID version 7 (RFC 9562): 48 bits of milliseconds, then random bits.
2. Ids of one source never repeat and never go back, also when the clock does.
"""

from collections.abc import Callable

COUNT_MAX = 0xFFF
"""Ids of one millisecond are counted in 12 bits."""


class TimeOrderedIds:
    """A source of ids.

    Args:
        now: Tells microseconds since the epoch, UTC.
        random_bits: Gives so many random bits, such as `random.SystemRandom().getrandbits`.
    """

    def __init__(self, now: Callable[[], int], random_bits: Callable[[int], int]) -> None:
        self._now = now
        self._random_bits = random_bits
        self._last_ms = 0
        self._count = 0

    def __call__(self) -> str:
        """Return the next id: 36 characters, lower case."""
        milliseconds = self._now() // 1000
        if milliseconds > self._last_ms:
            self._last_ms = milliseconds
            self._count = self._random_bits(11)
        else:
            self._count += 1
            if self._count > COUNT_MAX:
                self._last_ms += 1
                self._count = self._random_bits(11)
        tail = self._random_bits(62)
        text = f"{self._last_ms:012x}7{self._count:03x}{0x8000000000000000 | tail:016x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
