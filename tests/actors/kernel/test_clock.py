"""Clocks call when they should, in the order they were asked."""

import asyncio

import pytest

from actors.kernel.clock import LoopClock, VirtualClock


def test_a_virtual_clock_calls_in_order_each_at_its_time() -> None:
    clock = VirtualClock(now=100)
    calls: list[tuple[str, int]] = []

    def later() -> None:
        calls.append(("a", clock.now()))
        clock.call_at(clock.now() + 5, lambda: calls.append(("nested", clock.now())))

    clock.call_at(110, later)
    clock.call_at(110, lambda: calls.append(("b", clock.now())))
    clock.call_at(50, lambda: calls.append(("past", clock.now())))
    clock.call_at(112, lambda: calls.append(("never", clock.now()))).cancel()
    assert calls == []
    clock.advance(20)
    assert calls == [("past", 100), ("a", 110), ("b", 110), ("nested", 115)]
    assert clock.now() == 120
    assert clock.next_at() is None


@pytest.mark.asyncio
async def test_a_loop_clock_calls_on_the_loop() -> None:
    clock = LoopClock(asyncio.get_running_loop())
    called: asyncio.Queue[int] = asyncio.Queue()
    soon = clock.now() + 2_000
    clock.call_at(soon + 1_000, lambda: called.put_nowait(-1)).cancel()
    clock.call_at(soon, lambda: called.put_nowait(clock.now()))
    clock.call_at(0, lambda: called.put_nowait(0))
    assert called.empty()
    assert await called.get() == 0
    assert await called.get() >= soon
    assert called.empty()


class Turned(LoopClock):
    """A machine's clock that somebody turns."""

    by = 0

    def now(self) -> int:
        return super().now() + self.by


@pytest.mark.asyncio
async def test_a_clock_that_is_turned_back_makes_no_duration_longer() -> None:
    clock = Turned(asyncio.get_running_loop())
    called: asyncio.Queue[str] = asyncio.Queue()
    clock.call_at(clock.now() + 2_000, lambda: called.put_nowait("at")).cancel()
    moment = clock.call_at(clock.now() + 2_000, lambda: called.put_nowait("at"))
    clock.call_in(3_000, lambda: called.put_nowait("in"))
    clock.by = -3_600_000_000
    assert await called.get() == "in"
    assert called.empty()  # the moment is yet to come
    moment.cancel()


@pytest.mark.asyncio
async def test_a_duration_is_never_shorter() -> None:
    """Loops count milliseconds, and begin with what is left of one."""
    clock = LoopClock(asyncio.get_running_loop())
    for microseconds in (1, 10, 999, 1_001, 2_500):
        called: asyncio.Queue[int] = asyncio.Queue()
        begin = clock.now()
        clock.call_in(microseconds, lambda: called.put_nowait(clock.now()))  # noqa: B023 - awaited in the loop
        assert await called.get() >= begin + microseconds
