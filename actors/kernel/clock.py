"""What time it is, and how to be called at a time.

1. A moment is microseconds since the epoch, UTC.
2. A callback is never called inside `call_at`, also when its time has passed.
3. Callbacks due at the same moment are called in the order in which they were asked for.
"""

import asyncio
import heapq
import time
from collections.abc import Callable
from typing import Protocol


class Timer(Protocol):
    """A call that is still to come."""

    def cancel(self) -> None:
        """Drop the call; without effect once it was made."""


class Clock(Protocol):
    """Tells the time and calls at a time."""

    def now(self) -> int:
        """Microseconds since the epoch, UTC."""

    def call_at(self, when: int, callback: Callable[[], None]) -> Timer:
        """Call once `now()` has reached `when`."""

    def call_in(self, duration: int, callback: Callable[[], None]) -> Timer:
        """Call after so many microseconds, also when the machine's clock is turned meanwhile."""


SKEW = 1_000_000
"""Microseconds by which a timer of a loop is never early: who has to wait longer has had his clock turned."""


class LoopClock:
    """The time of this machine, and the calls of an asyncio loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def now(self) -> int:
        """Microseconds since the epoch, UTC."""
        return time.time_ns() // 1000

    def call_at(self, when: int, callback: Callable[[], None]) -> Timer:
        """Call on the loop once `now()` has reached `when`."""
        return _LoopTimer(self._loop, self, when, callback)

    def call_in(self, duration: int, callback: Callable[[], None]) -> Timer:
        """Call on the loop after so many microseconds."""
        return _LoopTimer(self._loop, self, self.now() + duration, callback, most=SKEW)


class _LoopTimer:
    """One call on an asyncio loop, armed anew when it is early by at most so much.

    It is by less than a millisecond where loops count those, by far when the machine's clock was turned back.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        clock: LoopClock,
        when: int,
        callback: Callable[[], None],
        *,
        most: int = 2**63,
    ) -> None:
        self._loop = loop
        self._clock = clock
        self._when = when
        self._most = most
        self._callback = callback
        self._armed = self._arm()

    def cancel(self) -> None:
        self._armed.cancel()

    def _arm(self) -> asyncio.Handle:
        left = self._when - self._clock.now()
        if left <= 0:
            return self._loop.call_soon(self._callback)
        return self._loop.call_later(left / 1_000_000, self._fire)

    def _fire(self) -> None:
        if 0 < self._when - self._clock.now() <= self._most:
            self._armed = self._arm()
        else:
            self._callback()


class VirtualClock:
    """A clock that stands still until it is moved: for tests and simulations."""

    def __init__(self, now: int = 1_700_000_000_000_000) -> None:
        self._now = now
        self._order = 0
        self._waiting: list[tuple[int, int, _VirtualTimer]] = []

    def now(self) -> int:
        """Microseconds since the epoch, UTC."""
        return self._now

    def call_at(self, when: int, callback: Callable[[], None]) -> Timer:
        """Call when the clock is moved to `when` or beyond."""
        timer = _VirtualTimer(callback)
        self._order += 1
        heapq.heappush(self._waiting, (when, self._order, timer))
        return timer

    def call_in(self, duration: int, callback: Callable[[], None]) -> Timer:
        """Call when the clock was moved by so much."""
        return self.call_at(self._now + duration, callback)

    def next_at(self) -> int | None:
        """When the next call is due, None when none is."""
        while self._waiting and self._waiting[0][2].callback is None:
            heapq.heappop(self._waiting)
        return self._waiting[0][0] if self._waiting else None

    def advance(self, by: int = 0) -> None:
        """Move on by microseconds, making the calls on the way, each at its own time.

        Calls that are asked for on the way, and due within it, are made too.
        """
        end = self._now + by
        while (due := self.next_at()) is not None and due <= end:
            timer = heapq.heappop(self._waiting)[2]
            self._now = max(self._now, due)
            timer.fire()
        self._now = end


class _VirtualTimer:
    """One call of a virtual clock."""

    __slots__ = ("callback",)

    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self.callback = None

    def fire(self) -> None:
        callback, self.callback = self.callback, None
        if callback is not None:
            callback()
